"""Reading a body: every fault at once, each where it is; strict types; nothing changed that was not to be."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.activation import DemandeActivation, Essai, LienSuivi
from domain.erreurs import ChampsInvalides
from domain.formulaire import lire
from domain.inscription import CorrectionContacts, DemandeInscription
from domain.profils import Association, Citoyen, Entreprise
from tests.builders import (
    ABSENT,
    Corps,
    des_outils,
    modifie,
    un_citoyen,
    une_adresse,
    une_association,
    une_demande,
    une_entreprise,
)

OUTILS = des_outils()
PROFILS = [un_citoyen(), une_entreprise(), une_association(siret="73282932000074")]
FORMULAIRES: list[Any] = [DemandeInscription, CorrectionContacts, Essai, LienSuivi, DemandeActivation]


def _lire(corps: Any) -> DemandeInscription:
    return lire(corps, DemandeInscription, OUTILS)


def _fautes(corps: Any, type_: Any = DemandeInscription) -> list[tuple[str, str]]:
    """Empty when the body is valid; anything raised but a refusal fails the test."""
    try:
        lire(corps, type_, OUTILS)
    except ChampsInvalides as refus:
        return [(e.pointer, e.code) for e in refus.erreurs]
    return []


def _feuilles(corps: Corps, type_: type, ou: str = "") -> Iterator[str]:
    for nom, valeur in corps.items():
        if isinstance(valeur, dict):
            yield from _feuilles(valeur, type_, f"{ou}/{nom}")
        elif isinstance(valeur, type_):
            yield f"{ou}/{nom}"


COMPLETE = une_demande(identifiant="ines.le-goff", activer_par="email")
TEXTES = [(p, pointeur) for p in PROFILS for pointeur in _feuilles(COMPLETE | {"profil": p}, str)]


@pytest.mark.parametrize(("profil", "type_"), list(zip(PROFILS, (Citoyen, Entreprise, Association), strict=True)))
def test_each_profile_is_read_into_its_own_type(profil: Corps, type_: type) -> None:
    assert type(_lire(une_demande(profil)).profil) is type_


def test_all_the_faults_are_told_at_once_wherever_they_are() -> None:
    corps = une_demande(
        une_entreprise(
            siret="73282932000075",
            code_naf="62",
            adresse=une_adresse(code_postal="7500", commune="", ligne3="x"),
            representant={"civilite": "docteur", "nom": "L3 Goff", "fonction": 7},
        ),
        email="ines@",
        telephone_mobile="0892123456",
        mot_de_passe="abc",
        reglementation={"cgu": {"accepte": False, "version": "2026-11"}, "rgpd": {"version": None}},
        diffusion={"email": "oui"},
        activer_par="pigeon",
        role="admin",
    )
    assert sorted(_fautes(corps)) == [
        ("/activer_par", "valeur_inconnue"),
        ("/diffusion/email", "booleen_attendu"),
        ("/email", "email_invalide"),
        ("/mot_de_passe", "mot_de_passe_chiffre"),
        ("/mot_de_passe", "mot_de_passe_longueur"),
        ("/mot_de_passe", "mot_de_passe_majuscule"),
        ("/mot_de_passe", "mot_de_passe_niveau"),
        ("/profil/adresse/code_postal", "code_postal_invalide"),
        ("/profil/adresse/commune", "vide"),
        ("/profil/adresse/ligne3", "champ_inconnu"),
        ("/profil/code_naf", "trop_court"),
        ("/profil/representant/civilite", "valeur_inconnue"),
        ("/profil/representant/fonction", "texte_attendu"),
        ("/profil/representant/nom", "nom_invalide"),
        ("/profil/representant/prenom", "requis"),
        ("/profil/siret", "siret_cle_invalide"),
        ("/reglementation/cgu/accepte", "acceptation_requise"),
        ("/reglementation/rgpd/accepte", "requis"),
        ("/reglementation/rgpd/version", "non_nul"),
        ("/role", "champ_inconnu"),
        ("/telephone_mobile", "telephone_surtaxe"),
    ]


def test_an_empty_body_misses_all_that_is_required_and_nothing_else() -> None:
    assert _fautes({}) == [(f"/{nom}", "requis") for nom in ("profil", "email", "reglementation", "mot_de_passe")]


def test_what_has_a_default_may_be_left_out() -> None:
    minimal = une_demande()
    for nom in ("telephone_fixe", "telephone_mobile", "identifiant", "diffusion", "activer_par"):
        minimal = modifie(minimal, f"/{nom}", ABSENT)
    demande = _lire(modifie(minimal, "/profil/nom_usage", ABSENT))
    assert (demande.telephone_fixe, demande.telephone_mobile, demande.identifiant, demande.activer_par) == (None,) * 4
    assert msgspec.structs.astuple(demande.diffusion) == (False,) * 4
    assert isinstance(demande.profil, Citoyen)
    assert demande.profil.nom_usage is None


@pytest.mark.parametrize("profil", PROFILS)
def test_every_required_field_is_missed_by_name(profil: Corps) -> None:
    corps = une_demande(profil)
    facultatifs = (
        "/telephone_fixe /telephone_mobile /identifiant /activer_par /diffusion /profil/nom_usage /profil/forme_juridique "
        "/profil/code_naf /profil/objet /profil/adresse/ligne2 /profil/adresse/code_commune /profil/adresse/pays"
    ).split()
    # Of RNA and SIRET either may be missing.
    facultatifs += ["/profil/rna", "/profil/siret"] if profil["type"] == "association" else []
    for pointeur in _feuilles(corps, object):
        if pointeur in facultatifs or pointeur.startswith("/diffusion/"):
            _lire(modifie(corps, pointeur, ABSENT))
        else:
            assert _fautes(modifie(corps, pointeur, ABSENT)) == [(pointeur, "requis")]


@pytest.mark.parametrize("valeur", ["true", "false", 1, 0, 1.0, "1", "on", None, [], [True], {}])
@pytest.mark.parametrize("pointeur", list(_feuilles(une_demande(), bool)))
def test_a_boolean_is_a_json_boolean(pointeur: str, valeur: Any) -> None:
    attendu = "non_nul" if valeur is None else "booleen_attendu"
    assert _fautes(modifie(une_demande(), pointeur, valeur)) == [(pointeur, attendu)]


@pytest.mark.parametrize("valeur", [True, False, 0, 612345678, 1.5, [], ["x"], {}, {"x": "y"}])
@pytest.mark.parametrize(("profil", "pointeur"), TEXTES)
def test_a_text_is_a_json_string(profil: Corps, pointeur: str, valeur: Any) -> None:
    codes = [code for ou, code in _fautes(modifie(COMPLETE | {"profil": profil}, pointeur, valeur)) if ou == pointeur]
    assert codes in (["texte_attendu"], ["valeur_inconnue"], ["date_invalide"])


@pytest.mark.parametrize("valeur", [None, True, 0, "x", [], [{}]])
@pytest.mark.parametrize(
    "pointeur", ["/profil", "/profil/adresse", "/profil/representant", "/reglementation/cgu", "/diffusion"]
)
def test_an_object_is_a_json_object(pointeur: str, valeur: Any) -> None:
    assert _fautes(modifie(une_demande(une_entreprise()), pointeur, valeur)) == [(pointeur, "objet_attendu")]


@pytest.mark.parametrize("corps", [None, True, 0, 1.5, "x", [], [{}]])
@pytest.mark.parametrize("type_", FORMULAIRES)
def test_a_body_is_an_object(type_: Any, corps: Any) -> None:
    assert _fautes(corps, type_) == [("", "objet_attendu")]


@pytest.mark.parametrize("etiquette", ["agent", "Citoyen", "", None, 1, [], {}])
def test_an_unknown_profile_is_told_with_the_known_ones(etiquette: Any) -> None:
    with pytest.raises(ChampsInvalides) as refus:
        _lire(une_demande(un_citoyen(type=etiquette)))
    (faute,) = refus.value.erreurs
    assert (faute.pointer, faute.code) == ("/profil/type", "valeur_inconnue")
    assert sorted(faute.params["choix"].split(", ")) == ["association", "citoyen", "entreprise"]


def test_a_profile_without_type_is_told_and_not_guessed() -> None:
    assert _fautes(une_demande(modifie(un_citoyen(), "/type", ABSENT))) == [("/profil/type", "requis")]


@pytest.mark.parametrize("ailleurs", ["siret", "denomination", "representant"])
def test_a_field_of_another_profile_is_unknown(ailleurs: str) -> None:
    assert _fautes(une_demande(un_citoyen(**{ailleurs: "x"}))) == [(f"/profil/{ailleurs}", "champ_inconnu")]


@pytest.mark.parametrize("nom", ["role", "etat", "verifie_le", "franceconnect_sub", "Email", "type"])
@pytest.mark.parametrize(
    "ou", ["", "/reglementation", "/reglementation/cgu", "/diffusion", "/profil/adresse", "/profil/representant"]
)
def test_an_unknown_field_is_refused_at_every_level(ou: str, nom: str) -> None:
    assert _fautes(modifie(une_demande(une_entreprise()), f"{ou}/{nom}", True)) == [(f"{ou}/{nom}", "champ_inconnu")]


@pytest.mark.parametrize(
    ("nom", "pointeur"),
    [
        ("a/b", "/a~1b"),
        ("a~b", "/a~0b"),
        ("~1", "/~01"),
        ("", "/"),
        ("x" * 99, "/" + "x" * 64),
        ("a\u202e\x00\n\ud800b", "/ab"),
    ],
)
def test_the_pointer_of_an_unknown_field_is_escaped_cut_and_cleaned(nom: str, pointeur: str) -> None:
    assert _fautes(une_demande() | {nom: 1}) == [(pointeur, "champ_inconnu")]


INTERDITS = (
    "\x00 \x01 \t \n \r \x1b \x7f \x80 \x85 \x9f \u00ad \u061c \u115f \u1160 \u180e \u200b \u200c \u200d \u200e \u200f "
    "\u2028 \u2029 \u202a \u202e \u2060 \u2066 \u2069 \u3164 \ud800 \udfff \ufdd0 \ufe0f \ufeff \uffa0 \ufff9 \ufffe \uffff "
    "\U0001fffe \U0010ffff \U000e0041"
).split(" ")  # fmt: skip


@pytest.mark.parametrize(("profil", "pointeur"), TEXTES)
def test_no_text_field_takes_an_invisible_or_control_character(profil: Corps, pointeur: str) -> None:
    corps = COMPLETE | {"profil": profil}
    objet: Any = corps
    for etape in pointeur.removeprefix("/").split("/"):
        objet = objet[etape]
    for interdit in INTERDITS:
        for texte in (f"{objet[:2]}{interdit}{objet[2:]}", f"{objet}{interdit}", interdit):
            codes = [code for ou, code in _fautes(modifie(corps, pointeur, texte)) if ou == pointeur]
            assert codes in (["caractere_interdit"], ["valeur_inconnue"], ["date_invalide"]), repr(interdit)


@pytest.mark.parametrize("blanc", ["  ", "\u00a0", "\u3000", "\u2009"])
def test_blanks_around_a_text_are_removed_and_those_inside_kept(blanc: str) -> None:
    profil = _lire(une_demande(un_citoyen(nom_naissance=f"{blanc}Le  Goff{blanc}"))).profil
    assert isinstance(profil, Citoyen)
    assert profil.nom_naissance == "Le  Goff"


def test_a_text_of_blanks_is_empty() -> None:
    assert _fautes(une_demande(un_citoyen(prenom=" \u00a0 "))) == [("/profil/prenom", "vide")]


def test_a_password_is_not_trimmed() -> None:
    assert _lire(une_demande(mot_de_passe="  Tulipe!73orage ")).mot_de_passe == "  Tulipe!73orage "


@pytest.mark.parametrize("forme", ["NFC", "NFD"])
def test_a_password_of_128_composed_characters_is_read_whichever_way_it_was_typed(forme: Any) -> None:
    ecrit = unicodedata.normalize(forme, "Été-Hiver 73 orages, tulipe & vélo?" + "é" * 93)
    assert _lire(une_demande(mot_de_passe=ecrit)).mot_de_passe == unicodedata.normalize("NFC", ecrit)
    fautes = _fautes(une_demande(mot_de_passe=ecrit + "z"))
    assert ("/mot_de_passe", "mot_de_passe_longueur") in fautes


LETTRES = st.characters(categories=["Lu", "Ll", "Lt", "Lo"], exclude_characters="\u115f\u1160\u3164\uffa0")
NOMS = st.text(LETTRES | st.sampled_from(" -'’ʼ‐·"), min_size=1, max_size=60).filter(lambda t: any(c.isalpha() for c in t))


@given(NOMS)
def test_a_name_is_composed_and_trimmed_and_otherwise_kept_as_it_is(nom: str) -> None:
    garde = unicodedata.normalize("NFC", nom).strip()
    profil = _lire(une_demande(un_citoyen(nom_naissance=nom))).profil
    assert isinstance(profil, Citoyen)
    assert profil.nom_naissance == garde


@pytest.mark.parametrize(
    "nom",
    [
        "O’Connor-D'Arc", "de La Tour du Pin", "Nguyễn", "ŒUVRARD", "Ÿ", "X", "السيد", "李", "ΣΊΣΥΦΟΣ", "राम", "Null",
        "undefined", "Gal·la", "OʼBrien", "Le‐Goff", "É" * 80,
    ],
)  # fmt: skip
def test_names_of_civil_status_are_accepted(nom: str) -> None:
    profil = _lire(une_demande(un_citoyen(nom_naissance=nom, prenom=nom, nom_usage=nom))).profil
    assert isinstance(profil, Citoyen)
    assert (profil.nom_naissance, profil.prenom, profil.nom_usage) == (nom,) * 3


@pytest.mark.parametrize(
    "nom",
    [
        "😀", "=cmd|'/C calc'!A0", "<b>", "{{7*7}}", "%s%n", "Le Goff 2", "---", "'", "Jean;Dupont", "a@b", "+33",
        "Z" + "\u0309" * 40, "٣", "½", "http://x",
    ],
)  # fmt: skip
def test_what_is_no_name_is_refused(nom: str) -> None:
    assert _fautes(une_demande(un_citoyen(prenom=nom))) == [("/profil/prenom", "nom_invalide")]


@pytest.mark.parametrize(
    ("pointeur", "maximum"),
    [
        ("/profil/raison_sociale", 160), ("/profil/adresse/ligne1", 120), ("/profil/adresse/commune", 80),
        ("/profil/representant/nom", 80), ("/profil/representant/fonction", 80), ("/reglementation/cgu/version", 32),
    ],
)  # fmt: skip
def test_a_length_is_counted_in_composed_characters_up_to_its_maximum(pointeur: str, maximum: int) -> None:
    corps = une_demande(une_entreprise())
    _lire(modifie(corps, pointeur, unicodedata.normalize("NFD", "é" * maximum)))
    assert _fautes(modifie(corps, pointeur, "é" * (maximum + 1))) == [(pointeur, "trop_long")]
    assert _fautes(modifie(corps, pointeur, "")) == [(pointeur, "vide")]


@pytest.mark.parametrize(
    ("pointeur", "saisie", "garde"),
    [
        ("/profil/rna", "w751234567", "W751234567"),
        ("/profil/rna", "W 75 123 45 67", "W751234567"),
        ("/profil/rna", "W9R1234567", "W9R1234567"),
        ("/profil/rna", "0751001234", "0751001234"),
        ("/profil/siret", "732 829 320 00074", "73282932000074"),
        ("/profil/adresse/code_commune", "2a004", "2A004"),
        ("/profil/adresse/pays", "fr", "FR"),
        ("/profil/adresse/code_postal", " 75002 ", "75002"),
    ],
)
def test_numbers_and_codes_get_their_canonical_form(pointeur: str, saisie: str, garde: str) -> None:
    lu = msgspec.to_builtins(_lire(modifie(une_demande(une_association()), pointeur, saisie)))
    for etape in pointeur.removeprefix("/").split("/"):
        lu = lu[etape]
    assert lu == garde


@pytest.mark.parametrize(("saisie", "garde"), [("6201z", "62.01Z"), ("62.01Z", "62.01Z"), ("62 01 Z", "62.01Z")])
def test_a_naf_code_is_kept_with_its_dot(saisie: str, garde: str) -> None:
    profil = _lire(une_demande(une_entreprise(code_naf=saisie, forme_juridique="57 10"))).profil
    assert isinstance(profil, Entreprise)
    assert (profil.code_naf, profil.forme_juridique) == (garde, "5710")


@pytest.mark.parametrize(
    ("pointeur", "saisie", "code"),
    [
        # Letters whose capitals are ASCII, other digits.
        ("/profil/adresse/code_postal", "ß" * 12, "code_postal_invalide"),
        ("/profil/adresse/code_postal", "ﬁ" * 12, "code_postal_invalide"),
        ("/profil/adresse/code_postal", "٧٥٠٠٢", "code_postal_invalide"),
        ("/profil/adresse/pays", "ıt", "pays_invalide"),
        ("/profil/adresse/pays", "ſe", "pays_invalide"),
        ("/profil/adresse/pays", "F1", "pays_invalide"),
        ("/profil/code_naf", "6201ſ", "naf_invalide"),
        ("/profil/code_naf", "62.0Z1", "naf_invalide"),
        ("/profil/forme_juridique", "٥٧١٠", "forme_juridique_invalide"),
        ("/profil/forme_juridique", "0710", "forme_juridique_invalide"),
        ("/profil/adresse/code_commune", "2C004", "code_commune_invalide"),
        ("/telephone_fixe", "3631", "telephone_invalide"),
        ("/identifiant", "ad.min", "identifiant_reserve"),
        ("/identifiant", "victim@x.fr", "identifiant_invalide"),
        ("/identifiant", "0612345678", "identifiant_invalide"),
    ],
)
def test_what_only_looks_like_the_form_asked_is_refused(pointeur: str, saisie: str, code: str) -> None:
    assert _fautes(modifie(une_demande(une_entreprise()), pointeur, saisie)) == [(pointeur, code)]


@pytest.mark.parametrize(("saisie", "code"), [("123456", "123456"), ("012 345", "012345"), ("01-23.45", "012345")])
def test_a_code_is_read_as_it_was_displayed_leading_zeros_kept(saisie: str, code: str) -> None:
    assert lire({"code": saisie}, Essai, OUTILS).code == code


@pytest.mark.parametrize(
    ("saisie", "faute"),
    [
        (123456, "texte_attendu"), (123456.0, "texte_attendu"), (None, "non_nul"), ([], "texte_attendu"), ("", "vide"),
        ("12345", "trop_court"), ("1234567", "code_malforme"), ("١٢٣٤٥٦", "code_malforme"), ("１２３４５６", "code_malforme"),
        ("12345a", "code_malforme"), ("1" * 10_000, "trop_long"), ("123456\n", "caractere_interdit"), ("      ", "vide"),
    ],
)  # fmt: skip
def test_a_code_is_a_string_of_six_ascii_digits(saisie: Any, faute: str) -> None:
    assert _fautes({"code": saisie}, Essai) == [("/code", faute)]


@pytest.mark.parametrize("date", ["2000-02-29", "1900-01-01", "2026-11-21"])
def test_a_date_is_an_iso_calendar_day(date: str) -> None:
    assert _lire(une_demande(un_citoyen(date_naissance=date)))


@pytest.mark.parametrize(
    "date",
    [
        "0000-00-00", "0000-01-01", "1900-02-29", "2023-02-29", "1962-00-00", "1962-08-00", "10000-01-01",
        "-2000-01-01", "01/01/2000",
        "2000-1-1", "20000101", "2000-W01-1", "2000-01-01T00:00:00", "2000-01-01Z", "2000-01-01 ", " 2000-01-01",
        "٢٠٠٠-٠١-٠١", "", "2000-01", 946684800, 0, True, [], {},
    ],
)  # fmt: skip
def test_what_is_no_calendar_day_is_refused(date: Any) -> None:
    assert _fautes(une_demande(un_citoyen(date_naissance=date))) == [("/profil/date_naissance", "date_invalide")]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda fils: st.lists(fils, max_size=4) | st.dictionaries(st.text(max_size=10), fils, max_size=4),
    max_leaves=12,
)


@given(JSON, st.sampled_from(FORMULAIRES))
def test_any_json_is_read_or_refused_field_by_field(corps: Any, type_: Any) -> None:
    assert all(ou == "" or ou.startswith("/") for ou, _ in _fautes(corps, type_))


@given(st.sampled_from([(p, pointeur) for p in PROFILS for pointeur in _feuilles(COMPLETE | {"profil": p}, object)]), JSON)
def test_a_valid_body_with_any_value_anywhere_is_read_or_refused_at_that_place(ou: tuple[Corps, str], valeur: Any) -> None:
    profil, pointeur = ou
    assert all(ou.startswith(pointeur) for ou, _ in _fautes(modifie(COMPLETE | {"profil": profil}, pointeur, valeur)))


@given(st.sampled_from(PROFILS), st.data())
def test_a_body_read_is_read_again_the_same(profil: Corps, data: st.DataObject) -> None:
    pointeur = data.draw(st.sampled_from(list(_feuilles(COMPLETE | {"profil": profil}, str))))
    try:
        lu = _lire(modifie(COMPLETE | {"profil": profil}, pointeur, data.draw(st.text(max_size=40))))
    except ChampsInvalides:
        return
    assert _lire(msgspec.to_builtins(lu)) == lu


def test_a_refusal_says_nothing_of_what_was_typed() -> None:
    with pytest.raises(ChampsInvalides) as refus:
        _lire(une_demande(un_citoyen(prenom="Secr3t"), email="secret@", telephone_mobile="secret", mot_de_passe="secret"))
    assert "secret" not in f"{refus.value!r} {refus.value.erreurs}".lower()
