"""One URL for every door to the database, its options honoured alike."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import asyncpg
import pytest
from msgspec import structs
from sqlalchemy import text

from adapters.postgres.adresse import fautes, reglages, role
from adapters.postgres.lectures import Lectures
from adapters.postgres.signaux import PgSignaux
from adapters.postgres.store import moteur
from app.composition import migrer_base
from app.settings import Settings
from domain.erreurs import Indisponible
from tests.certificat import certificat

_DEMANDE_TLS = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"


class Relais:
    """A TCP port before the tests' server, with TLS (`contexte`) or without; it notes what its clients began with."""

    def __init__(self, settings: Settings, contexte: ssl.SSLContext | None) -> None:
        assert settings.database_url
        url = urlsplit(settings.database_url)
        self._prise = f"{parse_qs(url.query)['host'][0]}/.s.PGSQL.5432"
        self._base, self._contexte = url.path, contexte
        self.debuts: list[bytes] = []
        self.port = 0

    def url(self, options: str, qui: str = "comptoir") -> str:
        return f"postgresql://{qui}@127.0.0.1:{self.port}{self._base}?{options}"

    @asynccontextmanager
    async def ouvert(self) -> AsyncIterator[None]:
        async with await asyncio.start_server(self._servir, "127.0.0.1", 0) as serveur:
            self.port = serveur.sockets[0].getsockname()[1]
            yield

    async def _servir(self, lecteur: asyncio.StreamReader, auteur: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            self.debuts.append(await lecteur.readexactly(8))
            if self._contexte is None:
                auteur.write(b"N")
                # Whoever demands TLS says no more.
                self.debuts.append(await lecteur.read(1))
            else:
                auteur.write(b"S")
                await auteur.start_tls(self._contexte)
                chez_pg, vers_pg = await asyncio.open_unix_connection(self._prise)
                await asyncio.gather(_verser(lecteur, vers_pg), _verser(chez_pg, auteur))
        auteur.close()


async def _verser(de: asyncio.StreamReader, vers: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while lus := await de.read(65536):
            vers.write(lus)
            await vers.drain()
    vers.close()


@pytest.fixture(scope="module")
def confiance(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    """A server's context, and the file that makes a client trust it."""
    public, cle = certificat()
    dossier = tmp_path_factory.mktemp("tls")
    (dossier / "serveur.pem").write_text(public + cle)
    (dossier / "autorite.pem").write_text(public)
    contexte = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    contexte.load_cert_chain(dossier / "serveur.pem")
    return contexte, dossier / "autorite.pem"


async def test_every_door_takes_the_options_of_the_url_tls_among_them(
    settings: Settings, confiance: tuple[ssl.SSLContext, Path], proprietaire: asyncpg.Connection
) -> None:
    relais = Relais(settings, confiance[0])
    options = f"sslmode=verify-full&sslrootcert={quote(str(confiance[1]))}&application_name=porte&connect_timeout=60"
    options += f"&options={quote('-c statement_timeout=4321')}"
    async with AsyncExitStack() as pile:
        await pile.enter_async_context(relais.ouvert())
        url = relais.url(options)
        engine = moteur(url, 1)
        pile.push_async_callback(engine.dispose)
        lectures = await pile.enter_async_context(Lectures(url, 1))
        signaux = PgSignaux(url)
        pile.push_async_callback(signaux.arreter)

        async with engine.connect() as connexion:
            assert (await connexion.execute(text("show statement_timeout"))).scalar() == "4321ms"
        assert await lectures.valeur("show statement_timeout") == "4321ms"
        with signaux.ecouter("essai") as abonnement:
            signaux.demarrer()
            # It listens.
            assert await abonnement.nouvelle(60)
            await proprietaire.execute("select pg_notify('comptoir', 'essai')")
            assert await abonnement.nouvelle(60)
        vues = await proprietaire.fetchval("select count(*) from pg_stat_activity where application_name = 'porte'")
        assert (vues, relais.debuts) == (3, [_DEMANDE_TLS] * 3)


async def test_migrations_take_them_too(settings: Settings, confiance: tuple[ssl.SSLContext, Path]) -> None:
    relais = Relais(settings, confiance[0])
    async with relais.ouvert():
        options = f"sslmode=verify-ca&sslrootcert={quote(str(confiance[1]))}&application_name=migration"
        await migrer_base(structs.replace(settings, database_owner_url=relais.url(options, "postgres")))
    assert relais.debuts == [_DEMANDE_TLS]


async def test_where_tls_is_demanded_nothing_is_said_in_clear(settings: Settings) -> None:
    relais = Relais(settings, None)
    async with relais.ouvert():
        url = relais.url("sslmode=require")
        async with Lectures(url, 1) as lectures:
            with pytest.raises(Indisponible):
                await lectures.valeur("select 1")
        with pytest.raises(Indisponible):
            await migrer_base(structs.replace(settings, database_owner_url=url))
    assert relais.debuts.count(_DEMANDE_TLS) == 2
    assert set(relais.debuts) <= {_DEMANDE_TLS, b""}


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://", "postgres://hote", "postgresql://u@/base?host=/var/run/postgresql&port=5432", "postgresql://u:p%40%23@h:5433/b",
        "postgresql://u:p@a:5432,b:5433/b?target_session_attrs=read-write", "postgresql://u:p@[2001:db8::1]:5432/b?sslmode=verify-full",
        "postgresql://h/b?sslmode=require&application_name=comptoir&options=-c%20lock_timeout%3D5s&connect_timeout=10",
    ],
)  # fmt: skip
def test_these_are_addresses_of_a_database(url: str) -> None:
    assert fautes(url) == []


@pytest.mark.parametrize(
    ("url", "faute"),
    [
        ("mysql://u:secret@h/b", "postgresql://"), ("postgresql://u:secret@h:port/b", "postgresql://"),
        ("postgresql://u:secret@h:70000/b", "postgresql://"), ("postgresql://u:se@cret@h/b", "percent-encoded"),
        ("postgresql://u:secret#@h/b", "percent-encoded"), ("postgresql://[u:secret@h/b", "postgresql://"),
        ("postgresql://h/b?sslmode", "postgresql://"), ("postgresql://h/b?sslmode=secret", "option sslmode: one of disable, "),
        ("postgresql://h/b?ssl=secret", "option ssl is not supported"), ("postgresql://h/b?sslcrl=/secret", "no such file"),
        ("postgresql://h/b?channel_binding=require", "option channel_binding is not supported"),
        ("postgresql://h/b?connect_timeout=0", "option connect_timeout"), ("postgresql://h/b?port=secret", "option port"),
        ("postgresql://h/b?host=a:secret", "option host"), ("postgresql://h/b?application_name=", "application_name is empty"),
    ],
)  # fmt: skip
def test_these_are_not_and_the_fault_quotes_no_value(url: str, faute: str) -> None:
    [dite] = fautes(url)
    assert faute in dite
    assert "secret" not in dite


def test_every_fault_of_an_address_is_told() -> None:
    assert len(fautes("postgresql://h/b?sslmode=oui&ssl=on&connect_timeout=jamais")) == 3


def test_a_wait_has_an_end_whatever_the_address_says() -> None:
    assert reglages("postgresql://h/b")["timeout"] == 5.0
    lus = reglages("postgresql://h/b?sslmode=require&connect_timeout=12")
    assert (lus["dsn"], lus["timeout"], lus["command_timeout"]) == ("postgresql://h/b?sslmode=require", 12.0, 10.0)


def test_the_role_is_told_by_the_address_however_it_is_written() -> None:
    assert [role(f"postgresql://{u}") for u in ("a%20b:c@h/b", "h/b?user=a", "h/b")] == ["a b", "a", None]
