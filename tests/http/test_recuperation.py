"""Getting back in: one answer for everybody, proven contacts alone written to, one reset a proof, and whoever was in is out."""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64encode
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from msgspec import structs

from adapters.postgres.recuperations import PgFileRecuperations
from app.settings import Settings
from tests.builders import MOT_DE_PASSE, altere, une_association, une_demande
from tests.service import Service, champs_fautifs, porteur, publier, refus

MOBILE, EMAIL = "+33612345678", "ines@exemple.fr"
NEUF, AUTRE = "Cyprès?29galet", "Galet!41brume"
DEBUT = datetime(2026, 11, 21, 10, tzinfo=UTC)
DEMANDE = "/v1/recuperations/mot-de-passe"
REFUSEE = (422, "recuperation_refusee")


async def demander(service: Service, identifiant: str, canal: str | None = None, **entetes: str) -> httpx.Response:
    """What anybody may ask; the worker has not looked at it yet."""
    return await service.http.post(DEMANDE, json={"identifiant": identifiant, "canal": canal}, headers=entetes)


async def oublier(service: Service, email: str) -> httpx.Response:
    return await service.http.post("/v1/recuperations/identifiant", json={"email": email})


async def preuves(service: Service) -> Counter[str]:
    """How many proofs went where."""
    return Counter(m.destination for m in await service.messages() if m.objet.startswith("Choisir un nouveau mot de passe"))


async def ouvre(service: Service, mot_de_passe: str, identifiant: str = "ines.dupont") -> bool:
    return (await service.connecter(identifiant, mot_de_passe)).status_code == 201


async def les_deux_prouves(service: Service) -> dict[str, Any]:
    """A session of an account whose address and mobile are both proven."""
    session = await service.entre(une_demande())
    await service.prouver(session, "sms", MOBILE)
    return session


def mur(reponse: httpx.Response) -> tuple[Any, ...]:
    """All that a stranger can tell two answers apart by."""
    variables = {"x-request-id", "date"}
    return reponse.status_code, {n: v for n, v in reponse.headers.items() if n not in variables}, set(reponse.json())


async def test_everybody_is_answered_alike_and_proven_contacts_alone_are_written_to(service: Service) -> None:
    sortes = ("connu", "en-attente", "suspendu", "efface", "sans-mot-de-passe", "non-prouve")
    for sorte in sortes:
        demande = une_demande(email=f"{sorte}@exemple.fr", identifiant=f"ines.{sorte}")
        if sorte == "en-attente":
            await service.inscrit(demande)
        else:
            await service.actif(demande, "sms" if sorte == "non-prouve" else "email")
    await service.sql.execute("update comptes set etat = 'suspendu' where identifiant = 'ines.suspendu'")
    await service.sql.execute("update comptes set empreinte_mdp = null where identifiant = 'ines.sans-mot-de-passe'")
    await service.sql.execute("select effacer_compte(id, '1 day') from comptes where identifiant = 'ines.efface'")

    saisies = [f"ines.{s}" for s in sortes] + [f"{s}@exemple.fr" for s in sortes]
    saisies += ["inconnu", "inconnu@exemple.fr", "pas une adresse", "a@", "@", "é" * 254, "' or 1=1 --"]
    reponses = [await demander(service, s, canal) for s in saisies for canal in (None, "email")]
    assert all(mur(r) == mur(reponses[0]) for r in reponses)
    assert mur(reponses[0])[::2] == (202, {"id"})
    assert len({r.json()["id"] for r in reponses}) == len(reponses)
    # Asked several times over, each for its newest alone; by e-mail, nothing for the address that was never proven.
    assert await preuves(service) == {"connu@exemple.fr": 1, "sans-mot-de-passe@exemple.fr": 1, MOBILE: 1}
    assert await service.compter("recuperations") == 0


async def test_what_is_no_request_is_told_on_its_fields(service: Service) -> None:
    for corps, fautes in (
        ({}, {"/identifiant": "requis"}),
        ({"identifiant": "", "canal": "pigeon"}, {"/identifiant": "vide", "/canal": "valeur_inconnue"}),
        ({"identifiant": "x" * 255, "x": 1}, {"/identifiant": "trop_long", "/x": "champ_inconnu"}),
    ):
        assert champs_fautifs(await service.http.post(DEMANDE, json=corps)) == fautes


async def test_the_link_and_the_code_of_the_mail_both_set_a_new_password(service: Service) -> None:
    await service.actif(une_demande())
    mots_de_passe = [MOT_DE_PASSE, NEUF, AUTRE, MOT_DE_PASSE, NEUF]
    for n, saisie in enumerate(("ines.dupont", "INES.Dupont", EMAIL, "Ines@EXEMPLE.fr")):
        id = await service.recuperer(saisie)
        lien, code = await service.lien(EMAIL, "mot-de-passe"), await service.code(EMAIL)
        recu = {"jeton": lien} if n % 2 else {"id": id, "code": f" {code[:3]} {code[3:]}"}
        reponse = await service.reinitialiser(mots_de_passe[n + 1], **recu)
        assert (reponse.status_code, reponse.json().keys()) == (200, {"jeton_appareil"})
        assert await ouvre(service, mots_de_passe[n + 1])
        assert not await ouvre(service, mots_de_passe[n])


