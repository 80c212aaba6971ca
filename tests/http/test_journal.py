"""Logs: what a whole journey writes holds neither secret nor person, one line an event; what is printed by mistake, neither."""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args
from uuid import UUID, uuid4

import pytest

from app.http.identifiants import ContexteMotDePasse, DemandeEvaluation
from app.journal import Formateur
from app.settings import Settings
from app.usecases.appel import Appel
from app.usecases.identifiants import Noms
from app.usecases.securite import Evenement
from domain.activation import Essai, Jeton, LienSuivi
from domain.activite import Activite, ActiviteVue, Fil, LigneActivite, Nature
from domain.compte import Contact, InscriptionOuverte, NouveauCompte
from domain.consentements import ChoixDiffusion, DemandeDesinscription, ReponseParentale
from domain.export import DemandeAnnulation, DemandeEffacement
from domain.formulaire import lire
from domain.inscription import CorrectionContacts, DemandeInscription, InscriptionCreee
from domain.jetons import Cle, Trousseau
from domain.message import Message, Rendu
from domain.modification import (
    CitoyenModifie,
    DemandeContact,
    DemandeIdentifiant,
    DemandeMotDePasse,
    IdentifiantVue,
    ModificationMoi,
)
from domain.moi import ContactVue
from domain.ports import MessageRecu, Verification
from domain.recuperation import (
    ConfirmationRecuperation,
    DemandeIdentifiantOublie,
    DemandeRecuperation,
    Destinataire,
    Recuperation,
)
from domain.session import (
    Candidat,
    DemandeRafraichissement,
    DemandeReauthentification,
    DemandeSession,
    Duree,
    JetonsSession,
    SessionCreee,
    SessionsVue,
    SessionVue,
)
from domain.titulaire import ContactTenu, Titulaire
from domain.transaction import NouvelleSession
from tests.builders import (
    des_outils,
    parait,
    un_citoyen,
    un_representant,
    une_adresse,
    une_association,
    une_demande,
    une_entreprise,
)
from tests.recueil import Recueil
from tests.service import Service, porteur, refus

ARCHITECTURE = Path(__file__).parents[2] / "ARCHITECTURE.md"
CANARIS = ("Canari!73orage", "canari-mail@exemple.fr", "canari-mail", "0612349876", "612349876", "0139987654", "139987654",
           "Canarinom", "Canariprenom", "canarinom", "Canarirue", "Canarisociale", "1987-06-05", "192.0.2.10")  # fmt: skip


def une_personne(**changes: Any) -> dict[str, Any]:
    profil = un_citoyen(nom_naissance="Canarinom", nom_usage="Canarinom", prenom="Canariprenom", date_naissance="1987-06-05")
    contacts = {"email": "canari-mail@exemple.fr", "telephone_mobile": "0612349876", "telephone_fixe": "0139987654"}
    return une_demande(profil, mot_de_passe="Canari!73orage", **contacts) | changes


def une_organisation() -> dict[str, Any]:
    representant = un_representant(nom="Canarinom", prenom="Canariprenom")
    return une_entreprise(raison_sociale="Canarisociale", adresse=une_adresse(ligne1="3 Canarirue"), representant=representant)


