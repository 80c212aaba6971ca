"""The identity that a sign-up brings: checked before it is sent, spent and attached when it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import UUID

import msgspec

from domain.activite import Activite
from domain.erreurs import ChampsInvalides, IdentiteDejaRattachee, JetonIdentiteInvalide
from domain.federation import IdentiteRecue
from domain.inscription import DemandeInscription
from domain.jetons import Trousseau
from domain.outils import Outils
from domain.passage import Passage
from domain.ports import Coffre
from domain.preremplissage import empreinte_pivot, fautes_federees, preremplir, tels_quels
from domain.profils import Profil
from domain.rattachement import exiger_convenance
from domain.transaction import Store, Transaction


class Apports:
    def __init__(self, store: Store, coffre: Coffre, trousseau: Trousseau, outils: Callable[[], Outils]) -> None:
        self._store, self._coffre, self._trousseau, self._outils = store, coffre, trousseau, outils

    async def controler(self, demande: DemandeInscription) -> str | None:
        """What `apporter` and `inscrire` would refuse, nothing spent; the identifiant that they would free."""
        async with self._store.transaction() as tx:
            identite = await self._lire(demande, tx.passages.regarder)
            connue = await tx.passages.connue(identite.emetteur, identite.sub)
        if connue is None:
            return None
        if connue.etat != "en_attente":
            raise IdentiteDejaRattachee
        return connue.identifiant

    async def apporter(self, tx: Transaction, demande: DemandeInscription) -> IdentiteRecue:
        """The identity that a sign-up brings, spent; what it certifies may not have been altered. A sign-up that it had begun,
        and that was never activated, has proven nothing: it makes way, and its name is free again.

        Refusals: `JetonIdentiteInvalide`, `IdentiteInadaptee`, field errors (`champ_verrouille`,
        `consentement_parental_requis`).
        """
        identite = await self._lire(demande, tx.passages.depenser)
        await tx.passages.recommencer(identite.emetteur, identite.sub)
        return identite

    async def inscrire(self, tx: Transaction, compte: UUID, profil: Profil, identite: IdentiteRecue) -> None:
        """Attaches it to the account that was just opened. Refusal: `IdentiteDejaRattachee`."""
        jeton = self._coffre.sceller(identite.jeton_identite.encode())
        if not await tx.passages.attacher(compte, identite, empreinte_pivot(identite), jeton):
            raise IdentiteDejaRattachee
        await tx.passages.completer(compte, profil, tels_quels(profil, *preremplir(identite, self._outils())))
        await tx.registre.noter(compte, Activite(nature="identite_rattachee", details={"fournisseur": identite.fournisseur}))

    async def _lire(self, demande: DemandeInscription, prendre: Callable[[UUID], Awaitable[Passage | None]]) -> IdentiteRecue:
        id = self._trousseau.lire_jeton_identite(demande.jeton_identite or "")
        passage = await prendre(id) if id else None
        clair = self._coffre.ouvrir(passage.identite or b"") if passage else None
        if clair is None:
            raise JetonIdentiteInvalide
        identite = msgspec.json.decode(clair, type=IdentiteRecue)
        exiger_convenance(identite.fournisseur, demande.profil)
        if fautes := fautes_federees(identite, demande, self._outils()):
            raise ChampsInvalides(fautes)
        return identite
