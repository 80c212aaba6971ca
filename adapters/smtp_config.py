"""Where mail is handed over, and in whose name. Read at start, before any mail: the library that sends is not loaded for it."""

from __future__ import annotations

import re
import ssl
from email.headerregistry import Address
from typing import Literal
from urllib.parse import unquote, urlsplit

from msgspec import Struct

Securite = Literal["starttls", "tls", "aucune"]

_SCHEMES: dict[str, tuple[Securite, int]] = {
    "smtp": ("starttls", 587),
    "smtps": ("tls", 465),
    "smtp+plain": ("aucune", 25),
}
_HOTE = re.compile(r"[A-Za-z0-9._:-]+")
# One dot-atom and one domain: nothing that a header or a command could read as two addresses.
ADRESSE = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+")


class SmtpConfig(Struct, frozen=True):
    """`expediteur`: the From header, as `Portail <noreply@exemple.fr>`. `delai`: seconds for one message, all told."""

    host: str
    port: int
    securite: Securite
    utilisateur: str | None
    mot_de_passe: str | None
    expediteur: str
    delai: float = 10.0
    tls_context: ssl.SSLContext | None = None

    def __post_init__(self) -> None:
        adresse_expediteur(self.expediteur)

    def __repr__(self) -> str:
        return f"SmtpConfig(host={self.host!r}, port={self.port}, securite={self.securite!r})"


def lire_url(url: str, expediteur: str) -> SmtpConfig:
    """`smtp://user:password@host:port` (STARTTLS required), `smtps://` (TLS from the start) or `smtp+plain://` (no TLS).

    Credentials are percent-encoded, or left out; the port is 587, 465 or 25 by default. Anything else is a ValueError, which
    quotes nothing of the URL.
    """
    return SmtpConfig(*lire_serveur(url), expediteur)


def lire_serveur(url: str) -> tuple[str, int, Securite, str | None, str | None]:
    """Host, port, how it is secured, user, password."""
    lu = _lire(url)
    if lu is None:
        raise ValueError("smtp://, smtps:// or smtp+plain://, then [user:password@]host[:port], percent-encoded, is expected")
    return lu


def _lire(url: str) -> tuple[str, int, Securite, str | None, str | None] | None:
    # urllib's errors quote what they could not read, be it a piece of the password: they stop here.
    try:
        parties = urlsplit(url)
        securite, port_usuel = _SCHEMES[parties.scheme]
        port = port_usuel if parties.port is None else parties.port
        utilisateur, mot_de_passe = _decoder(parties.username), _decoder(parties.password)
    except (ValueError, KeyError):
        return None
    host = parties.hostname or ""
    surplus = parties.path.strip("/") or parties.query or parties.fragment
    if surplus or not port or not _HOTE.fullmatch(host) or (utilisateur is None) != (mot_de_passe is None):
        return None
    return host, port, securite, utilisateur, mot_de_passe


def _decoder(texte: str | None) -> str | None:
    return unquote(texte, errors="strict") if texte else None


def adresse_expediteur(expediteur: str) -> Address:
    nom, _, adresse = expediteur.strip().removesuffix(">").rpartition("<")
    if not ADRESSE.fullmatch(adresse):
        raise ValueError("one address is expected, such as Portail <noreply@exemple.fr>")
    local, _, domaine = adresse.partition("@")
    return Address(nom.strip(' "'), local, domaine)
