"""Taking an account back by a proven channel: whoever was in is out, and nothing they had begun goes on (R61).

The older proof has the last word: what was proven after the channel that takes the account back may be an intruder's, what
came before it is not theirs to have brought. But a proof that nobody opposed while they could is as good as an older one:
else whoever finds a telephone that its holder has given up would own the account for ever. An identity, which no link
undoes, gives way to the oldest contact there is.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from app.usecases.annonces import annoncer_detachement
from domain.activation import masquer
from domain.activite import Activite
from domain.outils import Outils
from domain.rattachement import encore_certifiees
from domain.transaction import Transaction


async def reprendre(tx: Transaction, compte: UUID, depuis: datetime, empreinte: str | None, motif: str, outils: Outils) -> int:
    """The epoch of the devices known from now on. `depuis`: since when the channel that takes it back is proven.

    `empreinte`: the new password's, None to disable it. Whom this demotes must have been told before.
    """
    epoque = await tx.titulaires.changer_mot_de_passe(compte, empreinte)
    await tx.sessions.terminer_toutes(compte, motif)
    await tx.jetons.annuler(compte, ["activation", "contact", "mot_de_passe"])
    await tx.jetons.annuler_retours(compte, depuis)
    for canal, valeur in await tx.titulaires.demettre(compte, depuis):
        details = {"canal": canal, "destination": masquer(canal, valeur)}
        await tx.registre.noter(compte, Activite(nature="contact_a_confirmer", details=details))
    if evinces := await tx.passages.evincer(compte):
        profil, provenances = await tx.titulaires.profil(compte)
        restent = await tx.passages.identites(compte)
        await tx.passages.completer(compte, profil, encore_certifiees(profil, provenances, restent, outils))
    for fournisseur in evinces:
        await annoncer_detachement(tx, compte, fournisseur)
    return epoque
