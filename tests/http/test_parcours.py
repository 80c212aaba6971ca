"""Sign up, activate, correct, give up: each profile, each channel, as a client that follows the contract does it."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from msgspec.structs import replace

from app.settings import Settings
from domain.activation import DELAI_RENVOI, ESSAIS_MAX
from tests.builders import Corps, altere, un_citoyen, une_association, une_demande, une_entreprise
from tests.recueil import Recueil
from tests.service import Service, champs_fautifs, porteur, publier, refus

MOBILE, EMAIL = "+33612345678", "ines@exemple.fr"
# The sample of the portal's own form: a landline.
FIXE = "0202020202"
PROFILS = {"citoyen": un_citoyen, "entreprise": une_entreprise, "association": une_association}
# Every table that holds something of a sign-up.
TABLES = ("comptes", "contacts", "actes_juridiques", "jetons", "outbox", "idempotence")


def un_autre(code: str, decalage: int = 1) -> str:
    """A well-formed code that is not this one."""
    return f"{(int(code) + decalage) % 10**6:06d}"


async def les_deux_canaux(service: Service) -> tuple[Corps, Corps, Corps]:
    """A sign-up with its SMS activation and its e-mail activation, both open."""
    inscription = await service.inscrit(une_demande(activer_par="sms"))
    reponse = await service.demander(inscription, "email")
    assert reponse.status_code == 202
    return inscription, inscription["activation"], reponse.json()


async def a_l_ecoute(service: Service) -> None:
    """Returns once the API and the worker hear the news of the database: beginning to listen is a piece of news by itself."""
    # Told before it is done, a statement is done once its connection is idle.
    ordre = (
        "select count(*) from pg_stat_activity where datname = current_database() and query ilike 'listen%' and state = 'idle'"
    )
    async with asyncio.timeout(30):
        while await service.sql.fetchval(ordre) < 2:
            pass


@pytest.fixture
def sans_regard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits does not look at the database by themself: news alone answers before the whole delay."""
    monkeypatch.setattr("app.usecases.inscriptions._VERIFICATION", 60.0)


async def verifies(service: Service) -> dict[str, bool]:
    lignes = await service.sql.fetch("select nature, verifie_le is not null as verifie from contacts")
    return {ligne["nature"]: ligne["verifie"] for ligne in lignes}


@pytest.mark.parametrize("profil", PROFILS)
@pytest.mark.parametrize("preuve", ["code par SMS", "code du courriel", "lien du courriel"])
async def test_each_profile_is_activated_by_each_proof_which_proves_its_own_contact_only(
    service: Service, profil: str, preuve: str
) -> None:
    canal, destination = ("sms", MOBILE) if preuve == "code par SMS" else ("email", EMAIL)
    inscription = await service.inscrit(une_demande(PROFILS[profil](), activer_par=canal))
    activation = inscription["activation"]
    assert (inscription["profil"], inscription["etat"], activation["canal"]) == (profil, "en_attente", canal)

    if preuve == "lien du courriel":
        reponse = await service.suivre(await service.lien(destination))
        assert reponse.json() == {"etat": "actif", "deja_active": False}
    else:
        reponse = await service.essayer(inscription, activation, await service.code(destination))
        assert reponse.json() == {"etat": "actif"}

    assert reponse.status_code == 200
    assert (await service.lire(inscription)).json()["etat"] == "actif"
    prouve = "telephone_mobile" if canal == "sms" else "email"
    assert {nature for nature, verifie in (await verifies(service)).items() if verifie} == {prouve}


