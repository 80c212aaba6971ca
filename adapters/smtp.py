"""E-mail by SMTP: one connection and one recipient per message; what each failure means for the message.

TLS is never a matter of chance: a server that does not offer STARTTLS is a failure, not a reason to speak in clear.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from datetime import UTC, datetime
from email.headerregistry import BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP as POLICY_SMTP
from email.policy import Policy

from aiosmtplib import SMTP, SMTPAuthenticationError, SMTPDataError, SMTPException, SMTPRecipientRefused, SMTPResponseException

from adapters.smtp_config import ADRESSE, SmtpConfig, adresse_expediteur
from domain.message import EnvoiDiffere, EnvoiRefuse, Rendu
from domain.ports import Expediteur

# "Authentication required", said of a recipient: our configuration is at fault, not the address.
_AUTHENTIFICATION_REQUISE = 530
# Seconds left to the server to answer our QUIT: the message is already in its hands.
_ADIEU = 1.0


class _UnfoldedHeader(UnstructuredHeader, BaseHeader):
    """A URL has nowhere to be folded. The library would rather encode it, and no mail service would read it (RFC 2369)."""

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {self}{policy.linesep}"


_HEADERS = HeaderRegistry()
_HEADERS.map_to_type("list-unsubscribe", _UnfoldedHeader)
POLICY = POLICY_SMTP.clone(header_factory=_HEADERS)


class SmtpSender(Expediteur):
    """Reasons: `smtp_` and a reply code, or `smtp_adresse`, `_auth`, `_connexion`, `_delai`, `_reponse`, `_tls`."""

    def __init__(self, config: SmtpConfig) -> None:
        self._config = config
        self._de = adresse_expediteur(config.expediteur)
        self._tls = None if config.securite == "aucune" else config.tls_context or ssl.create_default_context()

    async def envoyer(self, rendu: Rendu) -> None:
        if not ADRESSE.fullmatch(rendu.destination):
            raise EnvoiRefuse("smtp_adresse")
        message = self._message(rendu).as_bytes()
        client = self._client()
        try:
            async with asyncio.timeout(self._config.delai):
                await self._ouvrir(client)
                await client.mail(self._de.addr_spec)
                await client.rcpt(rendu.destination)
                await client.data(message)
        except (SMTPException, OSError) as erreur:
            raise _echec(erreur) from None
        else:
            # Outside the time-out: a message already accepted must not be sent again for a lost good-bye.
            with suppress(SMTPException, OSError):
                await client.quit(timeout=_ADIEU)
        finally:
            client.close()

    def _client(self) -> SMTP:
        return SMTP(
            hostname=self._config.host,
            port=self._config.port,
            # Else aiosmtplib asks the DNS for our own name, at every message.
            local_hostname=self._de.domain,
            timeout=None,
            use_tls=self._config.securite == "tls",
            start_tls=False,
            tls_context=self._tls,
        )

    async def _ouvrir(self, client: SMTP) -> None:
        await client.connect()
        if self._config.securite == "starttls":
            await client.ehlo()
            if not client.supports_extension("starttls"):
                raise EnvoiDiffere("smtp_tls")
            await client.starttls()
        if self._config.utilisateur is not None:
            await client.login(self._config.utilisateur, self._config.mot_de_passe or "")

    def _message(self, rendu: Rendu) -> EmailMessage:
        message = EmailMessage(POLICY)
        message["From"] = self._de
        message["To"] = rendu.destination
        message["Subject"] = rendu.objet
        message["Date"] = datetime.now(UTC)
        # The same at each try, so that a message sent twice is recognised as one.
        message["Message-ID"] = f"<{rendu.id}@{self._de.domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message["X-Auto-Response-Suppress"] = "All"
        if rendu.desinscription is not None:
            # The mail service's own button then leaves the lists, without opening a page (RFC 8058).
            message["List-Unsubscribe"] = f"<{rendu.desinscription}>"
            message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        # Seven bits: every server takes them.
        message.set_content(rendu.texte, cte="quoted-printable")
        if rendu.html is not None:
            message.add_alternative(rendu.html, subtype="html", cte="quoted-printable")
        return message


def _echec(erreur: Exception) -> EnvoiDiffere | EnvoiRefuse:
    """Permanent is what the server says for good of this recipient or this message; the rest an operator repairs."""
    if (
        isinstance(erreur, SMTPRecipientRefused | SMTPDataError)
        and 500 <= erreur.code <= 599
        and erreur.code != _AUTHENTIFICATION_REQUISE
    ):
        return EnvoiRefuse(f"smtp_{erreur.code}")
    return EnvoiDiffere(_motif(erreur))


def _motif(erreur: Exception) -> str:
    """Never the server's own text: it often quotes the address."""
    match erreur:
        case TimeoutError():
            return "smtp_delai"
        case ssl.SSLError() | OSError(__cause__=ssl.SSLError()):
            return "smtp_tls"
        case SMTPAuthenticationError():
            return "smtp_auth"
        case SMTPResponseException(code=code):
            return f"smtp_{code}" if 200 <= code <= 599 else "smtp_reponse"
        case OSError():
            return "smtp_connexion"
        case _:
            # What is left of aiosmtplib's errors: no AUTH offered, or no method in common.
            return "smtp_auth"
