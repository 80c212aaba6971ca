"""Secrets derived, never stored: HMAC-SHA-256 of a random id under a server key (two are accepted while one replaces another).

The database and the outbox then hold no secret at all, a message is rendered when it is sent, and an idempotent replay rebuilds
the same answer.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from hashlib import sha256
from uuid import UUID

from msgspec import Struct

from domain.activation import LONGUEUR_CODE, Jeton

_ID, _RANG, _MAC = 16, 3, 32


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
        return self._lire(secret, "inscription")

    def rafraichissement(self, session: UUID, rang: int) -> str:
        """68 characters: the session, the rank in its rotation, and their MAC (256 bits)."""
        return self._rafraichissements(session, rang)[0]

    def rafraichissement_donne(self, session: UUID, rang: int, empreinte: bytes) -> str | None:
        """The very token of this rank that was given, under whichever key; None once that key is gone."""
        return next((j for j in self._rafraichissements(session, rang) if empreinte_rafraichissement(j) == empreinte), None)

    def lire_rafraichissement(self, jeton: str) -> tuple[UUID, int] | None:
        """The session and the rank this token was made for; None when it is not one of ours."""
        octets = _octets(jeton, _ID + _RANG + _MAC)
        if octets is None:
            return None
        session, rang = UUID(bytes=octets[:_ID]), int.from_bytes(octets[_ID : _ID + _RANG])
        justes = [hmac.compare_digest(jeton, fait) for fait in self._rafraichissements(session, rang)]
        return (session, rang) if any(justes) else None

    def _rafraichissements(self, session: UUID, rang: int) -> list[str]:
        matiere = session.bytes + rang.to_bytes(_RANG)
        return [_b64(matiere + _mac(cle, "rafraichissement", matiere)) for cle in self._cles]

    def appareil(self, compte: UUID, epoque: int, appareil: UUID) -> str:
        """What a device presents to be known again by one account, until its password changes."""
        return _b64(appareil.bytes + _mac(self._cles[0], "appareil", _proprietaire(compte, epoque) + appareil.bytes))

    def lire_appareil(self, compte: UUID, epoque: int, jeton: str) -> UUID | None:
        return self._lire(jeton, "appareil", prefixe=_proprietaire(compte, epoque))

    def desinscription(self, compte: UUID, listes: str) -> str:
        """What leaves these mailing lists without signing in. It never expires: nor does the mail it stands in."""
        return _b64(compte.bytes + _mac(self._cles[0], f"desinscription/{listes}", compte.bytes))

    def lire_desinscription(self, jeton: str, listes: str) -> UUID | None:
        return self._lire(jeton, f"desinscription/{listes}")

    def depart(self, passage: UUID) -> tuple[str, str]:
        """What leaves with a passage: its `state` and its nonce, 64 hexadecimal characters each, what both providers accept."""
        return _depart(self._cles[0], passage)

    def lire_state(self, state: str) -> tuple[UUID, str] | None:
        """The passage, and the nonce that left with this state: under the same key, whichever signs by now."""
        try:
            passage = UUID(hex=state[:32])
        except ValueError:
            return None
        departs = [_depart(cle, passage) for cle in self._cles]
        nonces = [nonce for juste, nonce in departs if hmac.compare_digest(state.encode(), juste.encode())]
        return (passage, nonces[0]) if nonces else None

    def code_echange(self, passage: UUID) -> str:
        """Our own code, which the front end gives back with its verifier."""
        return _b64(passage.bytes + self._mac_du_passage("code", passage))

    def lire_code_echange(self, code: str) -> UUID | None:
        return self._lire(code, "passage/code")

    def jeton_identite(self, passage: UUID) -> str:
        """What a sign-up brings of the identity that came back."""
        return _b64(passage.bytes + self._mac_du_passage("identite", passage))

    def lire_jeton_identite(self, jeton: str) -> UUID | None:
        return self._lire(jeton, "passage/identite")

    def _mac_du_passage(self, usage: str, passage: UUID) -> bytes:
        return _mac(self._cles[0], f"passage/{usage}", passage.bytes)

    def sujet(self, compte: UUID) -> str:
        """What stands for a person in the logs (R90): the same each time, and nobody without the key."""
        return self.empreinte("sujet", compte.bytes)[:8].hex()

    def graines(self, usage: str) -> list[bytes]:
        """32 bytes for another use of each key, in the keys' order: what derives the signing keys."""
        return [_mac(cle, f"graine/{usage}", b"") for cle in self._cles]

    def _lire(self, texte: str, usage: str, prefixe: bytes = b"") -> UUID | None:
        lu = _couper(texte)
        if lu is None:
            return None
        justes = [hmac.compare_digest(lu[1], _mac(cle, usage, prefixe + lu[0])) for cle in self._cles]
        return UUID(bytes=lu[0]) if any(justes) else None

    def code(self, jeton: Jeton) -> str:
        """Six ASCII digits, uniform to within 10⁻¹³, bound to the proof, its purpose, its channel and its destination."""
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
        return _empreinte(self._cles[0], usage, valeur)

    def empreintes(self, usage: str, valeur: str | bytes) -> list[bytes]:
        """The same under each key, in their order: for what must still be recognised once another key signs."""
        return [_empreinte(cle, usage, valeur) for cle in self._cles]

    def _cle(self, cle_id: str) -> Cle:
        for cle in self._cles:
            if cle.id == cle_id:
                return cle
        raise CleRetiree(cle_id)


def id_du_lien(lien: str) -> UUID | None:
    """The proof a link names, before it is proven to be ours."""
    lu = _couper(lien)
    return UUID(bytes=lu[0]) if lu else None


def empreinte_rafraichissement(jeton: str) -> bytes:
    """What is stored of a refresh token."""
    return sha256(jeton.encode()).digest()


def _empreinte(cle: Cle, usage: str, valeur: str | bytes) -> bytes:
    return _mac(cle, f"empreinte/{usage}", valeur.encode() if isinstance(valeur, str) else valeur)


def _proprietaire(compte: UUID, epoque: int) -> bytes:
    return compte.bytes + epoque.to_bytes(4)


def _depart(cle: Cle, passage: UUID) -> tuple[str, str]:
    """The state is the passage and 128 bits of its MAC."""
    state, nonce = (_mac(cle, f"passage/{usage}", passage.bytes).hex() for usage in ("state", "nonce"))
    return passage.hex + state[:32], nonce


def _matiere(jeton: Jeton) -> bytes:
    return b"\0".join((jeton.id.bytes, jeton.usage.encode(), jeton.canal.encode(), jeton.destination.encode()))


def _mac(cle: Cle, usage: str, matiere: bytes) -> bytes:
    return hmac.digest(cle.octets, b"comptoir/1/" + usage.encode() + b"\0" + matiere, "sha256")


def _b64(octets: bytes) -> str:
    return urlsafe_b64encode(octets).decode()


def _couper(texte: str) -> tuple[bytes, bytes] | None:
    """16 bytes of id and 32 of MAC."""
    octets = _octets(texte, _ID + _MAC)
    return (octets[:_ID], octets[_ID:]) if octets else None


def _octets(texte: str, taille: int) -> bytes | None:
    """So many bytes, a multiple of three, from URL-safe base64 as we write it."""
    if len(texte) != taille // 3 * 4 or not texte.isascii():
        return None
    try:
        octets = urlsafe_b64decode(texte)
    except (Base64Error, ValueError):
        return None
    # `urlsafe_b64decode` skips what is not in its alphabet.
    return octets if len(octets) == taille and _b64(octets) == texte else None