async def test_the_answer_of_a_sign_up_is_what_the_contract_says(service: Service) -> None:
    reponse = await service.inscrire(une_demande(activer_par="sms"))
    corps = reponse.json()
    activation = corps.pop("activation")
    assert reponse.status_code == 201
    assert reponse.headers["location"] == f"/v1/inscriptions/{corps['id']}"
    assert reponse.headers["cache-control"] == "no-store"
    assert {k: corps[k] for k in ("etat", "profil", "identifiant")} == {
        "etat": "en_attente", "profil": "citoyen", "identifiant": "ines.dupont"
    }  # fmt: skip
    assert corps["canaux"] == [
        {"canal": "sms", "possible": True, "destination": "+33 6 •• •• •• 78"},
        {"canal": "email", "possible": True, "destination": "i•••@exemple.fr"},
    ]
    assert set(corps) == {"id", "etat", "profil", "identifiant", "secret", "expire_le", "canaux"}
    instants = {cle: activation.pop(cle) for cle in ("expire_le", "renvoi_possible_le")}
    assert all(instant.endswith("Z") for instant in (*instants.values(), corps["expire_le"]))
    lus = {cle: datetime.fromisoformat(instant) for cle, instant in instants.items()}
    ecart = lus["expire_le"] - lus["renvoi_possible_le"]
    assert round(ecart.total_seconds()) == (timedelta(minutes=10) - DELAI_RENVOI).total_seconds()
    assert activation.pop("id")
    assert activation == {
        "canal": "sms", "destination": "+33 6 •• •• •• 78", "longueur_code": 6, "essais_restants": 5, "envois_restants": 4,
        "livraison": "en_file",
    }  # fmt: skip


async def test_the_secret_is_shown_once_and_the_delivery_is_followed(service: Service) -> None:
    inscription = await service.inscrit(une_demande(activer_par="sms"))
    assert (await service.lire(inscription)).json() == {k: v for k, v in inscription.items() if k != "secret"}
    await service.livrer()
    assert (await service.lire(inscription)).json()["activation"]["livraison"] == "envoye"


async def test_the_channel_may_be_chosen_later(service: Service) -> None:
    inscription = await service.inscrit(une_demande(activer_par=None))
    assert inscription["activation"] is None
    assert await service.messages() == []
    activation = (await service.demander(inscription, "email")).json()
    assert (await service.essayer(inscription, activation, await service.code(EMAIL))).status_code == 200


async def test_messages_follow_the_language_of_the_sign_up(service: Service) -> None:
    await service.inscrire(une_demande(activer_par="email"), **{"Accept-Language": "en"})
    [message] = await service.messages(EMAIL)
    assert message.objet.startswith("Activate my")


async def test_homonyms_get_the_next_number_and_none_the_name_of_another(service: Service) -> None:
    reponses = await asyncio.gather(*(service.inscrit(une_demande()) for _ in range(5)))
    assert sorted(r["identifiant"] for r in reponses) == ["ines.dupont", *(f"ines.dupont{n}" for n in range(2, 6))]


async def test_of_twenty_sign_ups_of_an_identifiant_at_once_one_gets_it_and_the_others_suggestions(
    service: Service,
) -> None:
    ecritures = ("ines.le-goff", "Ines.Le-Goff", "INES.LE-GOFF")
    reponses = await asyncio.gather(*(service.inscrire(une_demande(identifiant=ecritures[n % 3])) for n in range(20)))
    refusees = [r for r in reponses if r.status_code != 201]
    assert len(refusees) == 19
    assert {refus(r) for r in refusees} == {(409, "identifiant_indisponible")}
    assert all(r.json()["suggestions"] for r in refusees)
    assert await service.compter("comptes") == 1


async def test_an_email_or_a_phone_already_used_changes_nothing_of_the_answer(service: Service) -> None:
    premiere = await service.inscrit(une_demande(activer_par="email"))
    await service.suivre(await service.lien(EMAIL))
    seconde = await service.inscrit(une_demande(activer_par="email"))
    assert seconde.keys() == premiere.keys()
    assert seconde["activation"]["livraison"] == premiere["activation"]["livraison"] == "en_file"
    assert seconde["canaux"] == premiere["canaux"]


async def test_of_two_open_channels_the_first_proof_wins_and_the_other_link_is_calmly_answered(service: Service) -> None:
    inscription, sms, email = await les_deux_canaux(service)
    lien, code_email = await service.lien(EMAIL), await service.code(EMAIL)
    assert (await service.essayer(inscription, sms, await service.code(MOBILE))).status_code == 200

    suivi = await service.suivre(lien)
    assert (suivi.status_code, suivi.json()) == (200, {"etat": "actif", "deja_active": True})
    assert (await service.essayer(inscription, email, code_email)).json()["code"] == "deja_active"
    # The link that came second proves nothing: its gesture was answered, not counted.
    assert await verifies(service) == {"email": False, "telephone_mobile": True, "telephone_fixe": False}


