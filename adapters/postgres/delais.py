"""Every wait has an end (R98): connecting, taking a connection from the pool, any one statement, locks included. In seconds."""

from __future__ import annotations

CONNEXION, ATTENTE, COMMANDE = 5.0, 5.0, 10.0
