"""Changing an e-mail or a mobile: proof on the new one, notice and a way back on the old one (R46)."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from msgspec import convert

from app.usecases.appel import Appel, Rejeux
from app.usecases.preuves import Ouvreur, Preuves, pourquoi
from app.usecases.reprise import reprendre
from app.usecases.sessions import Sessions
from domain.activation import CANAUX, DELAI_RENVOI, ActivationVue, Jeton, masquer
from domain.activite import Activite
from domain.compte import CONTACT_DU_CANAL, ActivationOuverte, Contact
from domain.erreurs import CodeIncorrect, ContactDejaVerifie, ContactInconnu, DernierContact, LienExpire, TropDeDemandes
from domain.inscription import vue_activation
from domain.limites import Regulateur
from domain.modification import DemandeContact, lire_contact
from domain.moi import ContactVue, vue
from domain.outils import Outils
from domain.session import Porteur
from domain.titulaire import Titulaire, exiger_ecriture, exiger_recent, exiger_titulaire
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
                jeton = self._ouvreur.jeton(porteur.compte_id, "contact", demande.canal, valeur)
                ouverte = await self._ouvrir(tx, jeton, appel.client)
                await tx.registre.noter(porteur.compte_id, Activite(nature="contact_demande", details=_details(ouverte.jeton)))
                reponse = vue_activation(ouverte)
                await reservation.garder(tx.reponses, 202, reponse, porteur.compte_id)
            return reponse

    async def essayer(self, porteur: Porteur, id: UUID, code: str) -> ContactVue:
        """The new contact takes the place of the old one, which is told. The same code again has the same answer (R49)."""
        async with self._store.transaction() as tx:
            exiger_ecriture(await tx.titulaires.tenir(porteur.compte_id, porteur.session_id))
        essai = await self._preuves.essayer("contact", id, code, porteur.compte_id)
        if essai is None:
            jeton = await self._preuves.reprendre("contact", id, code, porteur.compte_id)
        else:
            jeton, juste, restants = essai
            if not juste:
                raise CodeIncorrect(restants)
        async with self._store.transaction() as tx:
            titulaire = exiger_ecriture(await tx.titulaires.tenir(porteur.compte_id, porteur.session_id))
            if jeton and await tx.jetons.depenser(id):
                await self._remplacer(tx, titulaire, jeton)
                titulaire = exiger_titulaire(await tx.titulaires.tenir(porteur.compte_id, porteur.session_id))
        prouve = titulaire.contact(jeton.canal) if jeton else None
        if jeton is None or prouve is None or prouve.valeur != jeton.destination or prouve.verifie_le is None:
            raise await self._pourquoi(porteur, id)
        return next(c for c in vue(titulaire).contacts if c.nature == prouve.nature)

    async def retirer_mobile(self, porteur: Porteur) -> None:
        """Nothing to do where there is none. Refusals: `ReauthentificationRequise`, `DernierContact`."""
        async with self._store.transaction() as tx:
            titulaire = exiger_recent(exiger_ecriture(await tx.titulaires.tenir(porteur.compte_id, porteur.session_id)))
            email = titulaire.contact("email")
            if titulaire.contact("sms") is None:
                return
            if email is None or email.verifie_le is None:
                raise DernierContact
            await self._offrir_un_retour(tx, titulaire, {"canal": "sms"})
            await tx.titulaires.retirer_mobile(titulaire.id)
            await tx.registre.noter(titulaire.id, Activite(nature="contact_retire", details={"canal": "sms"}))

    async def retablir(self, jeton: Jeton) -> bool:
        """Its destination says that they did not change a contact: they take the account back, and the password is disabled.

        What was proven by that address before is proven again by its link; a password is then chosen through it. False: done
        before, by this very link. Refusal: `LienExpire`.
        """
        compte = jeton.compte_id
        async with self._store.transaction() as tx:
            if not await tx.titulaires.verrouiller(compte) or not await tx.jetons.depenser(jeton.id):
                return await _deja_suivi(tx, jeton)
            depuis = await tx.jetons.prouve_le(jeton.id)
            await tx.titulaires.remplacer_contact(compte, _contact(jeton), depuis)
            await tx.registre.noter(compte, Activite(nature="contact_retabli", details=_details(jeton)))
            await tx.avis.avertir(compte, "contact_retabli", partout=True, sauf=jeton.destination)
            await reprendre(tx, compte, depuis, None, "contact_retabli", self._outils())
            # Nor does the erasure of the account go on: its way back went to an address of theirs.
            await tx.jetons.annuler(compte, ["annulation_effacement"])
            await tx.titulaires.annuler_effacement(compte)
            suite = self._ouvreur.jeton(compte, "mot_de_passe", jeton.canal, jeton.destination)
            await self._ouvreur.avis(tx, suite, {"suite": "contact_retabli"})
        return True

    async def _ouvrir(self, tx: Transaction, jeton: Jeton, client: str) -> ActivationOuverte:
        """The live code of this very destination again; a new one for another."""
        ouverte = await tx.jetons.ouvert(jeton.compte_id, "contact", jeton.canal)
        if ouverte and ouverte.jeton.destination == jeton.destination and ouverte.renvoyable:
            await tx.limites.exiger(self._regulateur.envoi(jeton, client))
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

    async def _remplacer(self, tx: Transaction, titulaire: Titulaire, jeton: Jeton) -> None:
        faits = {"canal": jeton.canal, "nouvelle": masquer(jeton.canal, jeton.destination)}
        await self._offrir_un_retour(tx, titulaire, faits, sauf=jeton.destination)
        await tx.titulaires.remplacer_contact(titulaire.id, _contact(jeton))
        await tx.registre.noter(titulaire.id, Activite(nature="contact_change", details=_details(jeton)))

    async def _offrir_un_retour(self, tx: Transaction, titulaire: Titulaire, faits: dict[str, str], sauf: str = "") -> None:
        """Whoever was proven is told, and given a way back: the one replaced, and the other, which an intruder is adding to."""
        for canal in CANAUX:
            contact = titulaire.contact(canal)
            if contact and contact.joignable and contact.valeur != sauf:
                retour = self._ouvreur.jeton(titulaire.id, "annulation_contact", canal, contact.valeur)
                await self._ouvreur.avis(tx, retour, faits, contact.verifie_le)

    async def _pourquoi(self, porteur: Porteur, id: UUID) -> Exception:
        async with self._store.transaction() as tx:
            trouve = await tx.jetons.etat(id)
        if trouve is None or (trouve[0].compte_id, trouve[0].usage) != (porteur.compte_id, "contact"):
            return ContactInconnu()
        return pourquoi(trouve[1])


async def _deja_suivi(tx: Transaction, jeton: Jeton) -> bool:
    """A link followed twice, or an answer that was lost. Refusal: `LienExpire`."""
    trouve = await tx.jetons.etat(jeton.id)
    if trouve is None or trouve[1] is not EtatJeton.DEPENSE:
        raise LienExpire
    return False


def _contact(jeton: Jeton) -> Contact:
    return Contact(CONTACT_DU_CANAL[jeton.canal], jeton.destination, jeton.canal == "sms")


def _details(jeton: Jeton) -> dict[str, str]:
    return {"canal": jeton.canal, "destination": masquer(jeton.canal, jeton.destination)}
