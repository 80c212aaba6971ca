"""The ledger as its subject sees it; mailing choices, theirs or with a guardian; ways out without signing in; newer texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from uuid import UUID

from app.usecases.activations import Ouvreur
from app.usecases.appel import Appel
from app.usecases.preuves import Preuves
from domain.activation import Jeton, masquer
from domain.activite import Activite, numero, reference
from domain.compte import Langue
from domain.consentements import (
    TOUTES,
    AccordDemande,
    AccordEnregistre,
    ActeVue,
    ChoixDiffusion,
    ConsentementsVue,
    DemandeAcceptations,
    Desinscription,
    DiffusionVue,
    Listes,
    ReponseParentale,
    actes_de_diffusion,
    changements,
    fautes_de_mineur,
    vue_diffusion,
)
from domain.erreurs import (
    ChampsInvalides,
    DocumentPerime,
    ErreurChamp,
    LienExpire,
    LienInvalide,
    TropDeDemandes,
)
from domain.inscription import LISTES
from domain.jetons import Trousseau
from domain.juridique import CGU, NATURES, RGPD, Acte, Version
from domain.limites import Action, Regulateur
from domain.moi import AcceptationsVue, vue
from domain.outils import Outils
from domain.ports import Documents, Dossier
from domain.session import Porteur
from domain.titulaire import Titulaire, exiger_ecriture, exiger_titulaire
from domain.transaction import EtatJeton, Store, Transaction


class Consentements:
    def __init__(
        self,
        *,
        store: Store,
        dossier: Dossier,
        documents: Documents,
        preuves: Preuves,
        ouvreur: Ouvreur,
        trousseau: Trousseau,
        regulateur: Regulateur,
        outils: Callable[[], Outils],
    ) -> None:
        self._store, self._dossier, self._documents, self._preuves = store, dossier, documents, preuves
        self._ouvreur, self._trousseau, self._regulateur, self._outils = ouvreur, trousseau, regulateur, outils

    async def lire(self, porteur: Porteur, apres: str | None, limite: int) -> ConsentementsVue:
        avant = None if apres is None else numero(apres)
        titulaire = exiger_titulaire(await self._dossier.titulaire(porteur))
        lignes = await self._dossier.actes(porteur.compte_id, avant, limite + 1)
        return ConsentementsVue(
            diffusion=vue_diffusion(titulaire.diffusion),
            actes=[ActeVue(**{nom: getattr(n, nom) for nom in ActeVue.__struct_fields__}) for n in lignes[:limite]],
            suivant=reference(lignes[limite - 1].id) if len(lignes) > limite else None,
        )

    async def choisir(self, porteur: Porteur, choix: ChoixDiffusion, appel: Appel) -> DiffusionVue:
        """Withdrawals take effect at once, whatever else is refused to nobody; under 15, additions wait for a guardian.

        Refusals: `CguAReaccepter` (additions only: withdrawing is never made harder), field errors, `TropDeDemandes`.
        """
        notice = (await self._documents.en_vigueur())[RGPD]
        async with self._store.transaction() as tx:
            titulaire = exiger_titulaire(await tx.titulaires.tenir(porteur.compte_id, porteur.session_id))
            diff = changements(titulaire.diffusion, {liste: getattr(choix, liste) for liste in LISTES})
            ajouts = [liste for liste, voulu in diff.items() if voulu]
            if ajouts:
                exiger_ecriture(titulaire)
            attend = self._attend_un_accord(titulaire, choix, ajouts)
            # What was asked of a guardian before is replaced by what is chosen now.
            await tx.jetons.annuler(titulaire.id, ["accord_parental"])
            immediats = {liste: voulu for liste, voulu in diff.items() if not (voulu and attend)}
            if any(immediats.values()):
                await self._compter(tx, "diffusion", titulaire)
            await self._ecrire(tx, titulaire, immediats, notice, appel)
            accord = await self._demander_accord(tx, titulaire, ajouts, attend, appel) if attend else None
            return vue_diffusion(titulaire.diffusion | immediats, accord)

    def _attend_un_accord(self, titulaire: Titulaire, choix: ChoixDiffusion, ajouts: list[str]) -> str | None:
        """The guardian's address, when one is needed."""
        garant = choix.email_representant_legal
        if not titulaire.mineur(self._outils()):
            if garant is not None:
                raise ChampsInvalides([ErreurChamp(pointer="/email_representant_legal", code="representant_inutile")])
            return None
        fautes = fautes_de_mineur(ajouts, garant, [c.valeur for c in titulaire.contacts])
        if fautes:
            raise ChampsInvalides(fautes)
        return garant if ajouts else None

    async def _ecrire(
        self, tx: Transaction, titulaire: Titulaire, choix: Mapping[str, bool], notice: Version, appel: Appel
    ) -> None:
        if not choix:
            return
        await tx.registre.acter(titulaire.id, actes_de_diffusion(choix, notice), titulaire.langue, appel.trace)
        await tx.registre.noter(titulaire.id, Activite(nature="diffusion_modifiee", details={"listes": dict(choix)}))
        if listes := [liste for liste, voulu in choix.items() if voulu]:
            # By e-mail, where the way out stands: never held back, since additions themselves are counted.
            await tx.avis.avertir(titulaire.id, "diffusion", {"listes": ",".join(listes)}, par="email")

    async def _compter(self, tx: Transaction, action: Action, titulaire: Titulaire) -> None:
        if (attendre := await tx.limites.depenser(self._regulateur.action(action, titulaire.id))) is not None:
            raise TropDeDemandes(attendre)

    async def _demander_accord(
        self, tx: Transaction, titulaire: Titulaire, listes: list[str], garant: str, appel: Appel
    ) -> AccordDemande:
        jeton = self._ouvreur.jeton(titulaire.id, "accord_parental", "email", garant)
        ouverte, attendre = await self._ouvreur.limite(tx, jeton, appel.client, {"listes": ",".join(listes)})
        if attendre is not None:
            raise TropDeDemandes(attendre)
        destination = masquer("email", garant)
        await tx.registre.noter(
            titulaire.id,
            Activite(nature="accord_parental_demande", details={"listes": listes, "destination": destination}),
        )
        return AccordDemande(listes=listes, destination=destination, expire_le=ouverte.expire_le)

    async def repondre(self, reponse: ReponseParentale, appel: Appel) -> AccordEnregistre:
        """The guardian's decision. A consent they give is recorded as joint. Refusals: `LienInvalide`, `LienExpire`."""
        notice = (await self._documents.en_vigueur())[RGPD]
        jeton, etat = await self._preuves.suivre(reponse.jeton, "accord_parental")
        async with self._store.transaction() as tx:
            if etat is not EtatJeton.OUVERT or not await tx.titulaires.verrouiller(jeton.compte_id):
                raise LienExpire
            if not await tx.jetons.depenser(jeton.id):
                raise LienExpire
            listes = (await tx.jetons.faits(jeton.id))["listes"].split(",")
            await self._conclure(tx, jeton, listes, notice, reponse.accorde, appel)
        return AccordEnregistre(accorde=reponse.accorde, listes=listes)

    async def _conclure(
        self, tx: Transaction, jeton: Jeton, listes: list[str], notice: Version, accorde: bool, appel: Appel
    ) -> None:
        compte = jeton.compte_id
        trouve = await tx.registre.diffusion(compte)
        if accorde and trouve is not None:
            _, langue = trouve
            actes = actes_de_diffusion(dict.fromkeys(listes, True), notice, par="conjoint")
            await tx.registre.acter(compte, actes, langue, appel.trace)
            await tx.avis.avertir(compte, "diffusion", {"listes": ",".join(listes)}, par="email")
        await tx.registre.noter(
            compte,
            Activite(nature="accord_parental_donne" if accorde else "accord_parental_refuse", details={"listes": listes}),
        )

    async def se_desinscrire(self, jeton: str, listes: Listes, appel: Appel) -> Desinscription:
        """Out, at once, without signing in (RFC 8058); a second time is as good as the first. Refusal: `LienInvalide`."""
        compte = self._trousseau.lire_desinscription(jeton, listes)
        if compte is None:
            raise LienInvalide
        visees: list[str] = list(LISTES) if listes == TOUTES else [listes]
        notice = (await self._documents.en_vigueur())[RGPD]
        async with self._store.transaction() as tx:
            # A suspended account is left too: it is not held, but nothing else writes its choices meanwhile.
            await tx.titulaires.verrouiller(compte)
            trouve = await tx.registre.diffusion(compte)
            if trouve is not None:
                await tx.jetons.annuler(compte, ["accord_parental"])
                await self._retirer(tx, compte, *trouve, visees, notice, appel)
        return Desinscription(listes=visees)

    async def _retirer(
        self,
        tx: Transaction,
        compte: UUID,
        avant: Mapping[str, bool],
        langue: Langue,
        visees: list[str],
        notice: Version,
        appel: Appel,
    ) -> None:
        retraits = {liste: False for liste in visees if avant.get(liste)}
        if retraits:
            await tx.registre.acter(compte, actes_de_diffusion(retraits, notice), langue, appel.trace)
            await tx.registre.noter(compte, Activite(nature="diffusion_modifiee", details={"listes": retraits}))

    async def accepter(self, porteur: Porteur, demande: DemandeAcceptations, appel: Appel) -> AcceptationsVue:
        """The versions in force, and no other. Refusals: `DocumentPerime`, `TropDeDemandes`."""
        en_vigueur = await self._documents.en_vigueur()
        actes: list[Acte] = []
        for code, accord in ((CGU, demande.cgu), (RGPD, demande.rgpd)):
            if accord is None:
                continue
            if accord.version != en_vigueur[code].version:
                raise DocumentPerime(code, en_vigueur[code].version)
            actes.append(Acte(nature=NATURES[code], objet=code, document=en_vigueur[code]))
        async with self._store.transaction() as tx:
            titulaire = exiger_titulaire(await tx.titulaires.tenir(porteur.compte_id, porteur.session_id))
            await self._compter(tx, "acceptations", titulaire)
            await tx.registre.acter(titulaire.id, actes, titulaire.langue, appel.trace)
            versions = {acte.objet: acte.document.version for acte in actes}
            await tx.registre.noter(titulaire.id, Activite(nature="documents_acceptes", details=versions))
            tenu = exiger_titulaire(await tx.titulaires.tenir(porteur.compte_id, porteur.session_id))
        return vue(tenu).acceptations
