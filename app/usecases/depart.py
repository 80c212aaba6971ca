"""Taking one's data away, and leaving: asked, undone from one's mail, or done after the grace period."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from app.usecases.contacts import Contacts
from app.usecases.moi import Moi
from app.usecases.preuves import Ouvreur, Preuves
from app.usecases.sessions import Sessions
from domain.activation import CANAUX, Jeton
from domain.activite import Activite
from domain.compte import Langue
from domain.erreurs import LienExpire
from domain.export import GRACE, Annulee, DemandeEffacement, EffacementPrevu, Export
from domain.limites import Regulateur
from domain.moi import vue
from domain.ports import Dossier, Systeme
from domain.session import Porteur
from domain.titulaire import Titulaire, exiger_recent, exiger_titulaire
from domain.transaction import Store, Transaction

# More than anybody's year holds; the feed itself is kept twelve months.
_TOUT = 100_000


class Depart:
    def __init__(
        self,
        *,
        store: Store,
        dossier: Dossier,
        sessions: Sessions,
        moi: Moi,
        contacts: Contacts,
        preuves: Preuves,
        ouvreur: Ouvreur,
        regulateur: Regulateur,
        systeme: Systeme,
    ) -> None:
        self._store, self._dossier, self._sessions, self._moi = store, dossier, sessions, moi
        self._contacts, self._preuves, self._ouvreur, self._regulateur = contacts, preuves, ouvreur, regulateur
        self._systeme = systeme

    async def exporter(self, porteur: Porteur, langue: Langue) -> Export:
        """Everything held about the caller. Refusals: `ReauthentificationRequise`, `TropDeDemandes`."""
        async with self._store.transaction() as tx:
            exiger_recent(exiger_titulaire(await tx.titulaires.tenir(porteur.compte_id, porteur.session_id)))
            await tx.limites.exiger(self._regulateur.action("export", porteur.compte_id))
            await tx.registre.noter(porteur.compte_id, Activite(nature="export"))
        titulaire = exiger_titulaire(await self._dossier.titulaire(porteur))
        lignes = await self._dossier.activites(porteur.compte_id, None, _TOUT)
        actes = await self._dossier.actes(porteur.compte_id, None, _TOUT)
        return Export(
            produit_le=datetime.fromtimestamp(self._systeme.instant(), UTC),
            compte=vue(titulaire),
            identites=list(titulaire.identites),
            registre=[acte.vue() for acte in actes],
            sessions=await self._dossier.sessions(porteur),
            activites=[self._moi.ligne(ligne, langue) for ligne in lignes],
            messages=await self._dossier.messages(porteur.compte_id),
        )

    async def effacer(self, porteur: Porteur, demande: DemandeEffacement) -> EffacementPrevu:
        """Everything stops at once; erased when the grace period ends. Refusals: `ReauthentificationRequise`, a password's."""
        if demande.mot_de_passe is not None:
            await self._sessions.verifier(porteur, demande.mot_de_passe)
        async with self._store.transaction() as tx:
            titulaire = exiger_titulaire(await tx.titulaires.tenir(porteur.compte_id, porteur.session_id))
            if demande.mot_de_passe is None:
                exiger_recent(titulaire)
            await tx.limites.exiger(self._regulateur.action("effacement", titulaire.id))
            le = await tx.titulaires.prevoir_effacement(titulaire.id, GRACE)
            await tx.sessions.terminer_toutes(titulaire.id, "effacement")
            await tx.jetons.annuler(titulaire.id, ["activation", "contact", "mot_de_passe", "accord_parental"])
            await self._prevenir(tx, titulaire, le)
            await tx.registre.noter(titulaire.id, Activite(nature="effacement_demande"))
        return EffacementPrevu(effacement_le=le)

    async def _prevenir(self, tx: Transaction, titulaire: Titulaire, le: datetime) -> None:
        """Each proven channel is sent its own way back."""
        for canal in CANAUX:
            contact = titulaire.contact(canal)
            if contact and contact.joignable:
                jeton = self._ouvreur.jeton(titulaire.id, "annulation_effacement", canal, contact.valeur)
                await self._ouvreur.avis(tx, jeton, {"date": le.date().isoformat()})

    async def annuler(self, lien: str) -> Annulee:
        """The way back that a message carried. Refusals: `LienInvalide`, `LienExpire`."""
        jeton, _ = await self._preuves.suivre(lien, "annulation_contact", "annulation_effacement")
        if jeton.usage == "annulation_contact":
            return Annulee(objet="contact", deja_annulee=not await self._contacts.retablir(jeton))
        return Annulee(objet="effacement", deja_annulee=not await self._rester(jeton))

    async def _rester(self, jeton: Jeton) -> bool:
        """False: the account was kept already, by this link or by another contact's. Refusal: `LienExpire`."""
        compte: UUID = jeton.compte_id
        async with self._store.transaction() as tx:
            if not await tx.titulaires.verrouiller(compte):
                raise LienExpire
            if not await tx.jetons.depenser(jeton.id):
                if await tx.titulaires.effacement_prevu(compte):
                    raise LienExpire
                return False
            await tx.titulaires.annuler_effacement(compte)
            await tx.jetons.annuler(compte, ["annulation_effacement"])
            await tx.registre.noter(compte, Activite(nature="effacement_annule"))
            await tx.avis.avertir(compte, "effacement_annule", partout=True)
        return True
