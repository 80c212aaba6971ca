"""Who is under the age of digital consent, what they consented to alone, and what asking a guardian covers."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from domain.activation import Jeton
from domain.consentements import DemandeEnCours, a_retirer, fautes_d_age, fautes_de_mineur, mineur
from domain.formulaire import lire
from domain.juridique import Par
from domain.profils import PROFILS, Profil
from tests.builders import AUJOURDHUI, Corps, des_outils, un_citoyen, une_association, une_entreprise

GARANT = "parent@exemple.fr"
ACCORDS: dict[str, Par] = {"email": "conjoint", "sms": "titulaire", "alertes": "titulaire"}


def un_profil(corps: Corps) -> Profil:
    lu: Profil = lire(corps, PROFILS[corps["type"]], des_outils())
    return lu


def ne_le(naissance: str) -> Profil:
    return un_profil(un_citoyen(date_naissance=naissance))


@pytest.mark.parametrize(
    ("naissance", "attendu"), [("2011-11-22", True), ("2011-11-21", False), ("2000-01-01", False), ("2020-01-01", True)]
)
def test_one_is_a_minor_until_the_day_one_is_fifteen(naissance: str, attendu: bool) -> None:
    assert mineur(ne_le(naissance), AUJOURDHUI) is attendu
    assert a_retirer(ne_le(naissance), ACCORDS, AUJOURDHUI) == (["sms", "alertes"] if attendu else [])


def test_an_organisation_is_no_minor() -> None:
    for corps in (une_entreprise(), une_association()):
        assert not mineur(un_profil(corps), AUJOURDHUI)
        assert a_retirer(un_profil(corps), ACCORDS, AUJOURDHUI) == []


@pytest.mark.parametrize(
    ("avant", "apres", "refusee"),
    [
        ("2014-01-01", "1990-01-01", True),
        ("2011-11-22", "2011-11-21", True),
        ("2014-01-01", "2013-12-31", False),
        ("1990-01-01", "2014-01-01", False),
        ("1990-01-01", "1991-01-01", False),
    ],
)
def test_the_age_of_consent_is_not_reached_by_declaring_it(avant: str, apres: str, refusee: bool) -> None:
    fautes = [(f.pointer, f.code) for f in fautes_d_age(ne_le(avant), ne_le(apres), AUJOURDHUI)]
    assert fautes == ([("/date_naissance", "age_a_certifier")] if refusee else [])


@pytest.mark.parametrize(
    ("listes", "garant", "suffit"),
    [
        (["sms", "alertes"], None, True),
        (["alertes"], GARANT, True),
        ([], None, True),
        (["sms", "email"], None, False),
        (["sms", "alertes"], "autre@exemple.fr", False),
        ([], "autre@exemple.fr", False),
    ],
)
def test_a_request_in_hand_is_enough_for_no_more_than_it_asks_of_the_same_guardian(
    listes: list[str], garant: str | None, suffit: bool
) -> None:
    jeton = Jeton(
        id=UUID(int=1), compte_id=UUID(int=2), usage="accord_parental", canal="email", destination=GARANT, cle_id="essai"
    )
    demande = DemandeEnCours(jeton=jeton, listes=["sms", "alertes"], expire_le=datetime(2026, 11, 28, tzinfo=UTC))
    assert demande.suffit(listes, garant) is suffit


def test_a_guardian_is_needed_for_what_none_was_asked_yet() -> None:
    assert [f.pointer for f in fautes_de_mineur(["sms", "alertes"], None, [], ["sms"])] == ["/alertes"]
    assert fautes_de_mineur(["sms"], None, [], ["sms", "alertes"]) == []
    assert [f.code for f in fautes_de_mineur(["sms"], GARANT, [GARANT.upper()], [])] == ["representant_distinct"]
