"""Every refusal of every operation, with its figures: a shared answer for each status and set of codes, an example a code."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from msgspec import Struct, to_builtins

from app.http import textes
from app.http.openapi.corps import REFERENCE
from app.http.openapi.langue import dire
from app.http.problemes import (
    MEDIA,
    STATUTS,
    CorpsTropGrand,
    DelaiDepasse,
    ErreurInterne,
    Introuvable,
    JsonInvalide,
    RequeteInvalide,
    TypeContenu,
)
from app.http.problemes import document as probleme
from domain import erreurs
from domain.compte import Langue
from domain.erreurs import Refus


class Refuses(Struct, frozen=True):
    """The shared answers and examples, as operations come to need them."""

    origine: str
    langue: Langue
    reponses: dict[str, dict[str, Any]] = {}
    exemples: dict[str, dict[str, Any]] = {}

    def de(self, gestionnaire: Any) -> dict[str, dict[str, str]]:
        """By status, what refers to the shared answer."""
        par_statut: dict[int, list[type[Refus]]] = {}
        for refus in sorted(_refus(gestionnaire), key=lambda r: r.code):
            par_statut.setdefault(STATUTS[refus], []).append(refus)
        return {str(statut): self._partagee(statut, refus) for statut, refus in sorted(par_statut.items())}

    def _partagee(self, statut: int, refus: list[type[Refus]]) -> dict[str, str]:
        nom = "-".join([str(statut), *(r.code for r in refus)])
        self.reponses[nom] = _reponse(statut, refus, self.langue)
        for famille in refus:
            self.exemples[famille.code] = {"value": _exemple(famille, self.origine, self.langue)}
        return {"$ref": f"#/components/responses/{nom}"}


def _refus(gestionnaire: Any) -> set[type[Refus]]:
    """Its own refusals, and those that come with its access, its body, its retries."""
    refus: set[type[Refus]] = {RequeteInvalide, ErreurInterne, erreurs.Indisponible, *gestionnaire.opt["refus"]}
    if gestionnaire.parsed_data_field is not None:
        refus |= {JsonInvalide, TypeContenu, CorpsTropGrand, DelaiDepasse, erreurs.ChampsInvalides}
    if gestionnaire.opt["acces"] in ("session", "facultatif"):
        refus |= {erreurs.JetonInvalide, erreurs.SessionFinie}
    if gestionnaire.opt["acces"] == "inscription":
        refus |= {erreurs.SecretInvalide, erreurs.InscriptionInconnue}
    if any("{" in chemin for chemin in gestionnaire.paths):
        refus |= {Introuvable}
    if gestionnaire.opt["idempotente"]:
        refus |= {erreurs.CleIdempotenceInvalide, erreurs.CleIdempotenceReutilisee, erreurs.RequeteEnCours}
    return refus


def _reponse(statut: int, refus: list[type[Refus]], langue: Langue) -> dict[str, Any]:
    entetes: dict[str, Any] = {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}}
    if attendues := [r for r in refus if issubclass(r, erreurs.AvecReprise)]:
        seulement = "" if len(attendues) == len(refus) else f" {dire('Seulement avec', langue)} {_codes(attendues)}."
        entetes["Retry-After"] = {
            "description": dire("Secondes à attendre.", langue) + seulement,
            "required": not seulement,
            "schema": {"type": "integer", "minimum": 1},
        }
    if statut == HTTPStatus.UNAUTHORIZED:
        entetes["WWW-Authenticate"] = {"$ref": "#/components/headers/WWW-Authenticate"}
    if erreurs.SessionFinie in refus:
        dit = dire("Retire `__Host-comptoir-session`, quand il a été présenté pour rafraîchir.", langue)
        entetes["Set-Cookie"] = {"description": dit, "schema": {"type": "string"}}
    return {
        "description": f"{phrase(statut, langue)}{' :' if langue == 'fr' else ':'} {_codes(refus)}",
        "headers": entetes,
        "content": {
            MEDIA: {
                # Beside the reference and not in an `allOf`, of which generators would make a type for each answer.
                "schema": {
                    "$ref": REFERENCE.format(name="Probleme"),
                    "properties": {"code": {"enum": [r.code for r in refus]}},
                },
                "examples": {r.code: {"$ref": f"#/components/examples/{r.code}"} for r in refus},
            }
        },
    }


def phrase(statut: int, langue: Langue) -> str:
    return textes.STATUTS[str(statut)] if langue == "fr" else HTTPStatus(statut).phrase


def _codes(refus: Sequence[type[Refus]]) -> str:
    return ", ".join(f"`{r.code}`" for r in refus)


_EXEMPLES: dict[type[Refus], Refus] = {
    RequeteInvalide: RequeteInvalide(["limite"]),
    erreurs.ChampsInvalides: erreurs.ChampsInvalides(
        [
            erreurs.ErreurChamp(pointer="/profil/siret", code="siret_cle_invalide"),
            erreurs.ErreurChamp(pointer="/email", code="requis"),
        ]
    ),
    erreurs.DocumentPerime: erreurs.DocumentPerime("cgu", "2026-11"),
    erreurs.IdentifiantIndisponible: erreurs.IdentifiantIndisponible(["ines.dupont2", "ines.dupont.fr"]),
    erreurs.CanalImpossible: erreurs.CanalImpossible("sms"),
    erreurs.CodeIncorrect: erreurs.CodeIncorrect(4),
    erreurs.CguAReaccepter: erreurs.CguAReaccepter("2027-01"),
    erreurs.CompteNonActive: erreurs.CompteNonActive(inscription="019a2f6e-6f0e-7c52-9a57-3a1f0f2c4d11", secret="AZov…"),  # noqa: S106  (an example)
}


def _exemple(famille: type[Refus], origine: str, langue: Langue) -> dict[str, Any]:
    refus = _EXEMPLES.get(famille) or (famille(29) if issubclass(famille, erreurs.AvecReprise) else famille())
    exemple: dict[str, Any] = to_builtins(probleme(refus, origine, langue, "/v1/…", "8c0f3b0e5f8e4f0aa6f3d1f5d6b7c8d9"))
    return exemple
