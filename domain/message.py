"""What is sent: a row that names a proof and a template, rendered at the moment it leaves; how failures are told apart."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from msgspec import Struct

from domain.activation import Canal, Jeton, Usage
from domain.compte import Langue

# Those that carry a proof bear the name of its purpose; the others tell of what has been done. `identifiants`: those of an
# address, to that address. `diffusion` carries the way out of the lists.
Modele = Literal[
    Usage,
    "identifiants",
    "mot_de_passe_change",
    "mot_de_passe_reinitialise",
    "identifiant_change",
    "contact_retabli",
    "session_suspecte",
    "effacement_annule",
    "diffusion",
    "inactivite",
    "identite_rattachee",
    "identite_detachee",
]

# Seconds. A lease outlives the slowest provider's time-out, so that two workers never hold one message.
BAIL = 30
# A provider that is away is tried until the proof itself expires; a fault of ours is not repaired by trying.
TENTATIVES_INTERNES = 5


class Message(Struct, frozen=True, kw_only=True):
    """A leased outbox row, with what rendering needs. `tentatives` counts this one.

    `modele`: a `Modele`, unless a newer version wrote the row: it is then set aside like any that cannot be rendered.
    `jeton`: the proof it carries, if any. `faits`: what it tells, by name, nothing secret. `identifiants`: of its destination.
    """

    id: UUID
    compte_id: UUID
    canal: Canal
    modele: str
    destination: str
    langue: Langue
    identifiant: str
    jeton: Jeton | None
    faits: dict[str, str]
    identifiants: tuple[str, ...] = ()
    perime: bool
    tentatives: int

    def __repr__(self) -> str:
        return f"Message(id={self.id}, canal={self.canal}, modele={self.modele})"


class Rendu(Struct, frozen=True, kw_only=True):
    """A message ready to leave. `id` is the outbox row's: the same at each try. An SMS has a text only."""

    id: UUID
    canal: Canal
    destination: str
    objet: str
    texte: str
    html: str | None = None
    desinscription: str | None = None
    """One-click address (RFC 8058) of a mailing's way out."""

    def __repr__(self) -> str:
        return f"Rendu(id={self.id}, canal={self.canal})"


class EnvoiDiffere(Exception):
    """Not now: the provider is down, slow, or asks to wait. `motif` is a code for the operator, without personal data.

    `attendre`: seconds the provider asked for, if it did.
    """

    def __init__(self, motif: str, attendre: float | None = None) -> None:
        super().__init__(motif)
        self.motif, self.attendre = motif, attendre


class EnvoiRefuse(Exception):
    """Never: this destination is refused. `motif` as above."""

    def __init__(self, motif: str) -> None:
        super().__init__(motif)
        self.motif = motif


def delai(tentatives: int, alea: float) -> float:
    """Seconds before the next try: 2, 4, 8 … up to an hour, spread around (`alea` in 0–1): retries do not march together."""
    return float(min(3600.0, 2.0**tentatives)) * (0.5 + alea)
