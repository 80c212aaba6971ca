"""The environment as one frozen struct. All faults are told at once; each variable is also readable from a file (`…_FILE`)."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

from adapters.postgres import adresse
from adapters.smtp_config import adresse_expediteur, lire_serveur
from domain.jetons import Cle

PREFIXE = "COMPTOIR_"
CLE_MIN = 32
# What production demands of the commands that do not serve; it demands everything of the others.
_BESOINS: dict[str, tuple[str, ...]] = {
    "migrate": ("database_url", "database_owner_url"),
    "retention": ("database_url",),
    "openapi": (),
}
# Scheme and authority, nothing else; an application's scheme is one too (capacitor://localhost).
_ORIGINE = re.compile(r"([a-z][a-z0-9+.-]*)://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?", re.IGNORECASE)


class ConfigurationInvalide(Exception):
    """One line a fault; never a secret's value."""

    def __init__(self, fautes: list[str]) -> None:
        super().__init__("\n".join(fautes))
        self.fautes = fautes


Port = Annotated[int, Meta(ge=1, le=65535)]


class Settings(Struct, frozen=True, kw_only=True):
    """One field a variable, in lower case without its prefix."""

    env: Literal["development", "production"] = "development"
    host: str = "127.0.0.1"
    port: Port = 8000
    processes: Annotated[int, Meta(ge=1, le=64)] = 1
    public_url: str | None = None
    service_name: str = "Comptoir"
    data_dir: str = "./var"
    database_url: str | None = None
    database_owner_url: str | None = None
    secret_keys: str | None = None
    smtp_url: str | None = None
    mail_from: str | None = None
    twilio_account_sid: str | None = None
    twilio_auth_token: str | None = None
    twilio_from: str | None = None
    twilio_base_url: str | None = None
    trusted_proxies: str = ""
    cors_origins: str = ""
    return_urls: str = ""
    franceconnect_issuer: str | None = None
    franceconnect_client_id: str | None = None
    franceconnect_client_secret: str | None = None
    franceconnect_private_key: str | None = None
    franceconnect_algorithm: Literal["ES256", "RS256"] = "ES256"
    proconnect_issuer: str | None = None
    proconnect_client_id: str | None = None
    proconnect_client_secret: str | None = None
    proconnect_private_key: str | None = None
    proconnect_algorithm: Literal["ES256", "RS256"] = "ES256"
    simulator: Literal["on", "off"] = "on"
    simulator_port: Port = 8001
    limits: Literal["on", "off"] = "on"
    worker: Literal["on", "off"] = "on"
    sms_daily_budget: Annotated[int, Meta(ge=1)] = 2000
    availability_ceiling: Annotated[int, Meta(ge=101)] = 6000
    sign_in_ceiling: Annotated[int, Meta(ge=101)] = 6000

    @property
    def production(self) -> bool:
        return self.env == "production"

    @property
    def origine(self) -> str:
        return (self.public_url or f"http://localhost:{self.port}").rstrip("/")

    @property
    def proxys(self) -> list[IPv4Network | IPv6Network]:
        return [ip_network(p, strict=False) for p in _liste(self.trusted_proxies)]

    @property
    def origines_cors(self) -> list[str]:
        # As a browser sends them.
        return [o.rstrip("/").lower() for o in _liste(self.cors_origins)]

    @property
    def retours(self) -> list[str]:
        """Where a passage may come back; in development, the page to try it on too."""
        return [*_liste(self.return_urls), *([] if self.production else [f"{self.origine}/dev/franceconnect"])]

    @property
    def simule(self) -> bool:
        """The identity providers to try the service on: in development, unless a real one is configured."""
        return not self.production and self.simulator == "on" and not (self.franceconnect_issuer or self.proconnect_issuer)

    @property
    def origine_simulateur(self) -> str:
        return f"http://localhost:{self.simulator_port}"

    @property
    def twilio(self) -> bool:
        return self.twilio_account_sid is not None

    def __repr__(self) -> str:
        # URLs and keys are secrets.
        return f"Settings(env={self.env!r})"