async def test_a_link_opened_twice_answers_the_second_time_without_personal_data_nor_session(service: Service) -> None:
    inscription = await service.inscrit(une_demande(activer_par="email"))
    lien = await service.lien(EMAIL)
    premier, second = await service.suivre(lien), await service.suivre(lien)
    assert premier.json() == {"etat": "actif", "deja_active": False}
    assert second.json() == {"etat": "actif", "deja_active": True}
    assert "set-cookie" not in premier.headers
    # And nothing is left to do on the sign-up's own side.
    for reponse in (
        await service.demander(inscription, "sms"),
        await service.renvoyer(inscription, inscription["activation"]),
        await service.essayer(inscription, inscription["activation"], "123456"),
        await service.corriger(inscription, email="autre@exemple.fr"),
        await service.annuler(inscription),
    ):
        assert refus(reponse) == (409, "deja_active")


async def test_nothing_but_a_post_consumes_a_link(service: Service) -> None:
    inscription = await service.inscrit(une_demande(activer_par="email"))
    lien = await service.lien(EMAIL)
    for methode in ("GET", "HEAD", "OPTIONS"):
        # As mail scanners do, with and without what the fragment should have kept from them.
        for adresse in (
            "/activation",
            f"/activation?jeton={lien}",
            "/v1/liens-activation",
            f"/v1/liens-activation?jeton={lien}",
        ):
            await service.http.request(methode, adresse)
    assert (await service.lire(inscription)).json()["etat"] == "en_attente"
    assert (await service.suivre(lien)).json()["deja_active"] is False


async def test_a_link_altered_or_unknown_activates_nothing(service: Service) -> None:
    inscription = await service.inscrit(une_demande(activer_par="email"))
    lien = await service.lien(EMAIL)
    for faux in (altere(lien), lien[:-1], lien + "A", "é" * 64, inscription["secret"]):
        reponse = await service.suivre(faux)
        assert refus(reponse) in ((422, "lien_invalide"), (410, "lien_expire")), faux
    assert (await service.lire(inscription)).json()["etat"] == "en_attente"


async def test_a_corrected_address_kills_the_code_and_the_link_sent_to_the_former_one(service: Service) -> None:
    inscription = await service.inscrit(une_demande(activer_par="email"))
    code, lien = await service.code(EMAIL), await service.lien(EMAIL)
    corrigee = await service.corriger(inscription, email="ines.dupont@exemple.fr")
    assert corrigee.status_code == 200
    assert corrigee.json()["activation"] is None
    assert corrigee.json()["canaux"][1]["destination"] == "i•••@exemple.fr"

    essai = await service.essayer(inscription, inscription["activation"], code)
    assert refus(essai) == (409, "activation_remplacee")
    assert (await service.renvoyer(inscription, inscription["activation"])).json()["code"] == "activation_remplacee"
    assert (await service.suivre(lien)).json()["code"] == "lien_expire"

    await service.demander(inscription, "email")
    nouveau = await service.lien("ines.dupont@exemple.fr")
    assert nouveau != lien
    assert (await service.suivre(nouveau)).status_code == 200
    assert await service.sql.fetchval("select valeur from contacts where verifie_le is not null") == "ines.dupont@exemple.fr"


async def test_a_message_not_sent_yet_never_leaves_for_the_former_address(service: Service) -> None:
    inscription = await service.inscrit(une_demande(activer_par="sms"))
    await service.corriger(inscription, telephone_mobile="0698765432")
    assert await service.messages() == []
    assert await service.sql.fetchval("select livraison from outbox") == "annule"


async def test_correcting_with_the_same_value_changes_nothing(service: Service) -> None:
    inscription, sms, _ = await les_deux_canaux(service)
    code = await service.code(MOBILE)
    # As the person typed it, not as it is stored.
    reponse = await service.corriger(inscription, email="ines@EXEMPLE.fr", telephone_mobile="06 12 34 56 78")
    assert reponse.status_code == 200
    assert (await service.essayer(inscription, sms, code)).status_code == 200


async def test_correcting_one_contact_leaves_the_other_channel_open(service: Service) -> None:
    inscription, sms, _ = await les_deux_canaux(service)
    await service.corriger(inscription, email="autre@exemple.fr")
    assert (await service.essayer(inscription, sms, await service.code(MOBILE))).status_code == 200