async def test_a_whole_journey_writes_neither_secret_nor_person(settings: Settings, recueil: Recueil) -> None:
    secrets: list[str] = []
    codes: list[str] = []
    async with Service(settings) as service:
        for demande in (une_personne(activer_par="sms"), une_personne(profil=une_organisation(), activer_par="sms")):
            inscription = (await service.inscrire(demande, cle="canari-cle")).json()
            await service.demander(inscription, "email")
            code, lien = await service.code("+33612349876"), await service.lien("canari-mail@exemple.fr")
            codes += [code, await service.code("canari-mail@exemple.fr")]
            secrets += [inscription["secret"], lien]
            await service.essayer(inscription, inscription["activation"], f"{(int(code) + 1) % 10**6:06d}")
            await service.renvoyer(inscription, inscription["activation"])
            await service.corriger(inscription, telephone_mobile="0612349876", email="canari-mail@exemple.fr")
            await service.suivre(lien)
            await service.suivre(lien)
            await service.lire(inscription)
            await service.sql.execute("delete from idempotence")
        await service.annuler(await service.inscrit(une_personne()))
        await _refuses(service)
        await _en_panne(service, settings)

    assert len([ligne for ligne in recueil.lignes if '"comptoir.' in ligne]) > 30
    for ligne in recueil.lignes:
        assert not [valeur for valeur in (*CANARIS, *secrets, "canari-cle") if valeur in ligne], ligne[:2000]
        assert not [code for code in codes if parait(code, ligne)], ligne[:2000]


async def _refuses(service: Service) -> None:
    http = service.http
    await service.inscrire(une_personne(email="canari-mail@exemple.fr, x@y.fr", identifiant="canarinom@exemple.fr"))
    await service.inscrire(une_personne() | {"Canarinom": "Canari!73orage"})
    await http.post(
        "/v1/inscriptions", content=b'{"mot_de_passe": "Canari!73orage"', headers={"Content-Type": "application/json"}
    )
    await http.post("/v1/inscriptions/controles", json=une_personne(identifiant="canariprenom.canarinom"))
    await http.post("/v1/mots-de-passe/evaluations", json={"mot_de_passe": "Canari!73orage", "contexte": {"nom": "Canarinom"}})
    await http.post("/v1/identifiants/propositions", json={"prenom": "Canariprenom", "nom": "Canarinom"})
    for chemin in ("/v1/identifiants/canarinom", "/Canarinom", "/v1/profils/Canarinom", "/v1/configuration?email=canari-mail"):
        await http.get(
            chemin, headers={"Authorization": "Bearer Canari!73orage", "User-Agent": "Canarinom", "Referer": "Canarinom"}
        )
    await service.suivre("Canari!73orage" * 4)


async def _en_panne(service: Service, settings: Settings) -> None:
    """Faults of ours, whose texts quote the row, the statement and its parameters."""
    await service.sql.execute(
        "create function casser() returns trigger language plpgsql as"
        " $$ begin raise exception 'en panne: % %', new, new.valeur using detail = new.valeur; end $$"
    )
    await service.sql.execute("create trigger casser before insert on contacts for each row execute function casser()")
    assert refus(await service.inscrire(une_personne())) == (500, "erreur_interne")
    await service.sql.execute("drop trigger casser on contacts")
    await service.sql.execute("alter table contacts add constraint refuser check (valeur !~ 'canari') not valid")
    assert refus(await service.inscrire(une_personne())) == (500, "erreur_interne")
    await service.sql.execute("alter table contacts drop constraint refuser")
    # And a mailbox that cannot be written.
    await service.inscrit(une_personne(activer_par="email"))
    boite = Path(settings.data_dir) / "messages"
    boite.rename(boite.with_name("ailleurs"))
    boite.touch()
    await service.livrer()


