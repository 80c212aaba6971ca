"""The signing keys of one issuer, and what they sign: rightly, or as badly as ordered."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from functools import cached_property
from hashlib import sha256
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey
from msgspec import json

from app.simulateur.config import Algorithme, ClientEnregistre
from app.simulateur.pannes import Pannes


class _Jeu:
    """One generation. The RSA key is slow to make, hence made when somebody needs it; published from then on."""

    def __init__(self, graine: bytes) -> None:
        # Derived, so that an id_token kept before a restart still signs its bearer out after it. No secrecy is lost: here,
        # anybody may sign in as anybody.
        self.ec = ECKey.derive_key(graine, "P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)

    @cached_property
    def rsa(self) -> RSAKey:
        return RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True)

    def cle(self, algorithme: Algorithme) -> ECKey | RSAKey:
        return self.ec if algorithme == "ES256" else self.rsa

    def toutes(self) -> list[ECKey | RSAKey]:
        return [self.ec, self.rsa] if "rsa" in self.__dict__ else [self.ec]


class Cles:
    def __init__(self, emetteur: str, clients: tuple[ClientEnregistre, ...]) -> None:
        self._emetteur, self._generation = emetteur, 0
        self._avec_rsa = any(client.algorithme == "RS256" for client in clients)
        self.tourner()

    def tourner(self) -> None:
        """New keys; the old ones are no longer published, and what they signed no longer counts."""
        self._generation += 1
        self._jeu = _Jeu(sha256(f"{self._emetteur} {self._generation}".encode()).digest())
        if self._avec_rsa:
            _ = self._jeu.rsa

    def publiques(self) -> dict[str, Any]:
        return {"keys": [cle.as_dict(private=False) for cle in self._jeu.toutes()]}

    def signer(self, revendications: dict[str, Any], client: ClientEnregistre, pannes: Pannes) -> str:
        if pannes.alg_none:
            return _non_signe(revendications)
        if pannes.hs256:
            return jwt.encode({"alg": "HS256"}, revendications, OctKey.import_key(client.secret), algorithms=["HS256"])
        algorithme = _autre(client.algorithme) if pannes.rsa else client.algorithme
        cle = self._jeu.cle(algorithme)
        kid = cle.kid
        if pannes.autre_cle or pannes.kid_inconnu:
            cle = _etrangere(algorithme)
            kid = cle.kid if pannes.kid_inconnu else kid
        return jwt.encode({"alg": algorithme, "kid": kid}, revendications, cle, algorithms=[algorithme])

    def relire(self, jeton: str) -> dict[str, Any] | None:
        """The claims of a token that the present keys signed, expired or not."""
        try:
            return jwt.decode(jeton, KeySet([*self._jeu.toutes()]), algorithms=["ES256", "RS256"]).claims
        except (JoseError, ValueError):
            return None


def _autre(algorithme: Algorithme) -> Algorithme:
    return "RS256" if algorithme == "ES256" else "ES256"


def _etrangere(algorithme: Algorithme) -> ECKey | RSAKey:
    if algorithme == "ES256":
        return ECKey.generate_key("P-256", auto_kid=True)
    return RSAKey.generate_key(2048, auto_kid=True)


def _non_signe(revendications: dict[str, Any]) -> str:
    # By hand: joserfc warns of `none`, and it is right.
    return ".".join(_base64(json.encode(partie)) for partie in ({"alg": "none", "typ": "JWT"}, revendications)) + "."


def _base64(octets: bytes) -> str:
    return urlsafe_b64encode(octets).decode().rstrip("=")
