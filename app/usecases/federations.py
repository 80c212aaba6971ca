"""Through FranceConnect or ProConnect: leaving, coming back, and what an identity opens. Nothing is ever linked by resemblance.

The browser that comes back is not the caller: the caller alone holds the verifier of the challenge it gave when it left, so
that a callback somebody else is made to open gives them nothing (R74).
"""

from __future__ import annotations

import logging
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from msgspec import structs

from app.usecases.appel import Appel
from app.usecases.sessions import Sessions
from domain.activite import Activite
from domain.erreurs import (
    ChampsInvalides,
    CodeEchangeInvalide,
    CompteIndisponible,
    DernierMoyenDeConnexion,
    EffacementEnCours,
    FournisseurInactif,
    FournisseurIndisponible,
    IdentiteDejaRattachee,
    JetonIdentiteInvalide,
    JetonInvalide,
    PassageInconnu,
    RetourRefuse,
    SessionFinie,
    TropDeDemandes,
)
from domain.federation import FederationIndisponible, Fournisseur, FournisseurIdentite, IdentiteRecue, IdentiteRefusee
from domain.jetons import Trousseau
from domain.limites import Regulateur
from domain.outils import Outils
from domain.passage import (
    DUREE_CODE,
    DUREE_PASSAGE,
    DUREE_PREREMPLISSAGE,
    AutorisationCreee,
    DeconnexionPrete,
    DemandeAutorisation,
    DemandeEchange,
    Passage,
    Preremplissage,
    Resultat,
    ResultatInscription,
    ResultatRattachement,
    ResultatRattachementRequis,
    ResultatSession,
    convient,
    fautes_de_verrou,
    matiere_pivot,
    preremplir,
)
from domain.ports import Coffre, Systeme
from domain.profils import Citoyen, Profil
from domain.session import Porteur
from domain.titulaire import Titulaire, exiger_ecriture, exiger_recent, exiger_titulaire
from domain.transaction import Store, Transaction

# Seconds a client is told to wait when a provider is away.
_REPRISE = 30.0
# What a front end reads of a callback that opened nothing; `access_denied` is also what FranceConnect says of a lost session,
# of somebody it does not know, of a deceased person: neutral words, for all of them.
_ERREURS = {"access_denied": "annule", "temporarily_unavailable": "indisponible", "server_error": "indisponible"}

_journal = logging.getLogger("comptoir.securite")


