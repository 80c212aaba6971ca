"""Forgotten password, forgotten identifiant: one answer and one work for everybody; the rest is the worker's (R59)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from msgspec import convert

from app.usecases.appel import Appel, Rejeux
from app.usecases.preuves import Ouvreur, Preuves
from app.usecases.reprise import reprendre
from domain import identifiant, mot_de_passe
from domain.activation import REPRISE_PREUVE, Canal, Jeton, masquer
from domain.activite import Activite
from domain.erreurs import ChampsInvalides, CodeExpire, LienExpire, LienInvalide, RecuperationRefusee, Sature
from domain.jetons import Trousseau
from domain.limites import Limite, Regulateur
from domain.outils import Formats, Outils
from domain.ports import DepotRecuperations, Hacheur, Systeme
from domain.recuperation import (
    PATIENCE,
    ConfirmationRecuperation,
    DemandeIdentifiantOublie,
    DemandeRecuperation,
    Destinataire,
    IdentifiantOublieDemande,
    Objet,
    Recuperation,
    RecuperationDemandee,
    Reinitialise,
)
from domain.transaction import EtatJeton, ReponseGardee, Store, Transaction

_journal = logging.getLogger("comptoir.recuperations")


class Recuperations:
    def __init__(
        self,
        *,
        store: Store,
        depot: DepotRecuperations,
        preuves: Preuves,
        rejeux: Rejeux,
        regulateur: Regulateur,
        hacheur: Hacheur,
        formats: Formats,
        systeme: Systeme,
        trousseau: Trousseau,
        outils: Callable[[], Outils],
    ) -> None:
        self._store, self._depot, self._preuves, self._rejeux = store, depot, preuves, rejeux
        self._regulateur, self._hacheur, self._formats = regulateur, hacheur, formats
        self._systeme, self._trousseau, self._outils = systeme, trousseau, outils

    async def mot_de_passe(self, demande: DemandeRecuperation, appel: Appel) -> RecuperationDemandee:
        saisie = identifiant.designation(demande.identifiant, self._formats)
        return await self._deposer("mot_de_passe", saisie, demande.canal, appel)

    async def identifiant(self, demande: DemandeIdentifiantOublie, appel: Appel) -> IdentifiantOublieDemande:
        await self._deposer("identifiant", demande.email.lower(), None, appel)
        return IdentifiantOublieDemande()

    async def confirmer(self, demande: ConfirmationRecuperation) -> Reinitialise:
        """A new password, by a proof that is checked at this very step. The same proof and password again have the same answer.

        Refusals: `RecuperationRefusee`, `Sature`, a password's.
        """
        jeton, ouverte = await self._prouver(demande)
        epoque = await self._choisir(jeton, demande) if ouverte else None
        if epoque is None:
            epoque = await self._deja_choisi(jeton, demande)
        # Whoever hammers the account meanwhile must not keep its holder out of it (R43).
        appareil = self._trousseau.appareil(jeton.compte_id, epoque, self._systeme.nouvel_id())
        return Reinitialise(jeton_appareil=None if demande.appareil_partage else appareil)

    async def _choisir(self, jeton: Jeton, demande: ConfirmationRecuperation) -> int | None:
        """The epoch of the new password; None when the proof has been spent meanwhile."""
        async with self._store.transaction() as tx:
            connus = await tx.titulaires.mots_connus(jeton.compte_id)
        try:
            self._juger(demande.mot_de_passe, connus)
            neuve = await self._hacheur.hacher(demande.mot_de_passe)
        except (ChampsInvalides, Sature):
            # The code was right: neither remarks on the password nor want of room use it up.
            if demande.code is not None:
                await self._rendre_essai(jeton)
            raise
        async with self._store.transaction() as tx:
            if not await tx.titulaires.verrouiller(jeton.compte_id):
                raise RecuperationRefusee
            depuis = await tx.titulaires.prouve_le(jeton)
            if depuis is not None and await tx.jetons.depenser(jeton.id):
                return await self._reinitialiser(tx, jeton, depuis, neuve)
            trouve = await tx.jetons.etat(jeton.id)
            if trouve is None or trouve[1] is not EtatJeton.DEPENSE:
                raise RecuperationRefusee
            return None

    async def _reinitialiser(self, tx: Transaction, jeton: Jeton, depuis: datetime, empreinte: str) -> int:
        """Whoever was in is out (R61). The password's failures are forgotten (R43)."""
        compte = jeton.compte_id
        # Before anything is demoted: every contact that was proven is told.
        await tx.avis.avertir(compte, "mot_de_passe_reinitialise", partout=True)
        details = {"canal": jeton.canal, "destination": masquer(jeton.canal, jeton.destination)}
        await tx.registre.noter(compte, Activite(nature="mot_de_passe_reinitialise", details=details))
        await tx.limites.rendre(self._regulateur.frein(compte, "", None), [])
        return await reprendre(tx, compte, depuis, empreinte, "reinitialisation", self._outils())

    async def _deja_choisi(self, jeton: Jeton, demande: ConfirmationRecuperation) -> int:
        """The answer was lost, or two fingers tapped: the epoch, for whoever presents the password that this proof has set.

        A code's try is counted already; a link's is here, before anybody compares: it must not be a place to guess passwords.
        """
        async with self._store.transaction() as tx:
            permis = demande.jeton is None or await tx.jetons.compter_reprise("mot_de_passe", jeton.id, REPRISE_PREUVE)
            trouve = await tx.titulaires.empreinte_mdp(jeton.compte_id) if permis else None
        try:
            if trouve is None or not (await self._hacheur.verifier(demande.mot_de_passe, trouve[0])).juste:
                raise RecuperationRefusee
        except Sature:
            await self._rendre_essai(jeton)
            raise
        return trouve[1]

    async def _rendre_essai(self, jeton: Jeton) -> None:
        async with self._store.transaction() as tx:
            await tx.jetons.rendre_essai(jeton.id)

    async def _prouver(self, demande: ConfirmationRecuperation) -> tuple[Jeton, bool]:
        """The proof, and whether it is still to be spent.

        One answer to whatever is neither live nor just spent: unknown, wrong, too old, tried too often.
        """
        try:
            if demande.jeton is not None:
                jeton, etat = await self._preuves.suivre(demande.jeton, "mot_de_passe")
                if etat not in (EtatJeton.OUVERT, EtatJeton.DEPENSE):
                    raise RecuperationRefusee
                return jeton, etat is EtatJeton.OUVERT
            if demande.id is None or demande.code is None:
                raise RecuperationRefusee
            essai = await self._preuves.essayer("mot_de_passe", demande.id, demande.code)
        except (LienInvalide, LienExpire, CodeExpire):
            raise RecuperationRefusee from None
        if essai is not None:
            jeton, juste, _ = essai
            if not juste:
                raise RecuperationRefusee
            return jeton, True
        reprise = await self._preuves.reprendre("mot_de_passe", demande.id, demande.code)
        if reprise is None:
            raise RecuperationRefusee
        return reprise, False

    async def _deposer(self, objet: Objet, saisie: str, canal: Canal | None, appel: Appel) -> RecuperationDemandee:
        async with self._rejeux.une_fois(appel, f"recuperation/{objet}", publique=True) as reservation:
            if isinstance(reservation, ReponseGardee):
                return convert(reservation.corps, RecuperationDemandee)
            demande = Recuperation(id=self._systeme.nouvel_id(), objet=objet, saisie=saisie, canal=canal, client=appel.client)
            limites = self._regulateur.recuperation_client(appel.client), self._regulateur.recuperation(objet, saisie)
            await self._depot.deposer(demande, *limites)
            reponse = RecuperationDemandee(id=demande.id)
            if reservation.cle is not None:
                async with self._store.transaction() as tx:
                    await reservation.garder(tx.reponses, 202, reponse, None)
            return reponse

    def _juger(self, texte: str, connus: list[str]) -> None:
        fautes = mot_de_passe.fautes(texte, connus, self._outils().estimateur)
        if fautes:
            raise ChampsInvalides(fautes)


