"""The sign-up form: what one field asks of another, profile by profile; and what a struct shows of a person."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest

from domain.activation import ActivationVue, Essai, Jeton, LienSuivi
from domain.compte import Contact, InscriptionOuverte
from domain.erreurs import ChampsInvalides
from domain.formulaire import lire
from domain.inscription import CorrectionContacts, DemandeInscription, InscriptionCreee, contexte_mot_de_passe, vue
from domain.profils import PROFILS, age, noms, type_profil
from tests.builders import (
    ABSENT,
    AUJOURDHUI,
    MOT_DE_PASSE,
    Corps,
    des_outils,
    modifie,
    un_accord,
    un_citoyen,
    un_representant,
    une_adresse,
    une_association,
    une_demande,
    une_entreprise,
)

OUTILS = des_outils()
TOUS = [un_citoyen(), une_entreprise(), une_association()]


def _fautes(corps: Corps, type_: Any = DemandeInscription) -> list[tuple[str, str]]:
    """Empty when the body is valid."""
    try:
        lire(corps, type_, OUTILS)
    except ChampsInvalides as refus:
        return [(e.pointer, e.code) for e in refus.erreurs]
    return []


def _lire(corps: Corps) -> DemandeInscription:
    return lire(corps, DemandeInscription, OUTILS)


@pytest.mark.parametrize("profil", TOUS)
@pytest.mark.parametrize("canal", ["sms", "email", None])
def test_every_profile_signs_up_by_every_channel(profil: Corps, canal: str | None) -> None:
    demande = _lire(une_demande(profil, activer_par=canal))
    assert type_profil(demande.profil) == profil["type"]
    assert demande.activer_par == canal
    assert demande.telephone_mobile == "+33612345678"


def test_the_profiles_are_those_of_the_union() -> None:
    assert {nom: classe.__struct_config__.tag for nom, classe in PROFILS.items()} == {nom: nom for nom in PROFILS}


@pytest.mark.parametrize(
    ("profil", "attendu"),
    [
        (un_citoyen(), ("Inès", "Dupont")),
        (un_citoyen(prenom=None), (None, "Dupont")),
        (une_entreprise(), ("Yann", "Le Goff")),
        (une_association(representant=un_representant(prenom=None)), (None, "Le Goff")),
    ],
)
def test_the_username_is_made_from_the_birth_name_or_the_representative(profil: Corps, attendu: tuple[str | None, str]) -> None:
    assert noms(_lire(une_demande(profil)).profil) == attendu


class TestActiverParSms:
    @pytest.mark.parametrize("profil", TOUS)
    def test_asks_for_a_mobile(self, profil: Corps) -> None:
        sans = une_demande(profil, telephone_mobile=None, activer_par="sms")
        assert _fautes(sans) == [("/telephone_mobile", "mobile_requis")]
        assert _fautes(modifie(sans, "/telephone_mobile", ABSENT)) == [("/telephone_mobile", "mobile_requis")]

    @pytest.mark.parametrize("numero", ["02.02.02.02.02", "0912345678", "0596301234", "+2250708091011", "+16502530000"])
    def test_refuses_what_receives_none(self, numero: str) -> None:
        assert _fautes(une_demande(telephone_mobile=numero, activer_par="sms")) == [("/telephone_mobile", "sms_impossible")]

    @pytest.mark.parametrize("numero", ["0690123456", "+262692123456", "+687751234", "06 39 98 01 01"])
    def test_accepts_overseas_mobiles(self, numero: str) -> None:
        assert _fautes(une_demande(telephone_mobile=numero, activer_par="sms")) == []

    def test_tells_a_malformed_mobile_once(self) -> None:
        assert _fautes(une_demande(telephone_mobile="06", activer_par="sms")) == [("/telephone_mobile", "trop_court")]
        assert _fautes(une_demande(telephone_mobile="0612", activer_par="sms")) == [("/telephone_mobile", "telephone_invalide")]

    @pytest.mark.parametrize("canal", ["email", None])
    def test_alone_asks_so(self, canal: str | None) -> None:
        assert _fautes(une_demande(telephone_mobile=None, activer_par=canal)) == []
        assert _fautes(une_demande(telephone_mobile="02.02.02.02.02", activer_par=canal)) == []


class TestAssociation:
    @pytest.mark.parametrize(
        ("rna", "siret", "fautes"),
        [
            ("W751234567", None, []),
            (None, "73282932000074", []),
            ("W751234567", "73282932000074", []),
            (None, None, [("/profil/rna", "rna_ou_siret_requis")]),
            (ABSENT, ABSENT, [("/profil/rna", "rna_ou_siret_requis")]),
            (None, ABSENT, [("/profil/rna", "rna_ou_siret_requis")]),
            # A malformed one was given: it has its own fault, and no other.
            ("W75123456", None, [("/profil/rna", "trop_court")]),
            ("X751234567", None, [("/profil/rna", "rna_invalide")]),
            (None, "73282932000075", [("/profil/siret", "siret_cle_invalide")]),
            ("X751234567", "73282932000075", [("/profil/rna", "rna_invalide"), ("/profil/siret", "siret_cle_invalide")]),
            ("X751234567", "73282932000074", [("/profil/rna", "rna_invalide")]),
        ],
    )
    def test_gives_its_rna_or_its_siret(self, rna: Any, siret: Any, fautes: list[tuple[str, str]]) -> None:
        corps = modifie(modifie(une_demande(une_association()), "/profil/rna", rna), "/profil/siret", siret)
        assert _fautes(corps) == fautes

    @pytest.mark.parametrize("rna", ["W751234567", "w9r1234567", "W2A1234567", "0751001234"])
    def test_has_a_rna_of_either_numbering(self, rna: str) -> None:
        assert _fautes(une_demande(une_association(rna=rna))) == []

    @pytest.mark.parametrize("rna", ["WA51234567", "W75123456A", "0751011234", "1751001234", "W7512345678"])
    def test_has_no_rna_of_another_form(self, rna: str) -> None:
        assert _fautes(une_demande(une_association(rna=rna))) == [("/profil/rna", "rna_invalide")]


class TestAdresse:
    @pytest.mark.parametrize("code", ["750", "7500A", "SW1A 1AA", "750021", "75 002", "75-02"])
    def test_in_france_has_a_five_digit_code(self, code: str) -> None:
        corps = une_demande(une_entreprise(adresse=une_adresse(code_postal=code)))
        assert _fautes(corps) == [("/profil/adresse/code_postal", "code_postal_invalide")]
        assert _fautes(modifie(corps, "/profil/adresse/pays", ABSENT)) == [
            ("/profil/adresse/code_postal", "code_postal_invalide")
        ]

    @pytest.mark.parametrize("code", ["97410", "98800", "20000", "01000"])
    def test_covers_corsica_and_overseas(self, code: str) -> None:
        assert _fautes(une_demande(une_entreprise(adresse=une_adresse(code_postal=code)))) == []

    @pytest.mark.parametrize(
        ("code", "pays"), [("SW1A 1AA", "GB"), ("sw1a 1aa", "gb"), ("1000", "BE"), ("1234 AB", "NL"), ("00-950", "PL")]
    )
    def test_abroad_has_the_code_of_its_country(self, code: str, pays: str) -> None:
        assert _fautes(une_demande(une_entreprise(adresse=une_adresse(code_postal=code, pays=pays)))) == []

    @pytest.mark.parametrize("code", ["--", "- 75", "75-", "75--02", "75  02"])
    def test_has_no_code_of_separators(self, code: str) -> None:
        corps = une_demande(une_entreprise(adresse=une_adresse(code_postal=code, pays="BE")))
        assert _fautes(corps) == [("/profil/adresse/code_postal", "code_postal_invalide")]

    def test_of_an_unreadable_country_is_not_judged_as_french(self) -> None:
        corps = une_demande(une_entreprise(adresse=une_adresse(code_postal="SW1A 1AA", pays="Royaume-Uni")))
        assert _fautes(corps) == [("/profil/adresse/pays", "trop_long")]


class TestDateDeNaissance:
    @pytest.mark.parametrize(
        ("naissance", "fautes"),
        [
            ("2026-11-22", [("/profil/date_naissance", "date_future")]),
            ("9999-12-31", [("/profil/date_naissance", "date_future")]),
            ("1899-12-31", [("/profil/date_naissance", "date_trop_ancienne")]),
            ("0001-01-01", [("/profil/date_naissance", "date_trop_ancienne")]),
            ("1900-01-01", []),
            ("2026-11-21", []),
            ("2000-02-29", []),
        ],
    )
    def test_is_between_1900_and_today(self, naissance: str, fautes: list[tuple[str, str]]) -> None:
        assert _fautes(une_demande(un_citoyen(date_naissance=naissance))) == fautes

    @pytest.mark.parametrize(
        ("naissance", "jour", "attendu"),
        [
            (date(2011, 11, 21), date(2026, 11, 21), 15),
            (date(2011, 11, 22), date(2026, 11, 21), 14),
            (date(2026, 11, 21), date(2026, 11, 21), 0),
            # Born on 29 February: a year older on 1 March of a common year.
            (date(2008, 2, 29), date(2026, 2, 28), 17),
            (date(2008, 2, 29), date(2026, 3, 1), 18),
            (date(2008, 2, 29), date(2028, 2, 28), 19),
            (date(2008, 2, 29), date(2028, 2, 29), 20),
        ],
    )
    def test_gives_an_age_in_whole_years(self, naissance: date, jour: date, attendu: int) -> None:
        assert age(naissance, jour) == attendu


class TestMineur:
    LISTES = ("email", "sms", "lettre_actualite", "alertes")

    @pytest.mark.parametrize("naissance", ["2011-11-22", "2026-11-21"])
    @pytest.mark.parametrize("liste", LISTES)
    def test_under_fifteen_may_not_consent_alone(self, liste: str, naissance: str) -> None:
        corps = modifie(une_demande(un_citoyen(date_naissance=naissance)), f"/diffusion/{liste}", True)
        assert _fautes(corps) == [(f"/diffusion/{liste}", "consentement_parental_requis")]

    def test_under_fifteen_is_told_every_box(self) -> None:
        corps = une_demande(un_citoyen(date_naissance="2015-01-01"), diffusion=dict.fromkeys(self.LISTES, True))
        assert _fautes(corps) == [(f"/diffusion/{liste}", "consentement_parental_requis") for liste in self.LISTES]

    def test_under_fifteen_may_open_an_account(self) -> None:
        assert _fautes(une_demande(un_citoyen(date_naissance="2015-01-01"))) == []
        assert _fautes(modifie(une_demande(un_citoyen(date_naissance="2015-01-01")), "/diffusion", ABSENT)) == []

    def test_at_fifteen_consents_alone(self) -> None:
        corps = une_demande(un_citoyen(date_naissance="2011-11-21"), diffusion={"email": True, "sms": True})
        assert _fautes(corps) == []

    def test_born_on_29_february_consents_from_1_march(self) -> None:
        corps = une_demande(un_citoyen(date_naissance="2012-02-29"), diffusion={"email": True})
        with pytest.raises(ChampsInvalides):
            lire(corps, DemandeInscription, des_outils(date(2027, 2, 28)))
        lire(corps, DemandeInscription, des_outils(date(2027, 3, 1)))

    @pytest.mark.parametrize("naissance", ["2026-11-22", "1899-12-31", "x"])
    def test_without_a_possible_birth_date_is_not_judged(self, naissance: str) -> None:
        corps = une_demande(un_citoyen(date_naissance=naissance), diffusion={"email": True})
        assert [ou for ou, _ in _fautes(corps)] == ["/profil/date_naissance"]

    @pytest.mark.parametrize("profil", [une_entreprise(), une_association()])
    def test_does_not_concern_organisations(self, profil: Corps) -> None:
        assert _fautes(une_demande(profil, diffusion={"email": True})) == []


class TestReglementation:
    @pytest.mark.parametrize("document", ["cgu", "rgpd"])
    def test_a_box_left_empty_is_refused(self, document: str) -> None:
        corps = modifie(une_demande(), f"/reglementation/{document}/accepte", False)
        assert _fautes(corps) == [(f"/reglementation/{document}/accepte", "acceptation_requise")]

    def test_both_boxes_are_told(self) -> None:
        non = un_accord(accepte=False)
        assert _fautes(une_demande(reglementation={"cgu": non, "rgpd": non})) == [
            ("/reglementation/cgu/accepte", "acceptation_requise"),
            ("/reglementation/rgpd/accepte", "acceptation_requise"),
        ]

    def test_no_box_is_ticked_beforehand(self) -> None:
        diffusion = _lire(modifie(une_demande(), "/diffusion", {})).diffusion
        assert msgspec.structs.astuple(diffusion) == (False,) * 4


class TestMotDePasse:
    def test_bonjour1_is_too_weak(self) -> None:
        assert _fautes(une_demande(mot_de_passe="Bonjour1")) == [("/mot_de_passe", "mot_de_passe_niveau")]

    @pytest.mark.parametrize(
        ("profil", "changes", "faible"),
        [
            (un_citoyen(prenom="Jean"), {}, "Jean.Dupont2000"),
            (un_citoyen(), {}, "InesLeGoff2000!"),
            (un_citoyen(), {"identifiant": "kermadec.plouguerneau"}, "Kermadec.Plouguerneau1"),
            (un_citoyen(), {"email": "plouguerneau@kermadec.fr"}, "Plouguerneau@Kermadec1"),
            (une_entreprise(raison_sociale="Kermadec Plouguerneau"), {}, "Kermadec-Plouguerneau7"),
            (une_entreprise(adresse=une_adresse(commune="Plouguerneau", ligne1="rue Kermadec")), {}, "Kermadec-Plouguerneau7"),
            (
                une_association(denomination="Kermadec", representant=un_representant(nom="Plouguerneau")),
                {},
                "KermadecPlouguerneau7",
            ),
        ],
    )
    def test_made_of_what_the_body_says_is_too_weak(self, profil: Corps, changes: Corps, faible: str) -> None:
        assert _fautes(une_demande(profil, mot_de_passe=faible, **changes)) == [("/mot_de_passe", "mot_de_passe_niveau")]

    def test_is_judged_with_what_is_readable_of_a_faulty_body(self) -> None:
        corps = une_demande(un_citoyen(prenom="Jean", civilite="docteur"), email="x", mot_de_passe="Jean.Dupont2000")
        assert ("/mot_de_passe", "mot_de_passe_niveau") in _fautes(corps)

    def test_is_judged_with_everything_a_person_said_and_nothing_of_the_form(self) -> None:
        corps = une_demande(une_entreprise(), identifiant="yann.le-goff", activer_par="sms")
        contexte = contexte_mot_de_passe(corps)
        assert {"yann.le-goff", "ines@exemple.fr", "Ateliers Le Goff", "Paris", "Yann", "Président"} <= {*contexte}
        assert not {MOT_DE_PASSE, "2026-11", "entreprise", "monsieur", "FR", "sms", "True"} & {*contexte}


class TestCorrectionContacts:
    @pytest.mark.parametrize(
        ("corps", "fautes"),
        [
            ({"email": "b@exemple.fr"}, []),
            ({"telephone_mobile": "0612345678"}, []),
            ({"email": "b@exemple.fr", "telephone_mobile": None}, []),
            ({}, [("", "rien_a_corriger")]),
            ({"email": None, "telephone_mobile": None}, [("", "rien_a_corriger")]),
            ({"email": "b@"}, [("/email", "trop_court")]),
            ({"email": "b@c"}, [("/email", "email_invalide")]),
            ({"telephone_mobile": "0892123456"}, [("/telephone_mobile", "telephone_surtaxe")]),
            ({"telephone_fixe": "0139980101"}, [("", "rien_a_corriger"), ("/telephone_fixe", "champ_inconnu")]),
        ],
    )
    def test_names_at_least_one_contact(self, corps: Corps, fautes: list[tuple[str, str]]) -> None:
        assert sorted(_fautes(corps, CorrectionContacts)) == fautes


INSTANT = datetime(2026, 11, 21, 12, tzinfo=UTC)
PERSONNEL = re.compile(
    "dupont|goff|inès|yann|exemple|612345678|139980101|tulipe|2000|732829|W75|paix|paris|ateliers|berges|123456|jeton-recu|porteur",
    re.IGNORECASE,
)


def _compte(*contacts: Contact) -> InscriptionOuverte:
    return InscriptionOuverte(
        id=UUID(int=0),
        etat="en_attente",
        type="citoyen",
        identifiant="ines.dupont",
        langue="fr",
        expire_le=INSTANT,
        expiree=False,
        remise=False,
        contacts=contacts,
        activations=(),
    )


@pytest.mark.parametrize("profil", TOUS)
def test_a_sign_up_prints_nothing_of_the_person(profil: Corps) -> None:
    demande = _lire(une_demande(profil))
    compte = _compte(Contact("email", "ines@exemple.fr"))
    parties = [getattr(demande.profil, nom) for nom in ("adresse", "representant") if hasattr(demande.profil, nom)]
    for objet in (demande, demande.profil, *parties, compte):
        assert not PERSONNEL.search(repr(objet)), repr(objet)
        assert not PERSONNEL.search(str([objet])), str([objet])


@pytest.mark.parametrize(
    "secret",
    [
        CorrectionContacts(email="ines@exemple.fr", telephone_mobile="+33612345678"),
        Essai(code="123456"),
        LienSuivi(jeton="jeton-recu"),
        Jeton(
            id=UUID(int=0), compte_id=UUID(int=0), usage="activation", canal="email", destination="ines@exemple.fr", cle_id="a"
        ),
        InscriptionCreee(
            id=UUID(int=0),
            etat="en_attente",
            profil="citoyen",
            identifiant="ines.dupont",
            expire_le=INSTANT,
            canaux=[],
            activation=None,
            secret="porteur",
        ),
    ],
)
def test_what_bears_a_secret_or_an_address_does_not_print_it(secret: Any) -> None:
    assert not PERSONNEL.search(repr(secret))


def test_the_author_of_a_sign_up_sees_masked_destinations_and_what_each_channel_can_do() -> None:
    compte = _compte(Contact("email", "ines@exemple.fr"), Contact("telephone_mobile", "+33202020202"))
    canaux = {canal.canal: canal for canal in vue(compte).canaux}
    assert (canaux["sms"].possible, canaux["sms"].destination) == (False, "+33 2 •• •• •• 02")
    assert (canaux["email"].possible, canaux["email"].destination) == (True, "i•••@exemple.fr")
    assert vue(compte).activation is None


def test_no_field_of_an_activation_or_sign_up_view_is_a_full_destination() -> None:
    assert {*ActivationVue.__struct_fields__}.isdisjoint({"compte_id", "code", "lien", "cle_id", "jeton"})


def test_today_is_what_the_builders_say() -> None:
    assert OUTILS.aujourdhui == AUJOURDHUI
