"""Codes and links put to the test, whatever they are for: counted before they are compared, refused when they are not ours."""

from __future__ import annotations

from uuid import UUID

from app.usecases.securite import consigner
from domain.activation import REPRISE_PREUVE, Jeton, Usage
from domain.erreurs import CodeExpire, LienExpire, LienInvalide
from domain.jetons import CleRetiree, Trousseau, id_du_lien
from domain.transaction import EtatJeton, Store


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
