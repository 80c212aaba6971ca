"""Opening an account, and following, correcting or giving up the sign-up until it is active."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Literal
from uuid import UUID

from msgspec import Struct, convert, structs

from app.usecases.appel import Appel, Rejeux
from app.usecases.apports import Apports
from app.usecases.identifiants import Identifiants
from app.usecases.preuves import Ouvreur
from domain import identifiant, profils
from domain.activation import CANAUX, Canal
from domain.compte import (
    CONTACT_DU_CANAL,
    Contact,
    InscriptionOuverte,
    NouveauCompte,
    contacts,
    exiger_connu,
    exiger_en_attente,
)
from domain.erreurs import (
    DejaActive,
    DocumentPerime,
    IdentifiantIndisponible,
    InscriptionInconnue,
)
from domain.inscription import (
    DUREE,
    CorrectionContacts,
    DemandeInscription,
    InscriptionCreee,
    InscriptionVue,
    vue,
)
from domain.jetons import Trousseau
from domain.juridique import OBLIGATOIRES, Acte, Version, actes_d_inscription
from domain.limites import Regulateur
from domain.outils import Formats
from domain.ports import Disponibilites, Documents, Hacheur, Signaux, Systeme
from domain.transaction import ReponseGardee, Store, Transaction

# Between two looks at the database while a client waits, in seconds: news normally comes by itself.
_VERIFICATION = 5.0
# Who may wait in this process, for one sign-up and for all together: each wait holds a connection of its caller's.
_ATTENTES_PAR_INSCRIPTION, _ATTENTES = 8, 512


class Valide(Struct, frozen=True, kw_only=True):
    """Le formulaire peut être envoyé."""

    valide: Literal[True] = True


class Inscriptions:
    def __init__(
        self,
        *,
        store: Store,
        documents: Documents,
        disponibilites: Disponibilites,
        hacheur: Hacheur,
        formats: Formats,
        signaux: Signaux,
        systeme: Systeme,
        trousseau: Trousseau,
        regulateur: Regulateur,
        rejeux: Rejeux,
        identifiants: Identifiants,
        ouvreur: Ouvreur,
        apports: Apports,
    ) -> None:
        self._store, self._documents, self._disponibilites = store, documents, disponibilites
        self._hacheur, self._formats, self._signaux, self._systeme = hacheur, formats, signaux, systeme
        self._trousseau, self._regulateur, self._rejeux = trousseau, regulateur, rejeux
        self._identifiants, self._ouvreur, self._apports = identifiants, ouvreur, apports
        self._attentes: Counter[UUID] = Counter()

    async def inscrire(self, demande: DemandeInscription, appel: Appel) -> InscriptionCreee:
        """Refusals: `DocumentPerime`, `IdentifiantIndisponible`, `TropDeDemandes`, `Sature`, those of a retry."""
        async with self._rejeux.une_fois(appel, "inscription", publique=True) as reservation:
            if isinstance(reservation, ReponseGardee):
                return self._avec_secret(convert(reservation.corps, InscriptionVue))
            en_vigueur = await self._verifier_documents(demande)
            await self._admettre(demande, appel.client)
            # Outside the transaction: argon2 takes ten milliseconds of a core.
            compte = await self._nouveau_compte(demande, appel)
            actes = actes_d_inscription(en_vigueur, structs.asdict(demande.diffusion))
            try:
                async with self._store.transaction() as tx:
                    inscription = vue(await self._ouvrir(tx, compte, actes, demande, appel))
                    await reservation.garder(tx.reponses, 201, inscription, compte.id)
            except IdentifiantIndisponible:
                raise await self._conflit(compte.identifiant or compte.base) from None
            return self._avec_secret(inscription)

    async def _ouvrir(
        self, tx: Transaction, compte: NouveauCompte, actes: Sequence[Acte], demande: DemandeInscription, appel: Appel
    ) -> InscriptionOuverte:
        """Refusals leave the transaction, and undo what it had begun."""
        # Before the name is chosen: what the identity's former sign-up held is free again.
        identite = await self._apports.apporter(tx, demande) if demande.jeton_identite is not None else None
        ouvert = await tx.comptes.ouvrir(compte, actes, DUREE, appel.trace)
        if ouvert is None:
            raise IdentifiantIndisponible
        if identite is not None:
            await self._apports.inscrire(tx, compte.id, compte.profil, identite)
        return await self._premiere_activation(tx, ouvert, demande.activer_par, appel)

    async def controler(self, demande: DemandeInscription, appel: Appel) -> Valide:
        """What signing up would refuse, without writing."""
        await self._verifier_documents(demande)
        libere = await self._apports.controler(demande) if demande.jeton_identite is not None else None
        if demande.identifiant not in (None, libere):
            reponse = await self._identifiants.disponibilite(demande.identifiant, appel.client)
            if not reponse.disponible:
                raise IdentifiantIndisponible(reponse.suggestions or ())
        return Valide()

    async def lire(self, id: UUID, attendre: float = 0) -> InscriptionVue:
        """As it stands; with `attendre`, at the first change of state or after that many seconds, if there is room to wait."""
        with self._place(id, attendre) as accordee, self._signaux.ecouter(f"inscription.{id}") as abonnement:
            fin = asyncio.get_running_loop().time() + accordee
            while True:
                compte = exiger_connu(await self._compte(id))
                reste = fin - asyncio.get_running_loop().time()
                if compte.etat != "en_attente" or reste <= 0 or not await abonnement.nouvelle(min(reste, _VERIFICATION)):
                    return vue(compte)

    async def corriger(self, id: UUID, correction: CorrectionContacts) -> InscriptionVue:
        """A corrected destination voids its codes; the same value again changes nothing."""
        async with self._store.transaction() as tx:
            compte = exiger_en_attente(await tx.comptes.verrouiller(id))
            nouveaux = [c for c in self._corriges(correction) if c not in compte.contacts]
            await tx.comptes.corriger(id, nouveaux)
            for canal in CANAUX:
                if any(c.nature == CONTACT_DU_CANAL[canal] for c in nouveaux):
                    await tx.jetons.annuler(id, ["activation"], canal)
            return vue(exiger_connu(await tx.comptes.inscription(id)))

    async def annuler(self, id: UUID) -> None:
        """Everything of the sign-up is deleted."""
        async with self._store.transaction() as tx:
            compte = await tx.comptes.verrouiller(id)
            if compte is None:
                raise InscriptionInconnue
            if not await tx.comptes.effacer_demande(id):
                raise DejaActive

    @contextmanager
    def _place(self, id: UUID, attendre: float) -> Iterator[float]:
        """A place among those who wait; none, and the answer comes at once, when too many do."""
        if not attendre or self._attentes[id] >= _ATTENTES_PAR_INSCRIPTION or self._attentes.total() >= _ATTENTES:
            yield 0
            return
        self._attentes[id] += 1
        try:
            yield attendre
        finally:
            self._attentes[id] -= 1
            # Those at zero are forgotten.
            self._attentes += Counter()

    async def _compte(self, id: UUID) -> InscriptionOuverte | None:
        async with self._store.lecture() as comptes:
            return await comptes.inscription(id)

    async def _verifier_documents(self, demande: DemandeInscription) -> Mapping[str, Version]:
        en_vigueur = await self._documents.en_vigueur()
        for code in OBLIGATOIRES:
            if getattr(demande.reglementation, code).version != en_vigueur[code].version:
                raise DocumentPerime(code, en_vigueur[code].version)
        return en_vigueur

    async def _admettre(self, demande: DemandeInscription, client: str) -> None:
        """Counted before the hash: whether it succeeds or not, a sign-up costs one and tells whether a name is taken.

        The look at the name is only to spare a hash: the unique index decides; an identity may free the name that its former
        sign-up holds.
        """
        choisi, limites = demande.identifiant, self._regulateur.inscription(client)
        if choisi is None or demande.jeton_identite is not None:
            await self._disponibilites.compter(limites)
        elif not await self._disponibilites.libre(choisi, limites):
            raise await self._conflit(choisi)

    async def _conflit(self, pris: str) -> Exception:
        return IdentifiantIndisponible(await self._identifiants.suggestions(pris))

    async def _nouveau_compte(self, demande: DemandeInscription, appel: Appel) -> NouveauCompte:
        mobile = demande.telephone_mobile
        lu = self._formats.telephone(mobile) if mobile else None
        return NouveauCompte(
            id=self._systeme.nouvel_id(),
            identifiant=demande.identifiant,
            base=identifiant.base(*profils.noms(demande.profil), self._formats.translitterer),
            profil=demande.profil,
            # Whoever comes by FranceConnect may do without a password.
            empreinte_mdp=await self._hacheur.hacher(demande.mot_de_passe) if demande.mot_de_passe else None,
            langue=appel.langue,
            contacts=tuple(contacts(demande.email, (lu.e164, lu.recoit_sms) if lu else None, demande.telephone_fixe)),
        )

    async def _premiere_activation(
        self, tx: Transaction, compte: InscriptionOuverte, canal: Canal | None, appel: Appel
    ) -> InscriptionOuverte:
        if canal is None:
            return compte
        ouverte, _ = await self._ouvreur.activation(tx, compte, canal, appel.client)
        return structs.replace(compte, activations=(ouverte,))

    def _avec_secret(self, inscription: InscriptionVue) -> InscriptionCreee:
        return InscriptionCreee(**structs.asdict(inscription), secret=self._trousseau.secret_inscription(inscription.id))

    def _corriges(self, correction: CorrectionContacts) -> list[Contact]:
        trouves: list[Contact] = []
        if correction.email is not None:
            trouves.append(Contact("email", correction.email))
        if correction.telephone_mobile is not None:
            lu = self._formats.telephone(correction.telephone_mobile)
            trouves.append(Contact("telephone_mobile", lu.e164, lu.recoit_sms))
        return trouves
