"""Signing in, going on, signing out. One answer to every failed sign-in, in body and in time."""

from __future__ import annotations

from uuid import UUID

from msgspec import Struct, structs

from app.usecases.appel import Appel
from app.usecases.securite import consigner
from domain import identifiant
from domain.activation import CANAUX, DELAI_RENVOI
from domain.activite import Activite
from domain.erreurs import (
    CompteNonActive,
    EffacementEnCours,
    IdentifiantsIncorrects,
    InscriptionInconnue,
    InscriptionTerminee,
    MotDePasseAbsent,
    MotDePasseIncorrect,
    PasEncoreActif,
    Sature,
    SessionDejaRemise,
    SessionFinie,
    SessionInconnue,
    TropDeDemandes,
)
from domain.jetons import Trousseau, empreinte_rafraichissement
from domain.limites import Limite, Regulateur
from domain.outils import Formats
from domain.ports import Connexions, Dossier, Hacheur, JetonsAcces, Systeme, Verification
from domain.session import (
    DUREE_ACCES,
    FRAICHEUR,
    REPRISE,
    Candidat,
    DemandeSession,
    JetonsSession,
    OptionsSession,
    Ouverture,
    Porteur,
    Presentation,
    Reauthentifiee,
    SessionCreee,
    SessionNeuve,
    SessionOuverte,
    SessionsVue,
)
from domain.titulaire import exiger_titulaire
from domain.transaction import NouvelleSession, Store, Transaction


class _Essai(Struct, frozen=True):
    """A sign-in being tried: whom it names, what it is counted on."""

    candidat: Candidat | None
    appareil: UUID | None
    frein: bytes | None
    limites: list[Limite]