async def test_a_correction_of_nothing_or_of_something_else_is_told_on_its_field(service: Service) -> None:
    inscription = await service.inscrit(une_demande())
    assert champs_fautifs(await service.corriger(inscription)) == {"": "rien_a_corriger"}
    fautes = champs_fautifs(await service.corriger(inscription, email="ines", telephone_fixe="0139980101"))
    assert fautes == {"/email": "email_invalide", "/telephone_fixe": "champ_inconnu"}


async def test_a_resend_carries_the_same_code_and_does_not_refill_the_tries(service: Service) -> None:
    inscription = await service.inscrit(une_demande(activer_par="sms"))
    activation = inscription["activation"]
    code = await service.code(MOBILE)
    assert (await service.essayer(inscription, activation, un_autre(code))).json()["essais_restants"] == ESSAIS_MAX - 1

    renvoi = await service.renvoyer(inscription, activation)
    assert (renvoi.status_code, renvoi.json()["id"]) == (202, activation["id"])
    assert (renvoi.json()["essais_restants"], renvoi.json()["envois_restants"]) == (ESSAIS_MAX - 1, 3)
    assert (len(await service.messages(MOBILE)), await service.code(MOBILE)) == (2, code)
    # Asking for the channel again is the same thing.
    assert (await service.demander(inscription, "sms")).json()["id"] == activation["id"]


async def test_after_five_wrong_codes_even_the_right_one_is_refused_and_a_new_one_is_another(service: Service) -> None:
    inscription = await service.inscrit(une_demande(activer_par="sms"))
    activation, code = inscription["activation"], await service.code(MOBILE)
    for n in range(1, ESSAIS_MAX + 1):
        reponse = await service.essayer(inscription, activation, un_autre(code, n))
        assert (reponse.status_code, reponse.json()["essais_restants"]) == (422, ESSAIS_MAX - n)
    epuise = await service.essayer(inscription, activation, code)
    assert refus(epuise) == (409, "essais_epuises")
    assert (await service.renvoyer(inscription, activation)).json()["code"] == "essais_epuises"

    nouvelle = (await service.demander(inscription, "sms")).json()
    assert nouvelle["id"] != activation["id"]
    assert (await service.essayer(inscription, activation, code)).json()["code"] == "activation_remplacee"
    assert (await service.essayer(inscription, nouvelle, await service.code(MOBILE))).status_code == 200


async def test_a_malformed_code_is_not_counted_and_spaces_are_forgiven(service: Service) -> None:
    inscription = await service.inscrit(une_demande(activer_par="sms"))
    activation, code = inscription["activation"], await service.code(MOBILE)
    for malforme in ("12345", "1234567", "12345a", "١٢٣٤٥٦", ""):
        assert champs_fautifs(await service.essayer(inscription, activation, malforme)).keys() == {"/code"}
    assert (await service.lire(inscription)).json()["activation"]["essais_restants"] == ESSAIS_MAX
    assert (await service.essayer(inscription, activation, f" {code[:3]} {code[3:]} ")).status_code == 200


async def test_an_activation_is_sent_five_times_then_replaced_on_demand(service: Service) -> None:
    inscription = await service.inscrit(une_demande(activer_par="sms"))
    for restants in (3, 2, 1, 0):
        assert (await service.renvoyer(inscription, inscription["activation"])).json()["envois_restants"] == restants
    epuise = await service.renvoyer(inscription, inscription["activation"])
    assert refus(epuise) == (409, "envois_epuises")
    assert (await service.demander(inscription, "sms")).json()["id"] != inscription["activation"]["id"]


@pytest.mark.parametrize(("canal", "duree"), [("sms", timedelta(minutes=10)), ("email", timedelta(hours=24))])
async def test_codes_and_links_live_until_their_hour_and_not_beyond(service: Service, canal: str, duree: timedelta) -> None:
    inscription = await service.inscrit(une_demande(activer_par=canal))
    activation = inscription["activation"]
    code = await service.code(MOBILE if canal == "sms" else EMAIL)
    await service.avancer(duree - timedelta(seconds=30))
    assert (await service.essayer(inscription, activation, un_autre(code))).json()["code"] == "code_incorrect"
    lien = await service.lien(EMAIL) if canal == "email" else None
    await service.avancer(timedelta(seconds=31))
    expire = await service.essayer(inscription, activation, code)
    assert refus(expire) == (410, "code_expire")
    assert (await service.renvoyer(inscription, activation)).json()["code"] == "code_expire"
    if lien:
        suivi = await service.suivre(lien)
        assert refus(suivi) == (410, "lien_expire")
    assert (await service.lire(inscription)).json()["etat"] == "en_attente"


