"""How the claims of an identity become a profile: what a form is filled with, what stays certified."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType, structs

from domain.erreurs import ChampsInvalides, ErreurChamp
from domain.federation import IdentiteAttachee, IdentiteRecue
from domain.formulaire import lire
from domain.inscription import DemandeInscription, fautes_de_minorite
from domain.outils import Outils
from domain.profils import Citoyen, Presumee, Profil
from domain.titulaire import Provenance, Source, au_plus_jeune

_PRESUMEES: dict[int, Presumee] = {1: "jour", 2: "jour_et_mois"}
_CIVILITES = {"female": "madame", "male": "monsieur"}
_UN_CITOYEN = {
    "type": "citoyen",
    "civilite": "non_precisee",
    "nom_naissance": "Nom",
    "prenom": None,
    "date_naissance": "2000-01-01",
}


def preremplir(identite: IdentiteRecue | IdentiteAttachee, outils: Outils) -> tuple[dict[str, Any], dict[str, Provenance]]:
    """The fields of a profile that an identity gives, written as a form's would be, and where each comes from.

    What FranceConnect took from the civil-status register is verified and locked, and what our own rules refuse of it is left
    to be typed; ProConnect's is proposed as it stands.
    """
    citoyen = identite.fournisseur == "franceconnect"
    lus = (_citoyen if citoyen else _professionnel)(identite.revendications)
    profil: dict[str, Any] = {"type": "citoyen"} if citoyen else {}
    provenances: dict[str, Provenance] = {}
    for nom, (valeur, certifie) in lus.items():
        try:
            profil[nom] = _normalise(nom, valeur, outils) if citoyen else valeur
        except ChampsInvalides:
            continue
        presumee = _presumee(identite.revendications) if nom == "date_naissance" else UNSET
        provenances[nom] = Provenance(source=identite.fournisseur, verifie=certifie, verrouille=certifie, presumee=presumee)
    return profil, provenances


def _citoyen(r: Mapping[str, Any]) -> dict[str, tuple[Any, bool]]:
    """FranceConnect returns the identity as the register has it (RNIPP), but for the usual name, which is the provider's."""
    lus: dict[str, tuple[Any, bool]] = {
        "nom_naissance": (r.get("family_name"), True),
        "date_naissance": (r.get("birthdate"), True),
    }
    # Civil status knows people without a first name; what was not sent says nothing of it.
    if (prenom := _prenom(r)) is not None:
        lus["prenom"] = (prenom or None, True)
    if civilite := _CIVILITES.get(str(r.get("gender"))):
        lus["civilite"] = (civilite, True)
    if (usage := r.get("preferred_username")) and usage != r.get("family_name"):
        lus["nom_usage"] = (usage, False)
    return lus


def _professionnel(r: Mapping[str, Any]) -> dict[str, tuple[Any, bool]]:
    """ProConnect tells where a person works, not that they may bind the organisation: all of it is a declaration."""
    dits = {nom: valeur for nom, valeur in r.items() if isinstance(valeur, str) and valeur}
    representant = {n: dits[dit] for n, dit in (("prenom", "given_name"), ("nom", "usual_name")) if dit in dits}
    lus: dict[str, tuple[Any, bool]] = {"representant": (representant, False)}
    # One of the two names, by the profile that is chosen.
    for nom, dit in (("siret", "siret"), ("raison_sociale", "organization_label"), ("denomination", "organization_label")):
        if dit in dits:
            lus[nom] = (dits[dit], False)
    return lus


def _presumee(r: Mapping[str, Any]) -> Presumee | UnsetType:
    """The register pads what it does not know; only the identity provider's own date tells it from a true first of a month."""
    brute = r.get("idp_birthdate")
    if not isinstance(brute, str) or brute.replace("-00", "-01") != r.get("birthdate"):
        return UNSET
    return _PRESUMEES.get(brute.count("-00"), UNSET)


def _normalise(nom: str, valeur: Any, outils: Outils) -> Any:
    """By the field's own rule, the other fields being right. Refusal: `ChampsInvalides`."""
    lu: dict[str, Any] = msgspec.to_builtins(lire(_UN_CITOYEN | {nom: valeur}, Citoyen, outils))
    return lu[nom]


def fautes_federees(identite: IdentiteRecue, demande: DemandeInscription, outils: Outils) -> list[ErreurChamp]:
    """What a sign-up says against the identity it brings: locked fields altered, consents at an age that may not give them."""
    profil = demande.profil
    if not isinstance(profil, Citoyen):
        return []
    attendu, provenances = preremplir(identite, outils)
    donne: dict[str, Any] = msgspec.to_builtins(profil)
    alteres = [nom for nom, p in provenances.items() if p.verrouille and donne[nom] != attendu[nom]]
    if alteres:
        return [ErreurChamp(pointer=f"/profil/{nom}", code="champ_verrouille") for nom in alteres]
    naissance = au_plus_jeune(profil, provenances).date_naissance
    return list(fautes_de_minorite(naissance, structs.asdict(demande.diffusion), outils))


def tels_quels(profil: Profil, attendu: Mapping[str, Any], provenances: Mapping[str, Provenance]) -> dict[str, Provenance]:
    """The provenances of what a profile says as the identity did."""
    donne: dict[str, Any] = msgspec.to_builtins(profil)
    return {nom: p for nom, p in provenances.items() if nom in donne and tel_quel(donne[nom], attendu[nom])}


def tel_quel(donne: Any, attendu: Any) -> bool:
    """Whether a field still says what an identity does; an object, of the members that it gives."""
    if isinstance(attendu, dict):
        return bool(attendu) and all(donne[nom] == valeur for nom, valeur in attendu.items())
    return bool(donne == attendu)


def dit_encore(profil: Profil, nom: str, source: Source, identites: Iterable[IdentiteAttachee], outils: Outils) -> bool:
    """Whether one of these identities, of that provider, says this field as the profile does."""
    tenu = msgspec.to_builtins(getattr(profil, nom))
    dits = (preremplir(i, outils)[0] for i in identites if i.fournisseur == source)
    return any(nom in champs and tel_quel(tenu, champs[nom]) for champs in dits)


def prenoms(r: Mapping[str, Any]) -> list[Any] | None:
    """First names as FranceConnect has them, however many claims it gives: apart, or with spaces between. None: not sent."""
    if isinstance(apart := r.get("given_name_array"), list) and (apart or "given_name" not in r):
        return apart
    ensemble = r.get("given_name")
    return ensemble.split() if isinstance(ensemble, str) else None


def _prenom(r: Mapping[str, Any]) -> Any:
    """The first of them; "" for none, None where they were not sent."""
    connus = prenoms(r)
    return connus if connus is None else (connus or [""])[0]


def empreinte_pivot(identite: IdentiteRecue) -> bytes | None:
    """Of what stays when a civil status changes its names: enough to say "you may already have an account", never to link.

    Under no key, which would have to last as long as the account: the claims lie beside it.
    """
    r = identite.revendications
    pieces = [r.get("birthdate"), r.get("birthplace") or "", r.get("birthcountry")]
    if identite.fournisseur != "franceconnect" or not all(isinstance(p, str) for p in pieces) or not pieces[0]:
        return None
    return sha256("\0".join([identite.emetteur, str(_prenom(r) or ""), *map(str, pieces)]).encode()).digest()
