"""The estimator: orders of magnitude, what an attacker knows, and texts nobody would type."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zxcvbn_rs_py import zxcvbn

from adapters.strength import ZxcvbnEstimateur

ESTIMATEUR = ZxcvbnEstimateur()


@pytest.mark.parametrize("courant", ["password", "azerty", "Bonjour1", "motdepasse", "123456789", "P@ssw0rd"])
def test_what_everybody_chooses_is_found_within_a_million_guesses(courant: str) -> None:
    assert ESTIMATEUR.log10_essais(courant, []) < 6


@pytest.mark.parametrize("rare", ["xK9#mQ2vLp", "Tulipe!73orage", "Vent-d'Ouest 47 marées"])
def test_what_nobody_chooses_takes_ten_thousand_million(rare: str) -> None:
    assert ESTIMATEUR.log10_essais(rare, []) >= 9.9


def test_words_the_attacker_knows_are_worth_nothing() -> None:
    assert ESTIMATEUR.log10_essais("Kermadec", ["kermadec"]) < 2 < 6 < ESTIMATEUR.log10_essais("Kermadec", [])


@given(st.text(max_size=128), st.lists(st.text(max_size=20), max_size=5))
def test_any_text_is_estimated(mot_de_passe: str, mots: list[str]) -> None:
    assert ESTIMATEUR.log10_essais(mot_de_passe, mots) < 200


SIGNES = "4@8({[<369&#!1i|0$5+7%2zpassw0rd" * 2


def duree(travail: Callable[[], object], fois: int) -> float:
    """The least processor time it took, of so many times."""
    durees = []
    for _ in range(fois):
        debut = time.process_time()
        travail()
        durees.append(time.process_time() - debut)
    return min(durees)


@pytest.fixture(scope="module")
def sans_borne() -> float:
    """What a text takes whose signs are read in every way: some 200 ms, on a machine where nothing may hold the loop for 50."""
    return duree(lambda: zxcvbn(SIGNES[:48], ["dupont", "portail"]), 3)


@pytest.mark.parametrize(
    "pathologique",
    [
        "a" * 64,
        "4@8({[</369&#!" * 5,
        SIGNES,
        "({[<4@8369&#!1i|0$5+7%2zAa1" * 3,
        "aB3" * 22,
        "é" * 64,
        "😀" * 64,
        "12011990" * 8,
    ],
)
def test_no_text_of_the_length_we_ask_about_holds_the_loop(pathologique: str, sans_borne: float) -> None:
    assert duree(lambda: ESTIMATEUR.log10_essais(pathologique[:48], ["dupont", "portail"]), 5) < sans_borne / 4


LETTRES = {"a": "a4@", "c": "c({[<", "e": "e3", "g": "g69", "i": "i1!", "l": "l17", "o": "o0", "s": "s$5", "t": "t+7"}


@given(st.data(), st.sampled_from(["password", "chocolat", "soleil", "gestion", "marseille", "12091999"]))
def test_signs_too_many_to_be_read_in_every_way_never_make_a_password_stronger(donnees: st.DataObject, mot: str) -> None:
    deguise = "".join(donnees.draw(st.sampled_from(LETTRES.get(lettre, lettre))) for lettre in mot)
    texte = f"{deguise}@4({{!|$5"
    assert ESTIMATEUR.log10_essais(texte, [mot]) <= float(zxcvbn(texte, [mot]).guesses_log10)