async def test_one_chooses_among_the_channels_proven_and_only_the_newest_request_is_good(service: Service) -> None:
    await les_deux_prouves(service)
    premiere = await service.recuperer("ines.dupont")
    lien, code = await service.lien(EMAIL, "mot-de-passe"), await service.code(EMAIL)
    seconde = await service.recuperer("ines.dupont", "sms")
    sms = await service.code(MOBILE)
    assert await preuves(service) == {EMAIL: 1, MOBILE: 1}
    troisieme = await service.recuperer(EMAIL)
    for vieille in ({"jeton": lien}, {"id": premiere, "code": code}, {"id": seconde, "code": sms}):
        assert refus(await service.reinitialiser(NEUF, **vieille)) == REFUSEE
    assert (await service.reinitialiser(NEUF, id=troisieme, code=await service.code(EMAIL))).status_code == 200


async def test_of_eight_at_once_one_resets_and_the_password_is_theirs(service: Service) -> None:
    await service.actif(une_demande())
    for preuve in ("lien", "code"):
        id = await service.recuperer("ines.dupont")
        lien, code = await service.lien(EMAIL, "mot-de-passe"), await service.code(EMAIL)
        recu = {"jeton": lien} if preuve == "lien" else {"id": id, "code": code}
        choisis = [f"{NEUF}{preuve}{n}" for n in range(8)]
        reponses = await asyncio.gather(*(service.reinitialiser(choisi, **recu) for choisi in choisis))
        assert sorted(r.status_code for r in reponses) == [200, *[422] * 7]
        assert {refus(r) for r in reponses if r.status_code != 200} == {REFUSEE}
        gagnant = next(choisi for choisi, r in zip(choisis, reponses, strict=True) if r.status_code == 200)
        assert [choisi for choisi in choisis if await ouvre(service, choisi)] == [gagnant]
        # Nor ever again.
        assert refus(await service.reinitialiser(AUTRE, **recu)) == REFUSEE


@pytest.mark.parametrize(("canal", "duree"), [("email", timedelta(minutes=60)), ("sms", timedelta(minutes=10))])
async def test_a_proof_lives_until_its_hour_to_the_instant(service: Service, canal: str, duree: timedelta) -> None:
    await service.actif(une_demande(), canal)
    destination = EMAIL if canal == "email" else MOBILE
    debut = datetime.now(UTC) + timedelta(hours=1)
    for essai, tard in enumerate((timedelta(milliseconds=-1), timedelta())):
        depart = debut + essai * timedelta(days=1)
        await service.arreter_horloge(depart)
        id = await service.recuperer("ines.dupont")
        recus: list[dict[str, str]] = [{"id": id, "code": await service.code(destination)}]
        if canal == "email":
            recus.append({"jeton": await service.lien(EMAIL, "mot-de-passe")})
        await service.arreter_horloge(depart + duree + tard)
        for recu in recus:
            # Judged against the person's own name, hence once the proof is: it is still good.
            apercu = await service.reinitialiser("Ines.Dupont75", **recu)
            assert apercu.json()["code"] == ("recuperation_refusee" if essai else "champs_invalides")
        assert (await service.reinitialiser(NEUF, **recus[-1])).status_code == (422 if essai else 200)


async def test_after_five_wrong_codes_the_right_one_is_refused_and_the_link_still_good(service: Service) -> None:
    await service.actif(une_demande())
    id = await service.recuperer("ines.dupont")
    code, lien = await service.code(EMAIL), await service.lien(EMAIL, "mot-de-passe")
    for n in range(1, 6):
        faux = f"{(int(code) + n) % 10**6:06d}"
        assert refus(await service.reinitialiser(NEUF, id=id, code=faux)) == REFUSEE
    assert refus(await service.reinitialiser(NEUF, id=id, code=code)) == REFUSEE
    # Whoever asked in somebody else's name has spoiled the code, which they were given the id of; not the link.
    assert (await service.reinitialiser(NEUF, jeton=lien)).status_code == 200


async def test_fifty_codes_at_once_are_judged_five_times(service: Service) -> None:
    await service.actif(une_demande())
    id = await service.recuperer("ines.dupont")
    code = int(await service.code(EMAIL))
    faux = [f"{(code + n) % 10**6:06d}" for n in range(1, 51)]
    reponses = await asyncio.gather(*(service.reinitialiser(NEUF, id=id, code=f) for f in faux))
    assert {refus(r) for r in reponses} == {REFUSEE}
    assert await service.sql.fetchval("select essais from jetons where usage = 'mot_de_passe'") == 5
    assert refus(await service.reinitialiser(NEUF, id=id, code=f"{code:06d}")) == REFUSEE


