"""How a service proves who it is at `/token`: the two ways FranceConnect knows, and not Basic."""

from __future__ import annotations

from collections.abc import Mapping
from hmac import compare_digest
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry
from msgspec import DecodeError, json

from app.simulateur.config import ClientEnregistre
from app.simulateur.fournisseur import ErreurOAuth, Fournisseur

_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def authentifier(op: Fournisseur, autorisation: str, champs: Mapping[str, str]) -> ClientEnregistre:
    """`autorisation`: the header of that name. Raises `ErreurOAuth`."""
    assertion = champs.get("client_assertion", "")
    client = op.clients.get(champs.get("client_id") or _annonce(assertion))
    if client is None or autorisation or not _prouve(op, client, champs):
        raise ErreurOAuth("invalid_client", "client authentication failed", 401)
    return client


def _prouve(op: Fournisseur, client: ClientEnregistre, champs: Mapping[str, str]) -> bool:
    return _assertion_bonne(op, client, champs) if client.cle_publique else _secret_bon(client, champs)


def _secret_bon(client: ClientEnregistre, champs: Mapping[str, str]) -> bool:
    if not client.secret or "client_assertion" in champs:
        return False
    return compare_digest(champs.get("client_secret", "").encode(), client.secret.encode())


def _assertion_bonne(op: Fournisseur, client: ClientEnregistre, champs: Mapping[str, str]) -> bool:
    """RFC 7523 §3, each assertion once."""
    if champs.get("client_assertion_type") != _TYPE or "client_secret" in champs or not client.cle_publique:
        return False
    try:
        cle = JWKRegistry.import_key(client.cle_publique)
        lue = jwt.decode(champs["client_assertion"], cle, algorithms=["ES256", "RS256"]).claims
    except (JoseError, ValueError, KeyError):
        return False
    jti = lue.get("jti")
    if not isinstance(jti, str) or not _en_regle(op, client, lue) or op.assertions.lire(jti):
        return False
    op.assertions.poser(True, jti)
    return True


def _en_regle(op: Fournisseur, client: ClientEnregistre, lue: Mapping[str, Any]) -> bool:
    destinataires = lue.get("aud")
    destinataires = destinataires if isinstance(destinataires, list) else [destinataires]
    pour_nous = op.emetteur in destinataires or f"{op.emetteur}/token" in destinataires
    exp = lue.get("exp")
    a_temps = isinstance(exp, int | float) and exp > op.horloge()
    return pour_nous and a_temps and lue.get("iss") == lue.get("sub") == client.client_id


def _annonce(assertion: str) -> str:
    """Whose assertion it claims to be; nothing is verified yet."""
    try:
        return str(json.decode(jws.extract_compact(assertion.encode()).payload)["sub"])
    except (JoseError, DecodeError, ValueError, KeyError, TypeError):
        return ""
