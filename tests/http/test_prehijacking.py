"""T01 of the threat model: an account made beforehand on somebody else's address. Both orders, played to the end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.builders import MOT_DE_PASSE, une_demande
from tests.service import Service, porteur, refus

VICTIME = "victime@exemple.fr"
# The attacker's own telephones, in E.164.
PIEGE, SECOND = "+33612345678", "+33698765432"
ATTAQUANT, CHOISI = "Falaise!58brume", "Cyprès?29galet"


class Attaquant:
    """What the author of the sign-up holds, and everything they may try with it."""

    def __init__(self, service: Service, inscription: dict[str, Any]) -> None:
        self.service, self.inscription = service, inscription
        self.identifiant: str = inscription["identifiant"]
        self.sessions: list[dict[str, Any]] = []
        self.codes: list[dict[str, str]] = []
        self.retours: list[str] = []
        self.contacts: list[tuple[str, str]] = []

    async def entrer(self) -> dict[str, Any]:
        self.sessions.append(await self.service.connecte(self.identifiant, ATTAQUANT))
        return self.sessions[-1]

    async def recuperer(self) -> None:
        id = await self.service.recuperer(self.identifiant, "sms")
        self.codes.append({"id": id, "code": await self.service.code(PIEGE)})

    async def changer(self, session: dict[str, Any], canal: str, valeur: str) -> None:
        """A change begun, its code in hand, kept for later."""
        demande = await self.service.appeler(session, "POST", "/v1/moi/contacts", {"canal": canal, "valeur": valeur})
        assert demande.status_code == 202
        self.contacts.append((demande.json()["id"], await self.service.code(valeur)))

    async def est_dehors(self) -> None:
        """Nothing of theirs opens anything any more, and no telephone of theirs is written to."""
        service = self.service
        for session in self.sessions:
            assert refus(await service.appeler(session, "GET", "/v1/moi")) == (401, "session_finie")
            assert refus(await service.rafraichir(session["jeton_rafraichissement"])) == (401, "session_finie")
            for id, code in self.contacts:
                essai = await service.appeler(session, "POST", f"/v1/moi/contacts/{id}/essais", {"code": code})
                assert refus(essai) == (401, "session_finie")
        assert (await service.connecter(self.identifiant, ATTAQUANT)).status_code == 401
        echange = f"/v1/inscriptions/{self.inscription['id']}/session"
        assert refus(await service.http.post(echange, json={}, headers=porteur(self.inscription))) == (
            409,
            "session_deja_remise",
        )
        for preuve in self.codes:
            assert refus(await service.reinitialiser(ATTAQUANT, **preuve)) == (422, "recuperation_refusee")
        for retour in self.retours:
            assert refus(await service.http.post("/v1/annulations", json={"jeton": retour})) == (410, "lien_expire")
        avant = len(await service.messages(PIEGE)) + len(await service.messages(SECOND))
        await service.recuperer(self.identifiant, "sms")
        assert len(await service.messages(PIEGE)) + len(await service.messages(SECOND)) == avant
        assert await service.sql.fetchval("select count(*) from sessions where terminee_le is null") == 0


@pytest.fixture
async def attaquant(service: Service) -> Attaquant:
    """A sign-up with the victim's address and the attacker's telephone, not activated yet."""
    return Attaquant(service, await service.inscrit(une_demande(email=VICTIME, mot_de_passe=ATTAQUANT)))


async def activer_par_sms(attaquant: Attaquant) -> None:
    activation = (await attaquant.service.demander(attaquant.inscription, "sms")).json()
    reponse = await attaquant.service.essayer(attaquant.inscription, activation, await attaquant.service.code(PIEGE))
    assert reponse.status_code == 200


async def la_victime_suit_le_lien(attaquant: Attaquant) -> None:
    """The mail that the sign-up sent her looks like one of hers: she follows it."""
    await attaquant.service.demander(attaquant.inscription, "email")
    assert (await attaquant.service.suivre(await attaquant.service.lien(VICTIME))).status_code == 200


async def la_victime_reinitialise(service: Service) -> None:
    await service.recuperer(VICTIME)
    reponse = await service.reinitialiser(CHOISI, jeton=await service.lien(VICTIME, "mot-de-passe"))
    assert reponse.status_code == 200


async def la_victime_est_chez_elle(service: Service, identifiant: str) -> None:
    """She alone, by her address; and the telephone that she did not prove is marked as such."""
    session = await service.connecte(VICTIME, CHOISI)
    moi = await service.moi(session)
    assert moi["identifiant"] == identifiant
    assert [c["nature"] for c in moi["contacts"] if c["verifie"]] == ["email"]
    await service.appeler(session, "DELETE", "/v1/sessions")


async def test_an_address_that_was_never_proven_is_sent_no_way_into_somebody_else_s_account(
    service: Service, attaquant: Attaquant
) -> None:
    await activer_par_sms(attaquant)
    for saisie, canal in ((VICTIME, None), (VICTIME, "email"), (VICTIME, "sms"), (attaquant.identifiant, "email")):
        await service.recuperer(saisie, canal)
    await service.http.post("/v1/recuperations/identifiant", json={"email": VICTIME})
    assert await service.messages(VICTIME) == []
    # Nor does it open anything: by her address, nobody signs in.
    assert (await service.connecter(VICTIME, ATTAQUANT)).status_code == 401


async def test_an_account_made_on_her_address_does_not_stand_in_its_holder_s_way(
    service: Service, attaquant: Attaquant
) -> None:
    await activer_par_sms(attaquant)
    sienne = await service.actif(une_demande(email=VICTIME, telephone_mobile="0611111111"))
    assert (await service.moi(await service.connecte(VICTIME, MOT_DE_PASSE)))["id"] == sienne["id"]
    await la_victime_reinitialise(service)
    await la_victime_est_chez_elle(service, sienne["identifiant"])
    # Each has their own: his password opens his, and his telephone never leads to hers.
    assert (await service.moi(await attaquant.entrer()))["id"] == attaquant.inscription["id"]
    await attaquant.recuperer()
    assert (await service.reinitialiser("Galet!41brume", **attaquant.codes[0])).status_code == 200
    await la_victime_est_chez_elle(service, sienne["identifiant"])


async def test_once_she_has_followed_the_link_her_reset_leaves_the_author_of_the_sign_up_nothing(
    service: Service, attaquant: Attaquant
) -> None:
    await la_victime_suit_le_lien(attaquant)
    session = await attaquant.entrer()
    await attaquant.entrer()
    await attaquant.changer(session, "sms", SECOND)
    await attaquant.changer(session, "email", "attaquant@exemple.fr")

    await la_victime_reinitialise(service)
    await attaquant.est_dehors()
    await la_victime_est_chez_elle(service, attaquant.identifiant)


async def test_the_secret_of_the_sign_up_exchanged_before_is_no_better_than_a_password(
    service: Service, attaquant: Attaquant
) -> None:
    await la_victime_suit_le_lien(attaquant)
    echange = f"/v1/inscriptions/{attaquant.inscription['id']}/session"
    remise = await service.http.post(echange, json={"rester_connecte": True}, headers=porteur(attaquant.inscription))
    attaquant.sessions.append(remise.json())
    await la_victime_reinitialise(service)
    await attaquant.est_dehors()


async def test_a_telephone_proven_from_a_session_before_her_reset_is_demoted_by_it(
    service: Service, attaquant: Attaquant
) -> None:
    await la_victime_suit_le_lien(attaquant)
    session = await attaquant.entrer()
    await service.prouver(session, "sms", PIEGE)
    # And replaced, so as to be given a way back to the first one; then a code asked for, and kept.
    await service.prouver(session, "sms", SECOND)
    await service.prouver(session, "sms", PIEGE)
    attaquant.retours += [await service.lien(numero, "annulation") for numero in (PIEGE, SECOND)]
    await attaquant.recuperer()

    await la_victime_reinitialise(service)
    await attaquant.est_dehors()
    await la_victime_est_chez_elle(service, attaquant.identifiant)


async def test_even_after_he_has_come_back_by_sms_her_reset_is_the_last(service: Service, attaquant: Attaquant) -> None:
    await la_victime_suit_le_lien(attaquant)
    await service.prouver(await attaquant.entrer(), "sms", PIEGE)
    await attaquant.recuperer()
    assert (await service.reinitialiser(ATTAQUANT, **attaquant.codes[0])).status_code == 200
    session = await attaquant.entrer()
    # Every proven contact is told: this is how she knows.
    assert any("mot de passe" in m.objet for m in await service.messages(VICTIME))
    await attaquant.changer(session, "sms", SECOND)

    await la_victime_reinitialise(service)
    await attaquant.est_dehors()
    await la_victime_est_chez_elle(service, attaquant.identifiant)


async def test_a_request_by_sms_that_waits_while_she_resets_sends_nothing(service: Service, attaquant: Attaquant) -> None:
    await la_victime_suit_le_lien(attaquant)
    await service.prouver(await attaquant.entrer(), "sms", PIEGE)
    await service.recuperer(VICTIME)
    lien = await service.lien(VICTIME, "mot-de-passe")
    corps = {"identifiant": attaquant.identifiant, "canal": "sms"}
    assert (await service.http.post("/v1/recuperations/mot-de-passe", json=corps)).status_code == 202
    assert (await service.reinitialiser(CHOISI, jeton=lien)).status_code == 200
    await service.livrer()
    assert not [m for m in await service.messages(PIEGE) if m.objet.startswith("Choisir un nouveau")]
    await attaquant.est_dehors()


async def test_of_her_reset_and_his_at_the_same_instant_one_is_done_and_the_other_refused(
    service: Service, attaquant: Attaquant
) -> None:
    await la_victime_suit_le_lien(attaquant)
    await service.prouver(await attaquant.entrer(), "sms", PIEGE)
    await attaquant.recuperer()
    # Only the newest is good: hers, asked for while his code was on its way, has voided it.
    await service.recuperer(VICTIME)
    lien = await service.lien(VICTIME, "mot-de-passe")
    la_sienne, celle_de_l_autre = await asyncio.gather(
        service.reinitialiser(CHOISI, jeton=lien), service.reinitialiser(ATTAQUANT, **attaquant.codes[0])
    )
    assert (la_sienne.status_code, celle_de_l_autre.status_code) == (200, 422)
    await attaquant.est_dehors()


async def test_resetting_by_itself_opens_nothing(service: Service) -> None:
    inscription = await service.actif(une_demande(email=VICTIME))
    await service.recuperer(VICTIME)
    reponse = await service.reinitialiser(CHOISI, jeton=await service.lien(VICTIME, "mot-de-passe"))
    # What comes with it recognises the device at the next sign-in, and is no bearer of anything (R62).
    [appareil] = reponse.json().values()
    assert await service.compter("sessions") == 0
    assert [c.split("=")[0] for c in reponse.headers.get_list("set-cookie")] == ["__Host-comptoir-appareil"]
    for jeton in (appareil, inscription["secret"]):
        session = {"jeton_acces": jeton}
        assert refus(await service.appeler(session, "GET", "/v1/moi")) == (401, "jeton_invalide")
        assert refus(await service.rafraichir(jeton)) == (401, "session_finie")
    faux = await service.connecter(VICTIME, "pas celui-là", jeton_appareil=appareil)
    assert refus(faux) == (401, "identifiants_incorrects")
    assert VICTIME not in reponse.text


async def test_no_recovery_opens_an_account_that_is_closed(service: Service) -> None:
    inscription = await service.actif(une_demande(email=VICTIME))
    await service.recuperer(VICTIME)
    lien = await service.lien(VICTIME, "mot-de-passe")
    for ordre in ("update comptes set etat = 'suspendu'", "select effacer_compte(id, '1 day') from comptes"):
        await service.sql.execute(ordre)
        assert refus(await service.reinitialiser(CHOISI, jeton=lien)) == (422, "recuperation_refusee")
        for saisie in (VICTIME, inscription["identifiant"]):
            for mot_de_passe in (CHOISI, MOT_DE_PASSE):
                assert refus(await service.connecter(saisie, mot_de_passe)) == (401, "identifiants_incorrects")
