"""The ledger as its subject sees it; mailing choices, theirs or with a guardian; ways out without signing in; newer texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from uuid import UUID

from msgspec import structs

from app.usecases.appel import Appel
from app.usecases.preuves import Ouvreur, Preuves
from domain.activation import Jeton
from domain.activite import Activite, numero, reference
from domain.consentements import (
    TOUTES,
    AccordDemande,
    AccordEnregistre,
    ChoixDiffusion,
    ConsentementsVue,
    DemandeAcceptations,
    DemandeEnCours,
    Desinscription,
    DiffusionVue,
    Listes,
    ReponseParentale,
    a_retirer,
    actes_de_diffusion,
    changements,
    fautes_de_mineur,
    mineur,
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
from domain.juridique import CGU, NATURES, RGPD, Acte, Par, Version
from domain.limites import Regulateur
from domain.moi import AcceptationsVue, vue
from domain.outils import Outils
from domain.ports import Documents, Dossier
from domain.profils import Profil
from domain.session import Porteur
from domain.titulaire import Titulaire, au_plus_jeune, exiger_ecriture, exiger_titulaire
from domain.transaction import Store, Transaction


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
        async with self._store.transaction() as tx:
            demande = await self._en_cours(tx, porteur.compte_id)
        return ConsentementsVue(
            diffusion=vue_diffusion(titulaire.diffusion, demande.vue() if demande else None),
            actes=[ligne.vue() for ligne in lignes[:limite]],
            suivant=reference(lignes[limite - 1].id) if len(lignes) > limite else None,
        )

    async def choisir(self, porteur: Porteur, choix: ChoixDiffusion, appel: Appel) -> DiffusionVue:
        """A change that only withdraws takes effect at once and is never held back; under 15, additions wait for a guardian.

        The same choices again change nothing, and send nothing. Refusals: `CguAReaccepter` (additions only: withdrawing is
        never made harder), field errors, `TropDeDemandes`.
        """
        notice = (await self._documents.en_vigueur())[RGPD]
        async with self._store.transaction() as tx:
            titulaire = exiger_titulaire(await tx.titulaires.tenir(porteur.compte_id, porteur.session_id))
            diff = changements(titulaire.diffusion, {liste: getattr(choix, liste) for liste in LISTES})
            ajouts = [liste for liste, voulu in diff.items() if voulu]
            demande = await self._en_cours(tx, titulaire.id)
            attendus = self._attendus(titulaire, choix, ajouts, demande)
            gardee = demande if demande and demande.suffit(attendus, choix.email_representant_legal) else None
            if ajouts and not (attendus and gardee):
                exiger_ecriture(titulaire)
            immediats = {liste: voulu for liste, voulu in diff.items() if liste not in attendus}
            if any(immediats.values()):
                await tx.limites.exiger(self._regulateur.action("diffusion", titulaire.id))
            await self._ecrire(tx, titulaire, immediats, notice, appel)
            if gardee:
                accord = await self._restreindre(tx, gardee, attendus)
            else:
                accord = await self._demander_accord(tx, titulaire, attendus, choix.email_representant_legal, appel)
            return vue_diffusion(titulaire.diffusion | immediats, accord)

    def _attendus(
        self, titulaire: Titulaire, choix: ChoixDiffusion, ajouts: list[str], demande: DemandeEnCours | None
    ) -> list[str]:
        """The additions that a guardian must agree to."""
        garant = choix.email_representant_legal
        if not mineur(au_plus_jeune(titulaire.profil, titulaire.provenances), self._outils().aujourdhui):
            if garant is not None:
                raise ChampsInvalides([ErreurChamp(pointer="/email_representant_legal", code="representant_inutile")])
            return []
        contacts = [c.valeur for c in titulaire.contacts]
        fautes = fautes_de_mineur(ajouts, garant, contacts, demande.listes if demande else [])
        if fautes:
            raise ChampsInvalides(fautes)
        return ajouts

    async def _en_cours(self, tx: Transaction, compte: UUID) -> DemandeEnCours | None:
        ouverte = await tx.jetons.ouvert(compte, "accord_parental", "email")
        if ouverte is None or ouverte.expiree:
            return None
        listes = (await tx.jetons.faits(ouverte.jeton.id))["listes"].split(",")
        return DemandeEnCours(jeton=ouverte.jeton, listes=listes, expire_le=ouverte.expire_le)

    async def _restreindre(self, tx: Transaction, demande: DemandeEnCours, listes: list[str]) -> AccordDemande | None:
        """The request goes on for these of its lists; what else it asked for is taken back."""
        restent = [liste for liste in demande.listes if liste in listes]
        if not restent:
            await tx.jetons.annuler(demande.jeton.compte_id, ["accord_parental"])
            return None
        if restent != demande.listes:
            await tx.jetons.preciser(demande.jeton.id, {"listes": ",".join(restent)})
        return structs.replace(demande, listes=restent).vue()

    async def _ecrire(
        self, tx: Transaction, titulaire: Titulaire, choix: Mapping[str, bool], notice: Version, appel: Appel
    ) -> None:
        if not choix:
            return
        await tx.registre.acter(titulaire.id, actes_de_diffusion(choix, notice), appel.trace)
        await tx.registre.noter(titulaire.id, Activite(nature="diffusion_modifiee", details={"listes": dict(choix)}))
        if listes := [liste for liste, voulu in choix.items() if voulu]:
            # By e-mail, where the way out stands: never held back, since additions themselves are counted.
            await tx.avis.avertir(titulaire.id, "diffusion", {"listes": ",".join(listes)}, par="email")

    async def _demander_accord(
        self, tx: Transaction, titulaire: Titulaire, listes: list[str], garant: str | None, appel: Appel
    ) -> AccordDemande | None:
        """In place of whatever was asked before."""
        await tx.jetons.annuler(titulaire.id, ["accord_parental"])
        if not listes or garant is None:
            return None
        jeton = self._ouvreur.jeton(titulaire.id, "accord_parental", "email", garant)
        ouverte, attendre = await self._ouvreur.limite(tx, jeton, appel.client, {"listes": ",".join(listes)})
        if attendre is not None:
            raise TropDeDemandes(attendre)
        demande = DemandeEnCours(jeton=jeton, listes=listes, expire_le=ouverte.expire_le).vue()
        await tx.registre.noter(
            titulaire.id,
            Activite(nature="accord_parental_demande", details={"listes": listes, "destination": demande.destination}),
        )
        return demande

    async def repondre(self, reponse: ReponseParentale, appel: Appel) -> AccordEnregistre:
        """The guardian's decision. A consent they give is recorded as joint; told again, it is answered the same.

        Refusals: `LienInvalide`, `LienExpire` (another decision than the one recorded, too).
        """
        notice = (await self._documents.en_vigueur())[RGPD]
        jeton, _ = await self._preuves.suivre(reponse.jeton, "accord_parental")
        decision = "accord" if reponse.accorde else "refus"
        async with self._store.transaction() as tx:
            if not await tx.titulaires.verrouiller(jeton.compte_id):
                raise LienExpire
            faits = await tx.jetons.faits(jeton.id)
            listes = faits["listes"].split(",")
            if await tx.jetons.depenser(jeton.id):
                await tx.jetons.preciser(jeton.id, {**faits, "decision": decision})
                await self._conclure(tx, jeton, listes, notice, reponse.accorde, appel)
            elif faits.get("decision") != decision:
                raise LienExpire
        return AccordEnregistre(accorde=reponse.accorde, listes=listes)

    async def _conclure(
        self, tx: Transaction, jeton: Jeton, listes: list[str], notice: Version, accorde: bool, appel: Appel
    ) -> None:
        compte = jeton.compte_id
        if accorde:
            actes = actes_de_diffusion(dict.fromkeys(listes, True), notice, par="conjoint")
            await tx.registre.acter(compte, actes, appel.trace)
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
            accords = await tx.registre.diffusion(compte)
            if accords is not None:
                if demande := await self._en_cours(tx, compte):
                    await self._restreindre(tx, demande, [liste for liste in LISTES if liste not in visees])
                await self._retirer(tx, compte, [liste for liste in visees if liste in accords], notice, "titulaire", appel)
        return Desinscription(listes=visees)

    async def ajuster_a_l_age(self, tx: Transaction, compte: UUID, profil: Profil, appel: Appel) -> None:
        """A profile that makes its person a minor takes back what they consented to alone. The account is held."""
        accords = await tx.registre.diffusion(compte)
        retraits = a_retirer(profil, accords or {}, self._outils().aujourdhui)
        if retraits:
            notice = (await self._documents.en_vigueur())[RGPD]
            await self._retirer(tx, compte, retraits, notice, "service", appel)

    async def _retirer(self, tx: Transaction, compte: UUID, listes: list[str], notice: Version, par: Par, appel: Appel) -> None:
        retraits = dict.fromkeys(listes, False)
        if retraits:
            await tx.registre.acter(compte, actes_de_diffusion(retraits, notice, par), appel.trace)
            await tx.registre.noter(compte, Activite(nature="diffusion_modifiee", details={"listes": retraits}))

    async def accepter(self, porteur: Porteur, demande: DemandeAcceptations, appel: Appel) -> AcceptationsVue:
        """The versions in force, and no other; one accepted already leaves no second line. Refusal: `DocumentPerime`."""
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
            connues = {CGU: titulaire.cgu_acceptees, RGPD: titulaire.rgpd_connue}
            neufs = [acte for acte in actes if acte.document.version != connues[acte.objet]]
            if neufs:
                await tx.registre.acter(titulaire.id, neufs, appel.trace)
                versions = {acte.objet: acte.document.version for acte in neufs}
                await tx.registre.noter(titulaire.id, Activite(nature="documents_acceptes", details=versions))
                titulaire = exiger_titulaire(await tx.titulaires.tenir(porteur.compte_id, porteur.session_id))
        return vue(titulaire).acceptations