async def test_whatever_is_not_the_proof_of_this_very_reset_has_one_answer(service: Service) -> None:
    session = await service.entre(une_demande(email="nawel@exemple.fr", identifiant="nawel.autre"))
    await service.prouver(session, "email", "nawel.autre@exemple.fr")
    contact = (await service.appeler(session, "POST", "/v1/moi/contacts", {"canal": "email", "valeur": "n@exemple.fr"})).json()
    await service.appeler(
        session, "PUT", "/v1/moi/diffusion", dict.fromkeys(("email", "sms", "lettre_actualite", "alertes"), True)
    )
    a_elle = await service.recuperer("nawel.autre")
    en_attente = await service.inscrit(
        une_demande(email="en-attente@exemple.fr", identifiant="ines.attend", activer_par="email")
    )
    inscription = await service.actif(une_demande())
    id = await service.recuperer("ines.dupont")
    lien, code = await service.lien(EMAIL, "mot-de-passe"), await service.code(EMAIL)
    # One time in a million hers is the same, and would be right.
    sien = await service.code("nawel.autre@exemple.fr")

    desinscription = next(m.texte for m in await service.messages() if "/desinscription/" in m.texte)
    faux: list[dict[str, str]] = [
        {"jeton": urlsafe_b64encode(bytes(48)).decode()},
        {"jeton": altere(lien)},
        {"jeton": "x"},
        {"jeton": inscription["secret"]},
        {"jeton": session["jeton_rafraichissement"]},
        {"jeton": await service.lien("en-attente@exemple.fr")},
        {"jeton": await service.lien("nawel@exemple.fr", "annulation")},
        {"jeton": desinscription.split("/desinscription/toutes/")[1].split()[0]},
        {"id": str(uuid4()), "code": code},
        {"id": a_elle, "code": code if code != sien else f"{(int(code) + 1) % 10**6:06d}"},
        {"id": inscription["id"], "code": code},
        {"id": en_attente["activation"]["id"], "code": await service.code("en-attente@exemple.fr")},
        {"id": contact["id"], "code": await service.code("n@exemple.fr")},
    ]
    corps = []
    for recu in faux:
        reponse = await service.reinitialiser(NEUF, **recu)
        assert refus(reponse) == REFUSEE, recu
        corps.append(reponse.json() | {"request_id": ""})
    # Nor is anything told, or worked out, of the password that comes with a false proof.
    corps.append((await service.reinitialiser("Bonjour1", **faux[0])).json() | {"request_id": ""})
    assert corps.count(corps[0]) == len(corps)
    assert await service.sql.fetchval("select count(*) from activites where nature = 'mot_de_passe_reinitialise'") == 0
    # None of them cost the real one anything.
    assert (await service.reinitialiser(NEUF, id=id, code=code)).status_code == 200


async def test_no_step_can_be_skipped(service: Service) -> None:
    await service.actif(une_demande())
    id = await service.recuperer("ines.dupont")
    lien, code = await service.lien(EMAIL, "mot-de-passe"), await service.code(EMAIL)
    incompletes: list[dict[str, Any]] = [
        {},
        {"id": id},
        {"code": code},
        {"jeton": None, "id": id, "code": None},
        {"jeton": lien, "id": id, "code": code},
    ]
    for recu in incompletes:
        assert champs_fautifs(await service.reinitialiser(NEUF, **recu)) == {"/jeton": "jeton_ou_code_requis"}
    malformees: list[dict[str, Any]] = [
        {"jeton": ""},
        {"jeton": True},
        {"id": id, "code": ""},
        {"id": "x", "code": code},
        {"id": id, "code": int(code)},
    ]
    for recu in malformees:
        assert (await service.reinitialiser(NEUF, **recu)).status_code == 422
    assert champs_fautifs(await service.http.post(f"{DEMANDE}/confirmations", json={"jeton": lien})) == {
        "/mot_de_passe": "requis"
    }
    assert await ouvre(service, MOT_DE_PASSE)


async def test_a_weak_password_does_not_spend_the_link_nor_one_made_of_what_is_known_of_the_person(service: Service) -> None:
    await service.actif(une_demande(identifiant="martre.zibeline"))
    await service.recuperer("martre.zibeline")
    lien = await service.lien(EMAIL, "mot-de-passe")
    # Common, then made of the names, of the identifiant, of the address: fine for anybody else.
    for faible in ("Bonjour1", "Legoff.Dupont75", "Martre.Zibeline7", "Ines@Exemple.fr1"):
        reponse = await service.reinitialiser(faible, jeton=lien)
        assert champs_fautifs(reponse) == {"/mot_de_passe": "mot_de_passe_niveau"}, faible
    assert (await service.reinitialiser(NEUF, jeton=lien)).status_code == 200


