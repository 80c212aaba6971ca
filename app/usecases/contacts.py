"""Changing an e-mail or a mobile: proof on the new one, notice and a way back on the old one (R46)."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from msgspec import convert

from app.usecases.activations import Ouvreur, pourquoi
from app.usecases.appel import Appel, Rejeux
from app.usecases.preuves import Preuves
from app.usecases.sessions import Sessions
from domain.activation import DELAI_RENVOI, ENVOIS_MAX, ActivationVue, Jeton, masquer
from domain.activite import Activite
from domain.compte import CONTACT_DU_CANAL, ActivationOuverte, Contact
from domain.erreurs import CodeIncorrect, ContactDejaVerifie, ContactInconnu, LienExpire, TropDeDemandes
from domain.inscription import vue_activation
from domain.limites import Regulateur
from domain.modification import DemandeContact, lire_contact
from domain.moi import ContactVue, vue
from domain.outils import Outils
from domain.session import Porteur
from domain.titulaire import ContactTenu, exiger_ecriture, exiger_recent, exiger_titulaire
from domain.transaction import EtatJeton, ReponseGardee, Store, Transaction


class Contacts:
    def __init__(
        self,
        *,
        store: Store,
        sessions: Sessions,
        preuves: Preuves,
        ouvreur: Ouvreur,
        rejeux: Rejeux,
        regulateur: Regulateur,
        outils: Callable[[], Outils],
    ) -> None:
        self._store, self._sessions, self._preuves, self._ouvreur = store, sessions, preuves, ouvreur
        self._rejeux, self._regulateur, self._outils = rejeux, regulateur, outils

    async def demander(self, porteur: Porteur, demande: DemandeContact, appel: Appel) -> ActivationVue:
        """A code to the new address or number; nothing changes until it comes back.

        Refusals: `ReauthentificationRequise`, `MotDePasseIncorrect`, `ContactDejaVerifie`, `TropDeDemandes`.
        """
        async with self._rejeux.une_fois(appel, f"contact/{porteur.compte_id}") as reservation:
            if isinstance(reservation, ReponseGardee):
                return convert(reservation.corps, ActivationVue)
            if demande.mot_de_passe is not None:
                await self._sessions.verifier(porteur, demande.mot_de_passe)
            valeur = lire_contact(demande.canal, demande.valeur, self._outils())
            async with self._store.transaction() as tx:
                titulaire = exiger_ecriture(await tx.titulaires.tenir(porteur.compte_id, porteur.session_id))
                if demande.mot_de_passe is None:
                    exiger_recent(titulaire)
                actuel = titulaire.contact(demande.canal)
                if actuel and actuel.valeur == valeur and actuel.verifie_le:
                    raise ContactDejaVerifie
                ouverte = await self._ouvrir(tx, self._jeton(porteur, demande, valeur), appel.client)
                await tx.registre.noter(porteur.compte_id, Activite(nature="contact_demande", details=_details(ouverte.jeton)))
                reponse = vue_activation(ouverte)
                await reservation.garder(tx.reponses, 202, reponse, porteur.compte_id)
            return reponse

    async def essayer(self, porteur: Porteur, id: UUID, code: str) -> ContactVue:
        """The new contact takes the place of the old one, which is told."""
        async with self._store.transaction() as tx:
            exiger_ecriture(await tx.titulaires.tenir(porteur.compte_id, porteur.session_id))
        essai = await self._preuves.essayer("contact", id, code, porteur.compte_id)
        if essai is None:
            raise await self._pourquoi(porteur, id)
        jeton, juste, restants = essai
        if not juste:
            raise CodeIncorrect(restants)
        async with self._store.transaction() as tx:
            exiger_ecriture(await tx.titulaires.tenir(porteur.compte_id, porteur.session_id))
            if not await tx.jetons.depenser(id):
                raise ContactInconnu
            await self._remplacer(tx, jeton)
            titulaire = exiger_titulaire(await tx.titulaires.tenir(porteur.compte_id, porteur.session_id))
        return next(c for c in vue(titulaire).contacts if c.nature == CONTACT_DU_CANAL[jeton.canal])

    async def retablir(self, jeton: Jeton, etat: EtatJeton) -> None:
        """The old address says it was not its holder: it comes back, and whoever changed it is out, password included.

        What was proven by that address before is proven again by its link; a password is then chosen through it.
        """
        async with self._store.transaction() as tx:
            if etat is not EtatJeton.OUVERT or not await tx.titulaires.verrouiller(jeton.compte_id):
                raise LienExpire
            if not await tx.jetons.depenser(jeton.id):
                raise LienExpire
            await tx.jetons.annuler_retours(jeton)
            # Nothing they began goes on, the erasure of the account included: its way back went to an address of theirs.
            await tx.jetons.annuler(jeton.compte_id, ["contact", "mot_de_passe", "annulation_effacement"])
            await tx.titulaires.annuler_effacement(jeton.compte_id)
            await tx.titulaires.remplacer_contact(jeton.compte_id, _contact(jeton))
            await tx.titulaires.changer_mot_de_passe(jeton.compte_id, None)
            await tx.sessions.terminer_toutes(jeton.compte_id, "contact_retabli")
            await tx.registre.noter(jeton.compte_id, Activite(nature="contact_retabli", details=_details(jeton)))
            await tx.avis.avertir(jeton.compte_id, "contact_retabli", partout=True)
            if jeton.canal == "email":
                # As a reset by this address would: a mobile that the intruder proved must not choose the password first, nor
                # come back by a way of its own.
                await tx.titulaires.demettre(jeton.compte_id, "sms")
                await tx.jetons.annuler(jeton.compte_id, ["annulation_contact"], "sms")
            suite = self._ouvreur.jeton(jeton.compte_id, "mot_de_passe", jeton.canal, jeton.destination)
            await self._ouvreur.avis(tx, suite, {})

    async def _ouvrir(self, tx: Transaction, jeton: Jeton, client: str) -> ActivationOuverte:
        """The live code of this very destination again; a new one for another."""
        ouverte = await tx.jetons.ouvert(jeton.compte_id, "contact", jeton.canal)
        if ouverte and ouverte.jeton.destination == jeton.destination and ouverte.utilisable and ouverte.envois < ENVOIS_MAX:
            attendre = await tx.limites.depenser(self._regulateur.envoi(jeton, client))
            if attendre is None:
                await tx.jetons.renvoyer(ouverte.jeton.id, DELAI_RENVOI)
                ouverte = await tx.jetons.ouvert(jeton.compte_id, "contact", jeton.canal)
        else:
            await tx.jetons.annuler(jeton.compte_id, ["contact"], jeton.canal)
            ouverte, attendre = await self._ouvreur.limite(tx, jeton, client)
        if attendre is not None:
            raise TropDeDemandes(attendre)
        if ouverte is None:
            raise ContactInconnu
        return ouverte

    async def _remplacer(self, tx: Transaction, jeton: Jeton) -> None:
        ancien = await tx.titulaires.remplacer_contact(jeton.compte_id, _contact(jeton))
        faits = {"canal": jeton.canal, "nouvelle": masquer(jeton.canal, jeton.destination)}
        if ancien and _prouve_ailleurs(ancien, jeton):
            retour = self._ouvreur.jeton(jeton.compte_id, "annulation_contact", jeton.canal, ancien.valeur)
            await self._ouvreur.avis(tx, retour, faits)
        await tx.registre.noter(jeton.compte_id, Activite(nature="contact_change", details=_details(jeton)))
        await tx.avis.avertir(jeton.compte_id, "contact_change", faits, partout=True, sauf=jeton.destination)

    async def _pourquoi(self, porteur: Porteur, id: UUID) -> Exception:
        async with self._store.transaction() as tx:
            trouve = await tx.jetons.etat(id)
        if trouve is None or (trouve[0].compte_id, trouve[0].usage) != (porteur.compte_id, "contact"):
            return ContactInconnu()
        return pourquoi(trouve[1])

    def _jeton(self, porteur: Porteur, demande: DemandeContact, valeur: str) -> Jeton:
        return self._ouvreur.jeton(porteur.compte_id, "contact", demande.canal, valeur)


def _prouve_ailleurs(ancien: ContactTenu, jeton: Jeton) -> bool:
    """A number that receives no SMS cannot be told; an address that was never proven is nobody's to be told."""
    joignable = ancien.nature == "email" or ancien.recoit_sms
    return ancien.verifie_le is not None and ancien.valeur != jeton.destination and joignable


def _contact(jeton: Jeton) -> Contact:
    return Contact(CONTACT_DU_CANAL[jeton.canal], jeton.destination, jeton.canal == "sms")


def _details(jeton: Jeton) -> dict[str, str]:
    return {"canal": jeton.canal, "destination": masquer(jeton.canal, jeton.destination)}
