"""What is told to every proven channel when an identity opens an account."""

from __future__ import annotations

from uuid import UUID

from domain.federation import Fournisseur
from domain.transaction import Transaction


async def prevenir(tx: Transaction, compte: UUID, fournisseur: Fournisseur, changes: list[str]) -> None:
    """Tells every proven channel that an identity opens the account, and which fields of the profile it has rewritten."""
    faits = {"fournisseur": fournisseur} | ({"champs": ",".join(changes)} if changes else {})
    await tx.avis.avertir(compte, "identite_rattachee", faits, partout=True)