async def test_a_sign_up_not_activated_in_seven_days_is_gone(service: Service) -> None:
    inscription = await service.inscrit(une_demande(activer_par="sms"))
    await service.avancer(timedelta(days=7, seconds=1))
    for reponse in (await service.lire(inscription), await service.demander(inscription, "sms")):
        assert refus(reponse) == (410, "inscription_expiree")


async def test_a_proof_asked_for_at_the_last_minute_does_not_outlive_its_sign_up(service: Service) -> None:
    inscription = await service.inscrit(une_demande())
    await service.avancer(timedelta(days=7, minutes=-5))
    activation = (await service.demander(inscription, "email")).json()
    code, lien = await service.code(EMAIL), await service.lien(EMAIL)
    await service.avancer(timedelta(minutes=6))
    for reponse in (await service.essayer(inscription, activation, code), await service.lire(inscription)):
        assert refus(reponse) == (410, "inscription_expiree")
    assert refus(await service.suivre(lien)) == (410, "lien_expire")
    assert await service.sql.fetchval("select etat from comptes") == "en_attente"


async def test_a_server_key_is_replaced_without_breaking_what_was_given_out_under_the_former(settings: Settings) -> None:
    ancienne = settings.secret_keys
    neuve = "neuve:" + b64encode(bytes(range(32))).decode()
    async with Service(settings) as service:
        une, autre = [await service.inscrit(une_demande(activer_par="email", email=f"{n}@exemple.fr")) for n in "ab"]
        code, lien = await service.code("a@exemple.fr"), await service.lien("b@exemple.fr")
    async with Service(replace(settings, secret_keys=f"{neuve},{ancienne}")) as service:
        assert (await service.essayer(une, une["activation"], code)).status_code == 200
        assert (await service.renvoyer(autre, autre["activation"])).status_code == 202
        assert await service.lien("b@exemple.fr") == lien
        nouvelle = await service.inscrit(une_demande())
    # Once the former is withdrawn, what it signed is worth nothing any more.
    async with Service(replace(settings, secret_keys=neuve)) as service:
        assert refus(await service.suivre(lien)) == (410, "lien_expire")
        assert refus(await service.lire(autre)) == (401, "secret_invalide")
        assert (await service.lire(nouvelle)).status_code == 200


@pytest.mark.usefixtures("sans_regard")
@pytest.mark.parametrize("canal", ["sms", "email"])
async def test_whoever_waits_learns_at_once_that_the_account_is_active(service: Service, canal: str) -> None:
    inscription = await service.inscrit(une_demande(activer_par=canal))
    await a_l_ecoute(service)
    attente = asyncio.create_task(service.lire(inscription, attendre=25))
    preuve = await (service.code(MOBILE) if canal == "sms" else service.lien(EMAIL))
    assert not attente.done()
    if canal == "sms":
        await service.essayer(inscription, inscription["activation"], preuve)
    else:
        await service.suivre(preuve)
    async with asyncio.timeout(20):
        reponse = await attente
    assert (reponse.status_code, reponse.json()["etat"]) == (200, "actif")


@pytest.mark.usefixtures("sans_regard")
async def test_whoever_waits_learns_at_once_that_the_sign_up_was_given_up(service: Service) -> None:
    inscription = await service.inscrit(une_demande())
    await a_l_ecoute(service)
    attente = asyncio.create_task(service.lire(inscription, attendre=25))
    for _ in range(3):
        await service.lire(inscription)
    assert not attente.done()
    await service.annuler(inscription)
    async with asyncio.timeout(20):
        assert (await attente).status_code == 404


