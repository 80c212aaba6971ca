"""The life of accounts as the rules tell it: no database, no hash, no wire. What the API does is held against it.

Written from what the service promises, not from its code: figures are written again here, on purpose. Limits are not in it.
Every method answers with the status and the code of refusal that the API owes, and changes the model as the API must change.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Literal

Reponse = tuple[int, str | None]
Usage = Literal["activation", "contact", "mot_de_passe", "annulation_contact", "annulation_effacement"]

SECONDE, MINUTE, HEURE, JOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
OPPOSITION = 7 * JOUR
LISTES = ("email", "sms", "lettre_actualite", "alertes")
DUREES: dict[str, dict[str, timedelta]] = {
    "activation": {"sms": 10 * MINUTE, "email": 24 * HEURE},
    "contact": {"sms": 10 * MINUTE, "email": HEURE},
    "mot_de_passe": {"sms": 10 * MINUTE, "email": HEURE},
    "annulation_contact": {"sms": 7 * JOUR, "email": 7 * JOUR},
    "annulation_effacement": {"sms": 7 * JOUR, "email": 7 * JOUR},
}
# Idle and in all, by what the person asked for.
SESSIONS = {
    "ordinaire": (30 * MINUTE, 12 * HEURE),
    "rester_connecte": (12 * HEURE, 24 * HEURE),
    "appareil_partage": (10 * MINUTE, HEURE),
}
ACCES, TOLERANCE, REPRISE, FRAICHEUR = 10 * MINUTE, 30 * SECONDE, 10 * SECONDE, 5 * MINUTE
REPRISE_PREUVE = 10 * MINUTE
INSCRIPTION, GRACE, QUARANTAINE = 7 * JOUR, 7 * JOUR, 730 * JOUR
OK: Reponse = (200, None)


@dataclass(eq=False)
class Contact:
    valeur: str
    verifie_le: datetime | None = None

    @property
    def verifie(self) -> bool:
        return self.verifie_le is not None


@dataclass(eq=False)
class Compte:
    """`personne`: whose account it is. `secret`: of the sign-up, once the API has given it."""

    personne: str
    identifiant: str
    mot_de_passe: str | None
    contacts: dict[str, Contact]
    diffusion: set[str]
    expire_le: datetime
    cgu: str
    etat: Literal["en_attente", "actif", "suspendu", "efface", "supprime"] = "en_attente"
    effacement_le: datetime | None = None
    secret_depense: bool = False
    vu_le: date | None = None
    averti_le: datetime | None = None
    id: str = ""
    secret: str = ""

    @property
    def vivant(self) -> bool:
        """Whether sessions live on it."""
        return self.etat == "actif" and self.effacement_le is None


@dataclass(eq=False)
class Preuve:
    """A one-time proof. `id`, `code`, `lien`: as the API and the messages told them.

    `prouve_le`: since when the destination of a way back was proven. `sans_code`: its message shows the link alone.
    """

    compte: Compte
    usage: Usage
    canal: str
    destination: str
    expire_le: datetime
    essais: int = 0
    envois: int = 1
    sort: Literal["ouverte", "depensee", "remplacee", "oubliee"] = "ouverte"
    depense_le: datetime | None = None
    prouve_le: datetime | None = None
    sans_code: bool = False
    id: str = ""
    code: str = ""
    lien: str = ""


@dataclass(eq=False)
class Session:
    """`jetons`: the refresh tokens, in order."""

    compte: Compte
    inactivite: timedelta
    expire_le: datetime
    fin_le: datetime
    authentifiee_le: datetime
    tournee_le: datetime
    terminee: bool = False
    id: str = ""
    jetons: list[str] = field(default_factory=list)
    acces: list[Acces] = field(default_factory=list)


@dataclass(eq=False)
class Acces:
    """An access token."""

    session: Session
    fin: datetime
    jeton: str


class Modele:
    def __init__(self, debut: datetime, cgu: str) -> None:
        self.instant, self.cgu = debut, cgu
        self.anciennes_cgu: list[str] = []
        self.comptes: list[Compte] = []
        self.preuves: list[Preuve] = []
        self.sessions: list[Session] = []
        self.quarantaine: dict[str, tuple[Compte, datetime]] = {}

    # Signing up and activating

    def inscrire(self, compte: Compte, canal: str | None) -> Reponse:
        if compte.cgu != self.cgu:
            return 409, "document_perime"
        if self._pris(compte.identifiant):
            return 409, "identifiant_indisponible"
        self.comptes.append(compte)
        if canal:
            self._ouvrir(compte, "activation", canal, compte.contacts[canal].valeur)
        return 201, None

    def demander_activation(self, compte: Compte, canal: str) -> Reponse:
        if compte.etat not in ("en_attente", "actif"):
            return 404, "inscription_inconnue"
        if compte.etat == "actif":
            return 409, "deja_active"
        if compte.expire_le <= self.instant:
            return 410, "inscription_expiree"
        self._redemander(compte, "activation", canal, compte.contacts[canal].valeur)
        return 202, None

    def essayer(self, compte: Compte, preuve: Preuve, *, juste: bool) -> Reponse:
        if not self._compter(preuve, "activation", compte):
            if preuve.sort == "oubliee" or preuve.compte is not compte or preuve.usage != "activation":
                return 404, "activation_inconnue"
            if compte.etat == "actif":
                return 409, "deja_active"
            return self._pourquoi(preuve) if compte.expire_le > self.instant else (410, "inscription_expiree")
        if not juste:
            return 422, "code_incorrect"
        if compte.expire_le <= self.instant:
            return 410, "inscription_expiree"
        self._activer(preuve)
        return OK

    def suivre(self, preuve: Preuve) -> Reponse:
        if preuve.usage != "activation" or preuve.sort == "oubliee":
            return 410, "lien_expire"
        if self.ouverte(preuve) and preuve.compte.expire_le > self.instant:
            self._activer(preuve)
        return OK if preuve.compte.etat == "actif" else (410, "lien_expire")

    def echanger(self, compte: Compte, duree: str) -> Reponse:
        if compte.etat not in ("en_attente", "actif"):
            return 404, "inscription_inconnue"
        if compte.etat == "en_attente":
            return 409, "pas_encore_actif"
        if compte.expire_le <= self.instant:
            return 410, "inscription_terminee"
        if compte.secret_depense:
            return 409, "session_deja_remise"
        compte.secret_depense = True
        if not compte.vivant:
            return 409, "session_deja_remise"
        ouverte = self._connecter(compte, duree)
        # Nobody has given the password in it.
        self.sessions[-1].authentifiee_le = datetime.min.replace(tzinfo=UTC)
        return ouverte

    # Sessions

    def connecter(self, saisie: str, mot_de_passe: str, duree: str) -> Reponse:
        compte = self.designe(saisie)
        if compte is None or compte.mot_de_passe != mot_de_passe or compte.etat in ("suspendu", "efface", "supprime"):
            return 401, "identifiants_incorrects"
        if compte.etat == "en_attente":
            return (403, "compte_non_active") if compte.expire_le > self.instant else (401, "identifiants_incorrects")
        if compte.effacement_le:
            return 403, "effacement_en_cours"
        return self._connecter(compte, duree)

    def designe(self, saisie: str) -> Compte | None:
        """By identifiant, or by a proven address that designates one single active account."""
        if "@" not in saisie:
            return next((c for c in self.comptes if c.identifiant == saisie and c.etat not in ("efface", "supprime")), None)
        trouves = [c for c in self.comptes if c.etat == "actif" and self._prouve(c, saisie)]
        return trouves[0] if len(trouves) == 1 else None

    def rafraichir(self, session: Session, rang: int) -> Reponse:
        if not self.vit(session):
            return 401, "session_finie"
        courant = len(session.jetons) - 1
        if rang == courant:
            session.tournee_le = self.instant
            session.expire_le = min(session.fin_le, self.instant + session.inactivite)
            return OK
        if rang == courant - 1 and session.tournee_le > self.instant - REPRISE:
            return OK
        session.terminee = True
        return 401, "session_finie"

    def vit(self, session: Session) -> bool:
        return not session.terminee and session.expire_le > self.instant and session.compte.vivant

    def finie(self, session: Session) -> bool:
        """For good: an account that is suspended may come back with its sessions."""
        return session.terminee or session.expire_le <= self.instant or session.compte.etat in ("efface", "supprime")

    def refus(self, acces: Acces) -> Reponse | None:
        if self.instant >= acces.fin + TOLERANCE:
            return 401, "jeton_invalide"
        return None if self.vit(acces.session) else (401, "session_finie")

    def vie_acces(self, session: Session) -> datetime:
        """When an access token given now ends."""
        return self.instant + max(SECONDE, min(ACCES, session.fin_le - self.instant))

    def fermer(self, acces: Acces, autre: Session) -> Reponse:
        if refus := self.refus(acces):
            return refus
        if autre.compte is not acces.session.compte or not self.vit(autre):
            return 404, "session_inconnue"
        autre.terminee = True
        return 204, None

    def fermer_toutes(self, acces: Acces) -> Reponse:
        if refus := self.refus(acces):
            return refus
        self._deconnecter(acces.session.compte)
        return 204, None

    def reauthentifier(self, acces: Acces, mot_de_passe: str) -> Reponse:
        if refus := self.refus(acces) or self._faux(acces, mot_de_passe):
            return refus
        acces.session.authentifiee_le = self.instant
        return OK

    # The account

    def changer_mot_de_passe(self, acces: Acces, actuel: str, neuf: str) -> Reponse:
        if refus := self._ecriture(acces) or self._faux(acces, actuel):
            return refus
        compte = acces.session.compte
        if neuf == compte.mot_de_passe:
            return 204, None
        compte.mot_de_passe, compte.secret_depense = neuf, True
        self._deconnecter(compte, sauf=acces.session)
        self._remplacer(compte, "contact", "mot_de_passe")
        return 204, None

    def changer_identifiant(self, acces: Acces, mot_de_passe: str, nom: str) -> Reponse:
        if refus := self._ecriture(acces) or self._faux(acces, mot_de_passe):
            return refus
        compte = acces.session.compte
        if nom == compte.identifiant:
            return OK
        if self._pris(nom, compte):
            return 409, "identifiant_indisponible"
        self.quarantaine[compte.identifiant] = (compte, self.instant + QUARANTAINE)
        self.quarantaine.pop(nom, None)
        compte.identifiant = nom
        return OK

    def demander_contact(self, acces: Acces, canal: str, valeur: str, mot_de_passe: str | None) -> Reponse:
        if mot_de_passe is not None and (refus := self.refus(acces) or self._faux(acces, mot_de_passe)):
            return refus
        if refus := self._ecriture(acces) or (self._ancienne(acces) if mot_de_passe is None else None):
            return refus
        compte = acces.session.compte
        if compte.contacts[canal].valeur == valeur and compte.contacts[canal].verifie:
            return 409, "contact_deja_verifie"
        self._redemander(compte, "contact", canal, valeur)
        return 202, None

    def prouver_contact(self, acces: Acces, preuve: Preuve, *, juste: bool) -> Reponse:
        if refus := self._ecriture(acces):
            return refus
        compte = acces.session.compte
        if not self._compter(preuve, "contact", compte):
            if preuve.sort == "oubliee" or preuve.compte is not compte or preuve.usage != "contact":
                return 404, "contact_inconnu"
            encore = self._reprendre(preuve, "contact") and juste and self._tenu(preuve)
            return OK if encore else self._pourquoi(preuve)
        if not juste:
            return 422, "code_incorrect"
        self._depenser(preuve)
        # Whoever is proven is given a way back: the one replaced, and the other.
        for canal, contact in compte.contacts.items():
            if contact.verifie and contact.valeur != preuve.destination:
                self._ouvrir(compte, "annulation_contact", canal, contact.valeur).prouve_le = contact.verifie_le
        compte.contacts[preuve.canal] = Contact(preuve.destination, self.instant)
        return OK

    def annuler(self, preuve: Preuve) -> Reponse:
        """The way back that a message carried: to a former contact, or from an erasure asked for. Twice is told calmly."""
        compte = preuve.compte
        if not self.ouverte(preuve) or compte.etat != "actif":
            gardee = preuve.sort != "oubliee" and compte.vivant and preuve.usage == "annulation_effacement"
            return (
                OK if gardee or (preuve.sort == "depensee" and preuve.usage == "annulation_contact") else (410, "lien_expire")
            )
        self._depenser(preuve)
        if preuve.usage == "annulation_contact":
            self._retablir(preuve)
        # Whoever took the account over is out, and what they had asked for goes with them.
        compte.effacement_le = None
        self._remplacer(compte, "annulation_effacement")
        return OK

    def _retablir(self, preuve: Preuve) -> None:
        assert preuve.prouve_le
        preuve.compte.contacts[preuve.canal] = Contact(preuve.destination, preuve.prouve_le)
        self._reprendre_le_compte(preuve.compte, preuve.prouve_le, None)
        self._ouvrir(preuve.compte, "mot_de_passe", preuve.canal, preuve.destination).sans_code = True

    # Getting back in

    def oublier(self, saisie: str, canal: str | None) -> Preuve | None:
        """The proof that leaves, if one does; the answer tells nobody."""
        trouves = [
            c for c in self.comptes if c.vivant and (self._prouve(c, saisie) if "@" in saisie else c.identifiant == saisie)
        ]
        ou = [c for c in ([canal] if canal else ["email", "sms"]) if trouves and trouves[0].contacts[c].verifie]
        if len(trouves) != 1 or not ou:
            return None
        self._remplacer(trouves[0], "mot_de_passe")
        return self._ouvrir(trouves[0], "mot_de_passe", ou[0], trouves[0].contacts[ou[0]].valeur)

    def reinitialiser(self, preuve: Preuve, neuf: str, *, par_code: bool, juste: bool) -> Reponse:
        compte = preuve.compte
        bonne = self._compter(preuve, "mot_de_passe", compte) if par_code else self.ouverte(preuve)
        if not bonne and self._reprendre(preuve, "mot_de_passe") and juste and compte.mot_de_passe == neuf:
            return OK
        depuis = compte.contacts[preuve.canal].verifie_le if self._tenu(preuve) else None
        if not bonne or not juste or preuve.usage != "mot_de_passe" or compte.etat != "actif" or depuis is None:
            return 422, "recuperation_refusee"
        self._depenser(preuve)
        self._reprendre_le_compte(compte, depuis, neuf)
        return OK

    def _reprendre_le_compte(self, compte: Compte, depuis: datetime, mot_de_passe: str | None) -> None:
        """The older proof has the last word: what was proven after it counts no more, nor do the ways back to that; unless
        nobody opposed it while they could.
        """
        depuis = max(depuis, self.instant - OPPOSITION)
        compte.mot_de_passe, compte.secret_depense = mot_de_passe, True
        self._deconnecter(compte)
        self._remplacer(compte, "activation", "contact", "mot_de_passe")
        for preuve in self.preuves:
            ouverte = (preuve.compte, preuve.usage, preuve.sort) == (compte, "annulation_contact", "ouverte")
            if ouverte and preuve.prouve_le and preuve.prouve_le >= depuis:
                preuve.sort = "remplacee"
        for contact in compte.contacts.values():
            if contact.verifie_le and contact.verifie_le > depuis:
                contact.verifie_le = None

    # Rights

    def choisir(self, acces: Acces, listes: set[str]) -> Reponse:
        if refus := self._ecriture(acces) if listes - acces.session.compte.diffusion else self.refus(acces):
            return refus
        acces.session.compte.diffusion = set(listes)
        return OK

    def se_desinscrire(self, compte: Compte, listes: set[str]) -> Reponse:
        if compte.etat in ("actif", "suspendu"):
            compte.diffusion -= listes
        return OK

    def publier(self, version: str) -> None:
        self.anciennes_cgu.append(self.cgu)
        self.cgu = version

    def accepter(self, acces: Acces, version: str) -> Reponse:
        if self.instant >= acces.fin + TOLERANCE:
            return 401, "jeton_invalide"
        if version != self.cgu:
            return 409, "document_perime"
        if refus := self.refus(acces):
            return refus
        acces.session.compte.cgu = version
        return OK

    def exporter(self, acces: Acces) -> Reponse:
        return self.refus(acces) or self._ancienne(acces) or OK

    def effacer(self, acces: Acces, mot_de_passe: str | None) -> Reponse:
        refus = self.refus(acces) or (self._ancienne(acces) if mot_de_passe is None else self._faux(acces, mot_de_passe))
        if refus:
            return refus
        compte = acces.session.compte
        compte.effacement_le = self.instant + GRACE
        self._deconnecter(compte)
        self._remplacer(compte, "activation", "contact", "mot_de_passe")
        for canal, contact in compte.contacts.items():
            if contact.verifie:
                self._ouvrir(compte, "annulation_effacement", canal, contact.valeur)
        return 202, None

    # Time

    def echeances(self) -> Iterator[datetime]:
        """Every instant to come at which something ends."""
        dates = [p.expire_le for p in self.preuves if p.sort == "ouverte"]
        dates += [c.expire_le for c in self.comptes if c.etat == "en_attente"]
        dates += [c.effacement_le for c in self.comptes if c.effacement_le and c.etat != "efface"]
        for session in self.sessions:
            if not self.finie(session):
                dates += [session.expire_le, session.tournee_le + REPRISE, session.authentifiee_le + FRAICHEUR]
                dates += [acces.fin + TOLERANCE for acces in session.acces]
        yield from (d for d in dates if d > self.instant)

    def conserver(self) -> None:
        """What retention does, once."""
        for compte in self.comptes:
            if compte.etat == "en_attente" and compte.expire_le <= self.instant:
                compte.etat = "supprime"
                self._oublier_preuves(compte)
            elif compte.etat in ("actif", "suspendu") and compte.effacement_le and compte.effacement_le <= self.instant:
                self._effacer(compte)
            elif compte.etat in ("actif", "suspendu") and compte.effacement_le is None:
                self._conserver_inactif(compte)
        for preuve in self.preuves:
            if preuve.expire_le <= self.instant - 24 * HEURE:
                preuve.sort = "oubliee"
        self.quarantaine = {nom: (c, libre) for nom, (c, libre) in self.quarantaine.items() if libre > self.instant}

    def _conserver_inactif(self, compte: Compte) -> None:
        assert compte.vu_le
        averti = compte.averti_le
        if compte.vu_le < self._il_y_a(23) and averti is None:
            compte.averti_le = self.instant
        elif compte.vu_le < self._il_y_a(24) and averti and averti <= self.instant - 30 * JOUR:
            self._effacer(compte)

    def _effacer(self, compte: Compte) -> None:
        self.quarantaine[compte.identifiant] = (compte, self.instant + QUARANTAINE)
        compte.etat, compte.mot_de_passe, compte.effacement_le = "efface", None, None
        compte.diffusion.clear()
        self._oublier_preuves(compte)

    def _oublier_preuves(self, compte: Compte) -> None:
        for preuve in self.preuves:
            if preuve.compte is compte:
                preuve.sort = "oubliee"

    def _il_y_a(self, mois: int) -> date:
        annees, rang = divmod(self.instant.year * 12 + self.instant.month - 1 - mois, 12)
        return date(annees, rang + 1, min(self.instant.day, calendar.monthrange(annees, rang + 1)[1]))

    # What several rules share

    def ouverte(self, preuve: Preuve) -> bool:
        return preuve.sort == "ouverte" and preuve.expire_le > self.instant

    def _pris(self, nom: str, par: Compte | None = None) -> bool:
        porte = any(c.identifiant == nom and c.etat not in ("efface", "supprime") for c in self.comptes)
        return porte or (nom in self.quarantaine and self.quarantaine[nom][0] is not par)

    @staticmethod
    def _prouve(compte: Compte, adresse: str) -> bool:
        return compte.contacts["email"].verifie and compte.contacts["email"].valeur == adresse

    def _ecriture(self, acces: Acces) -> Reponse | None:
        perimee = acces.session.compte.cgu != self.cgu
        return self.refus(acces) or ((403, "cgu_a_reaccepter") if perimee else None)

    def _faux(self, acces: Acces, mot_de_passe: str) -> Reponse | None:
        return None if acces.session.compte.mot_de_passe == mot_de_passe else (401, "mot_de_passe_incorrect")

    def _ancienne(self, acces: Acces) -> Reponse | None:
        recente = acces.session.authentifiee_le > self.instant - FRAICHEUR
        return None if recente else (403, "reauthentification_requise")

    def _connecter(self, compte: Compte, duree: str) -> Reponse:
        inactivite, absolue = SESSIONS[duree]
        t = self.instant
        self.sessions.append(Session(compte, inactivite, t + inactivite, t + absolue, authentifiee_le=t, tournee_le=t))
        compte.vu_le, compte.averti_le = t.date(), None
        return 201, None

    def _deconnecter(self, compte: Compte, sauf: Session | None = None) -> None:
        for session in self.sessions:
            if session.compte is compte and session is not sauf:
                session.terminee = True

    def _activer(self, preuve: Preuve) -> None:
        compte = preuve.compte
        self._remplacer(compte, "activation")
        self._depenser(preuve)
        compte.etat, compte.vu_le = "actif", self.instant.date()
        compte.contacts[preuve.canal].verifie_le = self.instant

    def _ouvrir(self, compte: Compte, usage: Usage, canal: str, destination: str) -> Preuve:
        expire_le = self.instant + DUREES[usage][canal]
        self.preuves.append(Preuve(compte, usage, canal, destination, expire_le))
        return self.preuves[-1]

    def _redemander(self, compte: Compte, usage: Usage, canal: str, destination: str) -> None:
        """The same live code again; another for another destination, or when it can serve no more."""
        for preuve in self.preuves:
            if (preuve.compte, preuve.usage, preuve.canal, preuve.sort) == (compte, usage, canal, "ouverte"):
                meme = preuve.destination == destination and preuve.essais < 5 and preuve.envois < 5
                if meme and self.ouverte(preuve):
                    preuve.envois += 1
                    return
        self._remplacer(compte, usage, canal=canal)
        self._ouvrir(compte, usage, canal, destination)

    def _remplacer(self, compte: Compte, *usages: str, canal: str | None = None) -> None:
        for preuve in self.preuves:
            if preuve.compte is compte and preuve.usage in usages and canal in (None, preuve.canal):
                preuve.sort = "remplacee" if preuve.sort == "ouverte" else preuve.sort

    def _compter(self, preuve: Preuve, usage: str, compte: Compte) -> bool:
        """Whether this try may be judged; counted before anybody compares."""
        if preuve.usage != usage or preuve.compte is not compte or not self.ouverte(preuve) or preuve.essais >= 5:
            return False
        preuve.essais += 1
        return True

    def _reprendre(self, preuve: Preuve, usage: str) -> bool:
        """Whether a proof just spent may be presented again: its answer was lost. Counted with its tries."""
        recente = preuve.depense_le and preuve.depense_le > self.instant - REPRISE_PREUVE
        if preuve.usage != usage or preuve.sort != "depensee" or not recente or preuve.essais >= 5:
            return False
        preuve.essais += 1
        return True

    def _depenser(self, preuve: Preuve) -> None:
        preuve.sort, preuve.depense_le = "depensee", self.instant

    def _tenu(self, preuve: Preuve) -> bool:
        """Whether its destination is a proven contact of the account."""
        contact = preuve.compte.contacts[preuve.canal]
        return contact.verifie and contact.valeur == preuve.destination

    def _pourquoi(self, preuve: Preuve) -> Reponse:
        if preuve.sort != "ouverte":
            return 409, "activation_remplacee"
        return (410, "code_expire") if preuve.expire_le <= self.instant else (409, "essais_epuises")
