"""Accounts: written whole or not at all, named once, changed one at a time; and the database refuses what the code refuses."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from adapters.postgres.store import PgStore
from domain import identifiant
from domain.activation import Canal, Jeton
from domain.compte import Contact, InscriptionOuverte, NouveauCompte
from domain.formulaire import lire
from domain.inscription import DemandeInscription
from domain.juridique import Acte, Version
from domain.profils import Profil
from tests.builders import des_outils, un_citoyen, une_demande
from tests.contract.lignes import un_autre_attend
from tests.service import Service, refus

MOBILE, EMAIL = "+33612345678", "ines@exemple.fr"
DUREE, DELAI = timedelta(days=7), timedelta(minutes=1)
TABLES = ("comptes", "contacts", "actes_juridiques", "jetons", "outbox", "idempotence")


def un_profil() -> Profil:
    return lire(une_demande(un_citoyen()), DemandeInscription, des_outils()).profil


def un_compte(**changes: Any) -> NouveauCompte:
    champs: dict[str, Any] = {
        "id": uuid4(), "identifiant": None, "base": "ines.dupont", "profil": un_profil(), "empreinte_mdp": "$argon2id$",
        "langue": "fr", "contacts": (Contact("email", EMAIL), Contact("telephone_mobile", MOBILE, True)),
    }  # fmt: skip
    return NouveauCompte(**champs | changes)


def un_jeton(compte: UUID, canal: Canal = "sms", **changes: Any) -> Jeton:
    champs: dict[str, Any] = {"id": uuid4(), "compte_id": compte, "usage": "activation", "canal": canal, "cle_id": "essai"}
    return Jeton(**champs | {"destination": MOBILE if canal == "sms" else EMAIL} | changes)


async def les_actes(proprietaire: asyncpg.Connection) -> list[Acte]:
    ligne = await proprietaire.fetchrow(
        "select code, version, titre, sha256, en_vigueur_le, langue from documents_juridiques limit 1"
    )
    return [Acte(nature="acceptation", objet="cgu", document=Version(**dict(ligne)))]


async def ouvrir(store: PgStore, compte: NouveauCompte, actes: Sequence[Acte] = ()) -> InscriptionOuverte | None:
    async with store.transaction() as tx:
        return await tx.comptes.ouvrir(compte, actes, DUREE, "requete")


async def ouvert(store: PgStore, **changes: Any) -> InscriptionOuverte:
    compte = await ouvrir(store, un_compte(**changes))
    assert compte is not None
    return compte


async def test_an_account_is_read_as_it_was_opened(store: PgStore, proprietaire: asyncpg.Connection) -> None:
    rendu = await ouvrir(store, un_compte(), await les_actes(proprietaire))
    assert rendu is not None
    async with store.lecture() as comptes:
        lu = await comptes.inscription(rendu.id)
    assert lu is not None
    assert sorted(lu.contacts, key=str) == sorted(rendu.contacts, key=str)
    assert [getattr(lu, c) for c in lu.__struct_fields__ if c != "contacts"] == [
        getattr(rendu, c) for c in rendu.__struct_fields__ if c != "contacts"
    ]
    assert (lu.identifiant, lu.etat, lu.type, lu.expiree) == ("ines.dupont", "en_attente", "citoyen", False)
    assert await proprietaire.fetchval("select requete_id from actes_juridiques") == "requete"


async def test_a_taken_identifiant_is_refused_without_dooming_the_transaction(
    store: PgStore, proprietaire: asyncpg.Connection
) -> None:
    await ouvert(store, identifiant="ines.dupont")
    async with store.transaction() as tx:
        actes = await les_actes(proprietaire)
        assert await tx.comptes.ouvrir(un_compte(identifiant="ines.dupont"), actes, DUREE, "requete") is None
        assert await tx.comptes.ouvrir(un_compte(identifiant="yann.dupont"), (), DUREE, "requete")
    assert await proprietaire.fetchval("select count(*) from comptes") == 2
    assert await proprietaire.fetchval("select count(*) from actes_juridiques") == 0


async def test_of_fifty_simultaneous_sign_ups_of_one_identifiant_one_wins(
    store: PgStore, proprietaire: asyncpg.Connection
) -> None:
    rendus = await asyncio.gather(*(ouvrir(store, un_compte(identifiant="ines.dupont")) for _ in range(50)))
    [gagnant] = [r for r in rendus if r is not None]
    assert await proprietaire.fetchval("select id from comptes") == gagnant.id
    assert await proprietaire.fetchval("select count(distinct compte_id) from contacts") == 1


async def test_simultaneous_homonyms_all_get_a_number_and_leave_no_gap(store: PgStore) -> None:
    rendus = await asyncio.gather(*(ouvert(store) for _ in range(24)))
    assert {r.identifiant for r in rendus} == {"ines.dupont", *(f"ines.dupont{n}" for n in range(2, 25))}


async def test_the_next_homonym_is_found_among_thousands_gaps_and_strays(
    store: PgStore, proprietaire: asyncpg.Connection
) -> None:
    await proprietaire.execute(
        """
        insert into comptes (id, identifiant, profil, langue, expire_le)
        select gen_random_uuid(), 'ines.dupont' || n, '{"type": "citoyen"}'::jsonb, 'fr', horloge()
          from unnest(array['', '999999'] || array(select generate_series(2, 3000)::text)) n
        """
    )
    assert (await ouvert(store)).identifiant == "ines.dupont3001"
    # A name chosen far ahead does not drag the series along; nor is another family of names taken for this one.
    await ouvert(store, identifiant="ines.dupont-martin2")
    assert (await ouvert(store)).identifiant == "ines.dupont3002"


async def test_only_pending_and_active_accounts_are_read(store: PgStore, proprietaire: asyncpg.Connection) -> None:
    compte = await ouvert(store)
    for etat in ("suspendu", "efface"):
        await proprietaire.execute("update comptes set etat = $1, active_le = horloge()", etat)
        async with store.lecture() as comptes:
            assert await comptes.inscription(compte.id) is None
            assert await comptes.inscription(uuid4()) is None


async def test_who_waits_for_an_account_finds_it_as_the_other_left_it(store: PgStore, proprietaire: asyncpg.Connection) -> None:
    compte = await ouvert(store)

    async def attendre() -> InscriptionOuverte | None:
        async with store.transaction() as tx:
            return await tx.comptes.verrouiller(compte.id)

    async with store.transaction() as tx:
        assert await tx.comptes.verrouiller(compte.id)
        suivant = asyncio.create_task(attendre())
        await tx.comptes.corriger(compte.id, [Contact("email", "autre@exemple.fr")])
        await tx.jetons.ouvrir(un_jeton(compte.id, "email", destination="autre@exemple.fr"), DUREE, DELAI, None)
        await un_autre_attend(proprietaire)
        assert not suivant.done()
    lu = await suivant
    assert lu is not None
    assert lu.destination("email") == "autre@exemple.fr"
    assert [a.jeton.destination for a in lu.activations] == ["autre@exemple.fr"]


async def test_a_corrected_contact_is_no_longer_proven(store: PgStore, proprietaire: asyncpg.Connection) -> None:
    compte = await ouvert(store)
    await proprietaire.execute("update contacts set verifie_le = horloge()")
    async with store.transaction() as tx:
        await tx.comptes.corriger(compte.id, [Contact("telephone_mobile", "+33698765432", True)])
    lignes = await proprietaire.fetch("select nature, valeur, verifie_le is null as a_prouver from contacts order by nature")
    assert [tuple(ligne) for ligne in lignes] == [("email", EMAIL, False), ("telephone_mobile", "+33698765432", True)]


async def test_activating_proves_the_contact_closes_the_other_proofs_and_happens_once(
    store: PgStore, proprietaire: asyncpg.Connection
) -> None:
    compte = await ouvert(store)
    sms, email = un_jeton(compte.id), un_jeton(compte.id, "email")
    async with store.transaction() as tx:
        for jeton in (sms, email):
            await tx.jetons.ouvrir(jeton, DUREE, DELAI, None)
    async with store.transaction() as tx:
        assert await tx.jetons.depenser(sms.id)
        assert await tx.comptes.activer(sms) is True
    async with store.transaction() as tx:
        assert await tx.comptes.activer(email) is False
        assert not await tx.jetons.depenser(email.id)
        assert await tx.comptes.effacer_demande(compte.id) is False
    assert {ligne["livraison"] for ligne in await proprietaire.fetch("select livraison from outbox")} == {"annule"}
    async with store.lecture() as comptes:
        lu = await comptes.inscription(compte.id)
    assert lu is not None
    assert (lu.etat, lu.activations) == ("actif", ())


async def test_a_proof_of_a_contact_since_replaced_proves_nothing(store: PgStore, proprietaire: asyncpg.Connection) -> None:
    compte = await ouvert(store)
    ancien = un_jeton(compte.id)
    async with store.transaction() as tx:
        await tx.comptes.corriger(compte.id, [Contact("telephone_mobile", "+33698765432", True)])
        await tx.comptes.activer(ancien)
    assert await proprietaire.fetchval("select count(*) from contacts where verifie_le is not null") == 0


async def test_giving_up_takes_everything_of_the_account_and_nothing_of_the_others(
    store: PgStore, proprietaire: asyncpg.Connection
) -> None:
    actes = await les_actes(proprietaire)
    partant, restant = await ouvrir(store, un_compte(), actes), await ouvrir(store, un_compte(), actes)
    assert partant
    assert restant
    async with store.transaction() as tx:
        for compte in (partant, restant):
            await tx.jetons.ouvrir(un_jeton(compte.id), DUREE, DELAI, None)
    async with store.transaction() as tx:
        assert await tx.comptes.effacer_demande(partant.id) is True
        assert await tx.comptes.effacer_demande(partant.id) is False
    for table in ("contacts", "actes_juridiques", "jetons", "outbox"):
        assert {ligne["compte_id"] for ligne in await proprietaire.fetch(f"select compte_id from {table}")} == {restant.id}  # noqa: S608


@pytest.mark.parametrize("table", ["contacts", "actes_juridiques", "jetons", "outbox"])
async def test_whichever_insert_fails_nothing_of_the_sign_up_stays(service: Service, table: str) -> None:
    await service.sql.execute(
        "create function casser() returns trigger language plpgsql as $$ begin raise exception 'en panne'; end $$"
    )
    await service.sql.execute(f"create trigger casser before insert on {table} for each row execute function casser()")
    reponse = await service.inscrire(une_demande(activer_par="sms"), cle="cle")
    assert refus(reponse) == (500, "erreur_interne")
    assert [await service.compter(t) for t in TABLES] == [0] * len(TABLES)
    await service.sql.execute(f"drop trigger casser on {table}")
    assert (await service.inscrire(une_demande(activer_par="sms"), cle="cle")).json()["identifiant"] == "ines.dupont"


async def test_activation_correction_and_giving_up_at_once_end_as_if_one_came_after_the_other(service: Service) -> None:
    for tour in range(12):
        inscription = await service.inscrit(une_demande(activer_par="sms", email=f"a{tour}@exemple.fr"))
        await service.demander(inscription, "email")
        code, lien = await service.code(MOBILE), await service.lien(f"a{tour}@exemple.fr")
        actions = {
            "essayer": service.essayer(inscription, inscription["activation"], code),
            "corriger": service.corriger(inscription, telephone_mobile="0698765432"),
            "renvoyer": service.renvoyer(inscription, inscription["activation"]),
            "demander": service.demander(inscription, "sms"),
            # Half of the rounds, else giving up or the link would nearly always have the last word.
            **({"suivre": service.suivre(lien)} if tour % 2 else {"annuler": service.annuler(inscription)}),
        }
        noms = [*actions][tour % 5 :] + [*actions][: tour % 5]
        reponses = dict(zip(noms, await asyncio.gather(*(actions[nom] for nom in noms)), strict=True))
        statuts = {nom: reponse.status_code for nom, reponse in reponses.items()}
        assert max(statuts.values()) < 500, statuts
        actives = [nom for nom in ("essayer", "suivre") if statuts.get(nom) == 200]
        annule = statuts.get("annuler") == 204
        # A code dies with a corrected number; an active account is neither corrected nor given up.
        assert not (statuts["essayer"] == 200 and (statuts["corriger"] == 200 or annule)), statuts
        lignes = await service.sql.fetch("select nature, valeur from contacts where verifie_le is not null")
        lue = await service.lire(inscription)
        if annule:
            assert lue.status_code == 404
            assert [await service.compter(t) for t in TABLES[1:]] == [0] * 5
        else:
            assert (lue.json()["etat"] == "actif") is bool(actives)
            preuves = {("telephone_mobile", MOBILE)} if statuts["essayer"] == 200 else {("email", f"a{tour}@exemple.fr")}
            assert {tuple(ligne) for ligne in lignes} == (preuves if actives else set())
            ouverts = await service.sql.fetchval("select count(*) from jetons where depense_le is null and annule_le is null")
            assert ouverts == 0 if actives else ouverts <= 2
        # An account that was active does not go: its guards are lifted, by the owner of the schema.
        async with service.sql.transaction():
            await service.sql.execute("set local session_replication_role = replica")
            await service.sql.execute(";".join(f"delete from {table}" for table in TABLES))  # noqa: S608


async def test_the_database_refuses_what_the_code_refuses(store: PgStore, proprietaire: asyncpg.Connection) -> None:
    compte = await ouvert(store)
    async with store.transaction() as tx:
        await tx.jetons.ouvrir(un_jeton(compte.id), DUREE, DELAI, None)
    for ordre in (
        "update comptes set etat = 'pirate'",
        "update comptes set etat = 'actif'",
        "update comptes set langue = 'de'",
        'update comptes set profil = \'{"type": "admin"}\'',
        "update contacts set nature = 'pigeon'",
        "update contacts set valeur = 'ab'",
        "update contacts set valeur = repeat('a', 255)",
        "update contacts set recoit_sms = true where nature = 'email'",
        "update jetons set essais = 6",
        "update jetons set essais = -1",
        "update jetons set envois = 6",
        "update jetons set canal = 'pigeon'",
        "update jetons set usage = 'pigeon'",
        "update outbox set livraison = 'perdu'",
        "update outbox set canal = 'pigeon'",
        "update outbox set jeton_id = null",
    ):
        with pytest.raises(asyncpg.CheckViolationError):
            await proprietaire.execute(ordre)
    for ordre in (
        "insert into comptes (id, identifiant, profil, langue, expire_le)"
        " select gen_random_uuid(), identifiant, profil, langue, expire_le from comptes",
        "insert into jetons (id, compte_id, usage, canal, destination, cle_id, expire_le, renvoi_le)"
        " select gen_random_uuid(), compte_id, usage, canal, destination, cle_id, expire_le, renvoi_le from jetons",
        "insert into contacts select * from contacts",
    ):
        with pytest.raises(asyncpg.UniqueViolationError):
            await proprietaire.execute(ordre)


async def test_code_and_database_agree_on_the_form_of_an_identifiant(proprietaire: asyncpg.Connection) -> None:
    formes = (
        "abc", "a.b", "a-b_c.d", "x" * 64, "a1", "ab", "x" * 65, "Abc", "a..b", "a.-b", ".ab", "ab.", "-ab", "ab_", "a b",
        "inès", "ınes", "abc\n", "abc\u200b", "", "a/b", "ſab",
    )  # fmt: skip
    for forme in formes:
        try:
            accepte = identifiant.canonique(forme) == forme
        except identifiant.IdentifiantInvalide:
            accepte = False
        ordre = "insert into comptes (id, identifiant, profil, langue, expire_le) values ($1, $2, $3, 'fr', horloge())"
        try:
            await proprietaire.execute(ordre, uuid4(), forme, '{"type": "citoyen"}')
            admis = True
        except asyncpg.CheckViolationError:
            admis = False
        assert admis is accepte, forme
