"""Erasure: after it, no column of any table holds the person; what was accepted stays, and nobody rewrites it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from adapters.postgres.conservation import PgConservation
from adapters.postgres.store import PgStore
from app.settings import Settings
from domain.export import GRACE, QUARANTAINE
from tests.builders import un_citoyen, un_representant, une_adresse, une_association, une_demande, une_entreprise
from tests.contract.lignes import Horloge, un_actif
from tests.service import Service

MDP = "Canari!73orage"
EMAIL, NEUF, GARANT = "Canari.Mail@exemple.fr", "canari-neuf@exemple.fr", "canari-parent@exemple.fr"
# A minor's, whenever this runs: a guardian is written to.
NAISSANCE = f"{datetime.now(UTC).year - 13}-06-05"
# In lower case: of e-mail, telephones, names, identifiants, birth date, address, device.
CANARIS = (
    "canari", "612349876", "698761234", "139987654", NAISSANCE, "192.0.2.10", "appareilrare",
)  # fmt: skip


async def ou(proprietaire: asyncpg.Connection, *aiguilles: str) -> set[tuple[str, str, str]]:
    """Table, column and needle, wherever a text, JSON or binary value holds one of these."""
    colonnes = await proprietaire.fetch(
        "select table_name, column_name, data_type from information_schema.columns where table_schema = 'public'"
        " and table_name <> 'documents_juridiques' and data_type in ('text', 'jsonb', 'bytea', 'ARRAY')"
    )
    assert len(colonnes) > 30
    trouvees = set()
    for table, colonne, type_ in colonnes:
        # The ASCII of a binary value stays readable.
        texte = f"encode({colonne}, 'escape')" if type_ == "bytea" else f"{colonne}::text"
        lignes = await proprietaire.fetch(f"select lower({texte}) from {table} where {colonne} is not null")  # noqa: S608
        trouvees |= {(table, colonne, a) for a in aiguilles for ligne in lignes if a in ligne[0]}
    return trouvees


async def toute_une_vie(service: Service) -> UUID:
    """Something of the person in every table that can hold any."""
    http = service.http
    http.headers["User-Agent"] = "AppareilRare/1.0"
    profil = un_citoyen(nom_naissance="Canarinom", nom_usage="Canariusage", prenom="Canariprenom", date_naissance=NAISSANCE)
    demande = une_demande(
        profil, email=EMAIL, telephone_mobile="0612349876", telephone_fixe="0139987654", mot_de_passe=MDP, activer_par="email"
    )
    inscription = (await service.inscrire(demande, cle="canari-cle")).json()
    await service.demander(inscription, "sms")
    assert (await service.suivre(await service.lien(EMAIL))).status_code == 200
    session = await service.connecte(inscription["identifiant"], MDP)
    await service.connecter(inscription["identifiant"], "Canari!faux1")
    await service.connecter("canari-inconnu@exemple.fr", "Canari!faux1")
    for methode, chemin, corps in (
        ("PUT", "/v1/moi/identifiant", {"identifiant": "canari.neuf", "mot_de_passe": MDP}),
        ("POST", "/v1/moi/contacts", {"canal": "email", "valeur": NEUF, "mot_de_passe": MDP}),
        ("POST", "/v1/moi/contacts", {"canal": "sms", "valeur": "0698761234", "mot_de_passe": MDP}),
        ("PUT", "/v1/moi/diffusion", {"email": True, "sms": False, "lettre_actualite": True, "alertes": False,
                                      "email_representant_legal": GARANT}),
        ("GET", "/v1/moi/export", None),
    ):  # fmt: skip
        reponse = await service.appeler(session, methode, chemin, corps)
        assert reponse.is_success, reponse.text
        await service.livrer()
    # Asked for and not looked at yet.
    for chemin, corps in (("mot-de-passe", {"identifiant": EMAIL}), ("mot-de-passe", {"identifiant": "canari.neuf"}),
                          ("identifiant", {"email": EMAIL})):  # fmt: skip
        assert (await http.post(f"/v1/recuperations/{chemin}", json=corps)).status_code == 202
    return UUID(inscription["id"])


async def test_nothing_of_the_person_is_left_in_any_column_of_any_table(service: Service) -> None:
    compte = await toute_une_vie(service)
    session = await service.connecte("canari.neuf", MDP)
    avant = await ou(service.sql, *CANARIS)
    assert {"comptes", "contacts", "jetons", "outbox", "sessions", "activites", "recuperations"} <= {t for t, *_ in avant}
    assert (await service.appeler(session, "POST", "/v1/moi/effacement", {"mot_de_passe": MDP})).status_code == 202
    actes = await _actes(service.sql, compte)
    assert len(actes) >= 2
    await service.avancer(GRACE)
    await _conserver(service.settings)
    assert await ou(service.sql, *CANARIS) == set()
    assert await _actes(service.sql, compte) == actes
    tombe = dict(await service.sql.fetchrow("select * from comptes where id = $1", compte))
    assert (tombe["etat"], tombe["profil"], tombe["empreinte_mdp"]) == ("efface", '{"type": "citoyen"}', None)
    # Neither name is anybody else's.
    for nom in ("canari.neuf", "canariprenom.canarinom"):
        lue = (await service.http.get(f"/v1/identifiants/{nom}")).json()
        assert lue["disponible"] is False, nom


async def _conserver(settings: Settings) -> None:
    from adapters.postgres.store import moteur

    assert settings.database_url
    engine = moteur(settings.database_url, 1)
    assert (await PgConservation(engine).appliquer())["effacements_echus"] == 1
    await engine.dispose()


async def _actes(proprietaire: asyncpg.Connection, compte: UUID) -> list[dict[str, Any]]:
    lignes = await proprietaire.fetch("select * from actes_juridiques where compte_id = $1 order by id", compte)
    return [dict(ligne) for ligne in lignes]


@pytest.mark.parametrize("profil", ["entreprise", "association"])
async def test_nothing_of_an_organisation_is_left_either(service: Service, profil: str) -> None:
    representant, adresse = un_representant(nom="Canarinom", prenom="Canariprenom"), une_adresse(ligne1="3 rue du Canari")
    corps = {
        "entreprise": une_entreprise(raison_sociale="Canari SARL", representant=representant, adresse=adresse),
        "association": une_association(denomination="Les Canaris", representant=representant, adresse=adresse),
    }[profil]
    inscription = await service.actif(une_demande(corps, email=EMAIL, telephone_mobile="0612349876"))
    assert await ou(service.sql, "canari", "612349876")
    assert await service.sql.fetchval("select effacer_compte($1, $2)", UUID(inscription["id"]), QUARANTAINE)
    assert await ou(service.sql, "canari", "612349876") == set()


# By the port's role


async def test_erasing_leaves_the_others_alone_and_happens_once(
    store: PgStore, proprietaire: asyncpg.Connection, settings: Settings, horloge: Horloge
) -> None:
    partant, restant = await un_actif(proprietaire), await un_actif(proprietaire, "yann.dupont")
    tables = ("comptes", "contacts", "actes_juridiques")
    avant = [await proprietaire.fetch(f"select * from {t}") for t in tables]  # noqa: S608

    async def effacer() -> bool:
        application = await asyncpg.connect(settings.database_url)
        try:
            return bool(await application.fetchval("select effacer_compte($1, $2)", partant, QUARANTAINE))
        finally:
            await application.close()

    assert sorted(await asyncio.gather(*(effacer() for _ in range(6)))) == [False] * 5 + [True]
    apres = [await proprietaire.fetch(f"select * from {t}") for t in tables]  # noqa: S608
    for t, lignes, restees in zip(tables, avant, apres, strict=True):
        cle = "id" if t == "comptes" else "compte_id"
        assert [r for r in lignes if r[cle] == restant] == [r for r in restees if r[cle] == restant], t
    assert apres[1] == [r for r in avant[1] if r["compte_id"] == restant]
    assert sorted(apres[2]) == sorted(avant[2])
    assert await proprietaire.fetchval("select libere_le - horloge() from identifiants_retires") == QUARANTAINE


@pytest.mark.parametrize("etat", ["en_attente", "efface"])
async def test_what_is_pending_or_erased_is_not_erased(proprietaire: asyncpg.Connection, etat: str) -> None:
    compte = await un_actif(proprietaire, etat=etat)
    assert await proprietaire.fetchval("select effacer_compte($1, $2)", compte, QUARANTAINE) is False
    assert await proprietaire.fetchval("select effacer_compte($1, $2)", uuid4(), QUARANTAINE) is False
    assert await proprietaire.fetchval("select identifiant from comptes") == "ines.dupont"


async def test_an_erasure_that_fails_half_way_has_erased_nothing(proprietaire: asyncpg.Connection, store: PgStore) -> None:
    compte = await un_actif(proprietaire)
    await proprietaire.execute(
        "create function casser() returns trigger language plpgsql as $$ begin raise exception 'en panne'; end $$"
    )
    await proprietaire.execute(
        "create trigger casser before insert on identifiants_retires for each row execute function casser()"
    )
    with pytest.raises(asyncpg.RaiseError):
        await proprietaire.execute("select effacer_compte($1, $2)", compte, timedelta(days=1))
    assert await proprietaire.fetchval("select etat from comptes") == "actif"
    assert await proprietaire.fetchval("select count(*) from contacts") == 2


@pytest.mark.parametrize(
    "ordre",
    [
        "update actes_juridiques set valeur = not valeur",
        "update actes_juridiques set par = 'conjoint'",
        "delete from actes_juridiques",
        "truncate actes_juridiques",
        "update documents_juridiques set titre = 'x'",
        "delete from documents_juridiques",
        "alter table actes_juridiques disable trigger all",
        "drop table actes_juridiques",
        "create table autre (x int)",
        "update alembic_version set version_num = '0001'",
    ],
)
async def test_the_application_can_rewrite_neither_the_ledger_nor_the_schema(
    proprietaire: asyncpg.Connection, settings: Settings, ordre: str
) -> None:
    compte = await un_actif(proprietaire)
    await proprietaire.execute("select effacer_compte($1, $2)", compte, QUARANTAINE)
    actes = await _actes(proprietaire, compte)
    application = await asyncpg.connect(settings.database_url)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await application.execute(ordre)
    await application.close()
    assert await _actes(proprietaire, compte) == actes
    assert actes


async def test_not_even_its_owner_rewrites_the_ledger_by_mistake(proprietaire: asyncpg.Connection) -> None:
    await un_actif(proprietaire)
    for ordre in ("update actes_juridiques set valeur = not valeur", "delete from actes_juridiques"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await proprietaire.execute(ordre)
