"""References: one number, one reference, both ways; a typing mistake is always caught."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from domain.activite import ActiviteVue, numero, reference
from domain.erreurs import ReferenceMalformee

# 23 series of a billion.
NUMEROS = st.integers(0, 23 * 10**9 - 1)
TOUS = string.ascii_uppercase + string.digits


def lisible(lue: str) -> bool:
    try:
        numero(lue)
    except ReferenceMalformee:
        return False
    return True


@given(NUMEROS)
def test_a_number_and_its_reference_are_one(n: int) -> None:
    lue = reference(n)
    assert re.fullmatch("[A-Z][0-9]{9}[A-Z]", lue)
    assert not set("IOQ") & {lue[0], lue[-1]}
    assert numero(lue) == n
    assert numero(lue.lower()) == n


@given(st.text("MZABCDEFGHJKLNPRSTUVWXY", min_size=1, max_size=1), st.integers(0, 10**9 - 1))
def test_every_body_has_exactly_one_check_letter(serie: str, chiffres: int) -> None:
    justes = [f"{serie}{chiffres:09d}{cle}" for cle in string.ascii_uppercase if lisible(f"{serie}{chiffres:09d}{cle}")]
    [juste] = justes
    assert reference(numero(juste)) == juste


def test_the_reference_that_the_portal_shows_is_one() -> None:
    assert reference(numero("M547361765G")) == "M547361765G"


@given(NUMEROS)
def test_any_one_character_mistyped_is_caught(n: int) -> None:
    lue = reference(n)
    for rang, caractere in enumerate(lue):
        for autre in set(TOUS) - {caractere}:
            assert not lisible(lue[:rang] + autre + lue[rang + 1 :]), (lue, rang, autre)


@given(NUMEROS)
def test_any_two_neighbours_swapped_are_caught(n: int) -> None:
    lue = reference(n)
    for rang in range(10):
        echange = lue[:rang] + lue[rang + 1] + lue[rang] + lue[rang + 2 :]
        assert echange == lue or not lisible(echange), (lue, rang)


@given(NUMEROS, st.integers(1, 1000))
def test_the_next_reference_looks_nothing_like_this_one(n: int, ecart: int) -> None:
    memes = sum(a == b for a, b in zip(reference(n), reference((n + ecart) % (23 * 10**9)), strict=True))
    assert memes < 9


def test_of_a_thousand_in_a_row_none_tells_how_many_came_before() -> None:
    chiffres = [int(reference(n)[1:-1]) for n in range(1000)]
    assert len(set(chiffres)) == 1000
    assert chiffres != sorted(chiffres)
    assert max(chiffres) - min(chiffres) > 9 * 10**8


@pytest.mark.parametrize(
    "lue",
    [
        "", "M", "G", "M547361765", "547361765G", "M547361765GG", " M547361765G", "M547361765G ", "M547361765G\n",
        "M54736176٥G", "M54736176²G", "M547 361 765G", "I547361765G", "M547361765İ", "ſ547361765G", "M+47361765G",
        "M5473_1765G", "M-47361765G", "M" * 11, "1" * 11, "M547361765G" * 1000, "\x00" * 11, "\ud800" * 11,
    ],
)  # fmt: skip
def test_what_is_no_reference_is_refused(lue: str) -> None:
    assert not lisible(lue)


@given(st.text(max_size=12) | st.from_regex("[A-Za-z][0-9]{9}[A-Za-z]", fullmatch=True))
def test_whatever_is_read_is_written_back_the_same(lue: str) -> None:
    assert not lisible(lue) or reference(numero(lue)) == lue.upper()


def test_the_document_gives_the_form_that_references_have() -> None:
    [champ] = [c for c in structs.fields(ActiviteVue) if c.name == "reference"]
    [meta] = champ.type.__metadata__
    assert all(re.fullmatch(meta.pattern, reference(n)) for n in (0, 1, 10**9, 23 * 10**9 - 1))
    assert all(lisible(exemple) for exemple in meta.examples)
