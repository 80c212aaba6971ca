"""SMS by Twilio; what each failure means for the message.

The library weighs 43 MiB: it is imported at the first send, and only there.
"""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from domain.message import EnvoiDiffere, EnvoiRefuse, Rendu
from domain.ports import Expediteur

_SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")
# Longest wait believed, five digits of seconds: just over a day.
_SECONDES = re.compile(r"[0-9]{1,5}")
# Credentials, or an account that Twilio does not know: an operator repairs it, nobody's SMS must be dropped for it.
_COMPTE = frozenset({401, 403, 404})
# The same of our own number or messaging service: unknown, not ours, unable to send SMS, its queue full
# (https://www.twilio.com/docs/api/errors).
_EXPEDITEUR = frozenset({21212, 21603, 21606, 21611, 21659, 21660, 21661, 21701, 21703, 21705})


class TwilioConfig(Struct, frozen=True):
    """`expediteur`: a number (E.164) or a messaging service (`MG…`). `base_url` stands for api.twilio.com. `delai`: seconds."""

    account_sid: str
    auth_token: str
    expediteur: str
    base_url: str | None = None
    delai: float = 10.0

    def __repr__(self) -> str:
        return f"TwilioConfig(base_url={self.base_url!r})"


class TwilioSender(Expediteur):
    """Reasons: `twilio_` and Twilio's error code, or the HTTP status, or `twilio_delai`, `twilio_connexion`, `twilio_reponse`.

    Twilio has no idempotency key: an SMS whose answer is lost may be sent twice, with the same code in it.
    """

    def __init__(self, config: TwilioConfig) -> None:
        self._config = config
        self._de = {"messaging_service_sid" if _SERVICE.fullmatch(config.expediteur) else "from_": config.expediteur}
        self._client: Any = None

    async def envoyer(self, rendu: Rendu) -> None:
        if self._client is None:
            # Half a second of imports, elsewhere than on the event loop.
            await asyncio.to_thread(import_module, "twilio.rest")
            self._client = _client(self._config)
        await self._client.messages.create_async(to=rendu.destination, body=rendu.texte, **self._de)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.http_client.close()
            self._client = None


class _Reponse(Struct):
    """What is read of Twilio's answers."""

    sid: str | None = None
    code: int | None = None


def _client(config: TwilioConfig) -> Any:
    """Twilio's own client, with a time-out that works, another host if told so, no logs. Must be made in the running loop."""
    from aiohttp import ClientError
    from twilio.http.async_http_client import AsyncTwilioHttpClient
    from twilio.rest import Client

    class Transport(AsyncTwilioHttpClient):  # type: ignore[misc]
        async def request(self, method: str, url: str, *, auth: Any, headers: dict[str, str], **options: Any) -> Any:
            if config.base_url is not None:
                url = config.base_url.rstrip("/") + urlsplit(url).path
            # Left to Twilio, the credentials go through a class that aiohttp deprecates.
            headers["Authorization"] = "Basic " + b64encode(":".join(auth).encode()).decode()
            try:
                # AsyncTwilioHttpClient ignores the time-out it is given.
                async with asyncio.timeout(config.delai):
                    reponse = await super().request(method, url, headers=headers, **options)
            except TimeoutError:
                raise EnvoiDiffere("twilio_delai") from None
            except (ClientError, OSError):
                raise EnvoiDiffere("twilio_connexion") from None
            except UnicodeDecodeError:
                raise EnvoiDiffere("twilio_reponse") from None
            _juger(reponse.status_code, reponse.text, reponse.headers.get("Retry-After", ""))
            return reponse

        def log_request(self, kwargs: Any) -> None:
            """Would log the URL, hence the account."""

        def log_response(self, status_code: int, response: Any) -> None:
            """Would log the headers."""

    return Client(config.account_sid, config.auth_token, http_client=Transport())


def _juger(statut: int, texte: str, retry_after: str) -> None:
    """Here rather than from Twilio's exceptions: their text holds the account and the number, and they lose `Retry-After`."""
    try:
        reponse = msgspec.json.decode(texte, type=_Reponse)
    except msgspec.DecodeError:
        reponse = _Reponse()
    if 200 <= statut < 300:
        if not reponse.sid:
            raise EnvoiDiffere("twilio_reponse")
    elif statut == 429 or statut >= 500:
        raise EnvoiDiffere(f"twilio_{statut}", float(retry_after) if _SECONDES.fullmatch(retry_after) else None)
    elif statut < 400 or statut in _COMPTE or reponse.code in _EXPEDITEUR:
        raise EnvoiDiffere(f"twilio_{reponse.code or statut}")
    else:
        raise EnvoiRefuse(f"twilio_{reponse.code or statut}")