def charger(environ: Mapping[str, str], commande: str = "serve") -> Settings:
    """Refuses with `ConfigurationInvalide`, every fault in it; `commande`: of what is missing, only what this one needs."""
    fautes: list[str] = []
    brut = _lire(environ, fautes)
    valeurs: dict[str, Any] = {}
    for champ in msgspec.structs.fields(Settings):
        if champ.name in brut:
            try:
                valeurs[champ.name] = msgspec.convert(brut[champ.name], champ.type, strict=False)
            except msgspec.ValidationError as faute:
                fautes.append(f"{_nom(champ.name)}: {_attendu(champ.type) or faute}")
    settings = Settings(**valeurs)
    fautes += _fautes(settings)
    if settings.production:
        fautes += _fautes_de_production(settings, _BESOINS.get(commande))
    if fautes:
        raise ConfigurationInvalide(fautes)
    return settings


def inconnues(environ: Mapping[str, str]) -> list[str]:
    """Variables with our prefix that mean nothing: a typing mistake, most often."""
    connues = {_nom(c.name) for c in msgspec.structs.fields(Settings)}
    return sorted(n for n in environ if n.startswith(PREFIXE) and n.removesuffix("_FILE") not in connues)


def cles(settings: Settings) -> tuple[Cle, ...]:
    """The server keys; in development, made at first start and kept beside the data."""
    if settings.secret_keys is not None:
        return _cles(settings.secret_keys)
    fichier = Path(settings.data_dir) / "secret_keys"
    if not fichier.exists():
        fichier.parent.mkdir(parents=True, exist_ok=True)
        neuf = fichier.with_suffix(f".{secrets.token_hex(16)}")
        neuf.touch(mode=0o600)
        neuf.write_text(f"dev:{base64.b64encode(secrets.token_bytes(CLE_MIN)).decode()}")
        # Linked, not renamed: of two first starts, the second takes the keys of the first.
        try:
            fichier.hardlink_to(neuf)
        except FileExistsError:
            pass
        finally:
            neuf.unlink()
    return _cles(fichier.read_text())


def _cles(texte: str) -> tuple[Cle, ...]:
    trouvees = []
    for morceau in _liste(texte):
        id_, _, valeur = morceau.partition(":")
        octets = base64.b64decode(valeur, validate=True)
        if not id_ or len(octets) < CLE_MIN:
            raise ValueError
        trouvees.append(Cle(id_, octets))
    if not trouvees or len({c.id for c in trouvees}) < len(trouvees):
        raise ValueError
    return tuple(trouvees)


def _lire(environ: Mapping[str, str], fautes: list[str]) -> dict[str, str]:
    brut: dict[str, str] = {}
    for champ in msgspec.structs.fields(Settings):
        nom = _nom(champ.name)
        fichier = environ.get(f"{nom}_FILE")
        if fichier and nom in environ:
            fautes.append(f"{nom}: given both directly and by {nom}_FILE")
        elif fichier:
            try:
                brut[champ.name] = Path(fichier).read_text(encoding="utf-8").strip()
            except OSError as faute:
                fautes.append(f"{nom}_FILE: {faute.strerror}")
            except UnicodeDecodeError:
                fautes.append(f"{nom}_FILE: not in UTF-8")
        elif environ.get(nom):
            brut[champ.name] = environ[nom]
    return brut


