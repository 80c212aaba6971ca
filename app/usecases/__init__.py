"""What the service does with the rules: framework-free, one module a family, ports in the constructor."""

from __future__ import annotations

from dataclasses import dataclass

from app.usecases.activations import Activations
from app.usecases.identifiants import Identifiants
from app.usecases.inscriptions import Inscriptions


@dataclass(frozen=True, slots=True)
class CasUtilisation:
    """One field a family."""

    inscriptions: Inscriptions
    activations: Activations
    identifiants: Identifiants
