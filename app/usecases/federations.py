"""Through FranceConnect or ProConnect: leaving, coming back, and what an identity opens. Nothing is ever linked by resemblance.

The browser that comes back is not the caller: the caller alone holds the verifier of the challenge it gave when it left, so
that a callback somebody else is made to open gives them nothing (R74).
"""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from msgspec import structs

from app.usecases.appel import Appel
from app.usecases.rattachements import Rattachements
from app.usecases.securite import consigner
from app.usecases.sessions import Sessions
from domain.activite import Activite
from domain.erreurs import (
    CodeEchangeInvalide,
    CompteIndisponible,
    EffacementEnCours,
    FournisseurInactif,
    FournisseurIndisponible,
    IdentiteNonRattachee,
    JetonIdentiteInvalide,
    JetonInvalide,
    PassageInconnu,
    Refus,
    RetourRefuse,
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
    DemandeDeconnexion,
    DemandeEchange,
    IdentiteConnue,
    Intention,
    Passage,
    Preremplissage,
    ProfilConnu,
    Resultat,
    ResultatInscription,
    ResultatRattachementRequis,
    ResultatSession,
)
from domain.ports import Coffre, Systeme
from domain.preremplissage import empreinte_pivot, preremplir
from domain.rattachement import exiger_convenance
from domain.session import Ouverture, Porteur
from domain.titulaire import exiger_ecriture, exiger_recent, exiger_titulaire
from domain.transaction import Store, Transaction

# In the name of an account: the provider asks who one is again, whoever it still knew on this computer.
_DE_SOI: tuple[Intention, ...] = ("rattachement", "reauthentification")
# Seconds a client is told to wait when a provider is away.
_REPRISE = 30.0
# What a front end reads of a callback that opened nothing; `access_denied` is also what FranceConnect says of a lost session,
# of somebody it does not know, of a deceased person: neutral words, for all of them. `server_error` is as often for good (an
# identity without an address) as not: to try again and again is no advice.
_ERREURS = {"access_denied": "annule", "temporarily_unavailable": "indisponible", "server_error": "echec"}