async def test_the_names_of_an_organisation_are_no_password_of_its_account(service: Service) -> None:
    await service.actif(une_demande(une_association(denomination="Les Sittelles torchepot")))
    await service.recuperer(EMAIL)
    lien = await service.lien(EMAIL, "mot-de-passe")
    assert champs_fautifs(await service.reinitialiser("Sittelles.Torchepot7", jeton=lien))
    assert (await service.reinitialiser(NEUF, jeton=lien)).status_code == 200


async def test_after_a_reset_by_mail_whoever_was_in_is_out_and_nothing_they_had_begun_goes_on(service: Service) -> None:
    inscription = await service.actif(une_demande())
    sessions = [await service.connecte("ines.dupont", MOT_DE_PASSE) for _ in range(2)]
    await service.prouver(sessions[0], "sms", MOBILE)
    nouveau = {"canal": "email", "valeur": "nouvelle@exemple.fr"}
    contact = (await service.appeler(sessions[0], "POST", "/v1/moi/contacts", nouveau)).json()
    code = await service.code("nouvelle@exemple.fr")
    await service.recuperer("ines.dupont")
    assert (await service.reinitialiser(NEUF, jeton=await service.lien(EMAIL, "mot-de-passe"))).status_code == 200

    for session in sessions:
        assert refus(await service.appeler(session, "GET", "/v1/moi")) == (401, "session_finie")
        assert refus(await service.rafraichir(session["jeton_rafraichissement"])) == (401, "session_finie")
    echange = await service.http.post(f"/v1/inscriptions/{inscription['id']}/session", json={}, headers=porteur(inscription))
    assert refus(echange) == (409, "session_deja_remise")
    session = await service.connecte("ines.dupont", NEUF)
    essai = await service.appeler(session, "POST", f"/v1/moi/contacts/{contact['id']}/essais", {"code": code})
    assert refus(essai) == (409, "activation_remplacee")
    # Told on every contact that was proven, and on no other.
    avis = [m.destination for m in await service.messages() if "mot de passe" in m.objet.lower() and "remplacé" in m.objet]
    assert sorted(avis) == [MOBILE, EMAIL]


async def test_a_reset_by_mail_demotes_the_mobile_which_recovers_nothing_any_more(service: Service) -> None:
    await les_deux_prouves(service)
    await service.recuperer("ines.dupont")
    await service.reinitialiser(NEUF, jeton=await service.lien(EMAIL, "mot-de-passe"))
    session = await service.connecte("ines.dupont", NEUF)
    moi = await service.moi(session)
    assert {c["nature"]: c["verifie"] for c in moi["contacts"]} == {
        "email": True,
        "telephone_fixe": False,
        "telephone_mobile": False,
    }
    lignes = (await service.appeler(session, "GET", "/v1/moi/activites")).json()["activites"]
    demis = [ligne["details"] for ligne in lignes if ligne["nature"] == "contact_a_confirmer"]
    assert demis == [{"canal": "sms", "destination": "+33 6 •• •• •• 78"}]
    avant = await preuves(service)
    await service.recuperer("ines.dupont", "sms")
    assert await preuves(service) == avant


async def test_a_reset_by_sms_leaves_both_contacts_proven(service: Service) -> None:
    await les_deux_prouves(service)
    id = await service.recuperer("ines.dupont", "sms")
    assert "/mot-de-passe" not in (await service.messages(MOBILE))[0].texte
    assert (await service.reinitialiser(NEUF, id=id, code=await service.code(MOBILE))).status_code == 200
    moi = await service.moi(await service.connecte("ines.dupont", NEUF))
    assert {c["nature"] for c in moi["contacts"] if c["verifie"]} == {"email", "telephone_mobile"}
    avis = [m.destination for m in await service.messages() if "remplacé" in m.objet]
    assert sorted(avis) == [MOBILE, EMAIL]


async def test_an_account_without_a_password_gets_its_first_one(service: Service) -> None:
    await service.actif(une_demande())
    await service.sql.execute("update comptes set empreinte_mdp = null")
    assert not await ouvre(service, MOT_DE_PASSE)
    await service.recuperer("ines.dupont")
    assert (await service.reinitialiser(NEUF, jeton=await service.lien(EMAIL, "mot-de-passe"))).status_code == 200
    assert (await service.moi(await service.connecte("ines.dupont", NEUF)))["mot_de_passe_defini"] is True


async def test_a_newer_cgu_keeps_nobody_out_of_their_account(service: Service) -> None:
    await service.actif(une_demande())
    await publier(service, "2026-11-bis", "Texte neuf.")
    await service.recuperer("ines.dupont")
    assert (await service.reinitialiser(NEUF, jeton=await service.lien(EMAIL, "mot-de-passe"))).status_code == 200


async def test_an_address_that_several_accounts_share_resets_none_and_is_sent_their_identifiants(service: Service) -> None:
    for _ in range(2):
        await service.actif(une_demande())
    await service.recuperer(EMAIL)
    message = (await service.messages(EMAIL))[0]
    assert "ines.dupont\nines.dupont2\n" in message.texte
    assert not await preuves(service)
    # One of them asks again by their own.
    await service.recuperer("ines.dupont2")
    assert (await service.reinitialiser(NEUF, jeton=await service.lien(EMAIL, "mot-de-passe"))).status_code == 200
    assert await ouvre(service, NEUF, "ines.dupont2")
    assert await ouvre(service, MOT_DE_PASSE)


