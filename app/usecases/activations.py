"""Proving a channel: asking for a code, asking again, trying it, following the link."""

from __future__ import annotations

from uuid import UUID

from msgspec import convert

from app.usecases.annonces import annoncer_rattachement
from app.usecases.appel import Appel, Rejeux
from app.usecases.preuves import Ouvreur, Preuves, pourquoi
from domain.activation import (
    DELAI_RENVOI,
    ENVOIS_MAX,
    ESSAIS_MAX,
    ActivationVue,
    Activee,
    Canal,
    Jeton,
    LienSuiviVue,
)
from domain.compte import ActivationOuverte, InscriptionOuverte, exiger_en_attente
from domain.erreurs import (
    ActivationInconnue,
    CodeExpire,
    CodeIncorrect,
    DejaActive,
    EnvoisEpuises,
    EssaisEpuises,
    InscriptionExpiree,
    LienExpire,
    Refus,
    TropDeDemandes,
)
from domain.inscription import vue_activation
from domain.limites import Regulateur
from domain.transaction import EtatJeton, ReponseGardee, Store, Transaction


class Activations:
    def __init__(self, store: Store, preuves: Preuves, regulateur: Regulateur, rejeux: Rejeux, ouvreur: Ouvreur) -> None:
        self._store, self._preuves, self._regulateur = store, preuves, regulateur
        self._rejeux, self._ouvreur = rejeux, ouvreur

    async def demander(self, id: UUID, canal: Canal, appel: Appel) -> ActivationVue:
        """A code by this channel; while one is still good, the same one again."""
        async with self._rejeux.une_fois(appel, f"activation/{id}") as reservation:
            if isinstance(reservation, ReponseGardee):
                return convert(reservation.corps, ActivationVue)
            async with self._store.transaction() as tx:
                compte = exiger_en_attente(await tx.comptes.verrouiller(id))
                ouverte = compte.activation(canal)
                if ouverte and ouverte.renvoyable:
                    await self._renvoyer(tx, ouverte, appel.client)
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
                await self._renvoyer(tx, ouverte, appel.client)
                reponse = await self._vue(tx, id, ouverte.jeton.canal)
                await reservation.garder(tx.reponses, 202, reponse, id)
            return reponse

    async def essayer(self, id: UUID, activation: UUID, code: str) -> Activee:
        """Counted, then judged."""
        essai = await self._preuves.essayer("activation", activation, code, id)
        if essai is None:
            raise await self._pourquoi(id, activation)
        jeton, juste, restants = essai
        if not juste:
            raise CodeIncorrect(restants)
        if not await self._activer(jeton):
            raise await self._pourquoi(id, activation)
        return Activee()

    async def suivre_lien(self, lien: str) -> LienSuiviVue:
        """A second use calmly says so; nothing is opened, nothing personal is told."""
        jeton, etat = await self._preuves.suivre(lien, "activation")
        if etat is EtatJeton.OUVERT and await self._activer(jeton):
            return LienSuiviVue(deja_active=False)
        async with self._store.lecture() as comptes:
            compte = await comptes.inscription(jeton.compte_id)
        if compte is None or compte.etat != "actif":
            raise LienExpire
        return LienSuiviVue(deja_active=True)

    async def _activer(self, jeton: Jeton) -> bool:
        """Of many right answers, one activates. The account is held first: everything that changes it takes its turn."""
        async with self._store.transaction() as tx:
            compte = await tx.comptes.verrouiller(jeton.compte_id)
            # A proof asked for on the last day outlives the sign-up: it opens nothing any more.
            if compte is None or compte.etat == "actif" or compte.expiree or not await tx.jetons.depenser(jeton.id):
                return False
            active = await tx.comptes.activer(jeton)
            # Told now that a channel is proven: whoever proves it may not be who signed up.
            for identite in await tx.passages.identites(compte.id) if active else ():
                await annoncer_rattachement(tx, compte.id, identite.fournisseur, [])
            return active

    async def _renvoyer(self, tx: Transaction, ouverte: ActivationOuverte, client: str) -> None:
        # One that was held back has not been counted among the codes of the account yet.
        limites = self._regulateur.envoi if ouverte.envois else self._regulateur.ouverture
        await tx.limites.exiger(limites(ouverte.jeton, client))
        await tx.jetons.renvoyer(ouverte.jeton.id, DELAI_RENVOI)

    async def _remplacer(self, tx: Transaction, compte: InscriptionOuverte, canal: Canal, client: str) -> None:
        await tx.jetons.annuler(compte.id, ["activation"], canal)
        _, attendre = await self._ouvreur.activation(tx, compte, canal, client)
        if attendre is not None:
            raise TropDeDemandes(attendre)

    async def _vue(self, tx: Transaction, id: UUID, canal: Canal) -> ActivationVue:
        ouverte = exiger_en_attente(await tx.comptes.inscription(id)).activation(canal)
        if ouverte is None:
            raise ActivationInconnue
        return vue_activation(ouverte)

    async def _pourquoi(self, id: UUID, activation: UUID) -> Refus:
        async with self._store.transaction() as tx:
            return await self._pourquoi_fermee(tx, id, activation)

    async def _pourquoi_fermee(self, tx: Transaction, id: UUID, activation: UUID) -> Refus:
        """Why a proof that is not open, or has no try left, may not be used."""
        trouve = await tx.jetons.etat(activation)
        if trouve is None or (trouve[0].compte_id, trouve[0].usage) != (id, "activation"):
            return ActivationInconnue()
        compte = await tx.comptes.inscription(id)
        if compte is not None and compte.etat == "actif":
            return DejaActive()
        if compte is not None and compte.expiree:
            return InscriptionExpiree()
        return pourquoi(trouve[1])


def _exiger_renvoyable(ouverte: ActivationOuverte) -> None:
    if ouverte.expiree:
        raise CodeExpire
    if ouverte.essais >= ESSAIS_MAX:
        raise EssaisEpuises
    if ouverte.envois >= ENVOIS_MAX:
        raise EnvoisEpuises
