"""Whose identity may be attached to an account, and what it certifies there while it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from domain.erreurs import IdentiteDifferente, IdentiteInadaptee
from domain.federation import Fournisseur, IdentiteAttachee, IdentiteRecue
from domain.outils import Outils
from domain.preremplissage import dit_encore, prenoms, preremplir
from domain.profils import Citoyen, Profil
from domain.titulaire import Provenance, Titulaire


def exiger_convenance(fournisseur: Fournisseur, profil: Profil) -> None:
    """A person has one FranceConnect identity, and it opens one account: their own. Whoever signs for an organisation comes by
    ProConnect, or by a password. Refusal: `IdentiteInadaptee`.
    """
    if fournisseur == "franceconnect" and not isinstance(profil, Citoyen):
        raise IdentiteInadaptee


def exiger_meme_personne(attachees: Iterable[IdentiteAttachee], identite: IdentiteRecue) -> None:
    """A civil status may change one's name: it is attached again. Another person's takes no certified account over.

    Refusal: `IdentiteDifferente`.
    """
    certifiees = [i for i in attachees if i.fournisseur == identite.fournisseur == "franceconnect"]
    if any(_personne(i.revendications) != _personne(identite.revendications) for i in certifiees):
        raise IdentiteDifferente


def _personne(r: Mapping[str, Any]) -> tuple[Any, ...]:
    """Of the identity that FranceConnect makes a `sub` of, all but the family name."""
    return prenoms(r) or [], r.get("birthdate"), r.get("birthplace") or "", r.get("birthcountry"), r.get("gender")


def certifier(titulaire: Titulaire, identite: IdentiteRecue, outils: Outils) -> tuple[Profil, dict[str, Provenance], list[str]]:
    """What an identity certifies becomes the account's: profile, provenances, and the fields that change."""
    champs, provenances = preremplir(identite, outils)
    certifies = {nom: p for nom, p in provenances.items() if p.verrouille}
    avant: dict[str, Any] = msgspec.to_builtins(titulaire.profil)
    apres = avant | {nom: champs[nom] for nom in certifies}
    changes = [nom for nom in certifies if apres[nom] != avant[nom]]
    return msgspec.convert(apres, type(titulaire.profil)), titulaire.provenances | certifies, changes


def encore_certifiees(
    profil: Profil, provenances: Mapping[str, Provenance], restent: Sequence[IdentiteAttachee], outils: Outils
) -> dict[str, Provenance]:
    """What the identities left still vouch for; the other fields are declarations again, as presumed as ever."""
    encore = {nom for nom, p in provenances.items() if dit_encore(profil, nom, p.source, restent, outils)}
    return {
        nom: p if nom in encore else Provenance(presumee=p.presumee)
        for nom, p in provenances.items()
        if p.presumee or nom in encore
    }
