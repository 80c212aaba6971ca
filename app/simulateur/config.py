"""What the simulator is told: where it is, and which services may send people to it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Literal

from msgspec import Struct

Algorithme = Literal["ES256", "RS256"]


class ClientEnregistre(Struct, frozen=True, kw_only=True):
    """A service, as it declared itself; known to both issuers.

    With `cle_publique` (a JWK) it authenticates by `private_key_jwt` and by nothing else; without, by `client_secret_post`.
    `redirections`, `apres_deconnexion`: compared character by character. `algorithme`: what its tokens are signed with.
    """

    client_id: str
    secret: str
    cle_publique: dict[str, Any] | None = None
    redirections: tuple[str, ...]
    apres_deconnexion: tuple[str, ...]
    algorithme: Algorithme = "ES256"
    nom: str = "Comptoir"

    def __repr__(self) -> str:
        return f"ClientEnregistre({self.client_id!r})"


class ConfigSimulateur(Struct, frozen=True, kw_only=True):
    """`origine`: scheme, host and port, without a final slash. `horloge`: seconds since 1970."""

    origine: str
    clients: tuple[ClientEnregistre, ...]
    horloge: Callable[[], float] = time.time