class Federations:
    def __init__(
        self,
        *,
        store: Store,
        fournisseurs: Mapping[Fournisseur, FournisseurIdentite],
        retours: Sequence[str],
        sessions: Sessions,
        rattachements: Rattachements,
        coffre: Coffre,
        trousseau: Trousseau,
        regulateur: Regulateur,
        systeme: Systeme,
        outils: Callable[[], Outils],
    ) -> None:
        self._store, self._fournisseurs, self._retours, self._sessions = store, fournisseurs, retours, sessions
        self._rattachements, self._coffre = rattachements, coffre
        self._trousseau, self._regulateur = trousseau, regulateur
        self._systeme, self._outils = systeme, outils

    async def autoriser(self, demande: DemandeAutorisation, porteur: Porteur | None, appel: Appel) -> AutorisationCreee:
        """Where to go. Attaching takes the proof of the account, given a short time ago, in the session that asks (R79).

        Refusals of those that are of an account: `JetonInvalide`, `SessionFinie`; to attach, `ReauthentificationRequise`,
        `CguAReaccepter`, `IdentiteInadaptee`; to prove again who one is, `IdentiteNonRattachee`.
        """
        fournisseur = self._fournisseur(demande.fournisseur)
        self._exiger_retour(demande.retour)
        id = self._systeme.nouvel_id()
        # Before anything is written: a provider that is away leaves nothing behind.
        url = await self._adresse(fournisseur, id, demande.intention)
        async with self._store.transaction() as tx:
            await tx.limites.exiger(self._regulateur.passage(appel.client))
            passage = Passage(id=id, fournisseur=demande.fournisseur, intention=demande.intention, retour=demande.retour)
            if demande.intention in _DE_SOI:
                passage = await self._au_nom_de(tx, porteur, passage)
            fin = await tx.passages.ouvrir(passage, demande.code_challenge, DUREE_PASSAGE)
        return AutorisationCreee(url=url, expire_le=fin)

    async def revenir(self, state: str, code: str | None, erreur: str | None, emetteur: str | None) -> str:
        """The callback: where to send the browser, with our own code or a calm word. Refusal: `PassageInconnu`, when that is
        not known (any more).
        """
        lu = self._trousseau.lire_state(state)
        if lu is None:
            raise PassageInconnu
        id, nonce = lu
        async with self._store.transaction() as tx:
            passage = await tx.passages.revenir(id)
            connu = None if passage else await tx.passages.retour(id)
        if connu is not None:
            # A callback that is reloaded brings what it brought: the code is worth nothing without the verifier.
            retour, attendu = connu
            return _retour(retour, **({"code": self._trousseau.code_echange(id)} if attendu else {"erreur": "expire"}))
        if passage is None:
            raise PassageInconnu
        fournisseur = self._fournisseurs.get(passage.fournisseur)
        if fournisseur is None or (emetteur is not None and emetteur != fournisseur.emetteur):
            # Another provider's answer to this one's question (RFC 9207).
            return _retour(passage.retour, erreur="refuse")
        if erreur is not None or code is None:
            return _retour(passage.retour, erreur=_ERREURS.get(erreur or "", "refuse"))
        try:
            identite = await fournisseur.identifier(code, nonce)
        except FederationIndisponible as panne:
            consigner("fournisseur_indisponible", fournisseur=passage.fournisseur, motif=panne.motif)
            return _retour(passage.retour, erreur="indisponible")
        except IdentiteRefusee as refus:
            consigner("identite_refusee", fournisseur=passage.fournisseur, motif=refus.motif)
            return _retour(passage.retour, erreur="refuse")
        async with self._store.transaction() as tx:
            await tx.passages.deposer(id, self._coffre.sceller(msgspec.json.encode(identite)), DUREE_CODE)
        return _retour(passage.retour, code=self._trousseau.code_echange(id))

    async def echanger(self, demande: DemandeEchange, appel: Appel) -> Resultat:
        """What the identity opens. Refusals: `CodeEchangeInvalide`, `CompteIndisponible`, `EffacementEnCours`, and those of
        `Rattachements`.
        """
        id = self._trousseau.lire_code_echange(demande.code)
        if id is None:
            raise CodeEchangeInvalide
        async with self._store.transaction() as tx:
            echange = await tx.passages.echanger(id, _defi(demande.code_verifier), DUREE_PREREMPLISSAGE)
            if echange is None:
                raise CodeEchangeInvalide
            passage, fin = echange
            identite = self._lire(passage, CodeEchangeInvalide)
            if passage.session_id is not None:
                # Whatever is refused next, the provider's session is open: signing out of this one must be able to end it.
                await tx.passages.noter_session(passage.session_id, identite.fournisseur, self._sceller(identite))
        async with self._store.transaction() as tx:
            if passage.intention == "rattachement":
                return await self._rattachements.rattacher(tx, passage, identite, appel)
            if passage.intention == "reauthentification":
                return await self._rattachements.reauthentifier(tx, passage, identite)
            connue = await tx.passages.connue(identite.emetteur, identite.sub)
            if connue is not None and connue.etat != "en_attente":
                if connue.effacement_prevu:
                    raise EffacementEnCours
                if connue.etat != "actif":
                    raise CompteIndisponible
                return await self._entrer(tx, connue, identite, demande, appel)
            inscription = self._preremplissage(passage, identite, fin)
            empreinte = empreinte_pivot(identite)
            if empreinte and await tx.passages.semblable(empreinte):
                return ResultatRattachementRequis(inscription=inscription)
        return ResultatInscription(inscription=inscription)

    async def deconnecter(self, porteur: Porteur | None, demande: DemandeDeconnexion) -> DeconnexionPrete:
        """Ends the session here, or gives a sign-up up; the addresses end those of the providers.

        Refusals: `RetourRefuse`, `JetonInvalide`, `SessionFinie`, `JetonIdentiteInvalide`.
        """
        if demande.jeton_identite is None and porteur is None:
            raise JetonInvalide
        self._exiger_retour(demande.retour)
        async with self._store.transaction() as tx:
            gardes = await (self._terminer(tx, porteur) if porteur else self._abandonner(tx, demande.jeton_identite or ""))
        sorties = await asyncio.gather(*(self._sortie(nom, jeton, demande.retour) for nom, jeton in gardes))
        adresses = [adresse for adresse in sorties if adresse is not None]
        return DeconnexionPrete(url=adresses[0] if adresses else None, ensuite=adresses[1:])

    async def _terminer(self, tx: Transaction, porteur: Porteur) -> list[tuple[Fournisseur, bytes]]:
        exiger_titulaire(await tx.titulaires.tenir(porteur.compte_id, porteur.session_id))
        await tx.sessions.terminer(porteur.compte_id, porteur.session_id, "deconnexion")
        await tx.registre.noter(porteur.compte_id, Activite(nature="deconnexion"))
        return await tx.passages.jetons_de_session(porteur.session_id)

    async def _abandonner(self, tx: Transaction, jeton: str) -> list[tuple[Fournisseur, bytes]]:
        id = self._trousseau.lire_jeton_identite(jeton)
        passage = await tx.passages.abandonner(id) if id else None
        if passage is None:
            raise JetonIdentiteInvalide
        identite = self._lire(passage, JetonIdentiteInvalide)
        return [(identite.fournisseur, self._sceller(identite))]

    async def _sortie(self, nom: Fournisseur, jeton: bytes, retour: str) -> str | None:
        """Where this provider's session ends; None when it cannot be told: signing out here must not wait for anybody."""
        clair, fournisseur = self._coffre.ouvrir(jeton), self._fournisseurs.get(nom)
        if clair is None or fournisseur is None:
            return None
        try:
            state, _ = self._trousseau.depart(self._systeme.nouvel_id())
            return await fournisseur.adresse_deconnexion(clair.decode(), state, retour)
        except FederationIndisponible:
            return None

    async def _entrer(
        self, tx: Transaction, connue: IdentiteConnue, identite: IdentiteRecue, demande: DemandeEchange, appel: Appel
    ) -> ResultatSession:
        par = Ouverture(identite_id=connue.id, fournisseur=identite.fournisseur, authentifiee_le=identite.authentifiee_le)
        # Its holder may be taking the account back at this instant: held, it is what it has become.
        tenue = await tx.titulaires.verrouiller(connue.compte_id)
        encore = await tx.passages.connue(identite.emetteur, identite.sub) if tenue else None
        entree = encore is not None and (encore.id, encore.compte_id) == (connue.id, connue.compte_id)
        creee = await self._sessions.ouvrir_par(tx, connue.compte_id, par, demande, appel) if entree else None
        if creee is None:
            raise CompteIndisponible
        await tx.passages.revoir(identite)
        await tx.passages.noter_session(creee.session, identite.fournisseur, self._sceller(identite))
        return ResultatSession(session=creee)

    async def _au_nom_de(self, tx: Transaction, porteur: Porteur | None, passage: Passage) -> Passage:
        """The passage, of the account and the session that ask for it."""
        if porteur is None:
            raise JetonInvalide
        titulaire = await tx.titulaires.tenir(porteur.compte_id, porteur.session_id)
        if passage.intention == "rattachement":
            titulaire = exiger_recent(exiger_ecriture(titulaire))
            exiger_convenance(passage.fournisseur, titulaire.profil)
        else:
            titulaire = exiger_titulaire(titulaire)
            if all(i.fournisseur != passage.fournisseur for i in titulaire.identites):
                raise IdentiteNonRattachee
        return structs.replace(passage, compte_id=titulaire.id, session_id=titulaire.session_id)

    async def _adresse(self, fournisseur: FournisseurIdentite, id: UUID, intention: Intention) -> str:
        try:
            return await fournisseur.adresse_autorisation(*self._trousseau.depart(id), a_nouveau=intention in _DE_SOI)
        except FederationIndisponible:
            raise FournisseurIndisponible(_REPRISE) from None

    def _preremplissage(self, passage: Passage, identite: IdentiteRecue, fin: datetime) -> Preremplissage:
        profil, provenances = preremplir(identite, self._outils())
        email, organisation = identite.revendications.get("email"), profil.get("raison_sociale")
        return Preremplissage(
            jeton_identite=self._trousseau.jeton_identite(passage.id),
            expire_le=fin,
            fournisseur=identite.fournisseur,
            profil=msgspec.convert(profil, ProfilConnu),
            organisation=organisation,
            provenances={f"/profil/{nom}": p for nom, p in provenances.items()},
            email=email if isinstance(email, str) else None,
        )

    def _sceller(self, identite: IdentiteRecue) -> bytes:
        """The id_token, which signing out of the provider will show it."""
        return self._coffre.sceller(identite.jeton_identite.encode())

    def _lire(self, passage: Passage, illisible: type[Refus]) -> IdentiteRecue:
        """`illisible`: what is refused once the key that sealed it is gone."""
        clair = self._coffre.ouvrir(passage.identite or b"")
        if clair is None:
            raise illisible
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