async def test_a_request_is_one_line_that_tells_its_route_and_not_its_path(settings: Settings, recueil: Recueil) -> None:
    async with Service(settings) as service:
        inscription = await service.inscrit(une_personne())
        recueil.lignes.clear()
        await service.http.get("/v1/identifiants/canarinom", headers={"X-Request-Id": "essai-journal"})
        lue = await service.lire(inscription)
        await service.http.request("GET\r\nFAUX", "/nulle%0Apart")
    acces = [json.loads(ligne) for ligne in recueil.lignes if '"comptoir.acces"' in ligne]
    assert [(a["route"], a["statut"], a["methode"]) for a in acces] == [
        ("/v1/identifiants/{identifiant:str}", 200, "GET"),
        ("/v1/inscriptions/{id:uuid}", 200, "GET"),
        ("-", 404, "GET\r\nFAUX"),
    ]
    assert acces[0]["request_id"] == "essai-journal" != acces[0]["trace"]
    # One id where the caller gave none.
    assert acces[1]["trace"] == lue.headers["x-request-id"]
    assert "request_id" not in acces[1]
    assert acces[0].keys() == {
        "instant", "niveau", "source", "message", "request_id", "trace", "methode", "route", "statut", "duree_ms"
    }  # fmt: skip
    # Of a refusal, which one: throttling, denials and wrong codes can be counted by it (R92).
    assert acces[2]["code"] == "introuvable"
    assert datetime.fromisoformat(acces[0]["instant"]).tzinfo == UTC
    assert abs((datetime.now(UTC) - datetime.fromisoformat(acces[0]["instant"])).total_seconds()) < 60


async def test_what_the_feed_tells_the_holder_the_log_tells_security_once_committed(service: Service, recueil: Recueil) -> None:
    session = await service.entre(une_personne())
    entetes = {"X-Request-Id": "essai-securite"}
    trop = {"mot_de_passe_actuel": "Canari!73orage", "mot_de_passe": "court"}
    assert (await service.appeler(session, "PUT", "/v1/moi/mot-de-passe", trop, **entetes)).status_code == 422
    change = {"mot_de_passe_actuel": "Canari!73orage", "mot_de_passe": "Autre!91tempete"}
    assert (await service.appeler(session, "PUT", "/v1/moi/mot-de-passe", change, **entetes)).status_code == 204
    await service.sql.execute("create function casser() returns trigger language plpgsql as $$ begin raise 'non'; end $$")
    await service.sql.execute(
        "create constraint trigger casser after insert on activites deferrable initially deferred"
        " for each row execute function casser()"
    )
    assert (await service.appeler(session, "DELETE", "/v1/sessions/courante", **entetes)).status_code == 500
    lues = [json.loads(ligne) for ligne in recueil.lignes if '"comptoir.securite"' in ligne and '"essai-securite"' in ligne]
    assert [ligne["message"] for ligne in lues] == ["mot_de_passe_change"]
    assert len({ligne["sujet"] for ligne in lues}) == 1


def securite(recueil: Recueil) -> list[tuple[str, str]]:
    """What the security log holds since the last look: event, and pseudonym of the account."""
    lues = [json.loads(ligne) for ligne in recueil.lignes if '"comptoir.securite"' in ligne]
    recueil.lignes.clear()
    return [(ligne["message"], ligne["sujet"]) for ligne in lues]


