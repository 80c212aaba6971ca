"""Proving a channel: asking for a code, asking again, trying it, following the link."""

from __future__ import annotations

from uuid import UUID

from msgspec import convert

from app.usecases.appel import Appel, Rejeux
from domain.activation import (
    DELAI_RENVOI,
    DUREES,
    ENVOIS_MAX,
    ESSAIS_MAX,
    ActivationVue,
    Activee,
    Canal,
    Jeton,
    LienSuiviVue,
)
from domain.compte import ActivationOuverte, CompteEnAttente, exiger_en_attente
from domain.erreurs import (
    ActivationInconnue,
    ActivationRemplacee,
    CanalImpossible,
    CodeExpire,
    CodeIncorrect,
    CodeNonEnvoye,
    DejaActive,
    EnvoisEpuises,
    EssaisEpuises,
    LienExpire,
    LienInvalide,
    Refus,
    TropDeDemandes,
)
from domain.inscription import vue_activation
from domain.jetons import CleRetiree, Trousseau, id_du_lien
from domain.limites import Regulateur
from domain.ports import EtatJeton, ReponseGardee, Store, Systeme, Transaction

# An open proof that may not be tried has no try left.
_POURQUOI: dict[EtatJeton, type[Refus]] = {
    EtatJeton.EXPIRE: CodeExpire,
    EtatJeton.RETENU: CodeNonEnvoye,
    EtatJeton.OUVERT: EssaisEpuises,
}


class Ouvreur:
    """Opens a proof in somebody else's transaction: the sign-up's own, or that of a later request."""

    def __init__(self, trousseau: Trousseau, regulateur: Regulateur, systeme: Systeme) -> None:
        self._trousseau, self._regulateur, self._systeme = trousseau, regulateur, systeme

    async def ouvrir(
        self, tx: Transaction, compte: CompteEnAttente, canal: Canal, client: str
    ) -> tuple[ActivationOuverte, float | None]:
        """A new code and its message; when a limit forbids the message, the seconds to wait before asking for it."""
        destination = compte.destination(canal)
        if destination is None:
            raise CanalImpossible(canal)
        limites = self._regulateur.envoi(canal, destination, compte.id, client) + self._regulateur.code(compte.id)
        attendre = await tx.limites.depenser(limites)
        jeton = Jeton(
            id=self._systeme.nouvel_id(),
            compte_id=compte.id,
            canal=canal,
            destination=destination,
            cle_id=self._trousseau.cle_id,
        )
        return await tx.jetons.ouvrir(jeton, DUREES[canal], DELAI_RENVOI, attendre), attendre


