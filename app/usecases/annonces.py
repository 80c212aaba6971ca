"""What is told when an identity comes to open an account, or no longer does."""

from __future__ import annotations

from uuid import UUID

from domain.activite import Activite
from domain.federation import Fournisseur
from domain.transaction import Transaction


async def annoncer_rattachement(tx: Transaction, compte: UUID, fournisseur: Fournisseur, changes: list[str]) -> None:
    """Tells every proven channel that an identity opens the account, and which fields of the profile it has rewritten."""
    faits = {"fournisseur": fournisseur} | ({"champs": ",".join(changes)} if changes else {})
    await tx.avis.avertir(compte, "identite_rattachee", faits, partout=True)


async def annoncer_detachement(tx: Transaction, compte: UUID, fournisseur: Fournisseur) -> None:
    """In the feed, and to every proven channel."""
    fait = {"fournisseur": fournisseur}
    await tx.registre.noter(compte, Activite(nature="identite_detachee", details=dict(fait)))
    await tx.avis.avertir(compte, "identite_detachee", fait, partout=True)
