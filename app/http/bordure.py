"""The outermost ASGI layer: request ids, safety headers, slow bodies, and one log line a request without personal data."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from secrets import token_hex
from typing import Any

from litestar.enums import HttpMethod, ScopeType
from litestar.types import ASGIApp, HTTPReceiveMessage, HTTPScope, Message, Receive, Scope, Send

from app.journal import REQUETE

# Seconds a body may take to arrive (G-12).
DELAI_CORPS = 10.0
# What is read of a body that nobody wanted, in bytes and seconds, before the connection is given up.
_RESTE_MAX, _DELAI_RESTE = 64 * 1024, 1.0

_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_ENTETES: dict[bytes, bytes] = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"strict-transport-security": b"max-age=31536000; includeSubDomains",
    b"cross-origin-resource-policy": b"same-site",
    b"cache-control": b"no-store",
}
# Texts follow the language, CORS the origin: on every answer, else a shared cache hands one caller's to another.
_VARIE = (b"vary", b"Accept-Language, Origin")

_journal = logging.getLogger("comptoir.acces")


class CorpsTropLent(Exception):
    """The body did not arrive in time."""


class CorpsInterrompu(Exception):
    """The client left, or broke its framing, before the end of the body."""


class Bordure:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            await self._http(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        trace, recu, methode = token_hex(16), _recu(scope), scope["method"]
        requete = recu or trace
        scope["comptoir.requete"], scope["comptoir.trace"] = requete, trace  # type: ignore[typeddict-unknown-key]
        contexte = REQUETE.set({"trace": trace} | ({"request_id": recu} if recu else {}))
        debut, etat, corps = time.perf_counter(), {"statut": 0}, _Corps(scope, receive)
        if sans_corps := methode == "HEAD":
            # What GET would answer, less its body (RFC 9110 §9.3.2); a handler that acts refuses it (`acces.garder`).
            scope["method"] = HttpMethod.GET
            scope["comptoir.head"] = True  # type: ignore[typeddict-unknown-key]

        async def envoyer(message: Message) -> None:
            if message["type"] == "http.response.start":
                etat["statut"] = message["status"]
                _completer(message, requete, sans_corps)
                if not await corps.vider():
                    message["headers"] = [*message["headers"], (b"connection", b"close")]
            elif sans_corps and message["type"] == "http.response.body":
                message["body"] = b""
            await send(message)

        try:
            await self._app(scope, corps.recevoir, envoyer)
        finally:
            _consigner(scope, methode, etat["statut"], time.perf_counter() - debut)
            REQUETE.reset(contexte)


def _recu(scope: HTTPScope) -> str | None:
    """The caller's own id when it is a sober one, so that its logs and ours meet."""
    recu = next((v.decode("latin-1") for n, v in scope["headers"] if n == b"x-request-id"), "")
    return recu if _ID.fullmatch(recu) else None


def _completer(message: Any, requete: str, sans_corps: bool) -> None:
    """Adds what the answer does not say itself."""
    presents = {nom.lower(): valeur for nom, valeur in message["headers"]}
    ajouts = {nom: valeur for nom, valeur in _ENTETES.items() if nom not in presents}
    permises = presents.get(b"allow", b"").split(b", ")
    if b"GET" in permises and not sans_corps:
        ajouts[b"allow"] = b", ".join([*permises, b"HEAD"])
    message["headers"] = [
        *((nom, valeur) for nom, valeur in message["headers"] if nom.lower() != b"vary" and nom.lower() not in ajouts),
        *ajouts.items(),
        _VARIE,
        (b"x-request-id", requete.encode()),
    ]


class _Corps:
    """A request's body, which comes within `DELAI_CORPS` in all; once it is read, waiting for the disconnection may last."""

    def __init__(self, scope: HTTPScope, receive: Receive) -> None:
        self._receive, self._fin = receive, asyncio.get_running_loop().time() + DELAI_CORPS
        self._entier = not any(n == b"transfer-encoding" or (n == b"content-length" and v != b"0") for n, v in scope["headers"])

    async def recevoir(self) -> HTTPReceiveMessage:
        if self._entier:
            return await self._receive()  # type: ignore[return-value]
        try:
            async with asyncio.timeout_at(self._fin):
                message = await self._receive()
        except TimeoutError:
            raise CorpsTropLent from None
        if message["type"] == "http.disconnect":
            raise CorpsInterrompu
        self._entier = not message.get("more_body", False)
        return message  # type: ignore[return-value]

    async def vider(self) -> bool:
        """Reads what an early refusal has left, and says whether that was all: the next request comes behind it."""
        if self._entier:
            return True
        lus = 0
        try:
            async with asyncio.timeout(_DELAI_RESTE):
                while not self._entier and lus <= _RESTE_MAX:
                    message: Any = await self.recevoir()
                    lus += len(message.get("body", b""))
        except (TimeoutError, CorpsTropLent, CorpsInterrompu):
            return False
        return self._entier


def _consigner(scope: HTTPScope, methode: str, statut: int, duree: float) -> None:
    """The route, never the path: a path may hold a username. `code`: of the refusal, where there is one."""
    gestionnaire: Any = scope.get("route_handler")
    route = next(iter(sorted(gestionnaire.paths)), "-") if gestionnaire else "-"
    _journal.info(
        "requete",
        extra={
            "methode": methode[:16],
            "route": route,
            "statut": statut,
            **({"code": code} if (code := scope.get("comptoir.code")) else {}),
            "duree_ms": round(duree * 1000, 1),
        },
    )
