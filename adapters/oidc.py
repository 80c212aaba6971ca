"""FranceConnect and ProConnect as an OpenID Connect relying party sees them: authorize, token, userinfo, sign-out."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import quote, urlencode

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry, serialize_compact
from msgspec import Meta, Struct, json

from adapters.oidc_cles import Publication
from adapters.oidc_config import ConfigOidc
from adapters.oidc_http import Liaison, Reponse
from adapters.oidc_jetons import Verificateur
from domain.federation import FederationIndisponible, Fournisseur, FournisseurIdentite, IdentiteRecue, IdentiteRefusee
from domain.ports import Systeme

_CODE = re.compile(r"[!-~]{1,1024}")
# Seconds that the proof of who we are is good for.
_DUREE_PREUVE = 60
# OpenID Connect Core §5.5: a provider may leave it out unless it is asked for, and FranceConnect refuses `max_age`.
_AUTH_TIME = '{"id_token":{"auth_time":{"essential":true}}}'
# RFC 6749 §5.2: what the refusal of a code tells about; the others are faults of this program.
_REFUS = {"invalid_grant": "code_refuse", "invalid_client": "client_refuse", "unauthorized_client": "client_refuse"}


class _Jetons(Struct, frozen=True):
    """`access_token`: as RFC 6750 §2.1 has it, since it goes into a header."""

    access_token: Annotated[str, Meta(max_length=4096, pattern=r"^[A-Za-z0-9._~+/-]+=*\Z")]
    token_type: Annotated[str, Meta(pattern=r"^[Bb][Ee][Aa][Rr][Ee][Rr]\Z")]
    id_token: str

    def __repr__(self) -> str:
        return "_Jetons(…)"


class _Refus(Struct, frozen=True):
    error: str


class OidcClient(FournisseurIdentite):
    """Reasons of `FederationIndisponible`: those of `Liaison` and `Publication`, and `reponse` for a senseless answer.

    Reasons of `IdentiteRefusee`: those of `Verificateur`, and `code_refuse`; `client_refuse` and `demande_refusee`, which an
    operator must look into; `acces_refuse` and `identite_non_signee` of the userinfo. `transport` stands for the network.
    """

    def __init__(self, config: ConfigOidc, systeme: Systeme, transport: httpx.AsyncBaseTransport | None = None) -> None:
        if not (config.client_secret or config.cle_privee):
            raise ValueError("neither client_secret nor cle_privee")
        self._config, self._systeme = config, systeme
        self._cle = _cle_privee(config.cle_privee) if config.cle_privee else None
        self._liaison = Liaison(config.delai, config.simultanes, transport)
        self._publication = Publication(config, systeme, self._liaison)
        self._verificateur = Verificateur(config, systeme, self._publication)

    @property
    def nom(self) -> Fournisseur:
        return self._config.nom

    @property
    def emetteur(self) -> str:
        return self._config.emetteur

    async def adresse_autorisation(self, state: str, nonce: str, *, a_nouveau: bool = False) -> str:
        async with self._liaison.appel():
            metadonnees = await self._publication.metadonnees()
        # FranceConnect refuses any parameter that it does not know, those of PKCE included.
        return _adresse(
            metadonnees.authorization_endpoint,
            response_type="code",
            client_id=self._config.client_id,
            redirect_uri=self._config.redirection,
            scope=self._config.portees,
            acr_values=self._config.acr,
            state=state,
            nonce=nonce,
            claims=_AUTH_TIME,
            **({"prompt": "login"} if a_nouveau else {}),
        )

    async def identifier(self, code: str, nonce: str) -> IdentiteRecue:
        if not _CODE.fullmatch(code):
            raise IdentiteRefusee("code_refuse")
        async with self._liaison.appel():
            metadonnees = await self._publication.metadonnees()
            jetons = await self._echanger(metadonnees.token_endpoint, code)
            jeton = await self._verificateur.jeton(jetons.id_token, nonce)
            signee = await self._userinfo(metadonnees.userinfo_endpoint, jetons.access_token)
            revendications = await self._verificateur.identite(signee, jeton.sub)
        return IdentiteRecue(
            fournisseur=self.nom,
            emetteur=jeton.iss,
            sub=jeton.sub,
            acr=jeton.acr,
            revendications=revendications,
            jeton_identite=jetons.id_token,
            authentifiee_le=None if jeton.auth_time is None else datetime.fromtimestamp(jeton.auth_time, UTC),
        )

    async def adresse_deconnexion(self, jeton_identite: str, state: str, apres: str) -> str:
        async with self._liaison.appel():
            metadonnees = await self._publication.metadonnees()
        return _adresse(
            metadonnees.end_session_endpoint, id_token_hint=jeton_identite, state=state, post_logout_redirect_uri=apres
        )

    async def fermer(self) -> None:
        await self._publication.fermer()
        await self._liaison.fermer()

    async def _echanger(self, adresse: str, code: str) -> _Jetons:
        formulaire = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._config.redirection,
            "client_id": self._config.client_id,
            **self._preuve(),
        }
        reponse = await self._liaison.demander("POST", adresse, formulaire)
        try:
            if reponse.statut == 200:
                return json.decode(reponse.corps, type=_Jetons)
            refus = json.decode(reponse.corps, type=_Refus)
        except (ValueError, RecursionError):
            raise FederationIndisponible("reponse") from None
        raise IdentiteRefusee(_REFUS.get(refus.error, "demande_refusee"))

    async def _userinfo(self, adresse: str, porteur: str) -> str:
        reponse: Reponse = await self._liaison.demander("GET", adresse, porteur=porteur)
        if reponse.statut != 200:
            raise IdentiteRefusee("acces_refuse")
        if reponse.type_contenu != "application/jwt":
            raise IdentiteRefusee("identite_non_signee")
        # Another character than ASCII is no part of a token: it is refused as such.
        return reponse.corps.decode("ascii", "replace").strip()

    def _preuve(self) -> dict[str, str]:
        """Who we are: client_secret_post, or private_key_jwt (RFC 7523)."""
        if self._cle is None:
            return {"client_secret": self._config.client_secret or ""}
        instant, nous = self._systeme.instant(), self._config.client_id
        # To the issuer alone: an endpoint's address as audience may be made to be another provider's (CVE-2025-27371).
        revendications = {"iss": nous, "sub": nous, "aud": self._config.emetteur, "jti": str(self._systeme.nouvel_id())}
        corps = json.encode({**revendications, "iat": instant, "exp": instant + _DUREE_PREUVE})
        alg = _algorithme(self._cle)
        # Without `kid`: the provider knows our key by whatever name it was registered under.
        return {
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": serialize_compact({"alg": alg, "typ": "JWT"}, corps, self._cle, algorithms=[alg]),
        }


def _adresse(base: str, **parametres: str) -> str:
    return f"{base}{'&' if '?' in base else '?'}{urlencode(parametres, quote_via=quote)}"


def _cle_privee(pem: str) -> ECKey | RSAKey:
    """ValueError, which says nothing of the key, unless it is a private one on P-256 or of RSA."""
    for type_ in (ECKey, RSAKey):
        try:
            cle = type_.import_key(pem)
            JWSRegistry(algorithms=[_algorithme(cle)]).get_alg(_algorithme(cle)).check_key(cle)
        except (JoseError, ValueError):
            continue
        if cle.is_private:
            return cle
    raise ValueError("cle_privee")


def _algorithme(cle: ECKey | RSAKey) -> str:
    return "ES256" if isinstance(cle, ECKey) else "RS256"
