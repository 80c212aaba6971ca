"""What the holder of an account sees and changes of it: profile, password, identifiant, feed."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from msgspec import UNSET

from app.usecases.appel import Appel
from app.usecases.consentements import Consentements
from app.usecases.identifiants import Identifiants
from app.usecases.sessions import Sessions
from domain import mot_de_passe
from domain.activite import Activite, ActiviteVue, DetailsActivite, Fil, LigneActivite, Nature, numero, reference
from domain.compte import Langue
from domain.consentements import fautes_d_age
from domain.erreurs import (
    ActiviteInconnue,
    ChampsInvalides,
    ErreurChamp,
    IdentifiantIndisponible,
    MotDePasseIncorrect,
    VersionPerimee,
)
from domain.export import QUARANTAINE
from domain.formulaire import lire
from domain.limites import Regulateur
from domain.modification import (
    DemandeIdentifiant,
    DemandeMotDePasse,
    IdentifiantVue,
    ModificationMoi,
    fusionner,
    modifies,
    restantes,
)
from domain.moi import MoiVue, etiquette, vue
from domain.outils import Outils
from domain.ports import Disponibilites, Dossier, Hacheur
from domain.profils import Profil
from domain.session import Porteur
from domain.titulaire import Titulaire, au_plus_jeune, exiger_ecriture, exiger_recent, exiger_titulaire
from domain.transaction import Store, Transaction

# What the feed calls a line, by its nature, in the reader's language.
Titres = Callable[[Nature, Langue], str]


class Moi:
    def __init__(
        self,
        *,
        store: Store,
        dossier: Dossier,
        disponibilites: Disponibilites,
        hacheur: Hacheur,
        sessions: Sessions,
        identifiants: Identifiants,
        consentements: Consentements,
        regulateur: Regulateur,
        outils: Callable[[], Outils],
        titres: Titres,
    ) -> None:
        self._store, self._dossier, self._disponibilites, self._hacheur = store, dossier, disponibilites, hacheur
        self._sessions, self._identifiants, self._consentements = sessions, identifiants, consentements
        self._regulateur, self._outils, self._titres = regulateur, outils, titres

    async def lire(self, porteur: Porteur) -> MoiVue:
        return vue(exiger_titulaire(await self._dossier.titulaire(porteur)))

    async def modifier(self, porteur: Porteur, demande: ModificationMoi, versions: list[str], appel: Appel) -> MoiVue:
        """`versions`: the validators of the reading that is being changed, or `*`.

        Refusals: `VersionPerimee`, field errors, `TropDeDemandes`.
        """
        demande.exiger_un_champ()
        async with self._store.transaction() as tx:
            titulaire = exiger_ecriture(await tx.titulaires.tenir(porteur.compte_id, porteur.session_id))
            if "*" not in versions and etiquette(vue(titulaire)) not in versions:
                raise VersionPerimee
            profil = self._profil(titulaire, demande)
            langue = titulaire.langue if demande.langue is UNSET else demande.langue
            fixe = titulaire.telephone_fixe if demande.telephone_fixe is UNSET else demande.telephone_fixe
            champs = modifies(titulaire, profil, langue, fixe)
            if not champs:
                return vue(titulaire)
            await tx.limites.exiger(self._regulateur.action("profil", titulaire.id))
            provenances = restantes(titulaire, profil, self._outils())
            await tx.titulaires.modifier(porteur.compte_id, profil, provenances, langue, fixe)
            await self._consentements.ajuster_a_l_age(tx, porteur.compte_id, au_plus_jeune(profil, provenances), appel)
            await tx.registre.noter(porteur.compte_id, Activite(nature="profil_modifie", details={"champs": champs}))
            return vue(exiger_titulaire(await tx.titulaires.tenir(porteur.compte_id, porteur.session_id)))

    def _profil(self, titulaire: Titulaire, demande: ModificationMoi) -> Profil:
        """The whole profile, read again as at sign-up: a change obeys the rules across fields too."""
        if demande.profil is UNSET:
            return titulaire.profil
        apres, fautes = fusionner(titulaire, demande.profil)
        if fautes:
            raise ChampsInvalides(fautes)
        try:
            profil = lire(apres, type(titulaire.profil), self._outils())
            avant = au_plus_jeune(titulaire.profil, titulaire.provenances)
            apres_age = au_plus_jeune(profil, restantes(titulaire, profil, self._outils()))
            if fautes := fautes_d_age(avant, apres_age, self._outils().aujourdhui):
                raise ChampsInvalides(fautes)
        except ChampsInvalides as refus:
            raise ChampsInvalides([faute.sous("/profil") for faute in refus.erreurs]) from None
        return profil

    async def changer_mot_de_passe(self, porteur: Porteur, demande: DemandeMotDePasse) -> None:
        """Every other session ends, and what was pending with it (R44, R46); the same one again changes nothing. An account
        that has none is given one.

        Refusals: `MotDePasseIncorrect`, `MotDePasseAbsent`, `ReauthentificationRequise`, `TropDeDemandes`, field errors.
        """
        titulaire = exiger_ecriture(await self._dossier.titulaire(porteur))
        verifiee = await self._mot_de_passe_actuel(porteur, titulaire, demande.mot_de_passe_actuel)
        fautes = mot_de_passe.fautes(demande.mot_de_passe, titulaire.mots_connus(), self._outils().estimateur)
        if fautes:
            raise ChampsInvalides(fautes)
        if verifiee and mot_de_passe.normaliser(demande.mot_de_passe) == mot_de_passe.normaliser(
            demande.mot_de_passe_actuel or ""
        ):
            return
        neuve = await self._hacheur.hacher(demande.mot_de_passe)
        async with self._store.transaction() as tx:
            tenu = exiger_ecriture(await tx.titulaires.tenir(porteur.compte_id, porteur.session_id))
            if verifiee is None:
                exiger_recent(tenu)
            if (await tx.titulaires.empreinte_mdp(porteur.compte_id))[0] != verifiee:
                raise MotDePasseIncorrect
            await tx.limites.exiger(self._regulateur.action("mot_de_passe", porteur.compte_id))
            await tx.titulaires.changer_mot_de_passe(porteur.compte_id, neuve)
            await tx.sessions.terminer_toutes(porteur.compte_id, "mot_de_passe", sauf=porteur.session_id)
            await tx.jetons.annuler(porteur.compte_id, ["contact", "mot_de_passe"])
            await tx.registre.noter(porteur.compte_id, Activite(nature="mot_de_passe_change"))
            await tx.avis.avertir(porteur.compte_id, "mot_de_passe_change")

    async def _mot_de_passe_actuel(self, porteur: Porteur, titulaire: Titulaire, donne: str | None) -> str | None:
        """Its hash; None when there is none to give. A recent sign-in does not stand for one that there is."""
        if donne is not None:
            return await self._sessions.verifier(porteur, donne)
        if titulaire.mot_de_passe_defini:
            raise ChampsInvalides([ErreurChamp(pointer="/mot_de_passe_actuel", code="requis")])
        return None

    async def changer_identifiant(self, porteur: Porteur, demande: DemandeIdentifiant, appel: Appel) -> IdentifiantVue:
        """The former one goes into quarantine. Refusals: `IdentifiantIndisponible`, `MotDePasseIncorrect`, `MotDePasseAbsent`,
        `ReauthentificationRequise`, `TropDeDemandes`.
        """
        titulaire = exiger_ecriture(await self._dossier.titulaire(porteur))
        if demande.mot_de_passe is None:
            exiger_recent(titulaire)
        else:
            await self._sessions.verifier(porteur, demande.mot_de_passe)
        if demande.identifiant != titulaire.identifiant:
            # Whatever the answer, it tells as much of a name as a sign-up: counted with them before anybody looks.
            await self._disponibilites.compter(self._regulateur.inscription(appel.client))
        try:
            async with self._store.transaction() as tx:
                tenu = exiger_ecriture(await tx.titulaires.tenir(porteur.compte_id, porteur.session_id))
                await self._renommer(tx, tenu, demande.identifiant)
        except IdentifiantIndisponible:
            raise IdentifiantIndisponible(await self._identifiants.suggestions(demande.identifiant)) from None
        return IdentifiantVue(identifiant=demande.identifiant)

    async def _renommer(self, tx: Transaction, titulaire: Titulaire, identifiant: str) -> None:
        """Refusals leave the transaction, and undo the change with it."""
        if identifiant == titulaire.identifiant:
            return
        if not await tx.titulaires.renommer(titulaire.id, identifiant, QUARANTAINE):
            raise IdentifiantIndisponible
        await tx.limites.exiger(self._regulateur.action("identifiant", titulaire.id))
        await tx.registre.noter(titulaire.id, Activite(nature="identifiant_change"))
        await tx.avis.avertir(titulaire.id, "identifiant_change")

    async def fil(self, porteur: Porteur, apres: str | None, limite: int, langue: Langue) -> Fil:
        """Refusal: `ReferenceMalformee`, for an `apres` that is none of ours."""
        avant = None if apres is None else numero(apres)
        exiger_titulaire(await self._dossier.titulaire(porteur))
        lignes = await self._dossier.activites(porteur.compte_id, avant, limite + 1)
        suivant = reference(lignes[limite - 1].id) if len(lignes) > limite else None
        return Fil(activites=[self.ligne(n, langue) for n in lignes[:limite]], suivant=suivant)

    async def activite(self, porteur: Porteur, lue: str, langue: Langue) -> ActiviteVue:
        """One line, by the reference a person quotes. Refusals: `ReferenceMalformee` (a typing mistake), `ActiviteInconnue`."""
        cherche = numero(lue)
        exiger_titulaire(await self._dossier.titulaire(porteur))
        lignes = await self._dossier.activites(porteur.compte_id, cherche + 1, 1)
        if not lignes or lignes[0].id != cherche:
            raise ActiviteInconnue
        return self.ligne(lignes[0], langue)

    def ligne(self, ligne: LigneActivite, langue: Langue) -> ActiviteVue:
        return ActiviteVue(
            reference=reference(ligne.id),
            nature=ligne.nature,
            titre=self._titres(ligne.nature, langue),
            fait_le=ligne.fait_le,
            details=cast(DetailsActivite, ligne.details),
        )