class Recuperateur:
    """The worker's side: whom a request designates, and what leaves for them, if anything does."""

    def __init__(self, store: Store, ouvreur: Ouvreur, regulateur: Regulateur) -> None:
        self._store, self._ouvreur, self._regulateur = store, ouvreur, regulateur

    async def tour(self) -> bool:
        """One request, if one waits. One that cannot be looked at is dropped: it must not keep the others waiting."""
        demande = None
        try:
            async with self._store.transaction() as tx:
                demande = await tx.recuperations.prendre()
                if demande is not None:
                    await self._traiter(tx, demande)
        except (TypeError, ValueError, LookupError):
            if demande is None:
                raise
            _journal.exception("récupération fautive")
            async with self._store.transaction() as tx:
                await tx.recuperations.ecarter(demande.id)
        return demande is not None

    async def prochaine(self) -> float | None:
        """Seconds until the next request is due."""
        async with self._store.transaction() as tx:
            return await tx.recuperations.prochaine()

    async def _traiter(self, tx: Transaction, demande: Recuperation) -> None:
        par_email = "@" in demande.saisie
        chercher = tx.recuperations.par_email if par_email else tx.recuperations.par_identifiant
        trouves = await chercher(demande.saisie)
        # An address that several accounts share resets none of them: their identifiants go there, to ask again by one of them.
        if demande.objet == "identifiant" or len(trouves) > 1:
            if trouves:
                await self._envoyer_identifiants(tx, trouves[0], demande)
        elif trouves and (ou := trouves[0].ou_envoyer(demande.canal)):
            await self._envoyer_preuve(tx, trouves[0], *ou, demande)

    async def _envoyer_identifiants(self, tx: Transaction, a_qui: Destinataire, demande: Recuperation) -> None:
        if a_qui.email is None:
            return
        limites = self._regulateur.envoi_au_titulaire("email", a_qui.email, a_qui.compte_id, demande.client)
        if await self._permis(tx, limites, demande):
            await tx.recuperations.envoyer_identifiants(a_qui)

    async def _envoyer_preuve(
        self, tx: Transaction, a_qui: Destinataire, canal: Canal, destination: str, demande: Recuperation
    ) -> None:
        """The newest only (G-06). Its id is the one its author was given, so that the code can be brought back with it."""
        compte = a_qui.compte_id
        if not await tx.titulaires.verrouiller(compte):
            return
        envoi = self._regulateur.envoi_au_titulaire(canal, destination, compte, demande.client)
        if not await self._permis(tx, envoi + self._regulateur.code(compte), demande):
            return
        await tx.jetons.annuler(compte, ["mot_de_passe"])
        await self._ouvreur.avis(tx, self._ouvreur.jeton(compte, "mot_de_passe", canal, destination, demande.id), {})

    async def _permis(self, tx: Transaction, limites: list[Limite], demande: Recuperation) -> bool:
        """Held back for a while, it leaves later: whoever was just sent another code is not left without an answer."""
        attendre = await tx.limites.depenser(limites)
        if attendre is not None and attendre < PATIENCE:
            await tx.recuperations.reporter(demande, attendre)
        return attendre is None
