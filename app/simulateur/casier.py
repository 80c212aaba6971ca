"""Where the simulator keeps what lasts a while: codes, tokens, sessions, visits in progress."""

from __future__ import annotations

from collections.abc import Callable
from secrets import token_urlsafe
from typing import Generic, TypeVar

T = TypeVar("T")


class Casier(Generic[T]):
    """Values by secret key, each forgotten `duree` seconds after it was put there."""

    def __init__(self, horloge: Callable[[], float], duree: float) -> None:
        self._horloge, self.duree = horloge, duree
        self._contenu: dict[str, tuple[float, T]] = {}

    def poser(self, valeur: T, cle: str = "") -> str:
        maintenant = self._horloge()
        self._contenu = {autre: garde for autre, garde in self._contenu.items() if garde[0] > maintenant}
        cle = cle or token_urlsafe(32)
        self._contenu[cle] = (maintenant + self.duree, valeur)
        return cle

    def lire(self, cle: str) -> T | None:
        fin, valeur = self._contenu.get(cle, (0.0, None))
        return valeur if fin > self._horloge() else None

    def prendre(self, cle: str) -> T | None:
        """Reads it and forgets it."""
        valeur = self.lire(cle)
        self._contenu.pop(cle, None)
        return valeur
