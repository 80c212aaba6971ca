"""Access tokens by joserfc: what they say, how they are signed, and what makes one ours (RFC 8725; after RFC 9068,
less `client_id`: there are no clients)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from uuid import UUID

from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from joserfc.jws import JWSRegistry, deserialize_compact, serialize_compact
from joserfc.util import json_b64encode
from msgspec import DecodeError, Struct, json

from domain.jetons import Trousseau
from domain.ports import JetonsAcces, Systeme
from domain.session import Porteur

_ES256 = JWSRegistry(algorithms=["ES256"])
# Characters; ours have some 550.
_LONGUEUR_MAX = 2048
# Seconds by which the clocks of two machines may differ (R64).
_TOLERANCE = 30
# Verifying takes 60 µs, finding again 1 µs, and a person's token comes back for ten minutes: so many are kept, in 3 MB.
# Whether a token is in its time is judged at every call. Refusals are not kept: forged tokens would drive out the true ones.
_GARDES = 2048


class _Revendications(Struct, frozen=True):
    """The claims, all required. Those that others may add one day are ignored, as RFC 7519 §4 has it."""

    iss: str
    aud: str
    sub: UUID
    sid: UUID
    jti: UUID
    iat: int
    nbf: int
    exp: int

    def __repr__(self) -> str:
        return "_Revendications(…)"

    def en_cours(self, instant: int) -> bool:
        return max(self.iat, self.nbf) - _TOLERANCE <= instant < self.exp + _TOLERANCE


_LECTEUR = json.Decoder(_Revendications)


class JoseJetonsAcces(JetonsAcces):
    """`emetteur`: the public origin, which issues the tokens (`iss`) and is their audience (`aud`).

    The signing keys (P-256) are derived from the server keys: every process has the same, after a restart too. A token names
    its own by `kid`, the RFC 7638 thumbprint.
    """

    def __init__(self, trousseau: Trousseau, systeme: Systeme, emetteur: str) -> None:
        self._systeme, self._emetteur = systeme, emetteur
        self._cles = [_cle(graine) for graine in trousseau.graines("es256")]
        # A header is not read but recognised: a token of ours begins with one of these texts. Whatever another one declares
        # (alg, typ, jku, jwk, crit …) is never looked at.
        self._par_tete = {json_b64encode(_tete(cle)).decode(): cle for cle in self._cles}
        self._verifier = lru_cache(_GARDES)(self._verifier_signature)

    def signer(self, porteur: Porteur, secondes: int) -> str:
        instant, origine = self._systeme.instant(), self._emetteur
        revendications = _Revendications(
            iss=origine,
            aud=origine,
            sub=porteur.compte_id,
            sid=porteur.session_id,
            jti=self._systeme.nouvel_id(),
            iat=instant,
            nbf=instant,
            exp=instant + secondes,
        )
        cle = self._cles[0]
        return serialize_compact(_tete(cle), json.encode(revendications), cle, registry=_ES256)

    def lire(self, jeton: str) -> Porteur | None:
        if len(jeton) > _LONGUEUR_MAX:
            return None
        try:
            lu = self._verifier(jeton)
        except (KeyError, JoseError, DecodeError, ValueError):
            return None
        bon = lu.iss == lu.aud == self._emetteur and lu.en_cours(self._systeme.instant())
        return Porteur(lu.sub, lu.sid) if bon else None

    def cles_publiques(self) -> Mapping[str, Any]:
        return {"keys": [cle.as_dict(private=False) for cle in self._cles]}

    def _verifier_signature(self, jeton: str) -> _Revendications:
        """KeyError: an unknown header; JoseError: a bad signature; DecodeError: other claims; ValueError: no Unicode text."""
        cle = self._par_tete[jeton.partition(".")[0]]
        # joserfc's base64 is strict: neither padding nor stray bits.
        return _LECTEUR.decode(deserialize_compact(jeton, cle, registry=_ES256).payload)


def _cle(graine: bytes) -> ECKey:
    # 64 bytes of HKDF modulo the order of the curve: uniform to within 2⁻²⁵⁶.
    return ECKey.derive_key(graine, "P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)


def _tete(cle: ECKey) -> dict[str, Any]:
    return {"alg": "ES256", "typ": "at+jwt", "kid": cle.kid}
