"""How what a provider says becomes a profile, and how young a presumed birth date leaves somebody."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from msgspec import UNSET

from domain.federation import Fournisseur, IdentiteRecue
from domain.preremplissage import empreinte_pivot, prenoms, preremplir
from domain.profils import au_plus_tard
from tests.builders import Corps, des_outils

NE = {"family_name": "SEGUIN", "birthdate": "1992-01-01", "gender": "male"}


def une_identite(revendications: Corps, fournisseur: Fournisseur = "franceconnect") -> IdentiteRecue:
    return IdentiteRecue(
        fournisseur=fournisseur,
        emetteur="https://fc",
        sub="s",
        acr="eidas1",
        authentifiee_le=None,
        revendications=revendications,
        jeton_identite="",
    )


@pytest.mark.parametrize(
    ("revendications", "prenom"),
    [
        ({"given_name": "Henry Jules", "given_name_array": ["Henry", "Jules"]}, "Henry"),
        ({"given_name": "Henry"}, "Henry"),
        ({"given_name": "Henry Jules"}, "Henry"),
        ({"given_name": "Henry Jules", "given_name_array": []}, "Henry"),
        ({"given_name": ""}, None),
        ({"given_name_array": []}, None),
        ({"given_name_array": [""]}, None),
    ],
    ids=str,
)
def test_a_first_name_is_certified_or_certified_to_be_none(revendications: Corps, prenom: str | None) -> None:
    profil, provenances = preremplir(une_identite(NE | revendications), des_outils())
    assert (profil["prenom"], provenances["prenom"].verrouille) == (prenom, True)


@pytest.mark.parametrize("revendications", [{}, {"given_name_array": ["R2D2"]}, {"given_name": True}], ids=str)
def test_a_first_name_that_was_not_sent_or_cannot_be_read_is_left_to_be_typed(revendications: Corps) -> None:
    profil, provenances = preremplir(une_identite(NE | revendications), des_outils())
    assert "prenom" not in profil.keys() | provenances.keys()


@pytest.mark.parametrize(
    ("date_", "brute", "presumee"),
    [
        ("1992-01-01", "1992-00-00", "jour_et_mois"),
        ("1992-11-01", "1992-11-00", "jour"),
        ("1992-01-01", "1992-01-00", "jour"),
        ("1992-01-01", "1992-01-01", UNSET),
        # The register knows better than the identity provider, or says something else.
        ("1992-05-17", "1992-00-00", UNSET),
        ("1992-05-17", "1992-05-00", UNSET),
        ("1992-01-01", "1993-00-00", UNSET),
        ("1992-01-01", "", UNSET),
        ("1992-01-01", None, UNSET),
        ("1992-01-01", ["1992-00-00"], UNSET),
    ],
)
def test_a_date_is_presumed_where_the_register_padded_what_nobody_knows(date_: str, brute: Any, presumee: Any) -> None:
    profil, provenances = preremplir(une_identite(NE | {"birthdate": date_, "idp_birthdate": brute}), des_outils())
    # As received, and locked all the same.
    assert (profil["date_naissance"], provenances["date_naissance"].verrouille) == (date_, True)
    assert provenances["date_naissance"].presumee == presumee


def test_presumed_somebody_may_be_as_young_as_the_last_day_that_fits() -> None:
    assert au_plus_tard(date(1992, 1, 1)) == date(1992, 1, 1)
    assert au_plus_tard(date(1992, 1, 1), "jour_et_mois") == date(1992, 12, 31)
    assert au_plus_tard(date(1992, 2, 1), "jour") == date(1992, 2, 29)
    assert au_plus_tard(date(1993, 2, 1), "jour") == date(1993, 2, 28)
    assert au_plus_tard(date(1992, 12, 1), "jour") == date(1992, 12, 31)


def test_however_many_claims_the_first_names_come_in_it_is_the_same_civil_status() -> None:
    ne = NE | {"birthplace": "75107", "birthcountry": "99100"}
    ensemble, apart = ({"given_name": "Henry Jules"}, {"given_name": "Henry Jules", "given_name_array": ["Henry", "Jules"]})
    assert prenoms(ensemble) == prenoms(apart) == ["Henry", "Jules"]
    assert empreinte_pivot(une_identite(ne | ensemble)) == empreinte_pivot(une_identite(ne | apart))


def test_of_a_professional_what_is_no_text_is_left_out() -> None:
    dits = {"given_name": ["Ulla"], "usual_name": "MOREAU", "siret": True, "organization_label": ""}
    profil, provenances = preremplir(une_identite(dits, "proconnect"), des_outils())
    assert profil == {"representant": {"nom": "MOREAU"}}
    assert provenances.keys() == profil.keys()