class Sessions:
    def __init__(
        self,
        *,
        store: Store,
        connexions: Connexions,
        dossier: Dossier,
        hacheur: Hacheur,
        formats: Formats,
        systeme: Systeme,
        trousseau: Trousseau,
        regulateur: Regulateur,
        jetons_acces: JetonsAcces,
    ) -> None:
        self._store, self._connexions, self._dossier = store, connexions, dossier
        self._hacheur, self._formats, self._systeme = hacheur, formats, systeme
        self._trousseau, self._regulateur, self._jetons_acces = trousseau, regulateur, jetons_acces

    async def ouvrir(self, demande: DemandeSession, appel: Appel) -> SessionCreee:
        """Refusals: `IdentifiantsIncorrects`, `CompteNonActive`, `EffacementEnCours`, `TropDeDemandes`, `Sature`."""
        essai = await self._essai(demande, appel.client)
        # Counted before anybody compares: however many try at once, only so many are judged.
        permis = await self._connexions.tenter(essai.frein, essai.limites)
        candidat = essai.candidat if permis else None
        # Held back, it was not counted on the account.
        frein = essai.frein if permis else None
        empreinte = candidat.empreinte_mdp if candidat else None
        verification = await self._juger(demande.mot_de_passe, empreinte, frein, essai.limites)
        if candidat is None or not verification.juste or candidat.etat in ("suspendu", "efface") or candidat.expire:
            sujet = self._trousseau.sujet(essai.candidat.id) if essai.candidat else None
            consigner("connexion_refusee" if permis else "connexion_freinee", sujet=sujet)
            raise IdentifiantsIncorrects
        sujet = self._trousseau.sujet(candidat.id)
        # A success forgets the failures of this account; it gives the others no more than its own unit back (R41). By itself:
        # what everybody is counted on must not be held while the disk is waited for.
        await self._connexions.rendre(essai.frein, essai.limites)
        if candidat.etat == "en_attente":
            consigner("connexion_en_attente", sujet=sujet)
            secret = self._trousseau.secret_inscription(candidat.id)
            raise CompteNonActive(inscription=str(candidat.id), secret=secret)
        if candidat.effacement_prevu:
            consigner("connexion_effacement", sujet=sujet)
            await self._rappeler(candidat.id, appel.client)
            raise EffacementEnCours
        nouvelle = self._nouvelle(candidat.id, demande, appel, candidat.empreinte_mdp)
        ouverte = await self._connexions.ouvrir(nouvelle, verification.nouvelle) or await self._a_nouveau(demande, nouvelle)
        if ouverte is None:
            # Suspended, erased, or given another password while this one was compared.
            consigner("connexion_refusee", sujet=sujet)
            raise IdentifiantsIncorrects
        consigner("connexion", sujet=sujet)
        return self._creee(ouverte, demande, essai.appareil or self._systeme.nouvel_id())

    async def _rappeler(self, compte: UUID, client: str) -> None:
        """The way back from an erasure once more, by each channel that was given one: the message may be lost."""
        async with self._store.transaction() as tx:
            await tx.titulaires.verrouiller(compte)
            for canal in CANAUX:
                retour = await tx.jetons.ouvert(compte, "annulation_effacement", canal)
                if retour is None or not retour.renvoyable:
                    continue
                limites = self._regulateur.envoi_au_titulaire(canal, retour.jeton.destination, compte, client)
                if await tx.limites.depenser(limites) is None:
                    await tx.jetons.renvoyer(retour.jeton.id, DELAI_RENVOI)

    async def _a_nouveau(self, demande: DemandeSession, nouvelle: NouvelleSession) -> SessionNeuve | None:
        """Another sign-in may have hashed the same password anew while this one was compared: once more, with what it left."""
        _, candidat = await self._chercher(demande.identifiant)
        if candidat is None or candidat.id != nouvelle.compte_id:
            return None
        if not (await self._hacheur.verifier(demande.mot_de_passe, candidat.empreinte_mdp)).juste:
            return None
        return await self._connexions.ouvrir(structs.replace(nouvelle, verifiee=candidat.empreinte_mdp))

    async def echanger(self, inscription: UUID, options: OptionsSession, appel: Appel) -> SessionCreee:
        """The sign-up secret for a session, once, in the sign-up's time; what is sensitive in it still asks for the password.

        Refusals: `PasEncoreActif`, `SessionDejaRemise`, `InscriptionTerminee`, `InscriptionInconnue`.
        """
        ouverte = None
        async with self._store.transaction() as tx:
            compte = await tx.comptes.verrouiller(inscription)
            if compte is None:
                raise InscriptionInconnue
            if compte.etat != "actif":
                raise PasEncoreActif
            if compte.expiree:
                raise InscriptionTerminee
            if await tx.comptes.depenser_secret(inscription):
                nouvelle = structs.replace(self._nouvelle(inscription, options, appel, None), par_secret=True)
                ouverte = await tx.sessions.ouvrir(nouvelle)
                if ouverte is not None:
                    await tx.passages.confier_jeton(inscription, ouverte.id)
        if ouverte is None:
            raise SessionDejaRemise
        return self._creee(ouverte, options, self._systeme.nouvel_id())

    async def ouvrir_par(
        self, tx: Transaction, compte: UUID, par: Ouverture, options: OptionsSession, appel: Appel
    ) -> SessionCreee | None:
        """For the account of an identity; None when it cannot be entered."""
        nouvelle = structs.replace(self._nouvelle(compte, options, appel, None), par=par)
        ouverte = await tx.sessions.ouvrir(nouvelle)
        return None if ouverte is None else self._creee(ouverte, options, self._systeme.nouvel_id())

    async def rafraichir(self, jeton: str, appel: Appel) -> JetonsSession:
        """The next pair. A token spent before kills its family, and that is committed though the answer is a refusal (R67)."""
        lu = self._trousseau.lire_rafraichissement(jeton)
        if lu is None:
            raise SessionFinie
        id, rang = lu
        suivant = self._trousseau.rafraichissement(id, rang + 1)
        presentee, suivante = empreinte_rafraichissement(jeton), empreinte_rafraichissement(suivant)
        tournee = await self._connexions.tourner(id, rang, presentee, suivante)
        return self._jetons(tournee, suivant) if tournee else await self._reprendre(id, rang, appel)

    async def _reprendre(self, id: UUID, rang: int, appel: Appel) -> JetonsSession:
        """Another rank than the current one: an answer that was lost, or a copy."""
        async with self._store.transaction() as tx:
            presente = await tx.sessions.presenter(id, rang, REPRISE)
            if presente and presente[0] is Presentation.REUTILISEE:
                compte_id = presente[1].compte_id
                await tx.sessions.terminer(compte_id, id, "reutilisation")
                await tx.registre.noter(compte_id, Activite(nature="session_suspecte"))
                await tx.avis.avertir(compte_id, "session_suspecte")
                consigner("jeton_reutilise", sujet=self._trousseau.sujet(compte_id))
        if presente is None or presente[0] is not Presentation.REPRISE:
            raise SessionFinie
        _, session, empreinte = presente
        enfant = self._trousseau.rafraichissement_donne(id, session.rang, empreinte)
        if enfant is None:
            raise SessionFinie
        return self._jetons(session, enfant)

    async def lister(self, porteur: Porteur) -> SessionsVue:
        exiger_titulaire(await self._dossier.titulaire(porteur))
        return SessionsVue(sessions=await self._dossier.sessions(porteur))

    async def terminer(self, porteur: Porteur, id: UUID) -> None:
        """One's own, or another of the same account. Refusals: `SessionFinie`, `SessionInconnue`."""
        async with self._store.transaction() as tx:
            exiger_titulaire(await tx.titulaires.tenir(porteur.compte_id, porteur.session_id))
            if not await tx.sessions.terminer(porteur.compte_id, id, "deconnexion"):
                raise SessionInconnue
            await tx.registre.noter(
                porteur.compte_id, Activite(nature="deconnexion" if id == porteur.session_id else "sessions_fermees")
            )

    async def terminer_toutes(self, porteur: Porteur) -> None:
        """Everywhere, here included."""
        async with self._store.transaction() as tx:
            exiger_titulaire(await tx.titulaires.tenir(porteur.compte_id, porteur.session_id))
            await tx.sessions.terminer_toutes(porteur.compte_id, "deconnexion")
            await tx.registre.noter(porteur.compte_id, Activite(nature="sessions_fermees"))

    async def reauthentifier(self, porteur: Porteur, mot_de_passe: str) -> Reauthentifiee:
        """Opens the sensitive operations for a short time. Refusals: `MotDePasseIncorrect`, `MotDePasseAbsent`,
        `TropDeDemandes`.
        """
        await self.verifier(porteur, mot_de_passe)
        async with self._store.transaction() as tx:
            exiger_titulaire(await tx.titulaires.tenir(porteur.compte_id, porteur.session_id))
            return Reauthentifiee(valable_jusque=await tx.sessions.reauthentifier(porteur.session_id, FRAICHEUR))

    async def verifier(self, porteur: Porteur, mot_de_passe: str) -> str:
        """The holder's own password, given again: its hash. Counted by session, which keeps nobody else out (R44)."""
        frein = self._regulateur.frein_session(porteur.session_id)
        async with self._store.transaction() as tx:
            exiger_titulaire(await tx.titulaires.tenir(porteur.compte_id, porteur.session_id))
            empreinte, _ = await tx.titulaires.empreinte_mdp(porteur.compte_id)
            if empreinte is None:
                raise MotDePasseAbsent
            attendre = await tx.limites.attente(frein) if frein and not await tx.limites.freiner(frein) else None
        if attendre is not None:
            raise TropDeDemandes(attendre)
        verification = await self._juger(mot_de_passe, empreinte, frein, [])
        if not verification.juste:
            consigner("mot_de_passe_refuse", sujet=self._trousseau.sujet(porteur.compte_id))
            raise MotDePasseIncorrect
        async with self._store.transaction() as tx:
            await tx.limites.rendre(frein, [])
        return empreinte

    async def _juger(
        self, mot_de_passe: str, empreinte: str | None, frein: bytes | None, limites: list[Limite]
    ) -> Verification:
        """What is refused for want of room is no failure: it is counted no more. Refusal: `Sature`."""
        try:
            return await self._hacheur.verifier(mot_de_passe, empreinte)
        except Sature:
            await self._connexions.annuler(frein, limites)
            raise

    async def _essai(self, demande: DemandeSession, client: str) -> _Essai:
        saisie, candidat = await self._chercher(demande.identifiant)
        appareil = None
        if candidat and demande.jeton_appareil:
            appareil = self._trousseau.lire_appareil(candidat.id, candidat.epoque, demande.jeton_appareil)
        frein = self._regulateur.frein(candidat.id if candidat else None, saisie, appareil)
        # A device the account knows is held back by its own failures alone: what others do elsewhere is not its doing (R43).
        return _Essai(candidat, appareil, frein, [] if appareil else self._regulateur.connexion(client))

    async def _chercher(self, saisie: str) -> tuple[str, Candidat | None]:
        """The canonical form of what was typed, and whom it names. Whatever cannot name anybody is looked for all the same."""
        nom = identifiant.designation(saisie, self._formats)
        chercher = self._connexions.par_email if "@" in nom else self._connexions.par_identifiant
        return nom, await chercher(nom)

    def _nouvelle(self, compte: UUID, options: OptionsSession, appel: Appel, verifiee: str | None) -> NouvelleSession:
        id = self._systeme.nouvel_id()
        return NouvelleSession(
            id=id,
            compte_id=compte,
            empreinte=empreinte_rafraichissement(self._trousseau.rafraichissement(id, 0)),
            duree=options.duree,
            agent=appel.agent,
            adresse=appel.client or None,
            appareil_partage=options.appareil_partage,
            verifiee=verifiee,
        )

    def _creee(self, ouverte: SessionNeuve, options: OptionsSession, appareil: UUID) -> SessionCreee:
        jetons = self._jetons(ouverte, self._trousseau.rafraichissement(ouverte.id, 0))
        connu = None if options.appareil_partage else self._trousseau.appareil(ouverte.compte_id, ouverte.epoque, appareil)
        return SessionCreee(**structs.asdict(jetons), jeton_appareil=connu)

    def _jetons(self, session: SessionOuverte, rafraichissement: str) -> JetonsSession:
        # Never past the end of the session itself.
        secondes = max(1, int(min(DUREE_ACCES.total_seconds(), session.reste)))
        return JetonsSession(
            jeton_acces=self._jetons_acces.signer(Porteur(session.compte_id, session.id), secondes),
            jeton_rafraichissement=rafraichissement,
            expire_dans=secondes,
            session=session.id,
            session_expire_le=session.expire_le,
            session_fin_le=session.fin_le,
            rester_connecte=session.rester_connecte,
        )
