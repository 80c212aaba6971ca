"""One issuer at work: the visits in progress, what they end with, and the tokens that come of it."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from msgspec import Struct

from app.simulateur.casier import Casier
from app.simulateur.cles import Cles
from app.simulateur.config import ClientEnregistre, ConfigSimulateur
from app.simulateur.demande import Demande, RefusPage
from app.simulateur.pannes import Banc, Usage
from app.simulateur.personnes import IdentiteFournisseur, Personne
from app.simulateur.regles import ACR, DUREE_ID_TOKEN, DUREE_VISITE, Regles


class ErreurOAuth(Exception):
    """A refusal of `/token` or `/userinfo`, in the words of RFC 6749 §5.2 and RFC 6750 §3.1."""

    def __init__(self, erreur: str, description: str, statut: int = 400) -> None:
        super().__init__(erreur)
        self.erreur, self.description, self.statut = erreur, description, statut


class Connexion(Struct, frozen=True):
    """Somebody who signed in at an identity provider, at `instant`."""

    personne: Personne
    idp: IdentiteFournisseur
    instant: int


class Visite(Struct):
    """One passage through the pages. `navigateur`: the cookie of the browser that began it. `refus`: why it cannot go on.

    `fin`: the callback's address, once it is over; asked again (two clicks on a button), it is given again.
    """

    demande: Demande
    navigateur: str
    idp: IdentiteFournisseur | None = None
    connexion: Connexion | None = None
    refus: Personne | None = None
    fin: str = ""


class Autorisation(Struct, frozen=True):
    """What a code, then an access token, stand for. `echeance`: when the access token ends, once there is one."""

    demande: Demande
    connexion: Connexion
    echeance: int = 0


class Fournisseur:
    def __init__(self, regles: Regles, config: ConfigSimulateur, banc: Banc) -> None:
        self.regles, self.banc, self.horloge = regles, banc, config.horloge
        self.emetteur = config.origine + regles.prefixe
        self.clients: Mapping[str, ClientEnregistre] = {client.client_id: client for client in config.clients}
        self.cles = Cles(self.emetteur, config.clients)
        self.assertions: Casier[bool] = Casier(config.horloge, DUREE_VISITE)
        self._visites: Casier[Visite] = Casier(config.horloge, DUREE_VISITE)
        # Single sign-on: what the browser that holds the cookie has already proven.
        self._sessions: Casier[Connexion] = Casier(config.horloge, regles.duree_session)
        self._codes: Casier[Autorisation] = Casier(config.horloge, regles.duree_code)
        self._depenses: Casier[str] = Casier(config.horloge, DUREE_VISITE)
        self._acces: Casier[Autorisation] = Casier(config.horloge, regles.duree_acces)

    def ouvrir(self, demande: Demande, navigateur: str) -> tuple[str, Visite]:
        deja = None if "login" in demande.prompts else self._sessions.lire(navigateur)
        visite = Visite(demande, navigateur, self.regles.fournisseurs[demande.idp] if demande.idp else None, deja)
        return self._visites.poser(visite), visite

    def visite(self, uid: str, navigateur: str) -> Visite:
        visite = self._visites.lire(uid)
        if visite is None or visite.navigateur != navigateur:
            raise RefusPage("Y150003", "cette visite est expirée, ou commencée dans un autre navigateur")
        return visite

    def connecter(self, visite: Visite, idp: IdentiteFournisseur, personne: Personne) -> None:
        if personne.refus:
            visite.refus = personne
            return
        visite.connexion = Connexion(personne, idp, int(self.horloge()))
        self._sessions.poser(visite.connexion, visite.navigateur)

    def changer(self, visite: Visite) -> None:
        """Somebody else is at the keyboard, or another of one's accounts."""
        visite.idp = visite.connexion = visite.refus = None

    def conclure(self, visite: Visite) -> str:
        """The callback's address, with a code."""
        if not visite.fin:
            if visite.connexion is None:
                raise RefusPage("Y150003", "personne ne s'est encore identifié")
            code = self._codes.poser(Autorisation(visite.demande, visite.connexion))
            visite.fin = self.adresse_retour(visite.demande, code=code)
        return visite.fin

    def renoncer(self, visite: Visite) -> str:
        erreur = visite.refus.erreur if visite.refus else "access_denied"
        visite.fin = visite.fin or self.adresse_retour(visite.demande, error=erreur, error_description="User auth aborted")
        return visite.fin

    def adresse_retour(self, demande: Demande, **reponse: str) -> str:
        return demande.retour(None if self.banc.pannes.sans_iss else self.emetteur, **reponse)

    def deconnecter(self, navigateur: str) -> None:
        self._sessions.prendre(navigateur)

    def echanger(self, client: ClientEnregistre, champs: Mapping[str, str]) -> dict[str, Any]:
        """The answer of `/token`. A code presented twice also kills the token it gave the first time (RFC 6749 §4.1.2)."""
        code = champs.get("code", "")
        autorisation = self._codes.prendre(code)
        if autorisation is None:
            self._acces.prendre(self._depenses.lire(code) or "")
            raise ErreurOAuth("invalid_grant", "grant request is invalid")
        demande = autorisation.demande
        if demande.client != client or champs.get("redirect_uri") != demande.redirect_uri:
            raise ErreurOAuth("invalid_grant", "grant request is invalid")
        if _defi(champs.get("code_verifier", "")) != demande.code_challenge:
            raise ErreurOAuth("invalid_grant", "PKCE verification failed")
        echeance = int(self.horloge()) + self.regles.duree_acces
        acces = self._acces.poser(Autorisation(demande, autorisation.connexion, echeance))
        self._depenses.poser(acces, code)
        return {
            "access_token": acces,
            "token_type": "Bearer",
            "expires_in": self.regles.duree_acces,
            "scope": " ".join(sorted(demande.scopes)),
            "id_token": self._id_token(autorisation, acces),
        }

    def identite(self, acces: str) -> str | dict[str, Any]:
        """The answer of `/userinfo`: signed, unless told otherwise."""
        autorisation = self._acces.lire(acces)
        if autorisation is None:
            raise ErreurOAuth("invalid_token", "invalid token provided", 401)
        pannes, connexion = self.banc.pannes, autorisation.connexion
        connues = connexion.personne.revendications | {"idp_id": connexion.idp.uid, "amr": connexion.idp.amr}
        permises = {nom for scope in autorisation.demande.scopes for nom in self.regles.scopes.get(scope, ())}
        donnees = {nom: valeur for nom, valeur in connues.items() if nom in permises - {*pannes.sans_revendications}}
        tampons = self._tampons("userinfo", autorisation, autorisation.echeance - int(self.horloge()))
        revendications = donnees | tampons | ({"sub": "0" * 64 + "v1"} if pannes.autre_sub else {})
        if pannes.userinfo_non_signe:
            return revendications
        return self.cles.signer(revendications, autorisation.demande.client, self.banc.pannes_de("userinfo"))

    def _id_token(self, autorisation: Autorisation, acces: str) -> str:
        pannes, demande, connexion = self.banc.pannes, autorisation.demande, autorisation.connexion
        revendications = self._tampons("id_token", autorisation, DUREE_ID_TOKEN) | {
            "nonce": "0" * 64 if pannes.mauvais_nonce else demande.nonce,
            "acr": "eidas0" if pannes.mauvais_acr else ACR,
            "auth_time": connexion.instant,
            "at_hash": _base64(sha256(acces.encode()).digest()[:16]),
        }
        if not demande.nonce:
            del revendications["nonce"]
        if demande.amr:
            revendications["amr"] = connexion.idp.amr
        return self.cles.signer(revendications, demande.client, self.banc.pannes_de("id_token"))

    def _tampons(self, usage: Usage, autorisation: Autorisation, duree: int) -> dict[str, Any]:
        """What both tokens bear."""
        pannes, client_id = self.banc.pannes_de(usage), autorisation.demande.client.client_id
        instant = int(self.horloge() + self.banc.pannes.decalage_horloge) - (3600 if pannes.expire else 0)
        return {
            "iss": f"{self.emetteur}/autre" if pannes.mauvais_iss else self.emetteur,
            "aud": f"{client_id}-autre" if pannes.mauvais_aud else client_id,
            "sub": self.regles.sub(autorisation.connexion.personne, autorisation.connexion.idp.uid, client_id),
            "iat": instant,
            "exp": instant + duree,
        }


def _defi(verificateur: str) -> str:
    """The S256 challenge; empty for an empty verifier: neither may come without the other."""
    return _base64(sha256(verificateur.encode()).digest()) if verificateur else ""


def _base64(octets: bytes) -> str:
    return urlsafe_b64encode(octets).decode().rstrip("=")
