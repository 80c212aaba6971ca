"""What an identity provider publishes: its endpoints and its keys, kept an hour, fetched again when a key is unknown (R76)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, JWKRegistry, RSAKey
from joserfc.jws import JWSRegistry
from msgspec import Struct, json, structs

from adapters.oidc_config import Algorithme, ConfigOidc
from adapters.oidc_http import Liaison
from domain.federation import FederationIndisponible
from domain.ports import Systeme

T = TypeVar("T")
ClePublique = ECKey | RSAKey

_CONSERVATION = 3600
# Seconds between two fetches of the keys, whoever asks: forged key ids must not make us flood the provider.
_INTERVALLE_CLES = 10
# Only so that those who wait for a fetch that fails do not each try again.
_INTERVALLE_METADONNEES = 1
_BITS_MIN = {"ES256": 256, "RS256": 2048}


class Metadonnees(Struct, frozen=True):
    """The part read of OpenID Connect Discovery 1.0 §3."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    userinfo_endpoint: str
    jwks_uri: str
    end_session_endpoint: str


class _Jwks(Struct, frozen=True):
    keys: list[dict[str, Any]]


class Publication:
    """Reasons of `FederationIndisponible`: those of `Liaison`, `metadonnees` and `cles` for what cannot be believed."""

    def __init__(self, config: ConfigOidc, systeme: Systeme, liaison: Liaison) -> None:
        self._config, self._liaison = config, liaison
        self._metadonnees = _Garde(self._decouvrir, systeme, _INTERVALLE_METADONNEES)
        self._cles = _Garde(self._charger_cles, systeme, _INTERVALLE_CLES)

    async def metadonnees(self) -> Metadonnees:
        return await self._metadonnees.lire()

    async def cle(self, kid: str) -> ClePublique | None:
        cle = (await self._cles.lire()).get(kid)
        return cle or (await self._cles.relire()).get(kid)

    async def fermer(self) -> None:
        await self._metadonnees.fermer()
        await self._cles.fermer()

    async def _decouvrir(self) -> Metadonnees:
        emetteur = self._config.emetteur
        corps = await self._liaison.document(f"{emetteur.removesuffix('/')}/.well-known/openid-configuration")
        try:
            lues = json.decode(corps, type=Metadonnees)
            issuer, *adresses = structs.astuple(lues)
            sures = all(map(self._sure, adresses))
        except (ValueError, RecursionError):
            raise FederationIndisponible("metadonnees") from None
        if issuer != emetteur or not sures:
            raise FederationIndisponible("metadonnees")
        return lues

    def _sure(self, adresse: str) -> bool:
        """At the issuer's or a declared origin; in clear only if the issuer itself is, in development."""
        emetteur = self._config.emetteur
        chiffree = adresse.startswith("https://") or emetteur.startswith("http://")
        return chiffree and _origine(adresse) in {_origine(emetteur), *self._config.origines}

    async def _charger_cles(self) -> Mapping[str, ClePublique]:
        corps = await self._liaison.document((await self.metadonnees()).jwks_uri)
        try:
            publiees = json.decode(corps, type=_Jwks).keys
        except (ValueError, RecursionError):
            raise FederationIndisponible("cles") from None
        cles = _utiles(publiees, self._config.algorithme)
        if not cles:
            raise FederationIndisponible("cles")
        return cles


class _Garde(Generic[T]):
    """One value, fetched by one task at a time, whoever waits for it; an old one still serves when the fetch fails."""

    def __init__(self, charger: Callable[[], Awaitable[T]], systeme: Systeme, intervalle: int) -> None:
        self._charger, self._systeme, self._intervalle = charger, systeme, intervalle
        self._valeur: T | None = None
        self._obtenue = self._essayee = -_CONSERVATION
        self._motif = "ferme"
        self._tache: asyncio.Task[None] | None = None

    async def lire(self) -> T:
        if self._valeur is None or not self._depuis(self._obtenue, _CONSERVATION):
            return await self.relire()
        return self._valeur

    async def relire(self) -> T:
        """Fetches again, unless that was tried a moment ago."""
        if self._tache is None and not self._depuis(self._essayee, self._intervalle):
            self._essayee = self._systeme.instant()
            self._tache = asyncio.create_task(self._rafraichir())
        if (tache := self._tache) is not None:
            # Unlike awaiting it, this does not cancel the fetch of all when one of those who wait gives up.
            await asyncio.wait({tache})
            if not tache.cancelled():
                tache.result()
        if self._valeur is None:
            raise FederationIndisponible(self._motif)
        return self._valeur

    async def fermer(self) -> None:
        if self._tache is not None:
            self._tache.cancel()
            await asyncio.wait({self._tache})

    async def _rafraichir(self) -> None:
        try:
            self._valeur, self._obtenue = await self._charger(), self._systeme.instant()
        except FederationIndisponible as panne:
            self._motif = panne.motif
        finally:
            self._tache = None

    def _depuis(self, instant: int, secondes: int) -> bool:
        """Whether it was less than so long ago; not so if the clock was set back since."""
        return 0 <= self._systeme.instant() - instant <= secondes


def _utiles(publiees: list[dict[str, Any]], algorithme: Algorithme) -> dict[str, ClePublique]:
    """By `kid`, those that may verify this algorithm; whatever else is published is no concern of ours (RFC 7517 §5)."""
    modele = JWSRegistry(algorithms=[algorithme]).get_alg(algorithme)
    utiles = {}
    for jwk in publiees:
        # What joserfc raises on a malformed key depends on how it is malformed; of a short one it warns.
        with suppress(JoseError, SecurityWarning, ValueError, TypeError, KeyError):
            cle = JWKRegistry.import_key(jwk)
            modele.check_key(cle)
            if isinstance(cle, ClePublique) and cle.kid and cle.raw_value.key_size >= _BITS_MIN[algorithme]:
                utiles[cle.kid] = cle
    return utiles


def _origine(adresse: str) -> str:
    parties = urlsplit(adresse)
    return f"{parties.scheme}://{parties.netloc}"