async def test_an_account_is_followed_in_the_security_log_from_its_opening_whoever_writes_its_feed(
    service: Service, recueil: Recueil
) -> None:
    demande = une_personne(activer_par="sms")
    inscription = await service.inscrit(demande)
    [(evenement, sujet)] = securite(recueil)
    assert evenement == "compte_cree"
    nom, juste, faux = inscription["identifiant"], demande["mot_de_passe"], "Faux!28orage"

    assert refus(await service.connecter(nom, juste)) == (403, "compte_non_active")
    assert refus(await service.connecter(nom, faux)) == (401, "identifiants_incorrects")
    assert securite(recueil) == [("connexion_en_attente", sujet), ("connexion_refusee", sujet)]

    code = await service.code("+33612349876")
    for _ in range(6):
        await service.essayer(inscription, inscription["activation"], f"{(int(code) + 1) % 10**6:06d}")
    # Counted whatever the proof: five that were wrong, and one too many.
    assert securite(recueil) == [("code_refuse", sujet)] * 6
    ailleurs = await service.inscrit(une_personne(email="ailleurs@exemple.fr"))
    recueil.lignes.clear()
    await service.essayer(ailleurs, inscription["activation"], code)
    assert securite(recueil) == []

    await service.demander(inscription, "email")
    assert (await service.suivre(await service.lien("canari-mail@exemple.fr"))).status_code == 200
    echange = await service.http.post(f"/v1/inscriptions/{inscription['id']}/session", json={}, headers=porteur(inscription))
    assert echange.status_code == 201, echange.text
    session = await service.connecte(nom, juste)
    assert securite(recueil) == [("compte_active", sujet), ("connexion", sujet), ("connexion", sujet)]

    contact = {"canal": "sms", "valeur": "+33612340000"}
    changement = (await service.appeler(session, "POST", "/v1/moi/contacts", contact)).json()
    code = await service.code("+33612340000")
    for essai in (code, f"{(int(code) + 1) % 10**6:06d}"):
        await service.appeler(session, "POST", f"/v1/moi/contacts/{changement['id']}/essais", {"code": essai})
    # A proof that was just spent is no place to guess either.
    assert securite(recueil) == [("contact_demande", sujet), ("contact_change", sujet), ("code_refuse", sujet)]

    redit = {"mot_de_passe": faux}
    assert (await service.appeler(session, "POST", "/v1/sessions/courante/reauthentification", redit)).status_code == 401
    effacement = await service.appeler(session, "POST", "/v1/moi/effacement", {"mot_de_passe": juste})
    assert effacement.status_code == 202, effacement.text
    assert refus(await service.connecter(nom, juste)) == (403, "effacement_en_cours")
    assert securite(recueil) == [
        ("mot_de_passe_refuse", sujet), ("effacement_demande", sujet), ("connexion_effacement", sujet)
    ]  # fmt: skip


async def test_an_opening_or_an_activation_that_was_not_committed_is_not_told(service: Service, recueil: Recueil) -> None:
    inscription = await service.inscrit(une_personne(activer_par="sms"))
    recueil.lignes.clear()
    await service.sql.execute("create function casser() returns trigger language plpgsql as $$ begin raise 'non'; end $$")
    await service.sql.execute(
        "create constraint trigger casser after insert on activites deferrable initially deferred"
        " for each row execute function casser()"
    )
    code = await service.code("+33612349876")
    assert (await service.inscrire(une_personne())).status_code == 500
    assert (await service.essayer(inscription, inscription["activation"], code)).status_code == 500
    assert securite(recueil) == []


def test_the_vocabulary_of_the_security_log_is_documented_whole() -> None:
    [liste] = re.findall(r"^Its events\..*?(?=\n\n)", ARCHITECTURE.read_text(encoding="utf-8"), re.M | re.S)
    assert set(re.findall(r"`([a-z_]+)`", liste)) == {*get_args(Nature), *get_args(Evenement)}


async def test_a_fault_is_one_line_with_its_places_and_types_and_the_id_that_the_client_was_given(
    settings: Settings, recueil: Recueil
) -> None:
    async with Service(settings) as service:
        await service.sql.execute("alter table contacts add constraint refuser check (valeur is null) not valid")
        reponse = await service.inscrire(une_personne())
        suivante = await service.http.post("/v1/inscriptions", json=une_personne(), headers={"X-Request-Id": "essai-faute"})
    faute, autre = [json.loads(ligne) for ligne in recueil.lignes if '"erreur interne"' in ligne]
    assert faute["niveau"] == "ERROR"
    assert faute["trace"] == reponse.json()["request_id"]
    # Every line leads to the ledger and to the caller's own log.
    [acces] = [json.loads(ligne) for ligne in recueil.lignes if '"comptoir.acces"' in ligne and '"essai-faute"' in ligne]
    assert autre["request_id"] == suivante.json()["request_id"] == "essai-faute"
    assert autre["trace"] == acces["trace"] != faute["trace"]
    types, *cadres = faute["exc_info"].splitlines()
    assert "CheckViolationError" in types
    assert any("adapters/postgres/comptes.py" in cadre for cadre in cadres)


