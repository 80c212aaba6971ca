"""What services call: discovery, keys, token, userinfo. The same for both issuers."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from litestar import MediaType, Request, Response, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency

from app.simulateur.authentification import authentifier
from app.simulateur.demande import Champs
from app.simulateur.fournisseur import ErreurOAuth, Fournisseur
from app.simulateur.pannes import Erreur500
from app.simulateur.regles import ACR

Requete = Request[Any, Any, State]
_MUET = {"Cache-Control": "no-store"}
_FORMULAIRE = "application/x-www-form-urlencoded"


async def champs_de(request: Requete) -> Champs:
    """The query of a GET, the form of a POST, repetitions and blanks included."""
    recu = await request.body() if request.method == "POST" else request.scope["query_string"]
    return parse_qsl(recu.decode("utf-8", "replace"), keep_blank_values=True)


@get("/.well-known/openid-configuration")
async def decouverte(op: NamedDependency[Fournisseur]) -> dict[str, Any]:
    await op.banc.appel("discovery")
    base, regles = op.emetteur, op.regles
    return {
        "issuer": base,
        "authorization_endpoint": f"{base}/authorize",
        "token_endpoint": f"{base}/token",
        "userinfo_endpoint": f"{base}/userinfo",
        "jwks_uri": f"{base}/jwks",
        "end_session_endpoint": f"{base}/session/end",
        "scopes_supported": ["openid", *regles.scopes],
        "claims_supported": sorted({"sub", "acr", "amr", "auth_time", *(c for cs in regles.scopes.values() for c in cs)}),
        "acr_values_supported": [ACR],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code"],
        "subject_types_supported": ["pairwise"],
        # HS256 is announced, as FranceConnect does, and given to nobody.
        "id_token_signing_alg_values_supported": ["HS256", "ES256", "RS256"],
        "userinfo_signing_alg_values_supported": ["HS256", "ES256", "RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["ES256", "RS256"],
        # Announced by FranceConnect too, whose authorize refuses it.
        "code_challenge_methods_supported": ["S256"],
        "claims_parameter_supported": True,
        "request_parameter_supported": False,
        "authorization_response_iss_parameter_supported": True,
    }


@get("/jwks")
async def cles(op: NamedDependency[Fournisseur]) -> dict[str, Any]:
    await op.banc.appel("jwks")
    return op.cles.publiques()


@post("/token", status_code=200)
async def jeton(request: Requete, op: NamedDependency[Fournisseur]) -> Response[dict[str, Any]]:
    await op.banc.appel("token")
    if request.headers.get("content-type", "").partition(";")[0] != _FORMULAIRE:
        raise ErreurOAuth("invalid_request", f"only {_FORMULAIRE} content-type bodies are supported")
    recus = await champs_de(request)
    champs = dict(recus)
    if len(champs) != len(recus):
        raise ErreurOAuth("invalid_request", "parameters must not be provided twice")
    client = authentifier(op, request.headers.get("authorization", ""), champs)
    if champs.get("grant_type") != "authorization_code":
        raise ErreurOAuth("unsupported_grant_type", "unsupported grant_type requested")
    return Response(op.echanger(client, champs), headers=_MUET)


@get("/userinfo")
async def identite(request: Requete, op: NamedDependency[Fournisseur]) -> Response[Any]:
    await op.banc.appel("userinfo")
    sorte, _, acces = request.headers.get("authorization", "").partition(" ")
    reponse = op.identite(acces if sorte.lower() == "bearer" else "")
    type_ = "application/jwt" if isinstance(reponse, str) else MediaType.JSON
    return Response(reponse, media_type=type_, headers=_MUET)


def refuser(_: Request[Any, Any, Any], refus: ErreurOAuth) -> Response[dict[str, str]]:
    corps = {"error": refus.erreur, "error_description": refus.description}
    defi = {"WWW-Authenticate": f'Bearer error="{refus.erreur}"'} if refus.erreur == "invalid_token" else {}
    return Response(corps, status_code=refus.statut, media_type=MediaType.JSON, headers=_MUET | defi)


def tomber(_: Request[Any, Any, Any], __: Erreur500) -> Response[dict[str, str]]:
    return Response({"error": "server_error"}, status_code=500, media_type=MediaType.JSON)