async def test_whoever_waits_for_nothing_is_answered_after_the_delay_and_nobody_waits_behind(service: Service) -> None:
    inscription = await service.inscrit(une_demande())
    autre = await service.inscrit(une_demande())
    horloge = asyncio.get_running_loop().time
    debut = horloge()
    # More waiters than there are connections to the database: waiting holds none.
    reponses = await asyncio.gather(*(service.lire(i, attendre=1) for i in (inscription, autre) for _ in range(6)))
    assert {(r.status_code, r.json()["etat"]) for r in reponses} == {(200, "en_attente")}
    assert horloge() - debut >= 1
    attentes = asyncio.gather(*(service.lire(i, attendre=25) for i in (inscription, autre) for _ in range(6)))
    assert (await service.lire(inscription)).status_code == 200
    assert not attentes.done()
    for attendue in (inscription, autre):
        await service.annuler(attendue)
    assert {r.status_code for r in await attentes} == {404}


@pytest.mark.usefixtures("sans_regard")
async def test_when_too_many_wait_for_one_sign_up_or_in_all_the_answer_comes_at_once(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.usecases.inscriptions._ATTENTES_PAR_INSCRIPTION", 3)
    monkeypatch.setattr("app.usecases.inscriptions._ATTENTES", 4)
    ici, la = [await service.inscrit(une_demande(email=f"{n}@exemple.fr", activer_par="email")) for n in ("ici", "la")]
    await a_l_ecoute(service)

    async def attendre(places: int, *inscriptions: Corps) -> list[asyncio.Task[httpx.Response]]:
        """Those who wait, once the others have been answered."""
        taches = [asyncio.create_task(service.lire(i, attendre=25)) for i in inscriptions]
        async with asyncio.timeout(20):
            while sum(tache.done() for tache in taches) < len(taches) - places:
                assert (await service.lire(inscriptions[0])).json()["etat"] == "en_attente"
        assert {(await tache).json()["etat"] for tache in taches if tache.done()} == {"en_attente"}
        return [tache for tache in taches if not tache.done()]

    # Three of five for one sign-up, then one more in all.
    attentes = [*await attendre(3, *[ici] * 5), *await attendre(1, la, la)]
    assert len(attentes) == 4
    for destination in ("ici@exemple.fr", "la@exemple.fr"):
        await service.suivre(await service.lien(destination))
    async with asyncio.timeout(20):
        assert {r.json()["etat"] for r in await asyncio.gather(*attentes)} == {"actif"}
    # Places are given back.
    encore = await service.inscrit(une_demande())
    attentes = await attendre(3, *[encore] * 4)
    assert len(attentes) == 3
    await service.annuler(encore)
    assert {r.status_code for r in await asyncio.gather(*attentes)} == {404}


async def test_a_wait_that_makes_no_sense_is_refused(service: Service) -> None:
    inscription = await service.inscrit(une_demande())
    for attendre in ("26", "-1", "1.5", "x", "", "1&attendre=2"):
        adresse = f"/v1/inscriptions/{inscription['id']}?attendre={attendre}"
        reponse = await service.http.get(adresse, headers=porteur(inscription))
        assert refus(reponse) == (400, "requete_invalide"), attendre


async def test_giving_up_leaves_nothing_and_frees_the_identifiant_at_once(service: Service) -> None:
    reponse = await service.inscrire(une_demande(activer_par="sms"), cle=str(uuid4()))
    inscription = reponse.json()
    await service.demander(inscription, "email", **{"Idempotency-Key": str(uuid4())})
    await service.livrer()
    assert [await service.compter(table) for table in TABLES] == [1, 3, 2, 2, 2, 2]

    annulee = await service.annuler(inscription)
    assert (annulee.status_code, annulee.content) == (204, b"")
    assert [await service.compter(table) for table in TABLES] == [0] * len(TABLES)
    for [table] in await service.sql.fetch("select tablename from pg_tables where schemaname = 'public'"):
        lignes = await service.sql.fetch(f"select t::text from {table} t")  # noqa: S608
        assert not [ligne for ligne in lignes if any(trace in ligne[0] for trace in (EMAIL, MOBILE, "Dupont", "ines"))], table
    for suite in (
        await service.annuler(inscription),
        await service.lire(inscription),
        await service.demander(inscription, "sms"),
        await service.corriger(inscription, email="autre@exemple.fr"),
        await service.essayer(inscription, inscription["activation"], "123456"),
    ):
        assert suite.status_code == 404
    assert (await service.inscrit(une_demande()))["identifiant"] == inscription["identifiant"]


async def test_a_landline_is_kept_as_a_contact_and_only_refused_an_sms(service: Service) -> None:
    demande = une_demande(telephone_mobile=FIXE)
    inscription = await service.inscrit(demande)
    assert [c["possible"] for c in inscription["canaux"]] == [False, True]
    impossible = await service.demander(inscription, "sms")
    assert refus(impossible) == (409, "canal_impossible")
    assert impossible.json()["canal"] == "sms"
    assert (await service.demander(inscription, "email")).status_code == 202
    assert champs_fautifs(await service.inscrire(demande | {"activer_par": "sms"})) == {"/telephone_mobile": "sms_impossible"}


async def test_without_a_mobile_only_the_email_is_possible_until_one_is_given(service: Service) -> None:
    demande = une_demande(telephone_mobile=None)
    assert champs_fautifs(await service.inscrire(demande | {"activer_par": "sms"})) == {"/telephone_mobile": "mobile_requis"}
    inscription = await service.inscrit(demande)
    assert inscription["canaux"][0] == {"canal": "sms", "possible": False, "destination": None}
    assert (await service.demander(inscription, "sms")).json()["code"] == "canal_impossible"
    corrigee: dict[str, Any] = (await service.corriger(inscription, telephone_mobile="0612345678")).json()
    assert corrigee["canaux"][0]["possible"] is True
    assert (await service.demander(inscription, "sms")).status_code == 202


async def test_what_was_accepted_is_recorded_for_what_it_is_and_an_empty_box_records_nothing(
    service: Service, recueil: Recueil
) -> None:
    diffusion = {"email": True, "sms": False, "lettre_actualite": True, "alertes": False}
    reponse = await service.inscrire(une_demande(diffusion=diffusion), **{"X-Request-Id": "essai-du-registre"})
    assert reponse.status_code == 201
    lignes = await service.sql.fetch("select * from actes_juridiques order by id")
    assert [(ligne["nature"], ligne["objet"], ligne["document_code"], ligne["valeur"]) for ligne in lignes] == [
        ("acceptation", "cgu", "cgu", True),
        ("prise_de_connaissance", "rgpd", "rgpd", True),
        ("consentement", "diffusion.email", "rgpd", True),
        ("consentement", "diffusion.lettre_actualite", "rgpd", True),
    ]
    sha256 = dict(await service.sql.fetch("select code, sha256 from documents_juridiques"))
    assert all(ligne["document_sha256"] == sha256[ligne["document_code"]] for ligne in lignes)
    # The request's id is our own: a line is kept for ever, and what a caller writes there could be anything.
    lues = [json.loads(ligne) for ligne in recueil.lignes if "essai-du-registre" in ligne]
    (acces,) = [ligne for ligne in lues if ligne["source"] == "comptoir.acces"]
    assert {ligne["trace"] for ligne in lues} == {acces["trace"]}
    assert {(ligne["document_version"], ligne["langue"], ligne["requete_id"]) for ligne in lignes} == {
        ("2026-11", "fr", acces["trace"])
    }
    assert acces["trace"] != acces["request_id"] == "essai-du-registre"


async def test_a_version_no_longer_in_force_is_named_and_nothing_is_written(service: Service) -> None:
    await publier(service, "2026-12", "x")
    perime = await service.inscrire(une_demande())
    assert refus(perime) == (409, "document_perime")
    assert perime.json()["document"] == "cgu"
    assert perime.json()["version_en_vigueur"] == "2026-12"
    assert (await service.http.get(perime.json()["lien"])).json()["texte"] == "x"
    assert await service.compter("comptes") == 0


async def test_a_chosen_identifiant_is_canonical_and_a_taken_one_comes_with_free_ones(service: Service) -> None:
    assert (await service.inscrit(une_demande(identifiant="Ines.Le-Goff")))["identifiant"] == "ines.le-goff"
    pris = await service.inscrire(une_demande(identifiant="INES.le-goff"))
    assert refus(pris) == (409, "identifiant_indisponible")
    for libre in pris.json()["suggestions"]:
        assert (await service.inscrit(une_demande(identifiant=libre)))["identifiant"] == libre
