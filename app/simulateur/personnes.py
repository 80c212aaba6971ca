"""The test people and the identity providers, read from the `.toml` files beside; and the `sub` of each person."""

from __future__ import annotations

import tomllib
from hashlib import sha256
from pathlib import Path
from typing import Any

from msgspec import Struct, convert

MOT_DE_PASSE = "123"
# Fixed: a person keeps their `sub` from one start to the next, as at FranceConnect.
_SEL = "simulateur"
_FRANCE = "99100"


class Personne(Struct, frozen=True):
    """`revendications`: every claim one may ask of this person. With `refus` (FranceConnect's code), signing in fails."""

    login: str
    revendications: dict[str, Any]
    refus: str = ""
    erreur: str = "access_denied"

    @property
    def presentation(self) -> str:
        """What the list of logins says of them."""
        lues = self.revendications
        nom = lues.get("family_name") or lues.get("usual_name", "")
        detail = lues.get("organization_label") or lues.get("idp_birthdate", "")
        return " ".join(filter(None, (lues.get("given_name", ""), nom))) + (f", {detail}" if detail else "")


class IdentiteFournisseur(Struct, frozen=True):
    """An identity provider of the list. `uid`: what `idp_hint` and `idp_id` name it by. `amr`: how it authenticates."""

    uid: str
    nom: str
    amr: tuple[str, ...] = ("pwd",)
    a_part: bool = False


def personnes(emetteur: str) -> dict[str, Personne]:
    return {lue.login: lue for lue in map(_personne, _lire("personnes")[emetteur])}


def fournisseurs(emetteur: str) -> dict[str, IdentiteFournisseur]:
    return {lu.uid: lu for lu in convert(_lire("fournisseurs")[emetteur], list[IdentiteFournisseur])}


def _lire(nom: str) -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / f"{nom}.toml").read_text(encoding="utf-8"))


def _personne(ligne: dict[str, Any]) -> Personne:
    """The register pads a presumed month or day with `01`; only `idp_birthdate` tells."""
    propres = {nom: ligne.pop(nom) for nom in ("login", "refus", "erreur") if nom in ligne}
    if "given_name_array" in ligne:
        ligne["given_name"] = " ".join(ligne["given_name_array"])
    if "idp_birthdate" in ligne:
        ligne["birthdate"] = ligne["idp_birthdate"].replace("-00", "-01")
    return Personne(**propres, revendications=ligne)


def sub_franceconnect(personne: Personne, idp: str, client_id: str) -> str:
    """By pivot identity and service, whatever the identity provider: 64 hexadecimal digits and `v1`."""
    lues = personne.revendications
    noms = ("given_name", "family_name", "birthdate", "gender", "birthcountry")
    pivot = "".join(lues[nom] for nom in noms) + (lues["birthplace"] if lues["birthcountry"] == _FRANCE else "")
    return _hacher(client_id, _hacher(pivot), _SEL) + "v1"


def sub_proconnect(personne: Personne, idp: str, client_id: str) -> str:
    """By identity provider and service: another for the same person who comes through another provider."""
    return _hacher(idp, client_id, personne.revendications["uid"], _SEL)


def _hacher(*parties: str) -> str:
    return sha256("".join(parties).encode()).hexdigest()