def _fautes(s: Settings) -> list[str]:
    fautes = []
    if not _origine(s.origine, "http", "https"):
        fautes.append(f"{_nom('public_url')}: an origin is expected, such as https://compte.exemple.fr")
    fautes += [f"{_nom('cors_origins')}: {o!r} is not an origin" for o in s.origines_cors if not _origine(o)]
    fautes += [f"{_nom('return_urls')}: {r!r} is not an absolute address" for r in _liste(s.return_urls) if not _absolue(r)]
    for nom in ("franceconnect", "proconnect"):
        fautes += _fautes_de_fournisseur(s, nom)
    try:
        _ = s.proxys
    except ValueError as faute:
        fautes.append(f"{_nom('trusted_proxies')}: {faute}")
    if s.secret_keys is not None:
        try:
            _cles(s.secret_keys)
        except (ValueError, binascii.Error):
            fautes.append(
                f"{_nom('secret_keys')}: id:base64,id:base64 is expected, distinct ids, {CLE_MIN} bytes each at least"
            )
    for nom in ("database_url", "database_owner_url"):
        fautes += [f"{_nom(nom)}: {faute}" for faute in adresse.fautes(getattr(s, nom) or "postgresql://")]
    for nom, lire in (("smtp_url", lire_serveur), ("mail_from", adresse_expediteur)):
        try:
            _ = getattr(s, nom) is None or lire(getattr(s, nom))
        except ValueError as faute:
            fautes.append(f"{_nom(nom)}: {faute}")
    if (s.smtp_url is None) != (s.mail_from is None):
        fautes.append(f"{_nom('smtp_url')} and {_nom('mail_from')} go together")
    if len({v is None for v in (s.twilio_account_sid, s.twilio_auth_token, s.twilio_from)}) > 1:
        fautes.append("COMPTOIR_TWILIO_ACCOUNT_SID, _AUTH_TOKEN and _FROM go together")
    return fautes


def _fautes_de_fournisseur(s: Settings, nom: str) -> list[str]:
    """An issuer, a client id, and one way to prove who we are: all or none."""
    emetteur, client, secret, cle = (
        getattr(s, f"{nom}_{champ}") for champ in ("issuer", "client_id", "client_secret", "private_key")
    )
    if not any((emetteur, client, secret, cle)):
        return []
    fautes = []
    if not (emetteur and client and (secret or cle)):
        fautes.append(f"{_nom(nom)}_ISSUER, _CLIENT_ID, and _CLIENT_SECRET or _PRIVATE_KEY go together")
    if emetteur and not emetteur.startswith("https://" if s.production else ("https://", "http://")):
        fautes.append(f"{_nom(nom)}_ISSUER: https://… is expected")
    return fautes


def _absolue(adresse: str) -> bool:
    """A web address or an application's link; nothing after a `#`, where a code would be lost."""
    try:
        lue = urlsplit(adresse)
    except ValueError:
        return False
    return (
        bool(lue.scheme and (lue.netloc or lue.path)) and not lue.fragment and lue.scheme not in ("javascript", "data", "file")
    )


def _attendu(type_: object) -> str | None:
    return f"one of {', '.join(get_args(type_))} is expected" if get_origin(type_) is Literal else None


def _fautes_de_production(s: Settings, besoins: tuple[str, ...] | None) -> list[str]:
    """Production starts on no development default. `besoins`: all when None."""
    return [
        f"{_nom(nom)}: {pourquoi}"
        for nom, faute, pourquoi in (
            ("database_url", s.database_url is None, "required in production (the embedded database is for development)"),
            # Of the one command that is the owner: the others are better without.
            ("database_owner_url", besoins is not None and s.database_owner_url is None, "required in production"),
            ("secret_keys", s.secret_keys is None, "required in production"),
            ("smtp_url", s.smtp_url is None, "required in production (no mailbox there)"),
            ("twilio_account_sid", not s.twilio, "required in production (no mailbox there)"),
            ("limits", s.limits == "off", "cannot be off in production"),
            ("public_url", not s.origine.startswith("https://"), "required in production, in https"),
            ("return_urls", any(r.startswith("http://") for r in _liste(s.return_urls)), "must be https in production"),
        )
        if faute and (besoins is None or nom in besoins)
    ]


def _nom(champ: str) -> str:
    return PREFIXE + champ.upper()


def _liste(texte: str) -> list[str]:
    return [morceau.strip() for morceau in texte.split(",") if morceau.strip()]


def _origine(url: str, *schemes: str) -> bool:
    """`schemes`: any when none is given."""
    lue = _ORIGINE.fullmatch(url)
    return lue is not None and (not schemes or lue[1].lower() in schemes) and 0 < int(lue[2] or 1) <= 65535