async def test_the_identifiants_of_an_address_go_there_and_never_into_an_answer(service: Service) -> None:
    for n in range(2):
        await service.actif(une_demande(identifiant=f"martre.zibeline{n}"))
    await service.actif(une_demande(identifiant="suspendue.zibeline"))
    await service.sql.execute("update comptes set etat = 'suspendu' where identifiant like 'suspendue%'")
    await service.inscrit(une_demande(identifiant="attente.zibeline"))
    await service.actif(une_demande(identifiant="non.prouvee", email="non-prouvee@exemple.fr"), "sms")

    reponses = [await oublier(service, e) for e in ("INES@exemple.fr", "non-prouvee@exemple.fr", "inconnue@exemple.fr")]
    assert all(mur(r) == mur(reponses[0]) for r in reponses)
    assert [(r.status_code, r.json()) for r in reponses] == [(202, {"demande": "enregistree"})] * 3
    [message] = [m for m in await service.messages() if m.objet.startswith("Retrouver mon identifiant")]
    assert message.destination == EMAIL
    assert "martre.zibeline0\nmartre.zibeline1\n" in message.texte
    assert not [nom for nom in ("suspendue", "attente.zib", "non.prouvee") if nom in message.texte]
    assert champs_fautifs(await oublier(service, "ines")) == {"/email": "email_invalide"}


async def test_a_retry_is_one_request_and_another_body_under_its_key_is_refused(service: Service) -> None:
    await service.actif(une_demande())
    cle = {"Idempotency-Key": "recuperation-1"}
    premiere, rejouee = [await demander(service, "ines.dupont", **cle) for _ in range(2)]
    assert premiere.json() == rejouee.json()
    assert refus(await demander(service, "quelqu-un", **cle)) == (422, "cle_idempotence_reutilisee")
    # The same key for another operation is another key.
    corps = {"email": "inconnue@exemple.fr"}
    assert (await service.http.post("/v1/recuperations/identifiant", json=corps, headers=cle)).status_code == 202
    assert await preuves(service) == {EMAIL: 1}
    recu = {"id": premiere.json()["id"], "code": await service.code(EMAIL)}
    assert (await service.reinitialiser(NEUF, **recu)).status_code == 200


async def a(service: Service, secondes: float) -> None:
    await service.arreter_horloge(DEBUT + timedelta(seconds=secondes))


async def test_beyond_one_a_minute_what_was_typed_is_answered_alike_and_silently_dropped(service_limite: Service) -> None:
    await a(service_limite, 0)
    await service_limite.actif(une_demande())
    await a(service_limite, 60)
    # However it is written, and whoever asks; an address is counted by itself.
    reponses = [await demander(service_limite, s) for s in ("ines.dupont", "INES.dupont", "Ines.DUPONT", "x" * 30, "x" * 30)]
    assert all(mur(r) == mur(reponses[0]) for r in reponses)
    assert await service_limite.compter("recuperations") == 2
    assert await preuves(service_limite) == {EMAIL: 1}
    # The id of a request that was dropped is worth nothing.
    code = await service_limite.code(EMAIL)
    assert refus(await service_limite.reinitialiser(NEUF, id=reponses[2].json()["id"], code=code)) == REFUSEE
    await a(service_limite, 119.999)
    await service_limite.recuperer("ines.dupont")
    assert await preuves(service_limite) == {EMAIL: 1}
    await a(service_limite, 120)
    await service_limite.recuperer("ines.dupont")
    assert await preuves(service_limite) == {EMAIL: 2}


async def test_a_client_asks_ten_times_a_quarter_of_an_hour_whatever_for(service_limite: Service) -> None:
    await a(service_limite, 0)
    await service_limite.actif(une_demande())
    for n in range(9):
        assert (await demander(service_limite, f"inconnu{n}")).status_code == 202
    assert (await oublier(service_limite, "inconnue@exemple.fr")).status_code == 202
    # Known or not, typed before or not: the answer is the same.
    corps = []
    for saisie in ("ines.dupont", "inconnu0", "inconnu10"):
        reponse = await demander(service_limite, saisie)
        assert refus(reponse) == (429, "trop_de_demandes")
        assert int(reponse.headers["retry-after"]) % 30 == 0
        corps.append(reponse.json() | {"request_id": ""})
    assert corps.count(corps[0]) == 3
    assert refus(await oublier(service_limite, EMAIL)) == (429, "trop_de_demandes")
    await a(service_limite, 900)
    assert (await demander(service_limite, "ines.dupont")).status_code == 202
    assert await preuves(service_limite) == {EMAIL: 1}


