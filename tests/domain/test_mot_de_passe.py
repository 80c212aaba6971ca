"""What makes a password acceptable, judged with the real estimator."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import mot_de_passe
from domain.mot_de_passe import Jugement
from tests.builders import MOT_DE_PASSE, des_outils

ESTIMATEUR = des_outils().estimateur
JEAN = ["Jean", "Dupont", "jean.dupont", "jean.dupont@exemple.fr", "2000-05-17", "Marseille", "Ateliers Le Goff"]


def _juger(texte: str, contexte: list[str] | None = None) -> Jugement:
    return mot_de_passe.juger(texte, contexte or [], ESTIMATEUR)


def _manques(texte: str, contexte: list[str] | None = None) -> set[str]:
    return {regle.code for regle in _juger(texte, contexte).regles if not regle.ok}


def test_bonjour1_ticks_every_box_and_is_refused_all_the_same() -> None:
    assert _manques("Bonjour1") == {"niveau"}
    assert _juger("Bonjour1").niveau == "faible"


@pytest.mark.parametrize(
    "courant",
    [
        "Portail2026!", "Comptoir2026!", "Azerty123456!", "Motdepasse2026!", "Marseille13!", "Soleil2026!!", "Password123!",
        "Doudou2015Loulou", "FranceConnect1!", "Jetaime2024!", "Aaaaaaaaaaaaaaa1", "Abcdefghijkl123", "P0rtail2026!",
        "Qwertyuiop123456", "Bonjour1Bonjour1", "Bonjour1" * 8,
    ],
)  # fmt: skip
def test_what_many_people_choose_is_weak_however_long(courant: str) -> None:
    assert _manques(courant) == {"niveau"}


@pytest.mark.parametrize(
    "personnel",
    [
        "Jean.Dupont2000",
        "Jeandupont1",
        "DupontJean2000!",
        "Dupont17052000",
        "J3an.Dup0nt2000",
        "Dupont-Marseille13",
        "Jéan.Dùpont2000",
    ],
)
def test_what_an_attacker_knows_of_the_person_is_weak(personnel: str) -> None:
    assert _manques(personnel, JEAN) == {"niveau"}


def test_the_same_password_may_do_for_somebody_else() -> None:
    assert _juger("Kermadec-Plouguerneau7", ["Kermadec", "Plouguerneau"]).niveau == "faible"
    assert _juger("Kermadec-Plouguerneau7", JEAN).acceptable


def test_a_known_word_inside_a_common_one_does_not_strengthen_it() -> None:
    assert _juger("California12", ["Ali"]).niveau == "faible"


@pytest.mark.parametrize(
    "fort", [MOT_DE_PASSE, "Bleu-Tram-Velo7", "Correct9Cheval!Pile", "Vent-d'Ouest 47 marées", "Ünïcödé 3 ßþ œuvré"]
)
def test_long_and_rare_passwords_are_strong(fort: str) -> None:
    assert _juger(fort, JEAN) == Jugement(niveau="fort", regles=_juger(fort).regles)
    assert _juger(fort, JEAN).acceptable


@pytest.mark.parametrize("moyen", ["xK9#mQ2vLp", "kT7vZq2Lw"])
def test_between_fifty_and_eighty_bits_the_level_is_moyen_and_acceptable(moyen: str) -> None:
    assert _juger(moyen).niveau == "moyen"
    assert _juger(moyen).acceptable


@pytest.mark.parametrize(
    ("texte", "manques"),
    [
        ("", {"longueur", "majuscule", "minuscule", "chiffre", "niveau"}),
        ("kT7vZ2w", {"longueur", "niveau"}),
        ("tulipe!orage-velo", {"majuscule", "chiffre"}),
        ("TULIPE!73ORAGE-VELO", {"minuscule"}),
        ("Tulipe!orage-velo", {"chiffre"}),
        ("Tulipe!orage-velo٣", {"chiffre"}),
        ("Élan-vert 73 orages", set()),
        ("ÉLAN-VERT 73 ORAGEs", set()),
    ],
)
def test_every_rule_broken_is_told_at_once(texte: str, manques: set[str]) -> None:
    assert _manques(texte) == manques


def test_the_five_rules_are_always_listed_in_the_same_order() -> None:
    assert [r.code for r in _juger("").regles] == ["longueur", "majuscule", "minuscule", "chiffre", "niveau"]


def test_128_characters_are_accepted_and_129_are_not() -> None:
    longue = (MOT_DE_PASSE + " Vent-d'Ouest 47 marées, Bleu-Tram-Velo7; Correct9Cheval!Pile: xK9#mQ2vLp ") * 2
    assert _juger(longue[:128]).acceptable
    assert _manques(longue[:129]) == {"longueur", "niveau"}


def test_the_length_is_that_of_the_composed_text() -> None:
    assert _juger(unicodedata.normalize("NFD", "Été-Hiver 73 orages " + "é" * 108)).regles[0].ok
    assert not _juger(unicodedata.normalize("NFD", "Été-Hiver 73 orages " + "é" * 109)).regles[0].ok


@given(st.text(max_size=140))
def test_composed_and_decomposed_passwords_are_judged_alike_whatever_they_are(texte: str) -> None:
    jugement = _juger(unicodedata.normalize("NFC", texte), JEAN)
    assert _juger(unicodedata.normalize("NFD", texte), JEAN) == jugement
    assert jugement.acceptable == (not {r.code for r in jugement.regles if not r.ok})
    assert jugement.niveau in ("faible", "moyen", "fort")


@pytest.mark.parametrize(
    ("texte", "bits"),
    [
        # CNIL's own examples: 12 characters of four classes, 14 of three, 8 of three fall short of 50.
        ("aB3!aB3!aB3!", 79.6),
        ("aB3aB3aB3aB3aB", 83.4),
        ("aB3aB3aB", 47.6),
        ("1234567890", 33.2),
        ("éàü", 14.1),
        ("", 0.0),
    ],
)
def test_bits_follow_the_formula_of_the_cnil(texte: str, bits: float) -> None:
    assert round(mot_de_passe.bits(texte), 1) == bits


def test_twelve_characters_of_four_classes_are_the_cnil_s_eighty_bits() -> None:
    assert _juger("vR8!kT2?zM5;").niveau == "fort"


def test_known_words_are_whole_and_cut_without_accents_and_of_three_letters_or_more() -> None:
    mots = mot_de_passe.mots_connus(["Inès", "Le Goff", None, "", "ines@exemple.fr", "2000-01-02"])
    assert mots[:7] == ["ines", "le goff", "ines@exemple.fr", "2000-01-02", "goff", "exemple", "2000"]
    assert "portail" in mots
    assert len(mots) == len(set(mots))


def test_normalising_composes_and_does_nothing_else() -> None:
    assert mot_de_passe.normaliser(" Cafe\u0301 ﬁ ") == " Café ﬁ "