class Activations:
    def __init__(self, store: Store, trousseau: Trousseau, regulateur: Regulateur, rejeux: Rejeux, ouvreur: Ouvreur) -> None:
        self._store, self._trousseau, self._regulateur = store, trousseau, regulateur
        self._rejeux, self._ouvreur = rejeux, ouvreur

    async def demander(self, id: UUID, canal: Canal, appel: Appel) -> ActivationVue:
        """A code by this channel; while one is still good, the same one again."""
        async with self._rejeux.une_fois(appel, f"activation/{id}") as reservation:
            if isinstance(reservation, ReponseGardee):
                return convert(reservation.corps, ActivationVue)
            async with self._store.transaction() as tx:
                compte = exiger_en_attente(await tx.comptes.verrouiller(id))
                ouverte = compte.activation(canal)
                if ouverte and ouverte.utilisable and ouverte.envois < ENVOIS_MAX:
                    await self._renvoyer(tx, compte, ouverte, appel.client)
                else:
                    await self._remplacer(tx, compte, canal, appel.client)
                reponse = await self._vue(tx, id, canal)
                await reservation.garder(tx.reponses, 202, reponse, id)
            return reponse

    async def renvoyer(self, id: UUID, activation: UUID, appel: Appel) -> ActivationVue:
        """The same live code once more; its tries are not refilled."""
        async with self._rejeux.une_fois(appel, f"renvoi/{id}/{activation}") as reservation:
            if isinstance(reservation, ReponseGardee):
                return convert(reservation.corps, ActivationVue)
            async with self._store.transaction() as tx:
                compte = exiger_en_attente(await tx.comptes.verrouiller(id))
                ouverte = next((a for a in compte.activations if a.jeton.id == activation), None)
                if ouverte is None:
                    raise await self._pourquoi_fermee(tx, id, activation)
                _exiger_renvoyable(ouverte)
                await self._renvoyer(tx, compte, ouverte, appel.client)
                reponse = await self._vue(tx, id, ouverte.jeton.canal)
                await reservation.garder(tx.reponses, 202, reponse, id)
            return reponse

    async def essayer(self, id: UUID, activation: UUID, code: str) -> Activee:
        """A try is counted and committed before anybody compares; the verdict leaves the block, then is raised."""
        async with self._store.transaction() as tx:
            essai = await tx.jetons.compter_essai(id, activation)
            refus = None if essai else await self._pourquoi_fermee(tx, id, activation)
        if essai is None:
            raise refus or ActivationInconnue()
        jeton, restants = essai
        if not self._est_code(jeton, code):
            raise CodeIncorrect(restants)
        if not await self._activer(jeton):
            async with self._store.transaction() as tx:
                raise await self._pourquoi_fermee(tx, id, activation)
        return Activee()

    async def suivre_lien(self, lien: str) -> LienSuiviVue:
        """A second use calmly says so; nothing is opened, nothing personal is told."""
        id = id_du_lien(lien)
        if id is None:
            raise LienInvalide
        async with self._store.transaction() as tx:
            trouve = await tx.jetons.etat(id)
        if trouve is None:
            raise LienExpire
        jeton, etat = trouve
        if not self._est_lien(jeton, lien):
            raise LienInvalide
        if etat is EtatJeton.OUVERT and await self._activer(jeton):
            return LienSuiviVue(deja_active=False)
        async with self._store.lecture() as comptes:
            compte = await comptes.en_attente(jeton.compte_id)
        if compte is None or compte.etat != "actif":
            raise LienExpire
        return LienSuiviVue(deja_active=True)

    async def _activer(self, jeton: Jeton) -> bool:
        """Of many right answers, one activates. The account is held first: everything that changes it takes its turn."""
        async with self._store.transaction() as tx:
            compte = await tx.comptes.verrouiller(jeton.compte_id)
            if compte is None or compte.etat == "actif" or not await tx.jetons.depenser(jeton.id):
                return False
            return await tx.comptes.activer(jeton)

    async def _renvoyer(self, tx: Transaction, compte: CompteEnAttente, ouverte: ActivationOuverte, client: str) -> None:
        jeton = ouverte.jeton
        attendre = await tx.limites.depenser(self._regulateur.envoi(jeton.canal, jeton.destination, compte.id, client))
        if attendre is not None:
            raise TropDeDemandes(attendre)
        await tx.jetons.renvoyer(jeton.id, DELAI_RENVOI)

    async def _remplacer(self, tx: Transaction, compte: CompteEnAttente, canal: Canal, client: str) -> None:
        await tx.jetons.annuler(compte.id, canal)
        _, attendre = await self._ouvreur.ouvrir(tx, compte, canal, client)
        if attendre is not None:
            raise TropDeDemandes(attendre)

    async def _vue(self, tx: Transaction, id: UUID, canal: Canal) -> ActivationVue:
        ouverte = exiger_en_attente(await tx.comptes.en_attente(id)).activation(canal)
        if ouverte is None:
            raise ActivationInconnue
        return vue_activation(ouverte)

    async def _pourquoi_fermee(self, tx: Transaction, id: UUID, activation: UUID) -> Refus:
        """Why a proof that is not open, or has no try left, may not be used."""
        trouve = await tx.jetons.etat(activation)
        if trouve is None or trouve[0].compte_id != id:
            return ActivationInconnue()
        compte = await tx.comptes.en_attente(id)
        if compte is not None and compte.etat == "actif":
            return DejaActive()
        return _POURQUOI.get(trouve[1], ActivationRemplacee)()

    def _est_code(self, jeton: Jeton, code: str) -> bool:
        try:
            return self._trousseau.est_code(jeton, code)
        except CleRetiree:
            raise CodeExpire from None

    def _est_lien(self, jeton: Jeton, lien: str) -> bool:
        try:
            return self._trousseau.est_lien(jeton, lien)
        except CleRetiree:
            raise LienExpire from None


def _exiger_renvoyable(ouverte: ActivationOuverte) -> None:
    if ouverte.expiree:
        raise CodeExpire
    if ouverte.essais >= ESSAIS_MAX:
        raise EssaisEpuises
    if ouverte.envois >= ENVOIS_MAX:
        raise EnvoisEpuises
