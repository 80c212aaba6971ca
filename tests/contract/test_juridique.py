"""Proof of what was accepted: written once, by nobody rewritten; texts immutable, tied to their hash."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import asyncpg
import pytest

from adapters.postgres import schema
from adapters.postgres.documents import PgDocuments
from adapters.postgres.lectures import Lectures
from adapters.postgres.schema import PgSante
from adapters.postgres.store import moteur
from adapters.postgres.titulaires import TITULAIRE
from app.settings import Settings
from tests.builders import une_demande
from tests.contract.lignes import un_actif
from tests.service import Service, publier

TABLES = ("actes_juridiques", "documents_juridiques")


@pytest.fixture
async def application(settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    """The role that serves requests, by SQL."""
    connexion = await asyncpg.connect(settings.database_url)
    yield connexion
    await connexion.close()


@pytest.mark.parametrize("qui", ["application", "proprietaire"])
async def test_nobody_rewrites_nor_deletes_a_proof_or_a_text(
    service: Service, application: asyncpg.Connection, proprietaire: asyncpg.Connection, qui: str
) -> None:
    await service.inscrit(une_demande(diffusion={"email": True}))
    connexion = {"application": application, "proprietaire": proprietaire}[qui]
    avant = [await service.sql.fetch(f"select t::text from {table} t order by 1") for table in TABLES]  # noqa: S608
    for ordre in (
        "update actes_juridiques set valeur = not valeur",
        "update actes_juridiques set fait_le = fait_le",
        "delete from actes_juridiques",
        "delete from actes_juridiques where false or id > 0",
        "truncate actes_juridiques",
        "update documents_juridiques set texte = 'x', sha256 = encode(sha256('x'), 'hex')",
        "update documents_juridiques set en_vigueur_le = '2999-01-01'",
        "delete from documents_juridiques",
        "truncate documents_juridiques cascade",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connexion.execute(ordre)
    assert [await service.sql.fetch(f"select t::text from {table} t order by 1") for table in TABLES] == avant  # noqa: S608
    # The application has not even the right to try.
    for droit in ("update", "delete", "truncate"):
        for table in TABLES:
            assert await service.sql.fetchval("select has_table_privilege('comptoir', $1, $2)", table, droit) is False


async def test_the_application_deletes_no_account_that_was_active(service: Service, application: asyncpg.Connection) -> None:
    actif = await service.actif(une_demande())
    en_attente = await service.inscrit(une_demande())
    for etat in ("actif", "suspendu", "efface"):
        await service.sql.execute("update comptes set etat = $2 where id = $1", actif["id"], etat)
        for ordre in ("delete from comptes where id = $1", "update comptes set etat = 'en_attente' where id = $1"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await application.execute(ordre, actif["id"])
    await application.execute("delete from comptes where id = $1", en_attente["id"])
    lignes = await service.sql.fetch("select distinct compte_id::text from actes_juridiques")
    assert [ligne[0] for ligne in lignes] == [actif["id"]]


async def test_the_application_neither_dates_nor_numbers_a_line_nor_publishes_a_text(
    service: Service, application: asyncpg.Connection
) -> None:
    inscription = await service.inscrit(une_demande())
    lignes = await service.compter("actes_juridiques")
    ligne = """
        insert into actes_juridiques ({0} compte_id, nature, objet, valeur, document_code, document_version, document_sha256,
                                      langue, requete_id) {1}
        select {2} $1, 'acceptation', code, true, code, version, {3}, 'fr', '' from documents_juridiques
    """
    for ordre in (
        ligne.format("fait_le,", "", "horloge() - interval '1 year',", "sha256"),
        ligne.format("id,", "overriding system value", "-1,", "sha256"),
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await application.execute(ordre, inscription["id"])
    # A line bears the hash of the text it names, and no other.
    for sha256 in ("repeat('0', 64)", "(select max(sha256) from documents_juridiques)"):
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await application.execute(ligne.format("", "", "", sha256), inscription["id"])
    assert await service.compter("actes_juridiques") == lignes
    await application.execute(ligne.format("", "", "", "sha256"), inscription["id"])
    for code in ("cgu", "rgpd"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await application.execute(
                "insert into documents_juridiques (code, version, titre, texte, sha256, en_vigueur_le)"
                " values ($1, '2', 't', 'x', encode(sha256('x'), 'hex'), '2026-01-01')",
                code,
            )


async def test_a_role_that_owns_the_ledger_is_not_ready_to_serve(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "_SONDE", 60)
    assert settings.database_url
    assert settings.database_owner_url
    for url, separee, prete in (
        (settings.database_url, True, True),
        (settings.database_owner_url, True, False),
        (settings.database_owner_url, False, True),
    ):
        engine = moteur(url, 1)
        sante = PgSante(engine, separee=separee)
        assert (await sante.prete(), sante.proprietaire) == (prete, not prete)
        await engine.dispose()


async def test_the_application_cannot_alter_the_schema(service: Service, application: asyncpg.Connection) -> None:
    await service.inscrit(une_demande())
    for ordre in (
        "create table pirate ()",
        "create function pirate() returns int language sql as 'select 1'",
        "create or replace function horloge() returns timestamptz language sql volatile as 'select now()'",
        "create schema pirate",
        "alter table comptes add column pirate int",
        "alter table actes_juridiques disable trigger all",
        "alter table actes_juridiques drop constraint actes_nature_connue",
        "drop trigger immuable on actes_juridiques",
        "create trigger pirate before insert on comptes for each row execute function immuable()",
        "drop table actes_juridiques",
        "drop index comptes_abandonnes",
        "truncate comptes cascade",
        "set session_replication_role = replica",
        "grant update on actes_juridiques to comptoir",
        "update alembic_version set version_num = '0001'",
    ):
        try:
            await application.execute(ordre)
        except asyncpg.InsufficientPrivilegeError:
            continue
        # A grant of what one does not have is only a warning.
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await application.execute("update actes_juridiques set valeur = valeur")
        assert ordre.startswith("grant"), ordre
    pouvoirs = "select rolsuper, rolcreaterole, rolcreatedb, rolbypassrls from pg_roles where rolname = 'comptoir'"
    assert not any(await service.sql.fetchrow(pouvoirs))


async def test_a_sign_up_given_up_takes_its_own_lines_along(service: Service) -> None:
    partie, restee = await service.inscrit(une_demande()), await service.inscrit(une_demande())
    await service.annuler(partie)
    lignes = await service.sql.fetch("select distinct compte_id::text from actes_juridiques")
    assert [ligne[0] for ligne in lignes] == [restee["id"]]


async def test_a_line_names_a_text_that_exists_and_a_text_has_its_own_hash(service: Service) -> None:
    inscription = await service.inscrit(une_demande())
    ligne = "insert into actes_juridiques (compte_id, nature, objet, valeur, document_code, document_version, document_sha256,"
    ligne += " langue, requete_id) values ($1, $2, 'cgu', true, 'cgu', $3, 'x', 'fr', '')"
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await service.sql.execute(ligne, inscription["id"], "acceptation", "1789-08")
    with pytest.raises(asyncpg.CheckViolationError):
        await service.sql.execute(ligne, inscription["id"], "consentement_force", "2026-11")
    for code, texte, sha256, faute in (
        ("cgu", "x", "y", asyncpg.CheckViolationError),
        ("reglement", "x", "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881", asyncpg.CheckViolationError),
    ):
        with pytest.raises(faute):
            await service.sql.execute(
                "insert into documents_juridiques (code, version, titre, texte, sha256, en_vigueur_le)"
                " values ($1, '2', 't', $2, $3, '2026-01-01')",
                code, texte, sha256,
            )  # fmt: skip
    with pytest.raises(asyncpg.UniqueViolationError):
        await publier(service, "2026-11", "autre")


async def test_however_long_a_ledger_its_last_choices_alone_are_read(proprietaire: asyncpg.Connection) -> None:
    compte = await un_actif(proprietaire)
    session = await proprietaire.fetchval(
        "insert into sessions (id, compte_id, empreinte, inactivite, appareil_partage, expire_le, fin_le) values"
        " (gen_random_uuid(), $1, sha256('x'), '1 hour', false, horloge() + interval '1 hour', horloge() + interval '1 hour')"
        " returning id",
        compte,
    )
    await proprietaire.execute(
        "insert into actes_juridiques"
        " (compte_id, nature, objet, valeur, document_code, document_version, document_sha256, langue, requete_id)"
        " select $1, 'consentement', 'diffusion.' || liste, (n + length(liste)) % 2 = 0, code, version, sha256, 'fr', ''"
        " from documents_juridiques, generate_series(1, 2000) n, unnest(array['alertes', 'sms']) liste where code = 'rgpd'"
        " order by n",
        compte,
    )
    await proprietaire.execute("analyze actes_juridiques")
    ordre = TITULAIRE.replace(":compte", f"'{compte}'").replace(":session", f"'{session}'")
    lu = json.loads(await proprietaire.fetchval(ordre))
    choix = {objet: acte["valeur"] for objet, acte in lu["actes"].items()}
    assert choix == {"cgu": True, "rgpd": True, "diffusion.alertes": False, "diffusion.sms": False}
    plan = json.loads(await proprietaire.fetchval(f"explain (analyze, format json) {ordre}"))
    assert lus_dans(plan[0]["Plan"], "actes_juridiques") == 0


def lus_dans(noeud: dict[str, Any], table: str) -> float:
    """Rows of this table that a plan went through."""
    ici = (noeud["Actual Rows"] + noeud.get("Rows Removed by Filter", 0)) * noeud["Actual Loops"]
    return (ici if noeud.get("Relation Name") == table else 0) + sum(lus_dans(n, table) for n in noeud.get("Plans", ()))


async def test_the_version_in_force_is_the_latest_whose_day_has_come(service: Service, settings: Settings) -> None:
    assert settings.database_url
    async with Lectures(settings.database_url, 1) as lectures:
        documents = PgDocuments(lectures)
        assert {code: v.version for code, v in (await documents.en_vigueur()).items()} == {"cgu": "2026-11", "rgpd": "2026-11"}
        await publier(service, "demain", "b", date(2999, 1, 1))
        await publier(service, "ancienne", "c", date(2020, 1, 1))
        assert (await documents.en_vigueur())["cgu"].version == "2026-11"
        await publier(service, "aujourdhui", "d")
        # Of two published for one day, the later.
        await publier(service, "aujourdhui-bis", "e")
        assert (await documents.en_vigueur())["cgu"].version == "aujourdhui-bis"
        lu = await documents.document("cgu", "ancienne")
        assert lu is not None
        assert (lu.texte, lu.en_vigueur_le) == ("c", date(2020, 1, 1))
        assert await documents.document("cgu", "absente") is None
