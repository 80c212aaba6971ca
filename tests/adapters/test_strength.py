"""The estimator: orders of magnitude, what an attacker knows, and texts nobody would type."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


@pytest.mark.parametrize("pathologique", ["a" * 64, "4@8({[</369&#!" * 5, "aB3" * 22, "é" * 64, "😀" * 64, "12011990" * 8])
def test_no_text_of_the_length_we_ask_about_holds_the_loop(pathologique: str) -> None:
    debut = time.process_time()
    ESTIMATEUR.log10_essais(pathologique[:64], ["dupont", "portail"])
    assert time.process_time() - debut < 0.25
