"""Codes and links, whatever they are for: opened with their message, and put to the test, counted before they are compared."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from app.usecases.securite import consigner
from domain.activation import DELAI_RENVOI, REPRISE_PREUVE, Canal, Jeton, Usage, duree
from domain.compte import ActivationOuverte, InscriptionOuverte
from domain.erreurs import (
    ActivationRemplacee,
    CanalImpossible,
    CodeExpire,
    CodeNonEnvoye,
    EssaisEpuises,
    LienExpire,
    LienInvalide,
    Refus,
)
from domain.jetons import CleRetiree, Trousseau, id_du_lien
from domain.limites import Regulateur
from domain.ports import Systeme
from domain.transaction import EtatJeton, Store, Transaction

_POURQUOI: dict[EtatJeton, type[Refus]] = {
    EtatJeton.EXPIRE: CodeExpire,
    EtatJeton.RETENU: CodeNonEnvoye,
    EtatJeton.OUVERT: EssaisEpuises,
}


class Preuves:
    def __init__(self, store: Store, trousseau: Trousseau) -> None:
        self._store, self._trousseau = store, trousseau

    async def essayer(self, usage: Usage, id: UUID, code: str, compte_id: UUID | None = None) -> tuple[Jeton, bool, int] | None:
        """The proof, whether the code is right, and the tries left; None when this try may not be judged.

        The count commits before the code is compared (R49). Refusal: `CodeExpire`, for a proof whose key is gone.
        """
        async with self._store.transaction() as tx:
            essai = await tx.jetons.compter_essai(usage, id, compte_id)
            ferme = await tx.jetons.etat(id) if essai is None else None
        if essai is None:
            # Open, and yet not to be tried: it has no try left.
            if ferme and ferme[1] is EtatJeton.OUVERT and ferme[0].usage == usage and compte_id in (None, ferme[0].compte_id):
                self._consigner(ferme[0])
            return None
        jeton, restants = essai
        try:
            return jeton, self._juger(jeton, code), restants
        except CleRetiree:
            raise CodeExpire from None

    async def reprendre(self, usage: Usage, id: UUID, code: str, compte_id: UUID | None = None) -> Jeton | None:
        """The proof that this very code has just spent: the answer was lost, or two fingers tapped. Counted like any try."""
        async with self._store.transaction() as tx:
            jeton = await tx.jetons.compter_reprise(usage, id, REPRISE_PREUVE, compte_id)
        try:
            return jeton if jeton and self._juger(jeton, code) else None
        except CleRetiree:
            return None

    def _juger(self, jeton: Jeton, code: str) -> bool:
        juste = self._trousseau.est_code(jeton, code)
        if not juste:
            self._consigner(jeton)
        return juste

    def _consigner(self, jeton: Jeton) -> None:
        consigner("code_refuse", sujet=self._trousseau.sujet(jeton.compte_id), usage=jeton.usage)

    async def suivre(self, lien: str, *usages: Usage) -> tuple[Jeton, EtatJeton]:
        """The proof a link stands for, and how it stands. Refusals: `LienInvalide`, `LienExpire` (unknown, or its key gone)."""
        id = id_du_lien(lien)
        if id is None:
            raise LienInvalide
        async with self._store.transaction() as tx:
            trouve = await tx.jetons.etat(id)
        if trouve is None or trouve[0].usage not in usages:
            raise LienExpire
        try:
            if not self._trousseau.est_lien(trouve[0], lien):
                raise LienInvalide
        except CleRetiree:
            raise LienExpire from None
        return trouve


class Ouvreur:
    """Opens a proof in somebody else's transaction: the sign-up's own, or that of a later request."""

    def __init__(self, trousseau: Trousseau, regulateur: Regulateur, systeme: Systeme) -> None:
        self._trousseau, self._regulateur, self._systeme = trousseau, regulateur, systeme

    async def activation(
        self, tx: Transaction, compte: InscriptionOuverte, canal: Canal, client: str
    ) -> tuple[ActivationOuverte, float | None]:
        """As `limite`, to the contact of a sign-up. Refusal: `CanalImpossible`."""
        destination = compte.destination(canal)
        if destination is None:
            raise CanalImpossible(canal)
        return await self.limite(tx, self.jeton(compte.id, "activation", canal, destination), client)

    async def limite(
        self, tx: Transaction, jeton: Jeton, client: str, faits: Mapping[str, str] = {}
    ) -> tuple[ActivationOuverte, float | None]:
        """A new proof and its message; when a limit forbids the message, the seconds to wait before asking for it."""
        attendre = await tx.limites.depenser(self._regulateur.ouverture(jeton, client))
        return await tx.jetons.ouvrir(jeton, duree(jeton.usage, jeton.canal), DELAI_RENVOI, attendre, faits), attendre

    async def avis(
        self, tx: Transaction, jeton: Jeton, faits: Mapping[str, str], prouve_le: datetime | None = None
    ) -> ActivationOuverte:
        """A proof that goes with a warning: no limit may hold it back."""
        return await tx.jetons.ouvrir(jeton, duree(jeton.usage, jeton.canal), DELAI_RENVOI, None, faits, prouve_le)

    def jeton(self, compte_id: UUID, usage: Usage, canal: Canal, destination: str, id: UUID | None = None) -> Jeton:
        return Jeton(
            id=id or self._systeme.nouvel_id(),
            compte_id=compte_id,
            usage=usage,
            canal=canal,
            destination=destination,
            cle_id=self._trousseau.cle_id,
        )


def pourquoi(etat: EtatJeton) -> Refus:
    """Why a proof may not be tried; an open one has no try left."""
    return _POURQUOI.get(etat, ActivationRemplacee)()
