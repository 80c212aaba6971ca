"""Masked destinations: enough to recognise one's own, not enough to learn another's."""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import product
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.activation import CANAUX, Canal, Usage, duree, masquer
from tests.builders import des_outils


@pytest.mark.parametrize(
    ("canal", "destination", "masquee"),
    [
        ("sms", "+33612345678", "+33 6 •• •• •• 78"),
        ("sms", "+33202020202", "+33 2 •• •• •• 02"),
        ("sms", "+590690123456", "+590 6 •• •• •• 56"),
        ("sms", "+262639012345", "+262 6 •• •• •• 45"),
        ("sms", "+508551234", "+508 5 • •• 34"),
        ("sms", "+508708412345", "+508 7 •• •• •• 45"),
        ("sms", "+687751234", "+687 7 • •• 34"),
        ("sms", "+68987123456", "+689 8 • •• •• 56"),
        # Country codes of one, two and three digits.
        ("sms", "+16502530000", "+1 6 • •• •• •• 00"),
        ("sms", "+442079460958", "+44 2 • •• •• •• 58"),
        ("sms", "+2250708091011", "+225 0 • •• •• •• 11"),
        ("sms", "+2908123", "+290 8 • 23"),
        ("email", "ines@exemple.fr", "i•••@exemple.fr"),
        ("email", "i@exemple.fr", "i•••@exemple.fr"),
        ("email", "prenom.nom+tag@xn--htel-de-ville-plb.fr", "p•••@xn--htel-de-ville-plb.fr"),
    ],
)
def test_a_destination_is_masked_but_for_its_ends(canal: Canal, destination: str, masquee: str) -> None:
    assert masquer(canal, destination) == masquee


@given(st.from_regex(r"\+(33[1-9]|59[046]6|2626|687|44|1)[0-9]{8}", fullmatch=True))
def test_of_a_number_no_more_shows_than_country_first_digit_and_last_two(e164: str) -> None:
    masque = masquer("sms", e164)
    assert len(re.sub("[^0-9•]", "", masque)) == len(e164) - 1
    indicatif, premier, *reste = masque.split(" ")
    assert e164.startswith(indicatif + premier)
    assert len(premier) == 1
    assert reste[-1] == e164[-2:]
    assert set("".join(reste[:-1])) == {"•"}


@given(st.emails())
def test_of_an_address_no_more_shows_than_first_letter_and_domain(adresse: str) -> None:
    local, _, domaine = adresse.rpartition("@")
    assert masquer("email", adresse) == f"{local[0]}•••@{domaine}"


def test_what_masking_takes_for_a_country_code_is_one() -> None:
    for indicatif, exemple in (("33", "0612345678"), ("590", "0690123456"), ("596", "0696201234"), ("508", "0508551234")):
        assert masquer("sms", des_outils().formats.telephone(exemple).e164).startswith(f"+{indicatif} ")


def test_a_code_that_is_typed_lives_ten_minutes_and_a_way_back_lives_seven_days() -> None:
    typees: list[Usage] = ["activation", "contact", "mot_de_passe"]
    retours: list[Usage] = ["annulation_contact", "annulation_effacement"]
    assert {duree(usage, "sms") for usage in typees} == {timedelta(minutes=10)}
    assert [duree(usage, "email") for usage in typees] == [timedelta(hours=24), timedelta(hours=1), timedelta(hours=1)]
    assert {duree(usage, canal) for usage, canal in product(retours, CANAUX)} == {timedelta(days=7)}


def test_a_guardian_is_asked_by_mail_alone_and_everybody_else_by_either_channel() -> None:
    def dure(usage: Usage, canal: Canal) -> bool:
        try:
            return duree(usage, canal) > timedelta()
        except KeyError:
            return False

    assert [p for p in product(get_args(Usage), CANAUX) if not dure(*p)] == [("accord_parental", "sms")]
