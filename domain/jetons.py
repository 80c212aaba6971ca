"""Secrets derived, never stored: HMAC-SHA-256 of a random id under a server key (two are accepted while one replaces another).

The database and the outbox then hold no secret at all, a message is rendered when it is sent, and an idempotent replay rebuilds
the same answer.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from uuid import UUID

from msgspec import Struct

from domain.activation import LONGUEUR_CODE, Jeton

_MAC = 32


class Cle(Struct, frozen=True):
    """A server key: its public id, and 32 random bytes or more."""

    id: str
    octets: bytes

    def __repr__(self) -> str:
        return f"Cle({self.id!r})"


class CleRetiree(Exception):
    """The row was made under a key the service no longer holds."""


class Trousseau:
    """The server keys; the first one signs, all are accepted."""

    def __init__(self, cles: tuple[Cle, ...]) -> None:
        self._cles = cles

    @property
    def cle_id(self) -> str:
        return self._cles[0].id

    def secret_inscription(self, inscription: UUID) -> str:
        """64 characters: the sign-up's id and its MAC (256 bits)."""
        return _b64(inscription.bytes + _mac(self._cles[0], "inscription", inscription.bytes))

    def lire_secret(self, secret: str) -> UUID | None:
        """The sign-up this secret was made for; None when it is not one of ours."""
        lu = _couper(secret)
        if lu is None:
            return None
        justes = [hmac.compare_digest(lu[1], _mac(cle, "inscription", lu[0])) for cle in self._cles]
        return UUID(bytes=lu[0]) if any(justes) else None

    def code(self, jeton: Jeton) -> str:
        """Six ASCII digits, uniform to within 10⁻¹³, bound to the proof, its channel and its destination."""
        mac = _mac(self._cle(jeton.cle_id), "code", _matiere(jeton))
        return str(int.from_bytes(mac[:8]) % 10**LONGUEUR_CODE).zfill(LONGUEUR_CODE)

    def lien(self, jeton: Jeton) -> str:
        """The link's token: the proof's id and a 256-bit MAC, 64 characters fit for a URL fragment."""
        return _b64(jeton.id.bytes + _mac(self._cle(jeton.cle_id), "lien", _matiere(jeton)))

    def est_code(self, jeton: Jeton, code: str) -> bool:
        return hmac.compare_digest(self.code(jeton).encode(), code.encode())

    def est_lien(self, jeton: Jeton, lien: str) -> bool:
        return hmac.compare_digest(self.lien(jeton).encode(), lien.encode())

    def empreinte(self, usage: str, valeur: str | bytes) -> bytes:
        """A keyed digest (32 bytes) that stands for a value we must compare but not keep: an address, a body."""
        return _mac(self._cles[0], f"empreinte/{usage}", valeur.encode() if isinstance(valeur, str) else valeur)

    def _cle(self, cle_id: str) -> Cle:
        for cle in self._cles:
            if cle.id == cle_id:
                return cle
        raise CleRetiree(cle_id)


def id_du_lien(lien: str) -> UUID | None:
    """The proof a link names, before it is proven to be ours."""
    lu = _couper(lien)
    return UUID(bytes=lu[0]) if lu else None


def _matiere(jeton: Jeton) -> bytes:
    return b"\0".join((jeton.id.bytes, jeton.canal.encode(), jeton.destination.encode()))


def _mac(cle: Cle, usage: str, matiere: bytes) -> bytes:
    return hmac.digest(cle.octets, b"comptoir/1/" + usage.encode() + b"\0" + matiere, "sha256")


def _b64(octets: bytes) -> str:
    return urlsafe_b64encode(octets).decode()


def _couper(texte: str) -> tuple[bytes, bytes] | None:
    """16 bytes of id and 32 of MAC from exactly 64 characters of URL-safe base64."""
    if len(texte) != 64 or not texte.isascii():
        return None
    try:
        octets = urlsafe_b64decode(texte)
    except (Base64Error, ValueError):
        return None
    # `urlsafe_b64decode` skips what is not in its alphabet.
    return (octets[:16], octets[16:]) if len(octets) == 16 + _MAC and _b64(octets) == texte else None
