"""What must be read again but not lie in the clear: sealed under a key made from the server keys (XSalsa20-Poly1305)."""

from __future__ import annotations

from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from domain.jetons import Trousseau
from domain.ports import Coffre


class NaclCoffre(Coffre):
    """The first key seals, all open."""

    def __init__(self, trousseau: Trousseau) -> None:
        self._boites = [SecretBox(graine) for graine in trousseau.graines("coffre")]

    def sceller(self, clair: bytes) -> bytes:
        return bytes(self._boites[0].encrypt(clair))

    def ouvrir(self, scelle: bytes) -> bytes | None:
        for boite in self._boites:
            try:
                return bytes(boite.decrypt(scelle))
            except (CryptoError, ValueError):
                continue
        return None
