"""Where FranceConnect and ProConnect differ, as data: parameters, scopes, lifetimes, people. The protocol is the same code.

Sources: github.com/france-connect/sources (core-fcp, core-fcp-low), github.com/proconnect-gouv/federation (core-fca-low) and
ProConnect's partner documentation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from app.simulateur.personnes import (
    IdentiteFournisseur,
    Personne,
    fournisseurs,
    personnes,
    sub_franceconnect,
    sub_proconnect,
)

# Seconds, for both.
DUREE_ID_TOKEN = 60
DUREE_VISITE = 30 * 60
ACR = "eidas1"


class Regles(Struct, frozen=True, kw_only=True):
    """`longueurs`: the required parameters of authorize, each with its least length; `parametres`: all that it tolerates.

    `acr_refuses`: levels known elsewhere and not offered here. Durations in seconds. `code_requete`: what the error page of a
    malformed request shows. `scopes`: what each gives, once `openid` is asked for.
    """

    nom: str
    titre: str
    prefixe: str
    longueurs: Mapping[str, int]
    parametres: frozenset[str]
    prompts: frozenset[str]
    acr_refuses: frozenset[str]
    code_requete: str
    deconnexion: frozenset[str]
    duree_code: int
    duree_acces: int
    duree_session: int
    scopes: Mapping[str, tuple[str, ...]]
    sub: Callable[[Personne, str, str], str]
    personnes: Mapping[str, Personne]
    fournisseurs: Mapping[str, IdentiteFournisseur]


_LONGUEURS = {"client_id": 1, "response_type": 0, "redirect_uri": 1, "scope": 0}
_COMMUNS = frozenset({*_LONGUEURS, "acr_values", "nonce", "state", "prompt", "claims", "idp_hint"})
_PRENOMS = ("given_name", "given_name_array")
_PIVOT = (*_PRENOMS, "family_name", "birthdate", "gender")
_NAISSANCE = ("birthplace", "birthcountry")

# What the information page calls them; two claims that say one thing are one line.
LIBELLES = {
    "family_name": "Nom de naissance",
    "usual_name": "Nom",
    "preferred_username": "Nom d'usage",
    "given_name": "Prénoms",
    "given_name_array": "Prénoms",
    "gender": "Sexe",
    "birthdate": "Date de naissance",
    "idp_birthdate": "Date de naissance connue du compte choisi",
    "birthplace": "Lieu de naissance",
    "birthcountry": "Pays de naissance",
    "email": "Adresse électronique",
    "phone_number": "Téléphone",
    "uid": "Identifiant professionnel",
    "siret": "SIRET de l'organisation",
    "siren": "SIREN de l'organisation",
    "organization_label": "Nom de l'organisation",
    "roles": "Rôles",
    "idp_id": "Compte choisi",
    "amr": "Moyen d'authentification",
}


def _seuls(*noms: str) -> dict[str, tuple[str, ...]]:
    """Scopes that give the claim of their name."""
    return {nom: (nom,) for nom in noms}


FRANCECONNECT = Regles(
    nom="franceconnect",
    titre="FranceConnect",
    prefixe="/api/v2",
    longueurs=_LONGUEURS | {"acr_values": 1, "nonce": 22, "state": 1},
    # No PKCE: `code_challenge` is refused like any other stranger.
    parametres=_COMMUNS | {"ui_locales"},
    prompts=frozenset({"login", "consent"}),
    acr_refuses=frozenset({"eidas2", "eidas3"}),
    code_requete="Y030007",
    deconnexion=frozenset({"id_token_hint"}),
    duree_code=30,
    duree_acces=60,
    duree_session=30 * 60,
    scopes={
        **_seuls(
            "family_name", "gender", "birthdate", *_NAISSANCE, "email", "preferred_username", "idp_birthdate", "amr", "idp_id"
        ),
        "given_name": _PRENOMS,
        "profile": (*_PIVOT, "preferred_username"),
        "identite_pivot": (*_PIVOT, *_NAISSANCE),
        "birth": _NAISSANCE,
    },
    sub=sub_franceconnect,
    personnes=personnes("franceconnect"),
    fournisseurs=fournisseurs("franceconnect"),
)

PROCONNECT = Regles(
    nom="proconnect",
    titre="ProConnect",
    prefixe="/proconnect/api/v2",
    longueurs=_LONGUEURS | {"nonce": 32, "state": 32},
    parametres=_COMMUNS | {"response_mode", "login_hint", "siret_hint", "code_challenge", "code_challenge_method"},
    prompts=frozenset({"login", "consent", "none"}),
    acr_refuses=frozenset(),
    code_requete="Y000400",
    deconnexion=frozenset({"id_token_hint", "state", "post_logout_redirect_uri"}),
    duree_code=60,
    duree_acces=60 * 60,
    duree_session=12 * 60 * 60,
    scopes={
        **_seuls("given_name", "usual_name", "email", "uid", "siret", "siren", "idp_id", "organization_label", "roles", "amr"),
        "phone": ("phone_number",),
    },
    sub=sub_proconnect,
    personnes=personnes("proconnect"),
    fournisseurs=fournisseurs("proconnect"),
)
