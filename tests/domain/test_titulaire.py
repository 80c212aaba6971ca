"""The holder of an account: where each field comes from, what may change, what an attacker knows, when a reading is stale."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest
from msgspec import structs

from domain.erreurs import CguAReaccepter, ChampsInvalides, ReauthentificationRequise, SessionFinie
from domain.formulaire import ValeurInvalide, lire
from domain.inscription import LISTES
from domain.juridique import OBLIGATOIRES, ActeRetenu, objet_de
from domain.modification import DemandeContact, ModificationMoi, fusionner, lire_contact, restantes
from domain.moi import etiquette, vue
from domain.profils import PROFILS, Profil
from domain.titulaire import ContactTenu, Provenance, Titulaire, exiger_ecriture, exiger_recent, exiger_titulaire
from tests.builders import Corps, des_outils, un_citoyen, un_representant, une_adresse, une_association, une_entreprise

OUTILS, INSTANT = des_outils(), datetime(2026, 11, 21, 12, tzinfo=UTC)
VERIFIE = Provenance(source="franceconnect", verifie=True, verrouille=True)
EMAIL = ContactTenu(nature="email", valeur="ines@exemple.fr", recoit_sms=False, verifie_le=INSTANT)
ACCEPTES = {code: ActeRetenu(version="2026-11", valeur=True, par="titulaire") for code in OBLIGATOIRES}
MOBILE = ContactTenu(nature="telephone_mobile", valeur="+33612345678", recoit_sms=True, verifie_le=None)


def un_profil(corps: Corps) -> Profil:
    lu: Profil = lire(corps, PROFILS[corps["type"]], OUTILS)
    return lu


def un_titulaire(corps: Corps | None = None, **changes: Any) -> Titulaire:
    champs: dict[str, Any] = {
        "id": UUID(int=1), "session_id": UUID(int=2), "identifiant": "ines.dupont", "langue": "fr",
        "profil": un_profil(corps or un_citoyen()), "provenances": {}, "contacts": (EMAIL, MOBILE), "identites": (),
        "actes": ACCEPTES, "cgu_en_vigueur": "2026-11", "rgpd_en_vigueur": "2026-11", "mot_de_passe_defini": True,
        "recent": True, "cree_le": INSTANT, "active_le": INSTANT, "modifie_le": None,
    }  # fmt: skip
    return Titulaire(**champs | changes)


def des_choix(**listes: bool) -> dict[str, ActeRetenu]:
    """The ledger of somebody who chose so."""
    choix = {objet_de(nom): ActeRetenu(version="2026-11", valeur=voulu, par="titulaire") for nom, voulu in listes.items()}
    return ACCEPTES | choix


def modifier(titulaire: Titulaire, **changes: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """The profile that a change gives, as decoded from a body, and its faults by pointer."""
    corps = {"profil": {"type": msgspec.to_builtins(titulaire.profil)["type"]} | changes}
    partiel = lire(corps, ModificationMoi, OUTILS).profil
    assert isinstance(partiel, msgspec.Struct)
    apres, fautes = fusionner(titulaire, partiel)
    return apres, {f.pointer: f.code for f in fautes}


# Changing


@pytest.mark.parametrize(
    ("corps", "change"),
    [
        (un_citoyen(), {"nom_usage": "Martin"}),
        (un_citoyen(), {"nom_usage": None}),
        (un_citoyen(), {"prenom": "Zoé", "date_naissance": "1999-12-31"}),
        (une_entreprise(), {"raison_sociale": "Le Goff et filles"}),
        (une_entreprise(), {"adresse": une_adresse(ligne1="1 place du Marché"), "code_naf": None}),
        (une_association(), {"representant": un_representant(nom="Martin"), "objet": None}),
    ],
)
def test_what_is_named_changes_and_the_rest_stays(corps: Corps, change: Corps) -> None:
    titulaire = un_titulaire(corps)
    apres, fautes = modifier(titulaire, **change)
    assert fautes == {}
    assert apres == msgspec.to_builtins(un_profil(corps | change))
    # What comes out is read again as at sign-up.
    assert un_profil(apres) == un_profil(corps | change)


def test_naming_nothing_changes_nothing() -> None:
    titulaire = un_titulaire()
    assert modifier(titulaire) == (msgspec.to_builtins(titulaire.profil), {})


def test_an_address_or_a_representative_is_replaced_whole() -> None:
    apres, _ = modifier(un_titulaire(une_entreprise()), adresse=une_adresse(ligne2=None, code_commune=None))
    assert (apres["adresse"]["ligne2"], apres["adresse"]["code_commune"]) == (None, None)
    with pytest.raises(ChampsInvalides) as refus:
        modifier(un_titulaire(une_entreprise()), adresse={"ligne1": "1 place du Marché"})
    assert {e.pointer for e in refus.value.erreurs} > {"/profil/adresse/commune"}


def test_a_profile_does_not_become_another() -> None:
    partiel = lire({"profil": {"type": "entreprise"}}, ModificationMoi, OUTILS).profil
    assert isinstance(partiel, msgspec.Struct)
    titulaire = un_titulaire()
    apres, fautes = fusionner(titulaire, partiel)
    assert [(f.pointer, f.code) for f in fautes] == [("/profil/type", "champ_verrouille")]
    assert apres == msgspec.to_builtins(titulaire.profil)


def test_a_locked_field_does_not_change_and_every_one_that_would_is_told() -> None:
    verrous = {"nom_naissance": VERIFIE, "prenom": VERIFIE, "date_naissance": VERIFIE}
    titulaire = un_titulaire(provenances=verrous)
    _, fautes = modifier(titulaire, nom_naissance="Martin", prenom="Zoé", nom_usage="Martin")
    assert fautes == {"/profil/nom_naissance": "champ_verrouille", "/profil/prenom": "champ_verrouille"}


def test_a_locked_field_sent_back_as_it_is_is_no_change() -> None:
    titulaire = un_titulaire(provenances={"nom_naissance": VERIFIE, "date_naissance": VERIFIE})
    _, fautes = modifier(titulaire, nom_naissance="Dupont", date_naissance="2000-01-01", nom_usage=None)
    assert fautes == {}


def test_what_is_verified_without_being_locked_may_be_corrected() -> None:
    titulaire = un_titulaire(provenances={"prenom": Provenance(source="franceconnect", verifie=True)})
    assert modifier(titulaire, prenom="Zoé")[1] == {}


def test_a_change_of_nothing_at_all_is_a_fault() -> None:
    lire({"langue": "en", "telephone_fixe": None}, ModificationMoi, OUTILS).exiger_un_champ()
    with pytest.raises(ChampsInvalides) as refus:
        lire({}, ModificationMoi, OUTILS).exiger_un_champ()
    assert [(e.pointer, e.code) for e in refus.value.erreurs] == [("", "rien_a_modifier")]


def test_a_field_that_its_holder_changed_is_a_declaration_again_and_the_others_keep_their_source() -> None:
    titulaire = un_titulaire(provenances={"prenom": Provenance(source="franceconnect", verifie=True), "nom_naissance": VERIFIE})
    apres, _ = modifier(titulaire, prenom="Zoé", nom_usage=None)
    assert restantes(titulaire, un_profil(apres), OUTILS) == {"nom_naissance": VERIFIE}
    assert restantes(titulaire, titulaire.profil, OUTILS) == titulaire.provenances


def test_a_change_is_refused_on_the_field_that_is_wrong() -> None:
    corps: list[tuple[Corps, dict[str, str]]] = [
        ({"email": "x@exemple.fr"}, {"/email": "champ_inconnu"}),
        ({"profil": {"type": "citoyen", "siret": "73282932000074"}}, {"/profil/siret": "champ_inconnu"}),
        ({"profil": {"type": "citoyen", "nom_naissance": None}}, {"/profil/nom_naissance": "non_nul"}),
        ({"profil": {}}, {"/profil/type": "requis"}),
    ]
    for envoye, attendues in corps:
        with pytest.raises(ChampsInvalides) as refus:
            lire(envoye, ModificationMoi, OUTILS)
        assert attendues.items() <= {e.pointer: e.code for e in refus.value.erreurs}.items(), envoye


# Reading


@pytest.mark.parametrize("corps", [un_citoyen(), une_entreprise(), une_association()], ids=lambda c: c["type"])
def test_every_field_of_the_profile_tells_where_it_comes_from(corps: Corps) -> None:
    premier = next(nom for nom in corps if nom != "type")
    lue = vue(un_titulaire(corps, provenances={premier: VERIFIE}))
    assert lue.provenances.keys() == {f"/profil/{nom}" for nom in corps if nom != "type"}
    assert lue.provenances.pop(f"/profil/{premier}") == VERIFIE
    assert set(lue.provenances.values()) == {Provenance()}


def test_contacts_are_told_with_their_proof_and_mailings_all_of_them() -> None:
    lue = vue(un_titulaire(actes=des_choix(email=True, alertes=False)))
    assert [(c.nature, c.valeur, c.verifie, c.verifie_le, c.recoit_sms) for c in lue.contacts] == [
        ("email", "ines@exemple.fr", True, INSTANT, False), ("telephone_mobile", "+33612345678", False, None, True)
    ]  # fmt: skip
    assert structs.asdict(lue.diffusion) == {liste: liste == "email" for liste in LISTES}


def test_a_stale_acceptance_is_told_and_stops_writing_but_not_reading() -> None:
    a_jour, perime = un_titulaire(), un_titulaire(cgu_en_vigueur="2027-01")
    assert vue(a_jour).acceptations.cgu_a_reaccepter is None
    assert vue(perime).acceptations.cgu_a_reaccepter == "2027-01"
    assert exiger_titulaire(perime) is perime
    assert exiger_ecriture(a_jour) is a_jour
    with pytest.raises(CguAReaccepter) as refus:
        exiger_ecriture(perime)
    assert "2027-01" in str(refus.value.__dict__)
    # A newer notice is read, not accepted: it stops nothing.
    assert exiger_ecriture(un_titulaire(rgpd_en_vigueur="2027-01"))


def test_without_a_live_session_there_is_no_holder_and_without_the_password_nothing_sensitive() -> None:
    for exiger in (exiger_titulaire, exiger_ecriture):
        with pytest.raises(SessionFinie):
            exiger(None)
    assert exiger_recent(un_titulaire()).recent
    with pytest.raises(ReauthentificationRequise):
        exiger_recent(un_titulaire(recent=False))


def test_the_validator_changes_with_whatever_is_read_and_with_nothing_else() -> None:
    reference = un_titulaire()
    lectures = [
        reference,
        un_titulaire(un_citoyen(prenom="Zoé")),
        un_titulaire(langue="en"),
        un_titulaire(identifiant="ines.martin"),
        un_titulaire(contacts=(EMAIL,)),
        un_titulaire(contacts=(EMAIL, structs.replace(MOBILE, verifie_le=INSTANT))),
        un_titulaire(actes=des_choix(email=True)),
        un_titulaire(cgu_en_vigueur="2027-01"),
        un_titulaire(provenances={"prenom": VERIFIE}),
        un_titulaire(mot_de_passe_defini=False),
        un_titulaire(modifie_le=INSTANT),
    ]
    etiquettes = [etiquette(vue(t)) for t in lectures]
    assert len(set(etiquettes)) == len(lectures)
    assert etiquette(vue(un_titulaire())) == etiquettes[0]
    # Which session reads, and when the password was last given, are not part of it.
    assert etiquette(vue(un_titulaire(session_id=UUID(int=9), recent=False))) == etiquettes[0]
    assert all(e[0] == e[-1] == '"' and len(e) == 34 for e in etiquettes)


# What an attacker knows


def test_the_judge_of_passwords_is_told_everything_that_the_account_shows_of_the_person() -> None:
    connus = {mot.lower() for mot in un_titulaire().mots_connus()}
    assert {"inès", "dupont", "le goff", "2000-01-01", "ines.dupont", "ines@exemple.fr", "+33612345678"} <= connus
    connus = {mot.lower() for mot in un_titulaire(une_entreprise()).mots_connus()}
    assert {"ateliers le goff", "yann", "le goff", "ines.dupont"} <= connus
    connus = {mot.lower() for mot in un_titulaire(une_association()).mots_connus()}
    assert {"les amis du canal", "yann", "le goff"} <= connus


# A new contact


def test_a_new_contact_is_read_into_its_one_form() -> None:
    assert lire_contact("sms", "06 98 76 54 32", OUTILS) == "+33698765432"
    assert lire_contact("email", "Ines@Exemple.FR", OUTILS) == "Ines@exemple.fr"


@pytest.mark.parametrize(
    ("canal", "valeur", "code"),
    [
        ("sms", "0139980101", "sms_impossible"),
        ("sms", "0899123456", "telephone_surtaxe"),
        ("sms", "ines@exemple.fr", "telephone_invalide"),
        ("email", "0612345678", "email_invalide"),
        ("email", "ines", "email_invalide"),
    ],
)
def test_a_contact_that_cannot_be_proven_is_refused_where_it_was_typed(canal: Any, valeur: str, code: str) -> None:
    with pytest.raises(ValeurInvalide) as faute:
        lire_contact(canal, valeur, OUTILS)
    assert faute.value.code == code
    with pytest.raises(ChampsInvalides) as refus:
        lire({"canal": canal, "valeur": valeur}, DemandeContact, OUTILS)
    assert {e.pointer: e.code for e in refus.value.erreurs} == {"/valeur": code}
