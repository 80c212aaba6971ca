"""Forgotten password, forgotten identifiant: one answer and one work for everybody; the rest is the worker's (R59)."""

from __future__ import annotations

import logging
from collections.abc import Callable

from msgspec import convert

from app.usecases.activations import Ouvreur
from app.usecases.appel import Appel, Rejeux
from app.usecases.preuves import Preuves
from domain import identifiant, mot_de_passe
from domain.activation import Canal, Jeton, masquer
from domain.activite import Activite
from domain.erreurs import ChampsInvalides, CodeExpire, LienExpire, LienInvalide, RecuperationRefusee
from domain.formulaire import ValeurInvalide
from domain.jetons import Trousseau
from domain.limites import Limite, Regulateur
from domain.outils import Formats, Outils
from domain.ports import Hacheur, Systeme
from domain.ports import Recuperations as Depot
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

_journal = logging.getLogger("comptoir.securite")


class Recuperations:
    def __init__(
        self,
        *,
        store: Store,
        depot: Depot,
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
        return await self._deposer("mot_de_passe", self._canonique(demande.identifiant), demande.canal, appel)

    async def identifiant(self, demande: DemandeIdentifiantOublie, appel: Appel) -> IdentifiantOublieDemande:
        await self._deposer("identifiant", demande.email.lower(), None, appel)
        return IdentifiantOublieDemande()

    async def confirmer(self, demande: ConfirmationRecuperation) -> Reinitialise:
        """A new password, by a proof that is checked at this very step. Refusals: `RecuperationRefusee`, a password's."""
        jeton = await self._prouver(demande)
        async with self._store.transaction() as tx:
            connus = await tx.titulaires.mots_connus(jeton.compte_id)
        self._juger(demande.mot_de_passe, connus)
        neuve = await self._hacheur.hacher(demande.mot_de_passe)
        async with self._store.transaction() as tx:
            if not await tx.titulaires.verrouiller(jeton.compte_id) or not await tx.jetons.depenser(jeton.id):
                raise RecuperationRefusee
            await self._reinitialiser(tx, jeton, neuve)
        # Whoever hammers the account meanwhile must not keep its holder out of it (R43).
        return Reinitialise(jeton_appareil=self._trousseau.appareil(jeton.compte_id, self._systeme.nouvel_id()))

    async def _reinitialiser(self, tx: Transaction, jeton: Jeton, empreinte: str) -> None:
        """Whoever was in is out, and nothing they had begun goes on (R61). The password's failures are forgotten (R43)."""
        compte = jeton.compte_id
        await tx.titulaires.changer_mot_de_passe(compte, empreinte)
        await tx.sessions.terminer_toutes(compte, "reinitialisation")
        await tx.jetons.annuler(compte, ["activation", "contact", "mot_de_passe"])
        await tx.avis.avertir(compte, "mot_de_passe_reinitialise", partout=True)
        if jeton.canal == "email":
            # Whoever held the former password may have proven a telephone of theirs before the address's holder came (T01).
            # The address itself is never demoted by an SMS: a number is the easier to steal.
            await tx.titulaires.demettre(compte, "sms")
            await tx.jetons.annuler(compte, ["annulation_contact"], "sms")
        details = {"canal": jeton.canal, "destination": masquer(jeton.canal, jeton.destination)}
        await tx.registre.noter(compte, Activite(nature="mot_de_passe_reinitialise", details=details))
        await tx.limites.rendre(self._regulateur.frein(compte, "", None), [])

    async def _prouver(self, demande: ConfirmationRecuperation) -> Jeton:
        """One answer to whatever is not a live proof: unknown, wrong, spent, too old, tried too often."""
        try:
            if demande.jeton is not None:
                jeton, etat = await self._preuves.suivre(demande.jeton, "mot_de_passe")
                juste = etat is EtatJeton.OUVERT
            elif demande.id is not None and demande.code is not None:
                essai = await self._preuves.essayer("mot_de_passe", demande.id, demande.code)
                if essai is None:
                    raise RecuperationRefusee
                jeton, juste, _ = essai
            else:
                raise RecuperationRefusee
        except (LienInvalide, LienExpire, CodeExpire):
            raise RecuperationRefusee from None
        if not juste:
            raise RecuperationRefusee
        return jeton

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

    def _canonique(self, saisie: str) -> str:
        if "@" not in saisie:
            return identifiant.replier(saisie)
        try:
            return self._formats.email(saisie).lower()
        except ValeurInvalide:
            return ""

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
        try:
            async with self._store.transaction() as tx:
                demande = await tx.recuperations.prendre()
                if demande is None:
                    return False
                await self._traiter(tx, demande)
        except (TypeError, ValueError, LookupError):
            _journal.exception("récupération fautive")
            async with self._store.transaction() as tx:
                await tx.recuperations.ecarter()
        return True

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
