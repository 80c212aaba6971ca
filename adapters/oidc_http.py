"""Calls to an identity provider: so many at once, so long, so large, and nothing kept from one person to the next."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx
from msgspec import Struct

from domain.federation import FederationIndisponible

# Bytes. Key sets, the largest answers, have some 5,000.
_TAILLE_MAX = 65536


class Reponse(Struct, frozen=True):
    """`type_contenu`: the media type alone, in lower case."""

    statut: int
    type_contenu: str
    corps: bytes

    def __repr__(self) -> str:
        return f"Reponse({self.statut})"


class Liaison:
    """Reasons of `FederationIndisponible`: `sature`, `delai`, `connexion`, `taille`, or `http_` and the status."""

    def __init__(self, delai: float, simultanes: int, transport: httpx.AsyncBaseTransport | None) -> None:
        self._delai, self._places, self._transport = delai, simultanes, transport
        self._ouvert: httpx.AsyncClient | None = None

    @asynccontextmanager
    async def appel(self) -> AsyncIterator[None]:
        """A whole call, all its requests together: refused at once beyond the places, and ended at the time-out."""
        if self._places <= 0:
            raise FederationIndisponible("sature")
        self._places -= 1
        try:
            async with asyncio.timeout(self._delai):
                yield
        except TimeoutError:
            raise FederationIndisponible("delai") from None
        finally:
            self._places += 1

    async def document(self, adresse: str) -> bytes:
        """What the provider publishes, in a third of the time of a call: doing without must fit in the rest."""
        try:
            async with asyncio.timeout(self._delai / 3):
                reponse = await self.demander("GET", adresse)
        except TimeoutError:
            raise FederationIndisponible("delai") from None
        if reponse.statut != 200:
            raise FederationIndisponible(f"http_{reponse.statut}")
        return reponse.corps

    async def demander(
        self, methode: str, adresse: str, formulaire: dict[str, str] | None = None, porteur: str | None = None
    ) -> Reponse:
        """Any status of success or refusal (2xx, 4xx). Redirects are not followed: nothing legitimate answers with one."""
        entetes = {"Authorization": f"Bearer {porteur}"} if porteur else None
        try:
            async with self._client().stream(methode, adresse, data=formulaire, headers=entetes) as recue:
                corps = await _lire(recue)
        except httpx.TimeoutException:
            raise FederationIndisponible("delai") from None
        except (httpx.HTTPError, httpx.InvalidURL):
            raise FederationIndisponible("connexion") from None
        statut = recue.status_code
        if not (200 <= statut < 300 or 400 <= statut < 500) or statut == 429:
            raise FederationIndisponible(f"http_{statut}")
        return Reponse(statut, recue.headers.get("Content-Type", "").partition(";")[0].strip().lower(), corps)

    async def fermer(self) -> None:
        if self._ouvert is not None:
            await self._ouvert.aclose()
            self._ouvert = None

    def _client(self) -> httpx.AsyncClient:
        if self._ouvert is None:
            self._ouvert = httpx.AsyncClient(
                transport=self._transport,
                timeout=httpx.Timeout(self._delai, connect=self._delai / 2),
                # The places bound them already; and a request cancelled while it waits for the pool would keep its slot for
                # ever (https://github.com/encode/httpcore/issues/1093).
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=8),
                verify=_contexte_tls(),
                trust_env=False,
                # No encoding: a small answer could unfold into a very large one.
                headers={"User-Agent": "comptoir", "Accept-Encoding": "identity"},
                # The provider's cookies of one person must not go with the requests of the next.
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            )
        return self._ouvert


@cache
def _contexte_tls() -> ssl.SSLContext:
    """One for all providers: it takes 30 ms to make."""
    return httpx.create_ssl_context(trust_env=False)


async def _lire(recue: httpx.Response) -> bytes:
    corps = bytearray()
    async for bloc in recue.aiter_raw():
        corps += bloc
        if len(corps) > _TAILLE_MAX:
            raise FederationIndisponible("taille")
    return bytes(corps)