class Federations:
    def __init__(
        self,
        *,
        store: Store,
        fournisseurs: Mapping[Fournisseur, FournisseurIdentite],
        retours: Sequence[str],
        sessions: Sessions,
        coffre: Coffre,
        trousseau: Trousseau,
        regulateur: Regulateur,
        systeme: Systeme,
        outils: Callable[[], Outils],
    ) -> None:
        self._store, self._fournisseurs, self._retours, self._sessions = store, fournisseurs, retours, sessions
        self._coffre, self._trousseau, self._regulateur = coffre, trousseau, regulateur
        self._systeme, self._outils = systeme, outils

    async def autoriser(self, demande: DemandeAutorisation, porteur: Porteur | None, appel: Appel) -> AutorisationCreee:
        """Where to go. Attaching takes the proof of the account, given a short time ago, in the session that asks (R79)."""
        fournisseur = self._fournisseur(demande.fournisseur)
        self._exiger_retour(demande.retour)
        id = self._systeme.nouvel_id()
        # Before anything is written: a provider that is away leaves nothing behind.
        url = await self._adresse(fournisseur, id)
        async with self._store.transaction() as tx:
            attendre = await tx.limites.depenser(self._regulateur.passage(appel.client))
            if attendre is not None:
                raise TropDeDemandes(attendre)
            passage = Passage(id=id, fournisseur=demande.fournisseur, intention=demande.intention, retour=demande.retour)
            if demande.intention == "rattachement":
                titulaire = await self._exiger_preuve(tx, porteur)
                passage = structs.replace(passage, compte_id=titulaire.id, session_id=titulaire.session_id)
            fin = await tx.passages.ouvrir(passage, demande.code_challenge, DUREE_PASSAGE)
        return AutorisationCreee(url=url, expire_le=fin)

    async def revenir(self, state: str, code: str | None, erreur: str | None, emetteur: str | None) -> str:
        """The callback: where to send the browser, with our own code or a calm word. Refusal: `PassageInconnu`."""
        id = self._trousseau.lire_state(state)
        if id is None:
            raise PassageInconnu
        async with self._store.transaction() as tx:
            passage = await tx.passages.revenir(id)
        if passage is None:
            raise PassageInconnu
        fournisseur = self._fournisseurs.get(passage.fournisseur)
        if fournisseur is None or (emetteur is not None and emetteur != fournisseur.emetteur):
            # Another provider's answer to this one's question (RFC 9207).
            return _retour(passage.retour, erreur="refuse")
        if erreur is not None or code is None:
            return _retour(passage.retour, erreur=_ERREURS.get(erreur or "", "refuse"))
        try:
            identite = await fournisseur.identifier(code, self._trousseau.nonce(id))
        except FederationIndisponible as panne:
            _journal.warning("fournisseur indisponible", extra={"fournisseur": passage.fournisseur, "motif": panne.motif})
            return _retour(passage.retour, erreur="indisponible")
        except IdentiteRefusee as refus:
            _journal.warning("identité refusée", extra={"fournisseur": passage.fournisseur, "motif": refus.motif})
            return _retour(passage.retour, erreur="refuse")
        async with self._store.transaction() as tx:
            await tx.passages.deposer(id, self._coffre.sceller(msgspec.json.encode(identite)), DUREE_CODE)
        return _retour(passage.retour, code=self._trousseau.code_echange(id))

    async def echanger(self, demande: DemandeEchange, appel: Appel) -> Resultat:
        """What the identity opens. Refusals: `CodeEchangeInvalide`, `CompteIndisponible`, `EffacementEnCours`,
        `IdentiteDejaRattachee`, `SessionFinie`.
        """
        id = self._trousseau.lire_code_echange(demande.code)
        if id is None:
            raise CodeEchangeInvalide
        async with self._store.transaction() as tx:
            echange = await tx.passages.echanger(id, _defi(demande.code_verifier), DUREE_PREREMPLISSAGE)
        if echange is None:
            raise CodeEchangeInvalide
        passage, fin = echange
        identite = self._lire(passage)
        async with self._store.transaction() as tx:
            if passage.intention == "rattachement":
                return await self._rattacher(tx, passage, identite)
            connue = await tx.passages.connue(identite.emetteur, identite.sub)
            if connue is not None and connue.etat != "en_attente":
                if connue.effacement_prevu:
                    raise EffacementEnCours
                if connue.etat != "actif":
                    raise CompteIndisponible
                return await self._entrer(tx, connue.compte_id, identite, demande, appel)
            inscription = self._preremplissage(passage, identite, fin)
            empreinte = self._empreinte_pivot(identite)
            if empreinte and await tx.passages.semblable(empreinte):
                return ResultatRattachementRequis(inscription=inscription)
        return ResultatInscription(inscription=inscription)

    async def inscrire(self, tx: Transaction, compte: UUID, profil: Profil, jeton: str) -> None:
        """Attaches the identity that a sign-up brings, in its transaction; what it certifies may not have been altered.

        Refusals: `JetonIdentiteInvalide`, `IdentiteDejaRattachee`, field errors (`champ_verrouille`).
        """
        id = self._trousseau.lire_jeton_identite(jeton)
        passage = await tx.passages.depenser(id) if id else None
        if passage is None:
            raise JetonIdentiteInvalide
        identite = self._lire(passage)
        champs, provenances = preremplir(identite, self._outils())
        # FranceConnect certifies a person, not an organisation.
        provenances = provenances if convient(identite, profil) else {}
        if fautes := fautes_de_verrou(profil, champs, provenances):
            raise ChampsInvalides(fautes)
        await self._attacher(tx, compte, identite, self._sceller(identite))
        donnes: dict[str, Any] = msgspec.to_builtins(profil)
        tels_quels = {nom: p for nom, p in provenances.items() if donnes.get(nom) == champs[nom]}
        await tx.passages.completer(compte, profil, tels_quels)

    async def _attacher(self, tx: Transaction, compte: UUID, identite: IdentiteRecue, jeton: bytes | None = None) -> None:
        if not await tx.passages.attacher(compte, identite, self._empreinte_pivot(identite), jeton):
            raise IdentiteDejaRattachee

    async def detacher(self, porteur: Porteur, fournisseur: Fournisseur) -> None:
        """Refusals: `ReauthentificationRequise`, `PassageInconnu` (nothing attached), `DernierMoyenDeConnexion` (R80)."""
        async with self._store.transaction() as tx:
            titulaire = exiger_recent(exiger_ecriture(await tx.titulaires.tenir(porteur.compte_id, porteur.session_id)))
            attachees = await tx.passages.identites(titulaire.id)
            restent = [i for i in attachees if i.fournisseur != fournisseur]
            if len(restent) == len(attachees):
                raise PassageInconnu
            if not restent and not titulaire.mot_de_passe_defini:
                raise DernierMoyenDeConnexion
            await tx.passages.detacher(titulaire.id, fournisseur)
            libres = {
                nom: structs.replace(p, verrouille=False) if p.source == fournisseur else p
                for nom, p in titulaire.provenances.items()
            }
            await tx.passages.completer(titulaire.id, titulaire.profil, libres)
            await tx.registre.noter(titulaire.id, Activite(nature="identite_detachee", details={"fournisseur": fournisseur}))
            await tx.avis.avertir(titulaire.id, "identite_detachee", {"fournisseur": fournisseur}, partout=True)

    async def deconnecter(self, porteur: Porteur, retour: str) -> DeconnexionPrete:
        """Ends the session here; the address ends the provider's. Refusals: `RetourRefuse`, `SessionFinie`."""
        self._exiger_retour(retour)
        async with self._store.transaction() as tx:
            exiger_titulaire(await tx.titulaires.tenir(porteur.compte_id, porteur.session_id))
            garde = await tx.passages.jeton_de_session(porteur.session_id)
            await tx.sessions.terminer(porteur.compte_id, porteur.session_id, "deconnexion")
            await tx.registre.noter(porteur.compte_id, Activite(nature="deconnexion"))
        clair = self._coffre.ouvrir(garde[1]) if garde else None
        fournisseur = self._fournisseurs.get(garde[0]) if garde else None
        if clair is None or fournisseur is None:
            return DeconnexionPrete(url=None)
        try:
            state = self._trousseau.state(self._systeme.nouvel_id())
            return DeconnexionPrete(url=await fournisseur.adresse_deconnexion(clair.decode(), state, retour))
        except FederationIndisponible:
            # Signing out here must not wait for anybody.
            return DeconnexionPrete(url=None)

    async def _rattacher(self, tx: Transaction, passage: Passage, identite: IdentiteRecue) -> ResultatRattachement:
        """The session that left must still live: a proof does not outlive its account's sign-out, reset or suspension."""
        if passage.compte_id is None or passage.session_id is None:
            raise CodeEchangeInvalide
        titulaire = exiger_ecriture(await tx.titulaires.tenir(passage.compte_id, passage.session_id))
        # The provider's session is now open too: signing out of this one must be able to end it.
        await tx.passages.noter_session(titulaire.session_id, identite.fournisseur, self._sceller(identite))
        connue = await tx.passages.connue(identite.emetteur, identite.sub)
        if connue is not None and connue.compte_id == titulaire.id:
            return ResultatRattachement(deja_rattachee=True)
        await self._attacher(tx, titulaire.id, identite)
        await self._certifier(tx, titulaire, identite)
        fait = {"fournisseur": identite.fournisseur}
        await tx.registre.noter(titulaire.id, Activite(nature="identite_rattachee", details=fait))
        await tx.avis.avertir(titulaire.id, "identite_rattachee", fait, partout=True)
        return ResultatRattachement(deja_rattachee=False)

    async def _certifier(self, tx: Transaction, titulaire: Titulaire, identite: IdentiteRecue) -> None:
        """A Citoyen's civil status becomes what FranceConnect says it is; what was typed of an organisation stays."""
        if identite.fournisseur != "franceconnect" or not convient(identite, titulaire.profil):
            return
        champs, provenances = preremplir(identite, self._outils())
        certifies = {nom: p for nom, p in provenances.items() if p.verrouille}
        brut = msgspec.to_builtins(titulaire.profil) | {nom: champs[nom] for nom in certifies}
        await tx.passages.completer(titulaire.id, msgspec.convert(brut, Citoyen), titulaire.provenances | certifies)

    async def _entrer(
        self, tx: Transaction, compte: UUID, identite: IdentiteRecue, demande: DemandeEchange, appel: Appel
    ) -> ResultatSession:
        # Its holder may be taking the account back at this instant: held, it is what it has become.
        connue = await tx.passages.connue(identite.emetteur, identite.sub) if await tx.titulaires.verrouiller(compte) else None
        entree = connue is not None and connue.compte_id == compte
        creee = await self._sessions.ouvrir_pour(tx, compte, demande, appel) if entree else None
        if creee is None:
            raise CompteIndisponible
        await tx.passages.revoir(identite)
        await tx.passages.noter_session(creee.session, identite.fournisseur, self._sceller(identite))
        return ResultatSession(session=creee)

    async def _exiger_preuve(self, tx: Transaction, porteur: Porteur | None) -> Titulaire:
        if porteur is None:
            raise JetonInvalide
        titulaire = await tx.titulaires.tenir(porteur.compte_id, porteur.session_id)
        if titulaire is None:
            raise SessionFinie
        return exiger_recent(exiger_ecriture(titulaire))

    async def _adresse(self, fournisseur: FournisseurIdentite, id: UUID) -> str:
        try:
            return await fournisseur.adresse_autorisation(self._trousseau.state(id), self._trousseau.nonce(id))
        except FederationIndisponible:
            raise FournisseurIndisponible(_REPRISE) from None

    def _preremplissage(self, passage: Passage, identite: IdentiteRecue, fin: datetime) -> Preremplissage:
        profil, provenances = preremplir(identite, self._outils())
        email = identite.revendications.get("email")
        return Preremplissage(
            jeton_identite=self._trousseau.jeton_identite(passage.id),
            expire_le=fin,
            fournisseur=identite.fournisseur,
            profil=profil,
            provenances={f"/profil/{nom}": p for nom, p in provenances.items()},
            email=email if isinstance(email, str) else None,
        )

    def _empreinte_pivot(self, identite: IdentiteRecue) -> bytes | None:
        matiere = matiere_pivot(identite.revendications) if identite.fournisseur == "franceconnect" else None
        return self._trousseau.empreinte(f"pivot/{identite.emetteur}", matiere) if matiere else None

    def _sceller(self, identite: IdentiteRecue) -> bytes:
        """The id_token, which signing out of the provider will show it."""
        return self._coffre.sceller(identite.jeton_identite.encode())

    def _lire(self, passage: Passage) -> IdentiteRecue:
        clair = self._coffre.ouvrir(passage.identite or b"")
        if clair is None:
            raise CodeEchangeInvalide
        return msgspec.json.decode(clair, type=IdentiteRecue)

    def _fournisseur(self, nom: Fournisseur) -> FournisseurIdentite:
        if nom not in self._fournisseurs:
            raise FournisseurInactif
        return self._fournisseurs[nom]

    def _exiger_retour(self, retour: str) -> None:
        """Exactly one of those declared: neither prefixes nor patterns (R84)."""
        if retour not in self._retours:
            raise RetourRefuse


def _retour(adresse: str, **parametres: str) -> str:
    return f"{adresse}{'&' if '?' in adresse else '?'}{urlencode(parametres)}"


def _defi(verifieur: str) -> str:
    """RFC 7636, S256."""
    return urlsafe_b64encode(sha256(verifieur.encode()).digest()).rstrip(b"=").decode()
