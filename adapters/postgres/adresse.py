"""The database's URL, in libpq's form, read once for all the doors: the engine, the light pool, the listener, the migrations.

The driver does the reading. What it would hand over to the server without understanding it is refused at start.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from adapters.postgres.delais import COMMANDE, CONNEXION

_SCHEMES = ("postgresql", "postgres")
_HOTE = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^\s:@\[\]]*)(?::(?P<port>[0-9]*))?")
_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_FICHIERS = ("sslcert", "sslkey", "sslrootcert", "sslcrl")
# What the driver reads by itself, and what the server does. Ours is `connect_timeout`, which the driver takes for the server's.
_DU_PILOTE = "host port dbname user password passfile service sslmode sslpassword sslnegotiation target_session_attrs".split()
_DU_PILOTE += ["ssl_min_protocol_version", "ssl_max_protocol_version", *_FICHIERS]
_CONNUES = {*_DU_PILOTE, "application_name", "options", "connect_timeout"}


def reglages(url: str) -> dict[str, Any]:
    """What `asyncpg.connect` and `asyncpg.create_pool` take; every wait has an end, whatever the URL says."""
    base, _, question = url.partition("?")
    options = [o for o in question.split("&") if o and not o.startswith("connect_timeout=")]
    delai = _options(url).get("connect_timeout")
    return {
        "dsn": "?".join([base, *(["&".join(options)] if options else [])]),
        "timeout": float(delai) if delai else CONNEXION,
        "command_timeout": COMMANDE,
    }


def role(url: str) -> str | None:
    """Who connects, where the URL tells it."""
    utilisateur = urlsplit(url).username
    return unquote(utilisateur) if utilisateur else _options(url).get("user")


def fautes(url: str) -> list[str]:
    """All that is wrong with it; no value is quoted, a password least of all."""
    try:
        parties = urlsplit(url)
        options = dict(parse_qsl(parties.query, keep_blank_values=True, strict_parsing=bool(parties.query)))
    except ValueError:
        return ["postgresql://user:password@host:port/database is expected, percent-encoded"]
    if parties.scheme not in _SCHEMES or parties.fragment or not _lisible(parties.netloc):
        return ["postgresql://user:password@host:port/database is expected, percent-encoded"]
    return list(_fautes_d_options(options))


def _lisible(netloc: str) -> bool:
    """The driver ends the credentials at the first `@`."""
    return netloc.count("@") <= 1 and _hotes_lisibles(netloc.rpartition("@")[2])


def _hotes_lisibles(hotes: str) -> bool:
    lues = [_HOTE.fullmatch(hote) for hote in hotes.split(",")]
    return all(lue and (lue["port"] is None or _est_port(lue["port"])) for lue in lues)


def _est_port(port: str) -> bool:
    return port.isdecimal() and 1 <= int(port) <= 65535


def _fautes_d_options(options: dict[str, str]) -> Iterator[str]:
    for nom, valeur in options.items():
        if nom not in _CONNUES:
            yield f"option {nom} is not supported"
        elif not valeur:
            yield f"option {nom} is empty"
        elif nom in _FICHIERS and not Path(valeur).is_file():
            yield f"option {nom}: no such file"
        elif nom == "sslmode" and valeur not in _MODES:
            yield f"option sslmode: one of {', '.join(_MODES)} is expected"
        elif nom == "host" and not _hotes_lisibles(valeur):
            yield "option host: a name, an address or a folder is expected"
        elif nom == "port" and not all(map(_est_port, valeur.split(","))):
            yield "option port: 1 to 65535 is expected"
        elif nom == "connect_timeout" and not re.fullmatch(r"[1-9][0-9]{0,2}", valeur):
            yield "option connect_timeout: whole seconds, 1 to 999, are expected"


def _options(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))
