"""What runs again and again, or while others wait, reads by an index, however large its table: told by the plans themselves."""

from __future__ import annotations

from typing import Any

import asyncpg
from sqlalchemy import TextClause, text

from adapters.postgres.conservation import _REGLES
from adapters.postgres.file_messages import _LOUER
from adapters.postgres.recuperations import _PRENDRE
from adapters.postgres.store import PgStore
from tests.contract.lignes import INSTANT, T0, Horloge, un_actif
from tests.contract.test_conservation import REGLES, mettre
from tests.contract.test_juridique import lus_dans

LIGNES = 3000


async def lus(store: PgStore, ordre: TextClause, table: str, **valeurs: Any) -> float:
    """Rows of this table that the statement goes through."""
    async with store._seules.connect() as connexion:
        [[plan]] = await connexion.execute(text(f"explain (analyze, format json) {ordre.text}"), valeurs)
    return lus_dans(plan[0]["Plan"], table)


async def test_a_rule_of_retention_goes_through_what_has_had_its_time_and_nothing_else(
    store: PgStore, proprietaire: asyncpg.Connection, horloge: Horloge
) -> None:
    compte = await un_actif(proprietaire)
    for nom in REGLES:
        await mettre(proprietaire, nom, compte, LIGNES)
    await proprietaire.execute("analyze")
    for regle in _REGLES:
        for ordre in (regle.lot, regle.compte):
            assert await lus(store, ordre, regle.table, maintenant=T0 - INSTANT) == 0, regle.nom


async def test_a_lane_does_not_go_through_what_is_not_due(store: PgStore, proprietaire: asyncpg.Connection) -> None:
    # By the clock that runs: the planner reads one that is stopped.
    compte = await un_actif(proprietaire)
    await proprietaire.execute(
        "insert into outbox (compte_id, canal, modele, destination, a_partir_de)"
        " select $1, 'email', 'identifiants', 'ines@exemple.fr', horloge() + interval '1 h' from generate_series(1, $2)",
        compte,
        LIGNES,
    )
    await proprietaire.execute(
        "insert into recuperations (id, objet, saisie, client, a_partir_de)"
        " select gen_random_uuid(), 'mot_de_passe', 'ines', 'c', horloge() + interval '1 h'"
        " from generate_series(1, $1)",
        LIGNES,
    )
    await proprietaire.execute("analyze")
    assert await lus(store, _LOUER, "outbox", canal="email", bail=60) == 0
    assert await lus(store, _PRENDRE, "recuperations") == 0


async def test_what_an_account_takes_along_is_found_by_index(proprietaire: asyncpg.Connection) -> None:
    # A text is never deleted; an index that leaves out the rows without account misses none.
    ordre = """
        select conrelid::regclass || '.' || conname from pg_constraint c
         where contype = 'f' and confrelid <> 'documents_juridiques'::regclass and not exists (
           select from pg_index where indrelid = conrelid and (indkey::int2[])[0] = conkey[1]
              and (indpred is null or pg_get_expr(indpred, indrelid) = '(compte_id IS NOT NULL)'))
    """
    assert await proprietaire.fetch(ordre) == []