async def test_what_a_send_limit_holds_back_leaves_when_it_may_and_lives_from_then(service_limite: Service) -> None:
    await a(service_limite, 0)
    await service_limite.actif(une_demande())
    # What is asked by e-mail and by identifiant is counted apart, where it goes is not: a minute must pass.
    await service_limite.recuperer(EMAIL)
    id = await service_limite.recuperer("ines.dupont")
    assert await preuves(service_limite) == {EMAIL: 1}
    await a(service_limite, 59.999)
    assert await preuves(service_limite) == {EMAIL: 1}
    await a(service_limite, 60)
    await service_limite.livrer()
    assert await preuves(service_limite) == {EMAIL: 2}
    code = await service_limite.code(EMAIL)
    await a(service_limite, 60 + 3599)
    assert (await service_limite.reinitialiser(NEUF, id=id, code=code)).status_code == 200


@pytest.mark.parametrize(("canal", "destination"), [("email", EMAIL), ("sms", MOBILE)])
async def test_what_strangers_claim_of_a_destination_is_not_taken_from_its_holder(
    service_limite: Service, canal: str, destination: str
) -> None:
    await a(service_limite, 0)
    await service_limite.actif(une_demande(), canal)
    etranger = await service_limite.entre(une_demande(email="autre@exemple.fr", identifiant="quelqu.un"))
    # All that a sign-up, and an account that wants it for its own, may send there in a day.
    livraisons = []
    for n in range(1, 12):
        await a(service_limite, n * 4500)
        async with Service(service_limite.settings, adresse=f"198.51.100.{n}") as ailleurs:
            livraisons.append((await ailleurs.inscrit(une_demande(activer_par=canal)))["activation"]["livraison"])
    assert livraisons == ["en_file"] * 9 + ["retenu"] * 2
    demande = {"canal": canal, "valeur": destination, "mot_de_passe": MOT_DE_PASSE}
    etranger = await service_limite.connecte("quelqu.un", MOT_DE_PASSE)
    reponse = await service_limite.appeler(etranger, "POST", "/v1/moi/contacts", demande)
    assert refus(reponse) == (429, "trop_de_demandes")
    # At this very instant, the holder's recovery leaves.
    id = await service_limite.recuperer("ines.dupont")
    await oublier(service_limite, EMAIL)
    code = await service_limite.code(destination)
    assert (await service_limite.reinitialiser(NEUF, id=id, code=code)).status_code == 200


async def test_a_part_of_the_budget_of_sms_is_kept_for_holders(settings: Settings) -> None:
    async with Service(structs.replace(settings, limits="on", sms_daily_budget=8)) as service:
        await a(service, 0)
        session = await service.entre(une_demande(), "sms")
        livraisons = []
        for n in range(6):
            inscription = await service.inscrit(une_demande(telephone_mobile=f"061234560{n}", activer_par="sms"))
            livraisons.append(inscription["activation"]["livraison"])
        assert livraisons == ["en_file"] * 5 + ["retenu"]
        await service.recuperer("ines.dupont", "sms")
        assert "mot de passe" in (await service.messages(MOBILE))[0].texte
        contact = {"canal": "sms", "valeur": "0612345698"}
        assert (await service.appeler(session, "POST", "/v1/moi/contacts", contact)).status_code == 202
        # To its end, which is everybody's.
        contact["valeur"] = "0612345697"
        assert refus(await service.appeler(session, "POST", "/v1/moi/contacts", contact)) == (429, "trop_de_demandes")


async def test_an_account_has_five_codes_a_day_and_the_sixth_request_is_dropped(service_limite: Service) -> None:
    await a(service_limite, 0)
    await service_limite.actif(une_demande())
    # The activation's was the first.
    for n in range(1, 6):
        await a(service_limite, n * 1000)
        id = await service_limite.recuperer(EMAIL)
    assert await preuves(service_limite) == {EMAIL: 4}
    # The newest that left is the good one still.
    assert (await service_limite.reinitialiser(NEUF, jeton=await service_limite.lien(EMAIL, "mot-de-passe"))).status_code == 200
    assert await service_limite.compter("recuperations") == 0
    assert refus(await service_limite.reinitialiser(AUTRE, id=id, code="123456")) == REFUSEE


async def test_messages_are_in_the_person_s_language_not_in_that_of_whoever_asks(service: Service) -> None:
    inscription = await service.inscrire(une_demande(activer_par="email"), **{"Accept-Language": "en"})
    await service.suivre(await service.lien(EMAIL))
    assert inscription.status_code == 201
    await demander(service, "ines.dupont", **{"Accept-Language": "fr"})
    await oublier(service, EMAIL)
    await service.livrer()
    lien = await service.lien(EMAIL, "mot-de-passe")
    await service.reinitialiser(NEUF, jeton=lien)
    objets = {m.objet for m in await service.messages(EMAIL)}
    assert len(objets) == 4
    assert not [objet for objet in objets if "mot de passe" in objet or "identifiant" in objet]


