"""Mailing choices and the ledger that keeps them, ways out without signing in, newer texts, a minor's joint consent."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from adapters.system import RealSystem
from domain.inscription import LISTES
from tests.builders import AUJOURDHUI, MOT_DE_PASSE, VERSION, Corps, altere, un_citoyen, une_demande
from tests.openapi import operations
from tests.service import Service, champs_fautifs, publier, refus

EMAIL, GARANT = "ines@exemple.fr", "parent@exemple.fr"
RIEN: Corps = dict.fromkeys(LISTES, False)
TOUT: Corps = dict.fromkeys(LISTES, True)
SUIVANTE = "2026-11-bis"


async def choisir(service: Service, session: Corps, garant: str | None = None, **choix: Any) -> httpx.Response:
    """The lists named, and none of the others."""
    corps: Corps = RIEN | choix | ({"email_representant_legal": garant} if garant else {})
    return await service.appeler(session, "PUT", "/v1/moi/diffusion", corps)


async def registre(service: Service, session: Corps, suite: str = "?limite=100") -> list[Corps]:
    reponse = await service.appeler(session, "GET", f"/v1/moi/consentements{suite}")
    assert reponse.status_code == 200
    actes: list[Corps] = reponse.json()["actes"]
    return actes


def consentis(actes: list[Corps]) -> list[tuple[str, bool, str]]:
    """The consents, oldest first."""
    return [
        (a["objet"].removeprefix("diffusion."), a["valeur"], a["par"]) for a in actes[::-1] if a["nature"] == "consentement"
    ]


async def diffusion(service: Service, session: Corps) -> dict[str, bool]:
    choix: dict[str, bool] = (await service.moi(session))["diffusion"]
    return choix


async def quitter(service: Service, jeton: str, **listes: str) -> httpx.Response:
    return await service.http.post("/v1/desinscriptions", json={"jeton": jeton} | listes)


async def sortie(service: Service, email: str = EMAIL) -> tuple[str, str, str]:
    """The way out of the newest confirmation: its address, what it closes, its token."""
    texte = next(m.texte for m in await service.messages(email) if "/desinscription/" in m.texte)
    trouve = re.search(r"https://compte\.exemple\.fr(/desinscription/(\w+)/([\w-]+))", texte)
    assert trouve
    return trouve[1], trouve[2], trouve[3]


async def test_choices_take_effect_at_once_and_only_what_changes_leaves_a_line(service: Service) -> None:
    session = await service.entre(une_demande())
    reponse = await choisir(service, session, email=True, alertes=True)
    assert (reponse.status_code, reponse.json()) == (200, RIEN | {"email": True, "alertes": True, "accord_parental": None})
    assert await diffusion(service, session) == RIEN | {"email": True, "alertes": True}
    await choisir(service, session, email=True, alertes=True)
    await choisir(service, session, email=True, sms=True)

    actes = await registre(service, session)
    changes = [("email", True), ("alertes", True), ("sms", True), ("alertes", False)]
    assert consentis(actes) == [(liste, valeur, "titulaire") for liste, valeur in changes]
    # Beside them, each as what it is, what was ticked at sign-up; all tied to a text, by its hash.
    assert [(a["nature"], a["objet"]) for a in actes[-2:]] == [("prise_de_connaissance", "rgpd"), ("acceptation", "cgu")]
    for acte in actes:
        texte = await service.http.get(f"/v1/documents-legaux/{acte['document']}/versions/{acte['version']}")
        assert (acte["version"], acte["sha256"]) == (VERSION, texte.json()["sha256"])
    instants = [datetime.fromisoformat(a["fait_le"]) for a in actes]
    assert instants == sorted(instants, reverse=True)


async def test_the_four_choices_are_made_at_once_and_none_is_supposed(service: Service) -> None:
    session = await service.entre(une_demande())
    for corps, fautes in (
        ({}, {f"/{liste}": "requis" for liste in LISTES}),
        (TOUT | {"sms": "oui", "alertes": None}, {"/sms": "booleen_attendu", "/alertes": "non_nul"}),
        (TOUT | {"tout": True}, {"/tout": "champ_inconnu"}),
        (TOUT | {"email_representant_legal": GARANT}, {"/email_representant_legal": "representant_inutile"}),
    ):
        assert champs_fautifs(await service.appeler(session, "PUT", "/v1/moi/diffusion", corps)) == fautes
    assert await diffusion(service, session) == RIEN


async def test_of_choices_made_at_once_the_last_holds_and_the_ledger_tells_each_change_once(service: Service) -> None:
    session = await service.entre(une_demande())
    await asyncio.gather(*(choisir(service, session, sms=n % 2 == 0) for n in range(8)))
    lignes = [valeur for _, valeur, _ in consentis(await registre(service, session))]
    # On, off, on…: never the same thing twice in a row.
    assert lignes == [n % 2 == 0 for n in range(len(lignes))]
    assert (await diffusion(service, session))["sms"] == (lignes[-1] if lignes else False)


async def test_the_ledger_is_read_page_by_page(service: Service) -> None:
    session = await service.entre(une_demande(diffusion=TOUT))
    await choisir(service, session)
    tous = await registre(service, session)
    lus: list[Corps] = []
    suite = "?limite=4"
    while suite:
        page = (await service.appeler(session, "GET", f"/v1/moi/consentements{suite}")).json()
        lus += page["actes"]
        suite = f"?limite=4&apres={page['suivant']}" if page["suivant"] else ""
    assert lus == tous
    assert len(tous) == 10
    for suite, attendu in (("?limite=0", (400, "requete_invalide")), ("?apres=M547361765H", (422, "reference_malformee"))):
        assert refus(await service.appeler(session, "GET", f"/v1/moi/consentements{suite}")) == attendu


async def test_the_application_itself_cannot_rewrite_the_ledger(service: Service) -> None:
    await service.actif(une_demande(diffusion=TOUT))
    application = await asyncpg.connect(service.settings.database_url)
    try:
        for ordre in (
            "update actes_juridiques set valeur = not valeur",
            "delete from actes_juridiques",
            "truncate actes_juridiques",
            "alter table actes_juridiques disable trigger all",
            "update documents_juridiques set texte = ''",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await application.execute(ordre)
    finally:
        await application.close()
    # Nor, by itself, whoever owns the table.
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await service.sql.execute("update actes_juridiques set valeur = false")
    assert await service.sql.fetchval("select bool_and(valeur) from actes_juridiques")


async def test_what_is_added_is_confirmed_by_mail_with_its_way_out_and_what_is_left_is_not(service: Service) -> None:
    session = await service.entre(une_demande())
    await choisir(service, session, lettre_actualite=True)
    message = (await service.messages(EMAIL))[0]
    assert message.objet == "Votre abonnement Comptoir"
    assert "Lettre d'actualité" in message.texte
    assert (await sortie(service))[1] == "lettre_actualite"
    await choisir(service, session, **TOUT)
    assert (await sortie(service))[1] == "toutes"
    avant = len(await service.messages())
    await choisir(service, session)
    assert len(await service.messages()) == avant


async def test_an_address_that_is_not_proven_is_sent_no_confirmation(service: Service) -> None:
    session = await service.entre(une_demande(), "sms")
    assert (await choisir(service, session, **TOUT)).status_code == 200
    assert await service.messages(EMAIL) == []


async def test_one_leaves_the_lists_of_a_mail_without_signing_in_as_often_as_one_likes(service: Service) -> None:
    session = await service.entre(une_demande())
    await choisir(service, session, sms=True)
    await choisir(service, session, **TOUT)
    page, listes, jeton = await sortie(service)
    for _ in range(3):
        reponse = await quitter(service, jeton, listes=listes)
        assert (reponse.status_code, reponse.json()) == (200, {"listes": list(LISTES)})
        # Nothing of the person in what a bearer of the link is told, and no session.
        assert not {"set-cookie", "authorization"} & set(reponse.headers)
    assert await diffusion(service, session) == RIEN
    lignes = consentis(await registre(service, session))
    assert lignes[-4:] == [(liste, False, "titulaire") for liste in LISTES]
    assert len(lignes) == 8
    # In again, and out by the one click of a mail service, at the address the mail gives.
    await choisir(service, session, alertes=True)
    assert (await service.http.get(page)).status_code == 200
    assert (await diffusion(service, session))["alertes"] is True
    un_clic = await service.http.post(page, data={"List-Unsubscribe": "One-Click"})
    assert un_clic.status_code == 200
    assert await diffusion(service, session) == RIEN


async def test_a_way_out_of_one_list_leaves_that_one_alone(service: Service) -> None:
    session = await service.entre(une_demande())
    await choisir(service, session, lettre_actualite=True)
    _, listes, jeton = await sortie(service)
    await choisir(service, session, **TOUT)
    # Its token opens no other list.
    for autres in ("toutes", "email", "sms", "alertes"):
        assert refus(await quitter(service, jeton, listes=autres)) == (422, "lien_invalide")
    assert refus(await quitter(service, jeton)) == (422, "lien_invalide")
    assert (await quitter(service, jeton, listes=listes)).json() == {"listes": ["lettre_actualite"]}
    assert await diffusion(service, session) == TOUT | {"lettre_actualite": False}


async def test_a_forged_way_out_or_somebody_else_s_leaves_nothing_of_mine(service: Service) -> None:
    session = await service.entre(une_demande())
    autre = await service.entre(une_demande(identifiant="une.autre", email="autre@exemple.fr"))
    for celle in (session, autre):
        await choisir(service, celle, **TOUT)
    jeton = (await sortie(service))[2]
    for faux in (altere(jeton), jeton[:-4], "x", autre["jeton_rafraichissement"]):
        assert refus(await quitter(service, faux)) == (422, "lien_invalide")
    assert champs_fautifs(await quitter(service, jeton, listes="poste")) == {"/listes": "valeur_inconnue"}
    assert (await quitter(service, (await sortie(service, "autre@exemple.fr"))[2])).status_code == 200
    assert (await diffusion(service, session), await diffusion(service, autre)) == (TOUT, RIEN)


async def test_one_leaves_the_lists_of_a_suspended_account_too_and_of_an_erased_one_calmly(service: Service) -> None:
    await choisir(service, await service.entre(une_demande()), **TOUT)
    _, listes, jeton = await sortie(service)
    await service.sql.execute("update comptes set etat = 'suspendu'")
    assert (await quitter(service, jeton, listes=listes)).status_code == 200
    await service.sql.execute("update comptes set etat = 'actif'")
    assert await diffusion(service, await service.connecte("ines.dupont", MOT_DE_PASSE)) == RIEN
    await service.sql.execute("select effacer_compte(id, '1 day') from comptes")
    lignes = await service.compter("actes_juridiques")
    assert (await quitter(service, jeton, listes=listes)).status_code == 200
    assert (await service.compter("actes_juridiques"), await service.compter("activites")) == (lignes, 0)


# What goes on under an outdated CGU: leaving, being safe, and accepting the newer one.
EXEMPTES = {
    "accepterDocuments", "deconnecterPartout", "effacerMoi", "fermerAutreSession", "fermerSession", "fermerToutesSessions",
    "reauthentifier",
}  # fmt: skip
ECRITURES: dict[str, Corps | None] = {
    "detacherIdentite": None,
    "modifierMoi": {"langue": "en"},
    "changerMotDePasse": {"mot_de_passe_actuel": MOT_DE_PASSE, "mot_de_passe": "Cyprès?29galet"},
    "changerIdentifiant": {"mot_de_passe": MOT_DE_PASSE, "identifiant": "ines.le-goff"},
    "demanderContact": {"canal": "email", "valeur": "nouvelle@exemple.fr"},
    "prouverContact": {"code": "123456"},
    "choisirDiffusion": TOUT,
}


async def test_under_a_newer_cgu_every_write_waits_for_it_and_reads_go_on(service: Service) -> None:
    session = await service.entre(une_demande())
    contact = (await service.appeler(session, "POST", "/v1/moi/contacts", {"canal": "email", "valeur": "b@exemple.fr"})).json()
    code = await service.code("b@exemple.fr")
    await publier(service, SUIVANTE, "Texte neuf.")
    avant = await service.moi(session)
    assert avant["acceptations"] == {"cgu": VERSION, "rgpd": VERSION, "cgu_a_reaccepter": SUIVANTE}

    vues: set[str] = set()
    for chemin, methode, operation in operations():
        id, adresse = operation["operationId"], chemin.replace("{id}", contact["id"]).replace("{reference}", "M547361765G")
        if operation["security"] != [{"jetonAcces": []}] or id in EXEMPTES:
            continue
        vues.add(id)
        corps = ECRITURES.get(id)
        if id == "prouverContact":
            corps = {"code": code}
        reponse = await service.appeler(session, methode.upper(), adresse, corps, **{"If-Match": "*"})
        if methode == "get":
            assert reponse.status_code in (200, 404), id
        else:
            assert refus(reponse) == (403, "cgu_a_reaccepter"), id
            assert reponse.json()["version_en_vigueur"] == SUIVANTE
            assert (await service.http.get(reponse.json()["lien"])).json()["texte"] == "Texte neuf."
    assert ECRITURES.keys() <= vues
    assert await service.moi(session) == avant

    accord = await service.appeler(session, "POST", "/v1/moi/acceptations", {"cgu": {"accepte": True, "version": SUIVANTE}})
    assert (accord.status_code, accord.json()) == (200, {"cgu": SUIVANTE, "rgpd": VERSION, "cgu_a_reaccepter": None})
    assert (await registre(service, session))[0]["version"] == SUIVANTE
    assert (await choisir(service, session, **TOUT)).status_code == 200
    # The code asked for before was neither spent nor counted by the refusal.
    assert await service.sql.fetchval("select essais from jetons where usage = 'contact'") == 0
    essai = await service.appeler(session, "POST", f"/v1/moi/contacts/{contact['id']}/essais", {"code": code})
    assert essai.status_code == 200


async def test_withdrawing_is_never_made_harder_by_a_newer_cgu(service: Service) -> None:
    session = await service.entre(une_demande(diffusion=TOUT))
    await publier(service, SUIVANTE, "Texte neuf.")
    assert (await choisir(service, session, email=True, sms=True)).json() == RIEN | {
        "email": True,
        "sms": True,
        "accord_parental": None,
    }
    assert refus(await choisir(service, session, alertes=True)) == (403, "cgu_a_reaccepter")
    assert await diffusion(service, session) == RIEN | {"email": True, "sms": True}
    assert (await choisir(service, session)).status_code == 200
    assert await diffusion(service, session) == RIEN


async def test_a_version_accepted_already_is_not_accepted_twice(service: Service) -> None:
    session = await service.entre(une_demande())
    chemin, accord = "/v1/moi/acceptations", {"accepte": True, "version": VERSION}
    actes = await registre(service, session)
    for corps in ({"cgu": accord}, {"cgu": accord, "rgpd": accord}):
        reponse = await service.appeler(session, "POST", chemin, corps)
        assert (reponse.status_code, reponse.json()["cgu"]) == (200, VERSION)
    assert await registre(service, session) == actes
    await publier(service, SUIVANTE, "Texte neuf.")
    neuf = {"cgu": {"accepte": True, "version": SUIVANTE}, "rgpd": accord}
    for _ in range(2):
        assert (await service.appeler(session, "POST", chemin, neuf)).status_code == 200
    ajoutes = (await registre(service, session))[: -len(actes)]
    assert [(a["objet"], a["version"]) for a in ajoutes] == [("cgu", SUIVANTE)]
    faits = await service.sql.fetch("select details from activites where nature = 'documents_acceptes'")
    assert [ligne["details"] for ligne in faits] == [f'{{"cgu": "{SUIVANTE}"}}']


async def test_the_ledger_tells_the_language_of_the_text_and_not_the_account_s(service: Service) -> None:
    reponse = await service.inscrire(une_demande(diffusion=TOUT), **{"Accept-Language": "en"})
    assert reponse.status_code == 201
    session = await service.entre(une_demande())
    await service.appeler(session, "PATCH", "/v1/moi", {"langue": "en"}, **{"If-Match": "*"})
    await choisir(service, session, sms=True)
    assert {a["langue"] for a in await registre(service, session)} == {"fr"}
    await publier(service, SUIVANTE, "New text.")
    # The owner of a new text says what it is written in; French, unless they do.
    await service.sql.execute("alter table documents_juridiques disable trigger immuable")
    await service.sql.execute("update documents_juridiques set langue = 'en' where version = $1", SUIVANTE)
    assert (await service.http.get("/v1/documents-legaux/cgu")).json()["langue"] == "en"
    await service.appeler(session, "POST", "/v1/moi/acceptations", {"cgu": {"accepte": True, "version": SUIVANTE}})
    assert (await registre(service, session))[0]["langue"] == "en"
    langues = await service.sql.fetch("select distinct langue from actes_juridiques where document_version = $1", VERSION)
    assert [ligne["langue"] for ligne in langues] == ["fr"]


async def test_the_version_in_force_is_accepted_and_no_other(service: Service) -> None:
    session = await service.entre(une_demande())
    await service.arreter_horloge(maintenant := datetime.now(UTC))
    await publier(service, "2027-01", "Texte de demain.", maintenant.date() + timedelta(days=1))
    await publier(service, SUIVANTE, "Texte neuf.")
    chemin, actes = "/v1/moi/acceptations", await service.compter("actes_juridiques")
    for version in (VERSION, "2027-01", "x"):
        perime = await service.appeler(session, "POST", chemin, {"cgu": {"accepte": True, "version": version}})
        assert refus(perime) == (409, "document_perime")
        assert (perime.json()["document"], perime.json()["version_en_vigueur"]) == ("cgu", SUIVANTE)
    for corps, fautes in (
        ({}, {"": "rien_a_modifier"}),
        ({"cgu": {"accepte": False, "version": SUIVANTE}}, {"/cgu/accepte": "acceptation_requise"}),
        ({"cgu": {"accepte": True}}, {"/cgu/version": "requis"}),
    ):
        assert champs_fautifs(await service.appeler(session, "POST", chemin, corps)) == fautes
    assert await service.compter("actes_juridiques") == actes
    assert (await service.moi(session))["acceptations"]["cgu_a_reaccepter"] == SUIVANTE


# Under fifteen


@pytest.fixture(autouse=True)
def aujourdhui(monkeypatch: pytest.MonkeyPatch) -> None:
    """A day that does not end while a birth date is told from it, and is no 29 February."""
    monkeypatch.setattr(RealSystem, "aujourdhui", lambda _: AUJOURDHUI)


def ne_il_y_a(ans: int, jours: int = 0) -> str:
    """The birth date of whoever is that old today, and so many days more."""
    return (AUJOURDHUI.replace(year=AUJOURDHUI.year - ans) - timedelta(days=jours)).isoformat()


async def un_mineur(service: Service, canal: str = "email", **changes: Any) -> Corps:
    return await service.entre(une_demande(un_citoyen(date_naissance=ne_il_y_a(14)), **changes), canal)


async def repondre(service: Service, jeton: str, accorde: bool) -> httpx.Response:
    return await service.http.post("/v1/accords-parentaux", json={"jeton": jeton, "accorde": accorde})


async def test_under_fifteen_what_is_added_waits_for_a_guardian_s_agreement(service: Service) -> None:
    session = await un_mineur(service)
    seul = await choisir(service, session, email=True, alertes=True)
    assert champs_fautifs(seul) == dict.fromkeys(("/email", "/alertes"), "consentement_parental_requis")

    reponse = await choisir(service, session, GARANT, email=True, alertes=True)
    accord = reponse.json().pop("accord_parental")
    assert (reponse.status_code, accord["listes"], accord["destination"]) == (200, ["email", "alertes"], "p•••@exemple.fr")
    assert {k: v for k, v in reponse.json().items() if k != "accord_parental"} == RIEN
    assert await diffusion(service, session) == RIEN
    [message] = await service.messages(GARANT)
    assert "Listes de diffusion par email" in message.texte
    assert "ines.dupont" in message.texte

    donne = await repondre(service, await service.lien(GARANT, "accord-parental"), True)
    assert (donne.status_code, donne.json()) == (200, {"accorde": True, "listes": ["email", "alertes"]})
    assert await diffusion(service, session) == RIEN | {"email": True, "alertes": True}
    assert consentis(await registre(service, session)) == [("email", True, "conjoint"), ("alertes", True, "conjoint")]
    # The child is told, with the way out; leaving needs nobody.
    assert (await service.messages(EMAIL))[0].objet == "Votre abonnement Comptoir"
    assert (await choisir(service, session, email=True)).status_code == 200
    assert (await quitter(service, (await sortie(service))[2])).status_code == 200
    assert consentis(await registre(service, session))[2:] == [("alertes", False, "titulaire"), ("email", False, "titulaire")]


async def test_a_guardian_refuses_for_good_or_does_not_answer_and_nothing_is_sent(service: Service) -> None:
    session = await un_mineur(service)
    await choisir(service, session, GARANT, **TOUT)
    jeton = await service.lien(GARANT, "accord-parental")
    refuse = await repondre(service, jeton, False)
    assert (refuse.status_code, refuse.json()["accorde"]) == (200, False)
    assert refus(await repondre(service, jeton, True)) == (410, "lien_expire")
    assert await diffusion(service, session) == RIEN
    assert consentis(await registre(service, session)) == []
    natures = {ligne["nature"] for ligne in (await service.appeler(session, "GET", "/v1/moi/activites")).json()["activites"]}
    assert {"accord_parental_demande", "accord_parental_refuse"} <= natures


async def test_an_agreement_is_waited_for_seven_days_to_the_instant(service: Service) -> None:
    debut = datetime.now(UTC) + timedelta(hours=1)
    await service.arreter_horloge(debut)
    session = await un_mineur(service)
    await choisir(service, session, GARANT, sms=True)
    jeton = await service.lien(GARANT, "accord-parental")
    await service.arreter_horloge(debut + timedelta(days=7))
    assert refus(await repondre(service, jeton, True)) == (410, "lien_expire")
    await service.arreter_horloge(debut + timedelta(days=7, milliseconds=-1))
    assert (await repondre(service, jeton, True)).status_code == 200


@pytest.mark.parametrize("accorde", [True, False])
async def test_a_guardian_who_presses_twice_is_told_the_same_and_it_is_recorded_once(service: Service, accorde: bool) -> None:
    session = await un_mineur(service)
    await choisir(service, session, GARANT, sms=True, alertes=True)
    jeton = await service.lien(GARANT, "accord-parental")
    reponses = [await repondre(service, jeton, accorde) for _ in range(3)]
    assert [(r.status_code, r.json()) for r in reponses] == [(200, {"accorde": accorde, "listes": ["sms", "alertes"]})] * 3
    assert len(consentis(await registre(service, session))) == (2 if accorde else 0)
    natures = [ligne["nature"] for ligne in (await service.appeler(session, "GET", "/v1/moi/activites")).json()["activites"]]
    assert natures.count("accord_parental_donne" if accorde else "accord_parental_refuse") == 1
    assert len([m for m in await service.messages(EMAIL) if m.objet == "Votre abonnement Comptoir"]) == int(accorde)


async def test_of_answers_at_once_one_is_recorded_and_the_contrary_is_not_said_to_be(service: Service) -> None:
    session = await un_mineur(service)
    await choisir(service, session, GARANT, sms=True)
    jeton = await service.lien(GARANT, "accord-parental")
    reponses = await asyncio.gather(*(repondre(service, jeton, n % 2 == 0) for n in range(8)))
    assert sorted(r.status_code for r in reponses) == [*[200] * 4, *[410] * 4]
    [faite] = {r.json()["accorde"] for r in reponses if r.status_code == 200}
    assert (await diffusion(service, session))["sms"] is faite
    assert len(consentis(await registre(service, session))) == int(faite)


async def en_attente(service: Service, session: Corps) -> Corps | None:
    """What the account shows to be waiting for a guardian."""
    lu: Corps = (await service.appeler(session, "GET", "/v1/moi/consentements")).json()["diffusion"]
    accord: Corps | None = lu["accord_parental"]
    return accord


async def test_the_same_choices_again_write_to_nobody_and_the_request_in_hand_is_shown(service_limite: Service) -> None:
    service = service_limite
    session = await un_mineur(service)
    assert await en_attente(service, session) is None
    premiere = await choisir(service, session, GARANT, sms=True, alertes=True)
    # With their address again, or without: it is known.
    for garant in (GARANT, None, GARANT):
        encore = await choisir(service, session, garant, sms=True, alertes=True)
        assert (encore.status_code, encore.json()) == (200, premiere.json())
    assert await en_attente(service, session) == premiere.json()["accord_parental"]
    assert len(await service.messages(GARANT)) == 1
    demandes = "select count(*) from activites where nature = 'accord_parental_demande'"
    assert await service.sql.fetchval(demandes) == 1
    donne = await repondre(service, await service.lien(GARANT, "accord-parental"), True)
    assert donne.json() == {"accorde": True, "listes": ["sms", "alertes"]}
    assert await en_attente(service, session) is None


async def test_of_the_same_request_made_at_once_one_is_written(service: Service) -> None:
    session = await un_mineur(service)
    reponses = await asyncio.gather(*(choisir(service, session, GARANT, sms=True) for _ in range(8)))
    assert {(r.status_code, r.json()["accord_parental"]["expire_le"]) for r in reponses} == {
        (200, reponses[0].json()["accord_parental"]["expire_le"])
    }
    assert len(await service.messages(GARANT)) == 1


async def test_what_waits_for_a_guardian_hinders_no_withdrawal_under_a_newer_cgu(service: Service) -> None:
    session = await un_mineur(service)
    await choisir(service, session, GARANT, email=True)
    await repondre(service, await service.lien(GARANT, "accord-parental"), True)
    await choisir(service, session, GARANT, email=True, sms=True)
    await publier(service, SUIVANTE, "Texte neuf.")
    moins = await choisir(service, session, sms=True)
    assert (moins.status_code, moins.json()["email"], moins.json()["accord_parental"]["listes"]) == (200, False, ["sms"])
    for garant, choix in (("autre@exemple.fr", {"sms": True}), (GARANT, {"sms": True, "alertes": True})):
        assert refus(await choisir(service, session, garant, **choix)) == (403, "cgu_a_reaccepter")


async def test_what_is_taken_back_of_a_request_leaves_the_rest_of_it(service: Service) -> None:
    session = await un_mineur(service)
    await choisir(service, session, GARANT, email=True)
    await repondre(service, await service.lien(GARANT, "accord-parental"), True)
    await choisir(service, session, GARANT, email=True, sms=True, alertes=True)
    jeton = await service.lien(GARANT, "accord-parental")
    # One that was in force, then one that was waited for.
    moins = await choisir(service, session, sms=True, alertes=True)
    assert (moins.json()["email"], moins.json()["accord_parental"]["listes"]) == (False, ["sms", "alertes"])
    assert (await choisir(service, session, sms=True)).json()["accord_parental"]["listes"] == ["sms"]
    assert len(await service.messages(GARANT)) == 2
    # More than was asked needs them again, for what was not.
    assert champs_fautifs(await choisir(service, session, sms=True, email=True)) == {"/email": "consentement_parental_requis"}
    assert (await repondre(service, jeton, True)).json() == {"accorde": True, "listes": ["sms"]}
    assert await diffusion(service, session) == RIEN | {"sms": True}


async def test_a_message_that_has_not_left_yet_asks_for_what_is_still_wanted(service: Service) -> None:
    session = await un_mineur(service)
    await choisir(service, session, GARANT, sms=True, alertes=True)
    await choisir(service, session, sms=True)
    [message] = await service.messages(GARANT)
    assert "par SMS" in message.texte
    assert "Alertes" not in message.texte


async def test_leaving_one_list_by_its_link_leaves_what_is_asked_for_the_others(service: Service) -> None:
    session = await un_mineur(service)
    await choisir(service, session, GARANT, sms=True)
    await repondre(service, await service.lien(GARANT, "accord-parental"), True)
    await choisir(service, session, GARANT, sms=True, alertes=True)
    _, listes, sienne = await sortie(service)
    assert (await quitter(service, sienne, listes=listes)).json() == {"listes": ["sms"]}
    assert (await en_attente(service, session) or {})["listes"] == ["alertes"]
    assert (await repondre(service, await service.lien(GARANT, "accord-parental"), True)).status_code == 200
    assert await diffusion(service, session) == RIEN | {"alertes": True}


async def test_a_request_that_nobody_answered_in_time_is_asked_anew(service: Service) -> None:
    session = await un_mineur(service)
    await choisir(service, session, GARANT, sms=True)
    assert len(await service.messages(GARANT)) == 1
    await service.sql.execute("update jetons set expire_le = horloge() where usage = 'accord_parental'")
    assert await en_attente(service, session) is None
    assert champs_fautifs(await choisir(service, session, sms=True)) == {"/sms": "consentement_parental_requis"}
    assert (await choisir(service, session, GARANT, sms=True)).json()["accord_parental"]["listes"] == ["sms"]
    assert len(await service.messages(GARANT)) == 2


@pytest.mark.parametrize("ensuite", ["un autre parent", "renoncer", "se désinscrire", "s'effacer"])
async def test_what_the_child_chooses_since_voids_what_was_asked_before(service: Service, ensuite: str) -> None:
    session = await un_mineur(service)
    await choisir(service, session, GARANT, sms=True, email=True)
    await repondre(service, await service.lien(GARANT, "accord-parental"), True)
    await choisir(service, session, GARANT, sms=True, email=True, alertes=True)
    jeton = await service.lien(GARANT, "accord-parental")
    if ensuite == "un autre parent":
        await choisir(service, session, "autre.parent@exemple.fr", sms=True, email=True, lettre_actualite=True)
    elif ensuite == "renoncer":
        await choisir(service, session, sms=True, email=True)
    elif ensuite == "se désinscrire":
        _, listes, sienne = await sortie(service)
        assert listes == "toutes"
        await quitter(service, sienne, listes=listes)
    else:
        await service.appeler(session, "POST", "/v1/moi/effacement", {"mot_de_passe": MOT_DE_PASSE})
    assert refus(await repondre(service, jeton, True)) == (410, "lien_expire")
    assert await service.sql.fetchval("select count(*) from actes_juridiques where objet = 'diffusion.alertes'") == 0


async def test_a_guardian_is_somebody_else_with_an_address(service: Service) -> None:
    session = await un_mineur(service)
    for garant, code in ((EMAIL, "representant_distinct"), ("INES@Exemple.FR", "representant_distinct"), ("x", "trop_court")):
        assert champs_fautifs(await choisir(service, session, garant, sms=True)) == {"/email_representant_legal": code}
    assert await service.compter("jetons") == 1


async def test_the_answer_of_a_guardian_is_given_by_their_link_alone(service: Service) -> None:
    session = await un_mineur(service)
    await choisir(service, session, GARANT, sms=True)
    jeton = await service.lien(GARANT, "accord-parental")
    await service.recuperer("ines.dupont")
    recuperation = await service.lien(EMAIL, "mot-de-passe")
    for faux in (altere(jeton), "x", recuperation, await service.lien(EMAIL)):
        assert refus(await repondre(service, faux, True)) in ((422, "lien_invalide"), (410, "lien_expire"))
    # And theirs opens nothing else.
    assert refus(await service.reinitialiser("Cyprès?29galet", jeton=jeton)) == (422, "recuperation_refusee")
    assert refus(await service.http.post("/v1/annulations", json={"jeton": jeton})) == (410, "lien_expire")
    assert (await diffusion(service, session))["sms"] is False
    assert (await repondre(service, jeton, True)).status_code == 200


async def test_on_their_fifteenth_birthday_they_choose_by_themselves(service: Service) -> None:
    quinze = await service.entre(une_demande(un_citoyen(date_naissance=ne_il_y_a(15)), identifiant="quinze.ans"))
    presque = await service.entre(une_demande(un_citoyen(date_naissance=ne_il_y_a(15, -1)), identifiant="quatorze.ans"))
    assert (await choisir(service, quinze, **TOUT)).status_code == 200
    assert (await choisir(service, presque, **TOUT)).status_code == 422
    assert champs_fautifs(await choisir(service, quinze, GARANT)) == {"/email_representant_legal": "representant_inutile"}


async def test_additions_are_counted_and_confirmed_and_leaving_is_never_refused(service_limite: Service) -> None:
    session = await service_limite.entre(une_demande())
    await service_limite.recuperer("ines.dupont")
    await service_limite.arreter_horloge(datetime.now(UTC))
    for _ in range(10):
        assert (await choisir(service_limite, session, sms=True)).status_code == 200
        assert (await choisir(service_limite, session)).status_code == 200
    # However lately the address was written to.
    assert len([m for m in await service_limite.messages(EMAIL) if "/desinscription/" in m.texte]) == 10
    actes = await service_limite.compter("actes_juridiques")
    assert refus(await choisir(service_limite, session, sms=True)) == (429, "trop_de_demandes")
    assert (await choisir(service_limite, session)).status_code == 200
    assert await service_limite.compter("actes_juridiques") == actes


async def test_asking_guardians_takes_none_of_the_codes_of_a_recovery(service_limite: Service) -> None:
    await service_limite.arreter_horloge(datetime.now(UTC))
    session = await un_mineur(service_limite)
    reponses = [await choisir(service_limite, session, f"parent{n}@exemple.fr", sms=True) for n in range(6)]
    assert [r.status_code for r in reponses] == [200] * 5 + [429]
    id = await service_limite.recuperer("ines.dupont")
    code = await service_limite.code(EMAIL)
    assert (await service_limite.reinitialiser("Cyprès?29galet", id=id, code=code)).status_code == 200


async def dater(service: Service, session: Corps, naissance: str) -> httpx.Response:
    corps = {"profil": {"type": "citoyen", "date_naissance": naissance}}
    return await service.appeler(session, "PATCH", "/v1/moi", corps, **{"If-Match": "*"})


async def test_the_guardian_is_not_done_without_by_declaring_another_birth_date(service: Service) -> None:
    session = await un_mineur(service)
    for naissance in ("1990-01-01", ne_il_y_a(15)):
        assert champs_fautifs(await dater(service, session, naissance)) == {"/profil/date_naissance": "age_a_certifier"}
    assert (await dater(service, session, ne_il_y_a(15, -1))).status_code == 200
    assert champs_fautifs(await choisir(service, session, sms=True)) == {"/sms": "consentement_parental_requis"}


async def test_who_turns_out_to_be_a_minor_keeps_no_consent_given_alone(service: Service) -> None:
    session = await service.entre(une_demande(diffusion=RIEN | {"email": True}))
    await choisir(service, session, email=True, sms=True)
    corrige = await dater(service, session, ne_il_y_a(14))
    assert (corrige.status_code, corrige.json()["diffusion"]) == (200, RIEN)
    lignes = consentis(await registre(service, session))
    assert lignes[:2] == [("email", True, "titulaire"), ("sms", True, "titulaire")]
    assert sorted(lignes[2:]) == [("email", False, "service"), ("sms", False, "service")]
    fil = (await service.appeler(session, "GET", "/v1/moi/activites?limite=2")).json()["activites"]
    assert {ligne["nature"]: ligne["details"] for ligne in fil} == {
        "diffusion_modifiee": {"listes": {"email": False, "sms": False}},
        "profil_modifie": {"champs": ["date_naissance"]},
    }
    # What a guardian agreed to stays, whatever else of the profile is corrected.
    await choisir(service, session, GARANT, alertes=True)
    await repondre(service, await service.lien(GARANT, "accord-parental"), True)
    assert (await dater(service, session, ne_il_y_a(13))).json()["diffusion"] == RIEN | {"alertes": True}


async def test_a_guardian_is_written_to_once_a_minute_and_the_request_in_hand_stays_good(service_limite: Service) -> None:
    session = await un_mineur(service_limite)
    await choisir(service_limite, session, GARANT, sms=True)
    assert refus(await choisir(service_limite, session, GARANT, alertes=True)) == (429, "trop_de_demandes")
    assert len(await service_limite.messages(GARANT)) == 1
    assert (await repondre(service_limite, await service_limite.lien(GARANT, "accord-parental"), True)).json()["listes"] == [
        "sms"
    ]