def test_whatever_is_logged_is_one_line_of_json() -> None:
    enregistrement = logging.makeLogRecord({"msg": "a\nb\r\nc %s", "args": ("\x1b[31m\u2028\x00é",), "levelname": "INFO"})
    ligne = Formateur().format(enregistrement)
    assert not set(ligne) & {"\n", "\r", "\x1b", "\x00"}
    assert json.loads(ligne)["message"] == "a\nb\r\nc \x1b[31m\u2028\x00é"


def _porteurs() -> list[Any]:
    """One of each thing that holds a secret or a person."""
    outils = des_outils()
    demandes = [
        lire(une_personne(profil=p), DemandeInscription, outils) for p in (une_personne()["profil"], une_organisation())
    ]
    association = une_association(denomination="Canarisociale", representant=un_representant(nom="Canarinom"))
    contact = Contact("email", "canari-mail@exemple.fr")
    jeton = Jeton(id=uuid4(), compte_id=uuid4(), usage="activation", canal="sms", destination="+33612349876", cle_id="essai")
    message: dict[str, Any] = {"id": uuid4(), "canal": "email", "destination": "canari-mail@exemple.fr", "objet": "Canarinom"}
    compte: dict[str, Any] = {"id": UUID(int=0), "identifiant": "canarinom", "langue": "fr", "contacts": (contact,)}
    return [
        *demandes,
        *(d.profil for d in demandes),
        demandes[1].profil.adresse,  # type: ignore[union-attr]
        lire(une_personne(profil=association), DemandeInscription, outils).profil,
        lire({"email": "canari-mail@exemple.fr"}, CorrectionContacts, outils),
        Essai(code="Canarinom"),
        LienSuivi(jeton="Canarinom"),
        Noms(nom="Canarinom"),
        DemandeEvaluation(mot_de_passe="Canari!73orage"),
        ContexteMotDePasse(nom="Canarinom"),
        InscriptionCreee(id=UUID(int=0), etat="en_attente", profil="citoyen", identifiant="canarinom", canaux=[],
                         expire_le=datetime.now(UTC), activation=None, secret="Canari!73orage"),
        NouveauCompte(base="canarinom", profil=demandes[0].profil, empreinte_mdp="Canari!73orage", **compte),
        InscriptionOuverte(
            etat="actif", type="citoyen", expire_le=datetime.now(UTC), expiree=False, remise=False, activations=(), **compte
        ),
        contact,
        jeton,
        Message(id=uuid4(), compte_id=uuid4(), canal="sms", modele="contact_retabli", destination="canari-mail@exemple.fr",
                langue="fr", identifiant="canarinom", jeton=jeton, faits={"nouvelle": "canari-mail"}, perime=False,
                identifiants=("canarinom",), tentatives=1),
        Rendu(texte="Canarinom", **message),
        MessageRecu(texte="Canarinom", html=None, envoye_le=datetime.now(UTC), **message),
        *_porteurs_de_session(),
        Titulaire(
            id=uuid4(), session_id=uuid4(), identifiant="canarinom", langue="fr", profil=demandes[0].profil, provenances={},
            contacts=(ContactTenu(nature="email", valeur="canari-mail@exemple.fr", recoit_sms=False, verifie_le=None),),
            identites=(), actes={}, cgu_en_vigueur="a", rgpd_en_vigueur="a",
            recent=True, mot_de_passe_defini=True, cree_le=datetime.now(UTC), active_le=datetime.now(UTC), modifie_le=None,
        ),
        Cle("essai", b"Canari!73orage"),
        Trousseau((Cle("essai", b"Canari!73orage"),)),
        Appel(client="192.0.2.10", corps=b"Canari!73orage", cle_idempotence="Canarinom"),
        Settings(database_url="postgresql://x:Canari!73orage@y/z", smtp_url="smtps://Canarinom", secret_keys="Canari!73orage"),
    ]  # fmt: skip


