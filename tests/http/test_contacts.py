"""Changing an e-mail or a mobile: proof on the new one, notice and a way back on the old one, and nothing before."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from domain.activation import ENVOIS_MAX
from tests.builders import MOT_DE_PASSE, Corps, altere, une_demande
from tests.service import Service, champs_fautifs, refus

MOBILE, EMAIL = "+33612345678", "ines@exemple.fr"
B, C = "b@exemple.fr", "c@exemple.fr"
NEUF = "Cyprès?29galet"
RETRAIT = "/v1/moi/contacts/telephone_mobile"
DEBUT = datetime(2026, 11, 21, 10, tzinfo=UTC)


async def demander(
    service: Service, session: Corps, canal: str, valeur: str, *, entetes: dict[str, str] | None = None, **mot_de_passe: Any
) -> httpx.Response:
    corps = {"canal": canal, "valeur": valeur} | mot_de_passe
    return await service.appeler(session, "POST", "/v1/moi/contacts", corps, **(entetes or {}))


async def essayer(service: Service, session: Corps, demande: httpx.Response, code: str) -> httpx.Response:
    return await service.appeler(session, "POST", f"/v1/moi/contacts/{demande.json()['id']}/essais", {"code": code})


async def annuler(service: Service, jeton: str) -> httpx.Response:
    return await service.http.post("/v1/annulations", json={"jeton": jeton})


async def contacts(service: Service) -> dict[str, tuple[str, bool]]:
    """Of the only account: value and proof, by nature, landline aside."""
    lignes = await service.sql.fetch(
        "select nature, valeur, verifie_le is not null as prouve from contacts where nature <> 'telephone_fixe'"
    )
    return {ligne["nature"]: (ligne["valeur"], ligne["prouve"]) for ligne in lignes}


def un_autre(code: str, decalage: int = 1) -> str:
    return f"{(int(code) + decalage) % 10**6:06d}"


async def test_the_code_goes_to_the_new_address_alone_and_nothing_changes_before_it_comes_back(service: Service) -> None:
    session = await service.entre(une_demande())
    demande = await demander(service, session, "email", "Nouvelle@EXEMPLE.fr")
    assert demande.status_code == 202
    vue = {n: v for n, v in demande.json().items() if n not in ("id", "expire_le", "renvoi_possible_le")}
    assert vue == {
        "canal": "email", "destination": "N•••@exemple.fr", "longueur_code": 6, "essais_restants": 5, "envois_restants": 4,
        "livraison": "en_file",
    }  # fmt: skip
    avant = len(await service.messages(EMAIL))
    [message] = await service.messages("Nouvelle@exemple.fr")
    # To whom it is not proven yet: neither a name nor an identifiant.
    assert not [mot for mot in ("ines", "Dupont", "/annulation") if mot in message.texte]
    assert (await contacts(service))["email"] == (EMAIL, True)

    reponse = await essayer(service, session, demande, await service.code("Nouvelle@exemple.fr"))
    assert reponse.status_code == 200
    assert {n: reponse.json()[n] for n in ("nature", "valeur", "verifie")} == {
        "nature": "email", "valeur": "Nouvelle@exemple.fr", "verifie": True
    }  # fmt: skip
    assert (await contacts(service))["email"] == ("Nouvelle@exemple.fr", True)
    # The old one, proven, is told with a way back; the new one has nothing to be told.
    await service.lien(EMAIL, "annulation")
    assert (len(await service.messages(EMAIL)), len(await service.messages("Nouvelle@exemple.fr"))) == (avant + 1, 1)
    assert (await service.connecter("nouvelle@exemple.fr", MOT_DE_PASSE)).status_code == 201
    assert (await service.connecter(EMAIL, MOT_DE_PASSE)).status_code == 401


async def test_an_old_mobile_is_given_a_way_back_if_it_was_proven_and_is_nobody_s_otherwise(service: Service) -> None:
    session = await service.entre(une_demande())
    await service.prouver(session, "sms", "+33698765432")
    assert await service.messages(MOBILE) == []
    # The other channel is told in any case, the number masked.
    avis = (await service.messages(EMAIL))[0]
    assert avis.objet.startswith("Nouveau numéro de mobile")
    assert "+33 6 •• •• •• 32" in avis.texte
    await service.prouver(session, "sms", MOBILE)
    await service.lien("+33698765432", "annulation")


async def test_the_address_given_at_sign_up_is_proven_by_its_code(service: Service) -> None:
    session = await service.entre(une_demande(), "sms")
    assert await contacts(service) == {"email": (EMAIL, False), "telephone_mobile": (MOBILE, True)}
    await service.prouver(session, "email", EMAIL)
    assert (await contacts(service))["email"] == (EMAIL, True)
    # It replaces nothing: nobody else is told than the mobile, which may have been proven by somebody else.
    [avis] = [m for m in await service.messages() if "/annulation" in m.texte]
    assert avis.destination == MOBILE
    for valeur in (EMAIL, "ines@EXEMPLE.fr"):
        assert refus(await demander(service, session, "email", valeur)) == (409, "contact_deja_verifie")


async def test_a_mobile_is_added_where_there_was_none(service: Service) -> None:
    session = await service.entre(une_demande(telephone_mobile=None))
    await service.prouver(session, "sms", MOBILE)
    assert (await contacts(service))["telephone_mobile"] == (MOBILE, True)
    await service.recuperer("ines.dupont", "sms")
    assert (await service.messages(MOBILE))[0].objet.startswith("Choisir un nouveau mot de passe")


async def test_the_same_demand_sends_the_same_code_again_and_another_value_voids_it(service: Service) -> None:
    session = await service.entre(une_demande())
    premiere = await demander(service, session, "email", B)
    code = await service.code(B)
    assert (await essayer(service, session, premiere, un_autre(code))).json()["essais_restants"] == 4
    encore = await demander(service, session, "email", B)
    # The same proof: its tries are not refilled.
    assert (encore.json()["id"], encore.json()["essais_restants"]) == (premiere.json()["id"], 4)
    assert encore.json()["envois_restants"] == 3
    assert (await service.code(B), len(await service.messages(B))) == (code, 2)

    sms = await demander(service, session, "sms", "+33698765432")
    autre = await demander(service, session, "email", C)
    assert refus(await essayer(service, session, premiere, code)) == (409, "activation_remplacee")
    # Each channel by itself.
    assert (await essayer(service, session, sms, await service.code("+33698765432"))).status_code == 200
    assert (await essayer(service, session, autre, await service.code(C))).status_code == 200
    assert await contacts(service) == {"email": (C, True), "telephone_mobile": ("+33698765432", True)}


async def test_sent_as_often_as_it_may_be_it_gives_way_to_a_new_one(service: Service) -> None:
    session = await service.entre(une_demande())
    ids = [(await demander(service, session, "email", B)).json()["id"] for _ in range(ENVOIS_MAX + 1)]
    assert len(set(ids[:-1])) == 1
    assert ids[-1] != ids[0]


async def test_after_five_wrong_codes_even_the_right_one_is_refused(service: Service) -> None:
    session = await service.entre(une_demande())
    demande = await demander(service, session, "sms", "0698765432")
    code = await service.code("+33698765432")
    assert champs_fautifs(await essayer(service, session, demande, "12345")).keys() == {"/code"}
    for n in range(1, 6):
        reponse = await essayer(service, session, demande, un_autre(code, n))
        assert refus(reponse) == (422, "code_incorrect")
        assert reponse.json()["essais_restants"] == 5 - n
    assert refus(await essayer(service, session, demande, code)) == (409, "essais_epuises")
    assert (await contacts(service))["telephone_mobile"] == (MOBILE, False)


async def test_a_code_lives_until_its_hour_to_the_instant(service: Service) -> None:
    await service.arreter_horloge(DEBUT)
    session = await service.entre(une_demande(), rester_connecte=True)
    for canal, valeur, duree in (("sms", "+33698765432", 10), ("email", B, 60)):
        await service.arreter_horloge(DEBUT)
        demande = await demander(service, session, canal, valeur)
        code = await service.code(valeur)
        await service.arreter_horloge(DEBUT + timedelta(minutes=duree, milliseconds=-1))
        assert refus(await essayer(service, session, demande, un_autre(code))) == (422, "code_incorrect")
        await service.arreter_horloge(DEBUT + timedelta(minutes=duree))
        assert refus(await essayer(service, session, demande, code)) == (410, "code_expire")


async def test_of_eight_right_codes_at_once_one_changes_the_contact(service: Service) -> None:
    session = await service.entre(une_demande())
    demande = await demander(service, session, "email", B)
    code = await service.code(B)
    reponses = await asyncio.gather(*(essayer(service, session, demande, code) for _ in range(8)))
    # Counted before they are judged: five of them; and those that came second are told the same as the first.
    assert {r.status_code for r in reponses} <= {200, 409}
    assert len({r.text for r in reponses if r.status_code == 200}) == 1
    assert await service.sql.fetchval("select count(*) from activites where nature = 'contact_change'") == 1
    assert len([m for m in await service.messages(EMAIL) if "/annulation#" in m.texte]) == 1


async def test_a_proof_of_another_account_or_purpose_is_unknown_here(service: Service) -> None:
    session = await service.entre(une_demande())
    demande = await demander(service, session, "email", B)
    code = await service.code(B)
    autre = await service.entre(une_demande(identifiant="une.autre", email="autre@exemple.fr"))
    activation = await service.inscrit(une_demande(identifiant="en.attente", email=C, activer_par="email"))
    await service.recuperer("une.autre")
    recuperation = await service.sql.fetchval("select id from jetons where usage = 'mot_de_passe'")
    for id, recu in (
        (demande.json()["id"], code),
        (activation["activation"]["id"], await service.code(C)),
        (recuperation, await service.code("autre@exemple.fr")),
        (activation["id"], "123456"),
    ):
        essai = await service.appeler(autre, "POST", f"/v1/moi/contacts/{id}/essais", {"code": recu})
        assert refus(essai) == (404, "contact_inconnu")
    # None of it was counted.
    assert await service.sql.fetchval("select max(essais) from jetons") == 0
    assert (await essayer(service, session, demande, code)).status_code == 200


async def test_only_what_an_sms_reaches_is_a_mobile(service: Service) -> None:
    session = await service.entre(une_demande())
    for canal, valeur, code in (
        ("sms", "0202020202", "sms_impossible"),
        ("sms", "0139980101", "sms_impossible"),
        ("sms", "+447911123456", "sms_impossible"),
        ("sms", "0899123456", "telephone_surtaxe"),
        ("sms", "06123", "telephone_invalide"),
        ("sms", EMAIL, "telephone_invalide"),
        ("email", "0698765432", "email_invalide"),
        ("email", "ines@", "email_invalide"),
    ):
        assert champs_fautifs(await demander(service, session, canal, valeur)) == {"/valeur": code}, valeur
    assert champs_fautifs(await demander(service, session, "pigeon", "x" * 255, x=1)) == {
        "/canal": "valeur_inconnue", "/valeur": "trop_long", "/x": "champ_inconnu",
    }  # fmt: skip
    # Overseas ones are.
    assert (await demander(service, session, "sms", "0692 12 34 56")).json()["destination"] == "+262 6 •• •• •• 56"


async def test_the_holder_is_asked_for_their_password_unless_they_have_just_given_it(service: Service) -> None:
    session = await service.entre(une_demande(), rester_connecte=True)
    assert (await demander(service, session, "email", B)).status_code == 202
    await service.avancer(timedelta(minutes=5, seconds=1))
    assert refus(await demander(service, session, "email", C)) == (403, "reauthentification_requise")
    assert refus(await demander(service, session, "email", C, mot_de_passe="faux")) == (401, "mot_de_passe_incorrect")
    assert not await service.messages(C)
    assert (await demander(service, session, "email", C, mot_de_passe=MOT_DE_PASSE)).status_code == 202
    # Given with one demand, it is not given for the next; given to the session, it is, for a while.
    assert refus(await demander(service, session, "email", B)) == (403, "reauthentification_requise")
    corps = {"mot_de_passe": MOT_DE_PASSE}
    assert (await service.appeler(session, "POST", "/v1/sessions/courante/reauthentification", corps)).status_code == 200
    assert (await demander(service, session, "email", B)).status_code == 202


async def test_the_way_back_puts_everything_right_again(service: Service) -> None:
    session = await service.entre(une_demande())
    await service.prouver(session, "sms", MOBILE)
    await service.prouver(session, "email", B)
    en_cours = await demander(service, session, "email", C)
    code = await service.code(C)
    retour = await service.lien(EMAIL, "annulation")

    reponse = await annuler(service, retour)
    assert (reponse.status_code, reponse.json()) == (200, {"objet": "contact", "deja_annulee": False})
    # A mobile proven after the address may be an intruder's: it must not let them choose the password first.
    assert await contacts(service) == {"email": (EMAIL, True), "telephone_mobile": (MOBILE, False)}
    # Whoever changed it is out, password included, and what they had begun is void.
    assert refus(await service.appeler(session, "GET", "/v1/moi")) == (401, "session_finie")
    assert (await service.connecter("ines.dupont", MOT_DE_PASSE)).status_code == 401
    # The others are told, and a new password is chosen at once, by the address that came back.
    assert [m.destination for m in await service.messages() if "rétabli" in m.objet] == [MOBILE]
    [suite] = [m for m in await service.messages(EMAIL) if "/mot-de-passe#" in m.texte]
    assert "ne fonctionne plus" in suite.texte
    assert (await service.reinitialiser(NEUF, jeton=await service.lien(EMAIL, "mot-de-passe"))).status_code == 200
    session = await service.connecte(EMAIL, NEUF)
    assert refus(await essayer(service, session, en_cours, code)) == (409, "activation_remplacee")
    # Once: it is no key to the account. Followed again, it says calmly that it was done, and nothing more is.
    reponse = await annuler(service, retour)
    assert (reponse.status_code, reponse.json()) == (200, {"objet": "contact", "deja_annulee": True})
    assert (await service.appeler(session, "GET", "/v1/moi")).status_code == 200


async def test_a_stolen_account_comes_back_by_the_oldest_way_whatever_the_thief_undid(service: Service) -> None:
    session = await service.entre(une_demande())
    await service.prouver(session, "email", B)
    await service.prouver(session, "email", C)
    vers_a, vers_b = await service.lien(EMAIL, "annulation"), await service.lien(B, "annulation")
    # The thief, who holds b@, uses their own way back; the true holder's, older, is still good.
    assert (await annuler(service, vers_b)).status_code == 200
    assert (await contacts(service))["email"] == (B, True)
    assert (await annuler(service, vers_a)).status_code == 200
    assert (await contacts(service))["email"] == (EMAIL, True)
    assert (await service.reinitialiser(NEUF, jeton=await service.lien(EMAIL, "mot-de-passe"))).status_code == 200
    assert (await service.connecter(EMAIL, NEUF)).status_code == 201


async def test_the_older_way_back_voids_the_younger_ones(service: Service) -> None:
    session = await service.entre(une_demande())
    await service.prouver(session, "email", B)
    await service.prouver(session, "email", C)
    vers_a, vers_b = await service.lien(EMAIL, "annulation"), await service.lien(B, "annulation")
    assert (await annuler(service, vers_a)).status_code == 200
    assert refus(await annuler(service, vers_b)) == (410, "lien_expire")
    assert (await contacts(service))["email"] == (EMAIL, True)


async def test_neither_another_password_nor_a_reset_takes_the_way_back_of_the_address(service: Service) -> None:
    session = await service.entre(une_demande())
    await service.prouver(session, "email", B)
    corps = {"mot_de_passe_actuel": MOT_DE_PASSE, "mot_de_passe": NEUF}
    assert (await service.appeler(session, "PUT", "/v1/moi/mot-de-passe", corps)).status_code == 204
    await service.recuperer("ines.dupont")
    assert (await service.reinitialiser(MOT_DE_PASSE, jeton=await service.lien(B, "mot-de-passe"))).status_code == 200
    assert (await annuler(service, await service.lien(EMAIL, "annulation"))).status_code == 200
    assert (await contacts(service))["email"] == (EMAIL, True)


async def test_of_eight_uses_at_once_one_brings_the_contact_back(service: Service) -> None:
    await service.prouver(await service.entre(une_demande()), "email", B)
    retour = await service.lien(EMAIL, "annulation")
    reponses = await asyncio.gather(*(annuler(service, retour) for _ in range(8)))
    assert {r.status_code for r in reponses} == {200}
    assert sorted(r.json()["deja_annulee"] for r in reponses) == [False, *[True] * 7]
    assert len([m for m in await service.messages(EMAIL) if "/mot-de-passe#" in m.texte]) == 1


async def test_a_way_back_is_good_for_seven_days_to_the_instant(service: Service) -> None:
    await service.arreter_horloge(DEBUT)
    session = await service.entre(une_demande())
    await service.prouver(session, "sms", MOBILE)
    await service.prouver(session, "email", B)
    await service.prouver(session, "sms", "+33698765432")
    par_mail, par_sms = await service.lien(EMAIL, "annulation"), await service.lien(MOBILE, "annulation")
    await service.arreter_horloge(DEBUT + timedelta(days=7, milliseconds=-1))
    assert (await annuler(service, par_sms)).status_code == 200
    assert await contacts(service) == {"email": (B, True), "telephone_mobile": (MOBILE, True)}
    await service.arreter_horloge(DEBUT + timedelta(days=7))
    assert refus(await annuler(service, par_mail)) == (410, "lien_expire")


async def test_what_is_no_way_back_of_ours_undoes_nothing(service: Service) -> None:
    await service.prouver(await service.entre(une_demande()), "email", B)
    retour = await service.lien(EMAIL, "annulation")
    await service.recuperer("ines.dupont")
    for faux in (altere(retour), retour[:-1], "x" * 64, await service.lien(EMAIL)):
        assert refus(await annuler(service, faux)) in ((422, "lien_invalide"), (410, "lien_expire"))
    assert refus(await annuler(service, await service.lien(B, "mot-de-passe"))) == (410, "lien_expire")
    assert (await contacts(service))["email"] == (B, True)


async def test_sends_to_a_new_address_keep_their_pace_and_a_refusal_changes_nothing(service_limite: Service) -> None:
    await service_limite.arreter_horloge(DEBUT)
    session = await service_limite.entre(une_demande())
    demande = await demander(service_limite, session, "email", B)
    for _ in range(2):
        assert refus(await demander(service_limite, session, "email", B)) == (429, "trop_de_demandes")
    # The code that left is still good, and was sent once.
    assert len(await service_limite.messages(B)) == 1
    await service_limite.arreter_horloge(DEBUT + timedelta(seconds=60))
    assert (await demander(service_limite, session, "email", B)).json()["id"] == demande.json()["id"]
    assert (await essayer(service_limite, session, demande, await service_limite.code(B))).status_code == 200


async def test_an_account_asks_five_codes_a_day_whatever_the_addresses(service_limite: Service) -> None:
    session = await service_limite.entre(une_demande())
    reponses = [await demander(service_limite, session, "email", f"autre{n}@exemple.fr") for n in range(5)]
    # The activation's was the first.
    assert [r.status_code for r in reponses] == [202] * 4 + [429]
    # The last one granted was not voided by the one refused.
    code = await service_limite.code("autre3@exemple.fr")
    assert (await essayer(service_limite, session, reponses[3], code)).status_code == 200


async def test_a_retry_is_one_demand_and_each_account_has_its_own_keys(service: Service) -> None:
    cle = {"Idempotency-Key": "changement-1"}
    session = await service.entre(une_demande())
    autre = await service.entre(une_demande(identifiant="une.autre"))
    premiere, rejouee = [await demander(service, session, "email", B, entetes=cle) for _ in range(2)]
    assert premiere.json() == rejouee.json()
    assert refus(await demander(service, session, "email", C, entetes=cle)) == (422, "cle_idempotence_reutilisee")
    # Somebody else's key of the same name is another one.
    celle_de_l_autre = await demander(service, autre, "email", B, entetes=cle)
    assert celle_de_l_autre.status_code == 202
    assert celle_de_l_autre.json()["id"] != premiere.json()["id"]
    assert len(await service.messages(B)) == 2


async def test_the_answer_that_was_lost_is_given_again_and_no_other_code_is_told_it(service: Service) -> None:
    await service.arreter_horloge(DEBUT)
    session = await service.entre(une_demande())
    demande = await demander(service, session, "email", B)
    code = await service.code(B)
    premiere = await essayer(service, session, demande, code)
    assert (await essayer(service, session, demande, code)).json() == premiere.json()
    assert refus(await essayer(service, session, demande, un_autre(code))) == (409, "activation_remplacee")
    assert await service.sql.fetchval("select count(*) from activites where nature = 'contact_change'") == 1
    # Within the five tries, and for ten minutes.
    assert (await essayer(service, session, demande, code)).status_code == 200
    assert (await essayer(service, session, demande, code)).status_code == 200
    assert refus(await essayer(service, session, demande, code)) == (409, "activation_remplacee")
    autre = await demander(service, session, "sms", "+33698765432")
    sms = await service.code("+33698765432")
    assert (await essayer(service, session, autre, sms)).status_code == 200
    await service.arreter_horloge(DEBUT + timedelta(minutes=10))
    assert refus(await essayer(service, session, autre, sms)) == (409, "activation_remplacee")


async def test_a_code_that_was_right_says_nothing_of_a_contact_replaced_since(service: Service) -> None:
    session = await service.entre(une_demande())
    demande = await demander(service, session, "email", B)
    code = await service.code(B)
    assert (await essayer(service, session, demande, code)).status_code == 200
    await service.prouver(session, "email", C)
    assert refus(await essayer(service, session, demande, code)) == (409, "activation_remplacee")


async def test_the_mobile_that_activated_the_account_undoes_an_address_added_to_it(service: Service) -> None:
    intrus = await service.entre(une_demande(), "sms")
    await service.prouver(intrus, "email", B)
    await service.recuperer(B)
    jeton = await service.lien(B, "mot-de-passe")
    reponse = await annuler(service, await service.lien(MOBILE, "annulation"))
    assert reponse.json() == {"objet": "contact", "deja_annulee": False}
    assert await contacts(service) == {"email": (B, False), "telephone_mobile": (MOBILE, True)}
    assert refus(await service.appeler(intrus, "GET", "/v1/moi")) == (401, "session_finie")
    assert refus(await service.reinitialiser("Galet!41brume", jeton=jeton)) == (422, "recuperation_refusee")
    # What follows is a link: a code would have no screen to be typed on.
    assert (await service.reinitialiser(NEUF, jeton=await service.lien(MOBILE, "mot-de-passe"))).status_code == 200
    assert (await service.connecter("ines.dupont", NEUF)).status_code == 201


async def test_an_older_mobile_outlives_the_undoing_of_an_e_mail_change(service: Service) -> None:
    session = await service.entre(une_demande(), "sms")
    await service.prouver(session, "email", EMAIL)
    await service.prouver(session, "email", B)
    assert (await annuler(service, await service.lien(EMAIL, "annulation"))).status_code == 200
    assert await contacts(service) == {"email": (EMAIL, True), "telephone_mobile": (MOBILE, True)}
    # The address comes back with its age: it does not become the newest, nor the oldest.
    ages = await service.sql.fetch("select nature from contacts where verifie_le is not null order by verifie_le")
    assert [ligne["nature"] for ligne in ages] == ["telephone_mobile", "email"]


async def test_a_mobile_is_removed_and_whoever_held_it_may_undo_that(service: Service) -> None:
    session = await service.entre(une_demande())
    await service.prouver(session, "sms", MOBILE)
    assert (await service.appeler(session, "DELETE", RETRAIT)).status_code == 204
    # Once more changes nothing, and tells nobody.
    assert (await service.appeler(session, "DELETE", RETRAIT)).status_code == 204
    assert await contacts(service) == {"email": (EMAIL, True)}
    assert sorted(m.destination for m in await service.messages() if "retiré" in m.texte) == [MOBILE, EMAIL]
    await service.recuperer("ines.dupont", "sms")
    assert not [m for m in await service.messages(MOBILE) if m.objet.startswith("Choisir")]
    assert (await annuler(service, await service.lien(MOBILE, "annulation"))).status_code == 200
    assert await contacts(service) == {"email": (EMAIL, True), "telephone_mobile": (MOBILE, True)}


async def test_the_last_proven_contact_stays_and_removing_takes_a_fresh_proof(service: Service) -> None:
    session = await service.entre(une_demande(), "sms", rester_connecte=True)
    assert refus(await service.appeler(session, "DELETE", RETRAIT)) == (409, "dernier_contact")
    await service.prouver(session, "email", EMAIL)
    await service.avancer(timedelta(minutes=5, seconds=1))
    assert refus(await service.appeler(session, "DELETE", RETRAIT)) == (403, "reauthentification_requise")
    assert (await contacts(service))["telephone_mobile"] == (MOBILE, True)
