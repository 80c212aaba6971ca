"""Each migration goes up, down and up again, on an empty database and on one that serves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import asyncpg
import pytest
import sqlalchemy.exc

from adapters.embedded_postgres import EmbeddedPostgres
from adapters.postgres import schema
from app.composition import migrer_base
from app.settings import Settings
from tests.builders import MOT_DE_PASSE, une_demande
from tests.service import Service

REVISIONS = sorted(f.name.split("_")[0] for f in (schema._DOSSIER / "versions").glob("[0-9]*.py"))
# As far down as an account's proofs of acceptance go along.
GARDEES = ("comptes", "contacts", "actes_juridiques", "documents_juridiques")
Lignes = dict[str, list[dict[str, Any]]]
_numeros = count()

# The whole schema as text, in a stable order. A column that went and came back has another number, not another place.
_SCHEMA = """
    select 'column', table_name || '.' || column_name,
           concat_ws(' ', rank() over (partition by table_name order by ordinal_position), data_type, is_nullable,
                     column_default, collation_name, is_generated)
      from information_schema.columns where table_schema = 'public'
    union all select 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
      from pg_constraint where connamespace = 'public'::regnamespace
    union all select 'index', indexname, indexdef from pg_indexes where schemaname = 'public'
    union all select 'function', proname, pg_get_functiondef(oid) from pg_proc where pronamespace = 'public'::regnamespace
    union all select 'trigger', tgname, pg_get_triggerdef(oid) from pg_trigger where not tgisinternal
    order by 1, 2, 3
"""


@pytest.fixture
async def vide(serveur: EmbeddedPostgres) -> AsyncIterator[Settings]:
    """An empty database, reached as its owner."""
    nom = f"vide_{next(_numeros)}"
    admin = await asyncpg.connect(serveur.url_owner("postgres"))
    await admin.execute(f"create database {nom}")
    yield Settings(database_url=serveur.url_owner(nom))
    await admin.execute(f"drop database {nom} with (force)")
    await admin.close()


async def photographie(settings: Settings) -> list[tuple[str, ...]]:
    connexion = await asyncpg.connect(settings.database_url)
    try:
        return [tuple(ligne) for ligne in await connexion.fetch(_SCHEMA) if "alembic_version" not in ligne[1]]
    finally:
        await connexion.close()


def test_revisions_follow_each_other_in_one_line() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(schema._DOSSIER))
    ligne = list(ScriptDirectory.from_config(config).walk_revisions())
    assert [r.revision for r in reversed(ligne)] == REVISIONS
    assert schema.derniere_version() == REVISIONS[-1]


async def test_each_revision_goes_up_down_and_up_again_to_the_same_schema(vide: Settings) -> None:
    etats = [await photographie(vide)]
    for precedente, revision in zip(["-1", *REVISIONS], REVISIONS, strict=False):
        await migrer_base(vide, revision)
        etats.append(await photographie(vide))
        await migrer_base(vide, precedente)
        assert await photographie(vide) == etats[-2], revision
        await migrer_base(vide, revision)
        assert await photographie(vide) == etats[-1], revision
    # And all the way down.
    for attendu in reversed(etats[:-1]):
        await migrer_base(vide, "-1")
        assert await photographie(vide) == attendu
    assert etats[0] == []


async def test_migrating_twice_or_at_once_is_migrating_once(vide: Settings) -> None:
    await asyncio.gather(*(migrer_base(vide) for _ in range(3)))
    etat = await photographie(vide)
    await migrer_base(vide)
    assert await photographie(vide) == etat


async def test_a_schema_newer_than_the_code_is_left_as_it_is(vide: Settings) -> None:
    await migrer_base(vide)
    connexion = await asyncpg.connect(vide.database_url)
    await connexion.execute("update alembic_version set version_num = '9999'")
    await migrer_base(vide)
    assert await connexion.fetchval("select version_num from alembic_version") == "9999"
    await connexion.close()


async def test_whoever_waits_for_a_migration_does_not_hang_on_one_statement(settings: Settings) -> None:
    """Which has an end, and the migration of a large database none that anybody knows."""
    autre = await asyncpg.connect(settings.database_owner_url)
    await autre.execute("select pg_advisory_lock($1)", schema._VERROU)
    demande = "select query_start from pg_stat_activity where datname = current_database() and query like '%advisory_xact%'"
    demande += " and pid <> pg_backend_pid()"
    migration = asyncio.create_task(migrer_base(settings))
    vues: set[Any] = set()
    async with asyncio.timeout(60):
        while len(vues) < 3 and not migration.done():
            vues |= {await autre.fetchval(demande)} - {None}
            await asyncio.sleep(0.01)
    assert not migration.done()
    await autre.close()
    await migration


async def test_with_accounts_in_it_what_they_are_and_accepted_survives_the_way_down_and_up(settings: Settings) -> None:
    async with Service(settings) as service:
        inscription = (await service.inscrire(une_demande(activer_par="sms"), cle="cle")).json()
        actif = await service.actif(une_demande(email="yann@exemple.fr"))
        session = await service.connecte(actif["identifiant"], MOT_DE_PASSE)
        assert (await service.appeler(session, "DELETE", "/v1/sessions/courante")).status_code == 204
        gardees = await lignes(service)
        proprietaire = Settings(database_url=settings.database_owner_url)
        for revision in [r for r in reversed(REVISIONS) if r >= "0003"][1:]:
            await migrer_base(proprietaire, revision)
            assert _memes(await lignes(service), gardees), revision
        # Proof is not for a migration to destroy.
        with pytest.raises(sqlalchemy.exc.IntegrityError):
            await migrer_base(proprietaire, "0002")
        assert _memes(await lignes(service), gardees)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await service.sql.execute("delete from documents_juridiques")
        await migrer_base(settings)
        # The proofs went with their table: a new one is asked for.
        assert (await service.lire(inscription)).json()["activation"] is None
        assert (await service.demander(inscription, "sms")).status_code == 202
        assert await lignes(service) == gardees
        await service.connecte(actif["identifiant"], MOT_DE_PASSE)


async def lignes(service: Service) -> Lignes:
    ordre = "select to_jsonb(t)::text from {} t order by t::text"
    return {t: [json.loads(ligne[0]) for ligne in await service.sql.fetch(ordre.format(t))] for t in GARDEES}


def _memes(presentes: Lignes, gardees: Lignes) -> bool:
    """The same rows, in the columns that both have: those of the first migrations, and what has come since."""
    return presentes == {
        table: [{c: v for c, v in ligne.items() if c in presentes[table][0]} for ligne in connues]
        for table, connues in gardees.items()
    }


async def test_the_digests_of_civil_statuses_are_those_that_the_service_makes(settings: Settings) -> None:
    async with Service(settings, simulateur=True) as service:
        for login in ("test", "étranger_présumé_né_jour_et_mois", "caractères_spéciaux"):
            await service.adherer(login)
        await service.actif(une_demande())
        ordre = "select sub, empreinte_pivot from identites_federees order by sub"
        faites = await service.sql.fetch(ordre)
        assert len({ligne["empreinte_pivot"] for ligne in faites} - {None}) == 3
        await migrer_base(Settings(database_url=settings.database_owner_url), "0017")
        assert {ligne["empreinte_pivot"] for ligne in await service.sql.fetch(ordre)} == {None}
        await migrer_base(settings)
        assert await service.sql.fetch(ordre) == faites
