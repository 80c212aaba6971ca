"""The identities of an account: attaching one, proving by one who this is again, detaching it."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from app.usecases.annonces import annoncer_detachement, annoncer_rattachement
from app.usecases.appel import Appel
from app.usecases.consentements import Consentements
from domain.activite import Activite
from domain.erreurs import (
    CodeEchangeInvalide,
    DernierMoyenDeConnexion,
    IdentiteDejaRattachee,
    IdentiteNonRattachee,
    ReauthentificationRequise,
)
from domain.federation import Fournisseur, IdentiteRecue
from domain.outils import Outils
from domain.passage import ECART_HORLOGES, Passage, ResultatRattachement, ResultatReauthentification
from domain.preremplissage import empreinte_pivot
from domain.rattachement import certifier, encore_certifiees, exiger_convenance, exiger_meme_personne
from domain.session import FRAICHEUR, Porteur
from domain.titulaire import Titulaire, au_plus_jeune, exiger_ecriture, exiger_recent, exiger_titulaire
from domain.transaction import Store, Transaction


class Rattachements:
    def __init__(self, store: Store, consentements: Consentements, outils: Callable[[], Outils]) -> None:
        self._store, self._consentements, self._outils = store, consentements, outils

    async def rattacher(self, tx: Transaction, passage: Passage, identite: IdentiteRecue, appel: Appel) -> ResultatRattachement:
        """Whoever else was in is out: they have not shown that they are this person. Whoever is certified to be a minor, or
        may be one, has the consents that they gave alone taken back.

        Refusals: `SessionFinie`, `CguAReaccepter`, `CodeEchangeInvalide`, `IdentiteInadaptee`, `IdentiteDifferente`,
        `IdentiteDejaRattachee`.
        """
        titulaire = exiger_ecriture(await self._tenir(tx, passage))
        if _attachee(titulaire, identite):
            return ResultatRattachement(deja_rattachee=True)
        exiger_convenance(identite.fournisseur, titulaire.profil)
        exiger_meme_personne(titulaire.identites, identite)
        await tx.passages.recommencer(identite.emetteur, identite.sub)
        if not await tx.passages.attacher(titulaire.id, identite, empreinte_pivot(identite)):
            raise IdentiteDejaRattachee
        profil, provenances, changes = certifier(titulaire, identite, self._outils())
        await tx.passages.completer(titulaire.id, profil, provenances)
        await self._consentements.ajuster_a_l_age(tx, titulaire.id, au_plus_jeune(profil, provenances), appel)
        await tx.sessions.terminer_toutes(titulaire.id, "rattachement", sauf=titulaire.session_id)
        details = {"fournisseur": identite.fournisseur, "champs": changes}
        await tx.registre.noter(titulaire.id, Activite(nature="identite_rattachee", details=details))
        await annoncer_rattachement(tx, titulaire.id, identite.fournisseur, changes)
        return ResultatRattachement(deja_rattachee=False)

    async def reauthentifier(self, tx: Transaction, passage: Passage, identite: IdentiteRecue) -> ResultatReauthentification:
        """Opens the sensitive operations for a short time, if the person proved to the provider who they are since they left.

        Refusals: `SessionFinie`, `CodeEchangeInvalide`, `IdentiteNonRattachee`, `ReauthentificationRequise`.
        """
        titulaire = exiger_titulaire(await self._tenir(tx, passage))
        if not _attachee(titulaire, identite):
            raise IdentiteNonRattachee
        jusque = identite.authentifiee_le and await tx.sessions.reauthentifier_par(
            titulaire.session_id, passage.id, identite.authentifiee_le, ECART_HORLOGES, FRAICHEUR
        )
        if jusque is None:
            raise ReauthentificationRequise
        return ResultatReauthentification(valable_jusque=jusque)

    async def detacher(self, porteur: Porteur, fournisseur: Fournisseur | None, identite: UUID | None) -> bool:
        """One identity, or all of a provider's, FranceConnect's unless told otherwise; whether the caller's own session ends
        with what they opened.

        Refusals: `ReauthentificationRequise`, `IdentiteNonRattachee`, `DernierMoyenDeConnexion` (R80).
        """
        chez = fournisseur if fournisseur or identite else "franceconnect"
        async with self._store.transaction() as tx:
            titulaire = exiger_recent(exiger_ecriture(await tx.titulaires.tenir(porteur.compte_id, porteur.session_id)))
            otees = [i for i in titulaire.identites if identite in (None, i.id) and chez in (None, i.fournisseur)]
            restent = [i for i in titulaire.identites if i not in otees]
            if not otees:
                raise IdentiteNonRattachee
            if not restent and not titulaire.mot_de_passe_defini:
                raise DernierMoyenDeConnexion
            ids = [i.id for i in otees]
            await tx.passages.detacher(titulaire.id, ids)
            provenances = encore_certifiees(titulaire.profil, titulaire.provenances, restent, self._outils())
            await tx.passages.completer(titulaire.id, titulaire.profil, provenances)
            finies = await tx.sessions.terminer_ouvertes_par(titulaire.id, ids, "detachement")
            await annoncer_detachement(tx, titulaire.id, otees[0].fournisseur)
        return titulaire.session_id in finies

    async def _tenir(self, tx: Transaction, passage: Passage) -> Titulaire | None:
        """The session that left must still live, and nothing have voided its passage: a proof does not outlive its account's
        sign-out, reset or suspension, nor a detaching.
        """
        if passage.compte_id is None or passage.session_id is None:
            raise CodeEchangeInvalide
        titulaire = await tx.titulaires.tenir(passage.compte_id, passage.session_id)
        if titulaire and await tx.passages.depenser(passage.id, titulaire.id) is None:
            raise CodeEchangeInvalide
        return titulaire


def _attachee(titulaire: Titulaire, identite: IdentiteRecue) -> bool:
    return any((i.emetteur, i.sub) == (identite.emetteur, identite.sub) for i in titulaire.identites)
