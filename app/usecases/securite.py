"""The security log (R92): its vocabulary is what the holder reads in the feed, and what follows. Accounts bear a pseudonym."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Literal
from uuid import UUID

from domain.activite import Activite, Nature
from domain.jetons import Trousseau

Evenement = Literal[
    "connexion_refusee",
    "connexion_freinee",
    "connexion_en_attente",
    "connexion_effacement",
    "mot_de_passe_refuse",
    "code_refuse",
    "jeton_reutilise",
    "identite_refusee",
    "fournisseur_indisponible",
]
# What an operator should look at by itself; the others count.
_ALERTES: frozenset[Nature | Evenement] = frozenset({"jeton_reutilise", "identite_refusee", "fournisseur_indisponible"})

_journal = logging.getLogger("comptoir.securite")


def consigner(evenement: Nature | Evenement, **faits: str | None) -> None:
    _journal.log(logging.WARNING if evenement in _ALERTES else logging.INFO, evenement, extra=faits)


def temoin(trousseau: Trousseau) -> Callable[[UUID, Activite], None]:
    """What is told each line of the feed, and puts its nature in the log."""

    def temoigner(compte_id: UUID, activite: Activite) -> None:
        consigner(activite.nature, sujet=trousseau.sujet(compte_id))

    return temoigner