async def test_an_address_added_by_an_intruder_never_takes_the_mobile_of_who_activated_by_sms(service: Service) -> None:
    await service.actif(une_demande(email="autre@exemple.fr"), "sms")
    intrus = await service.connecte("ines.dupont", MOT_DE_PASSE)
    await service.prouver(intrus, "email", EMAIL)
    await service.recuperer(EMAIL)
    assert (await service.reinitialiser(AUTRE, jeton=await service.lien(EMAIL, "mot-de-passe"))).status_code == 200
    # The holder is told, by the older proof comes back, and the younger one counts no more.
    assert any("mot de passe" in m.texte for m in await service.messages(MOBILE))
    id = await service.recuperer("ines.dupont", "sms")
    assert (await service.reinitialiser(NEUF, id=id, code=await service.code(MOBILE))).status_code == 200
    avant = await preuves(service)
    await service.recuperer("ines.dupont", "email")
    await service.recuperer(EMAIL)
    assert await preuves(service) == avant
    assert await ouvre(service, NEUF)
    assert not await ouvre(service, AUTRE)


@pytest.mark.parametrize(("attente", "reste"), [(timedelta(days=6, hours=23), False), (timedelta(days=7, seconds=1), True)])
async def test_a_proof_that_nobody_opposed_for_seven_days_is_as_good_as_an_older_one(
    service: Service, attente: timedelta, reste: bool
) -> None:
    session = await service.entre(une_demande(), "sms")
    await service.prouver(session, "email", EMAIL)
    await service.avancer(attente)
    id = await service.recuperer("ines.dupont", "sms")
    assert (await service.reinitialiser(NEUF, id=id, code=await service.code(MOBILE))).status_code == 200
    assert ((await service.connecter(EMAIL, NEUF)).status_code == 201) is reste


async def test_whoever_finds_a_mobile_that_was_given_up_does_not_own_the_account(service: Service) -> None:
    session = await service.entre(une_demande(), "sms")
    await service.prouver(session, "email", EMAIL)
    await service.avancer(timedelta(days=30))
    session = await service.connecte(EMAIL, MOT_DE_PASSE)
    assert (await service.appeler(session, "DELETE", "/v1/moi/contacts/telephone_mobile")).status_code == 204
    retour = {"jeton": await service.lien(MOBILE, "annulation")}
    assert (await service.http.post("/v1/annulations", json=retour)).status_code == 200
    # The address is proven as ever: its holder comes back.
    await service.recuperer(EMAIL)
    assert (await service.reinitialiser(NEUF, jeton=await service.lien(EMAIL, "mot-de-passe"))).status_code == 200
    assert (await service.connecter(EMAIL, NEUF)).status_code == 201


async def test_the_same_reset_again_has_the_same_answer_for_ten_minutes_and_guesses_nothing(service: Service) -> None:
    await a(service, 0)
    await service.actif(une_demande())
    for preuve in ("lien", "code"):
        id = await service.recuperer("ines.dupont")
        lien, code = await service.lien(EMAIL, "mot-de-passe"), await service.code(EMAIL)
        recu: dict[str, str] = {"jeton": lien} if preuve == "lien" else {"id": id, "code": code}
        neuf = NEUF + preuve
        assert (await service.reinitialiser(neuf, **recu)).status_code == 200
        session = await service.connecte("ines.dupont", neuf)
        encore = await service.reinitialiser(neuf, **recu)
        assert encore.status_code == 200
        assert (await service.connecter("ines.dupont", neuf, jeton_appareil=encore.json()["jeton_appareil"])).status_code == 201
        # Nothing is done twice: whoever has come in since stays.
        assert (await service.appeler(session, "GET", "/v1/moi")).status_code == 200
        # Another password is not told from a dead proof, and five tries are all there are.
        for _ in range(5):
            assert refus(await service.reinitialiser(AUTRE, **recu)) == REFUSEE
        assert refus(await service.reinitialiser(neuf, **recu)) == REFUSEE
    id = await service.recuperer("ines.dupont")
    lien = await service.lien(EMAIL, "mot-de-passe")
    assert (await service.reinitialiser(NEUF, jeton=lien)).status_code == 200
    await a(service, 600)
    assert refus(await service.reinitialiser(NEUF, jeton=lien)) == REFUSEE
    assert await service.sql.fetchval("select count(*) from activites where nature = 'mot_de_passe_reinitialise'") == 3


async def test_six_times_the_same_reset_at_once_is_one_reset(service: Service) -> None:
    await service.actif(une_demande())
    await service.recuperer("ines.dupont")
    lien = await service.lien(EMAIL, "mot-de-passe")
    reponses = await asyncio.gather(*(service.reinitialiser(NEUF, jeton=lien) for _ in range(6)))
    assert [r.status_code for r in reponses] == [200] * 6
    assert await service.sql.fetchval("select count(*) from activites where nature = 'mot_de_passe_reinitialise'") == 1


