"""How long a session lasts, and what a sign-in may ask for together."""

from __future__ import annotations

from typing import Any

import pytest

from domain.erreurs import ChampsInvalides
from domain.formulaire import lire
from domain.session import DUREE_ACCES, DemandeSession, Duree, OptionsSession
from tests.builders import MOT_DE_PASSE, des_outils

OUTILS = des_outils()
MINUTE, HEURE = 60, 3600


def fautes(corps: dict[str, Any], type_: type[OptionsSession] = OptionsSession) -> dict[str, str]:
    with pytest.raises(ChampsInvalides) as refus:
        lire(corps, type_, OUTILS)
    return {e.pointer: e.code for e in refus.value.erreurs}


@pytest.mark.parametrize(
    ("options", "duree"),
    [
        ({}, Duree(30 * MINUTE, 12 * HEURE)),
        ({"rester_connecte": True}, Duree(12 * HEURE, 24 * HEURE)),
        ({"appareil_partage": True}, Duree(10 * MINUTE, HEURE)),
        ({"cookie": True}, Duree(30 * MINUTE, 12 * HEURE)),
    ],
)
def test_a_session_is_as_long_as_its_device_is_ones_own(options: dict[str, Any], duree: Duree) -> None:
    assert lire(options, OptionsSession, OUTILS).duree == duree
    demande = lire(options | {"identifiant": "ines.dupont", "mot_de_passe": MOT_DE_PASSE}, DemandeSession, OUTILS)
    assert demande.duree == duree


def test_an_idle_session_never_outlives_its_end_nor_an_access_token_its_refresh() -> None:
    for options in ({}, {"rester_connecte": True}, {"appareil_partage": True}):
        duree = OptionsSession(**options).duree
        assert DUREE_ACCES.total_seconds() <= duree.inactivite < duree.absolue


def test_nobody_stays_signed_in_on_a_shared_computer() -> None:
    ensemble = {"rester_connecte": True, "appareil_partage": True}
    assert fautes(ensemble) == {"/rester_connecte": "appareil_partage_incompatible"}
    # Told with whatever else is wrong.
    assert fautes(ensemble, DemandeSession) == {
        "/rester_connecte": "appareil_partage_incompatible", "/identifiant": "requis", "/mot_de_passe": "requis"
    }  # fmt: skip
    assert fautes(ensemble | {"cookie": "oui"}).keys() == {"/rester_connecte", "/cookie"}


@pytest.mark.parametrize("option", ["rester_connecte", "appareil_partage", "cookie"])
def test_an_option_is_true_or_false(option: str) -> None:
    valeurs: tuple[Any, ...] = (1, "true", None, [], {})
    for valeur in valeurs:
        assert fautes({option: valeur}).keys() == {f"/{option}"}


def test_what_is_typed_at_sign_in_is_not_judged_by_the_rules_of_a_new_password() -> None:
    for mot_de_passe in ("", "a", "é" * 128, " " * 8, "motdepasse"):
        assert lire({"identifiant": "Ines.Dupont", "mot_de_passe": mot_de_passe}, DemandeSession, OUTILS)
    for refuse in ("a" * 129, None, 12345678):
        assert fautes({"identifiant": "ines", "mot_de_passe": refuse}, DemandeSession).keys() == {"/mot_de_passe"}