def _porteurs_de_session() -> list[Any]:
    """The same, of what comes once an account is active."""
    id_, instant, secret = uuid4(), datetime.now(UTC), "Canari!73orage"
    jetons: dict[str, Any] = {"jeton_acces": secret, "jeton_rafraichissement": secret, "expire_dans": 600, "session": id_,
                              "session_expire_le": instant, "session_fin_le": instant, "rester_connecte": False}  # fmt: skip
    details = {"adresse": "192.0.2.10", "destination": "canari-mail@exemple.fr"}
    contact: dict[str, Any] = {"nature": "email", "valeur": "canari-mail@exemple.fr", "recoit_sms": False, "verifie_le": None}
    vue = SessionVue(id=id_, courante=True, agent="Canarinom", adresse="192.0.2.10", appareil_partage=False,
                     ouverte_le=instant, vue_le=instant, expire_le=instant, fin_le=instant)  # fmt: skip
    ligne = ActiviteVue(reference="M547361765G", nature="connexion", titre="Connexion", fait_le=instant,
                        details={"adresse": "192.0.2.10", "destination": "canari-mail@exemple.fr"})  # fmt: skip
    return [
        DemandeSession(identifiant="canarinom", mot_de_passe=secret, jeton_appareil=secret),
        DemandeRafraichissement(jeton_rafraichissement=secret),
        DemandeReauthentification(mot_de_passe=secret),
        Candidat(id=id_, etat="actif", empreinte_mdp=secret, epoque=0, effacement_prevu=False, expire=False),
        NouvelleSession(id=id_, compte_id=id_, empreinte=secret.encode(), duree=Duree(1, 1), agent="Canarinom",
                        adresse="192.0.2.10", appareil_partage=False, verifiee=secret),
        Verification(juste=True, nouvelle=secret),
        JetonsSession(**jetons),
        SessionCreee(jeton_appareil=secret, **jetons),
        SessionsVue(sessions=[vue]),
        Activite(nature="connexion", details=details),
        LigneActivite(id=1, nature="connexion", fait_le=instant, details=details),
        Fil(activites=[ligne], suivant=None),
        ContactVue(source="declaration", verifie=False, verrouille=False, **contact),
        IdentifiantVue(identifiant="canarinom"),
        CitoyenModifie(nom_naissance="Canarinom"),
        ModificationMoi(profil=CitoyenModifie(nom_naissance="Canarinom"), telephone_fixe="+33139987654"),
        DemandeContact(canal="email", valeur="canari-mail@exemple.fr", mot_de_passe=secret),
        DemandeMotDePasse(mot_de_passe_actuel=secret, mot_de_passe=secret),
        DemandeIdentifiant(identifiant="canarinom", mot_de_passe=secret),
        DemandeEffacement(mot_de_passe=secret),
        DemandeAnnulation(jeton=secret),
        ChoixDiffusion(email=True, sms=True, lettre_actualite=True, alertes=True,
                       email_representant_legal="canari-mail@exemple.fr"),
        ReponseParentale(jeton=secret, accorde=True),
        DemandeDesinscription(jeton=secret),
        DemandeRecuperation(identifiant="canarinom"),
        DemandeIdentifiantOublie(email="canari-mail@exemple.fr"),
        ConfirmationRecuperation(jeton=secret, mot_de_passe=secret),
        Recuperation(id=id_, objet="mot_de_passe", saisie="canari-mail@exemple.fr", canal=None, client="192.0.2.10"),
        Destinataire(compte_id=id_, email="canari-mail@exemple.fr", mobile="+33612349876"),
    ]  # fmt: skip


@pytest.mark.parametrize("porteur", _porteurs(), ids=lambda p: type(p).__name__)
def test_what_holds_a_secret_or_a_person_prints_without_it(porteur: Any) -> None:
    for ecrit in (repr(porteur), str(porteur), f"{porteur}", repr([porteur])):
        assert not [valeur for valeur in CANARIS if valeur in ecrit]
