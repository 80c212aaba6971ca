"""What the service does with the rules: framework-free, one module a family, ports in the constructor."""

from __future__ import annotations

from dataclasses import dataclass

from app.usecases.activations import Activations
from app.usecases.consentements import Consentements
from app.usecases.contacts import Contacts
from app.usecases.depart import Depart
from app.usecases.federations import Federations
from app.usecases.identifiants import Identifiants
from app.usecases.inscriptions import Inscriptions
from app.usecases.moi import Moi
from app.usecases.rattachements import Rattachements
from app.usecases.recuperations import Recuperations
from app.usecases.sessions import Sessions


@dataclass(frozen=True, slots=True)
class CasUtilisation:
    """One field a family."""

    inscriptions: Inscriptions
    activations: Activations
    identifiants: Identifiants
    sessions: Sessions
    recuperations: Recuperations
    moi: Moi
    contacts: Contacts
    consentements: Consentements
    depart: Depart
    federations: Federations
    rattachements: Rattachements