async def test_remarks_on_the_password_do_not_use_up_a_code_that_was_right(service: Service) -> None:
    await service.actif(une_demande())
    id = await service.recuperer("ines.dupont")
    code = await service.code(EMAIL)
    for _ in range(6):
        assert champs_fautifs(await service.reinitialiser("Ines.Dupont75", id=id, code=code))
    assert (await service.reinitialiser(NEUF, id=id, code=code)).status_code == 200


@pytest.mark.parametrize("preuve", ["code", "lien"])
async def test_want_of_room_uses_up_no_proof_nor_its_answer_once_more(service: Service, preuve: str) -> None:
    await service.actif(une_demande())
    id = await service.recuperer("ines.dupont")
    code = {"id": id, "code": await service.code(EMAIL)}
    recu = code if preuve == "code" else {"jeton": await service.lien(EMAIL, "mot-de-passe")}
    # A wrong code is one try all the same.
    with service.sature():
        assert refus(await service.reinitialiser(NEUF, id=id, code=f"{(int(code['code']) + 1) % 10**6:06}")) == REFUSEE
    for _ in range(2):
        with service.sature():
            for _ in range(5):
                assert refus(await service.reinitialiser(NEUF, **recu)) == (503, "service_sature")
        assert (await service.reinitialiser(NEUF, **recu)).status_code == 200
    assert await service.sql.fetchval("select essais from jetons where usage = 'mot_de_passe'") == (
        3 if preuve == "code" else 2
    )


async def test_a_proof_sent_to_a_contact_that_was_replaced_since_resets_nothing(service: Service) -> None:
    session = await service.entre(une_demande())
    id = await service.recuperer("ines.dupont")
    lien, code = await service.lien(EMAIL, "mot-de-passe"), await service.code(EMAIL)
    await service.prouver(session, "email", "nouvelle@exemple.fr")
    assert refus(await service.reinitialiser(NEUF, jeton=lien)) == REFUSEE
    assert refus(await service.reinitialiser(MOT_DE_PASSE, id=id, code=code)) == REFUSEE
    assert (await service.appeler(session, "GET", "/v1/moi")).status_code == 200


async def test_a_shared_computer_is_not_remembered_by_a_reset(service: Service) -> None:
    await service.actif(une_demande())
    for partage in (True, False):
        await service.recuperer("ines.dupont")
        lien = await service.lien(EMAIL, "mot-de-passe")
        reponse = await service.reinitialiser(NEUF, jeton=lien, appareil_partage=partage)
        assert (reponse.json()["jeton_appareil"] is None) is partage
        assert ("set-cookie" in reponse.headers) is not partage


async def test_devices_known_before_another_password_are_strangers_after_it(service_limite: Service) -> None:
    await a(service_limite, 0)
    await service_limite.actif(une_demande())
    connus = [(await service_limite.connecte("ines.dupont", MOT_DE_PASSE))["jeton_appareil"] for _ in range(2)]
    await a(service_limite, 3600)
    await service_limite.recuperer("ines.dupont")
    lien = await service_limite.lien(EMAIL, "mot-de-passe")
    neuf = (await service_limite.reinitialiser(NEUF, jeton=lien)).json()["jeton_appareil"]
    # All guess on the same count, the account's, whichever token of before they show.
    for n in range(5):
        faux = await service_limite.connecter("ines.dupont", "Faux!44rivage", jeton_appareil=connus[n % 2])
        assert faux.status_code == 401
    for connu in connus:
        assert (await service_limite.connecter("ines.dupont", NEUF, jeton_appareil=connu)).status_code == 401
    session = await service_limite.connecter("ines.dupont", NEUF, jeton_appareil=neuf)
    assert session.status_code == 201
    # Changed from inside a session, it is the same.
    corps = {"mot_de_passe_actuel": NEUF, "mot_de_passe": AUTRE}
    assert (await service_limite.appeler(session.json(), "PUT", "/v1/moi/mot-de-passe", corps)).status_code == 204
    for _ in range(6):
        await service_limite.connecter("ines.dupont", "Faux!44rivage")
    assert (await service_limite.connecter("ines.dupont", AUTRE, jeton_appareil=neuf)).status_code == 401


async def test_a_request_that_cannot_be_looked_at_is_dropped_alone(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    for nom in ("premiere", "seconde"):
        await service.actif(une_demande(identifiant=nom, email=f"{nom}@exemple.fr"))
    await demander(service, "premiere")
    cherche = PgFileRecuperations.par_identifiant

    async def fautif(file: PgFileRecuperations, identifiant: str) -> Any:
        if identifiant == "premiere":
            # Another request becomes the first one due while this one fails.
            await service.sql.execute(
                "update recuperations set a_partir_de = a_partir_de - interval '1 hour' where saisie = 'seconde'"
            )
            raise ValueError
        return await cherche(file, identifiant)

    monkeypatch.setattr(PgFileRecuperations, "par_identifiant", fautif)
    await demander(service, "seconde")
    await service.livrer()
    assert await preuves(service) == {"seconde@exemple.fr": 1}
    assert await service.compter("recuperations") == 0
