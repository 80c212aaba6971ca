"""Migrations on the application's own driver, under an advisory lock: of several processes that start, one migrates."""

from __future__ import annotations

import asyncio
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.postgres.pannes import DROITS, ETAT, traduire_pannes
from domain.erreurs import Indisponible
from domain.ports import Sante

_DOSSIER = Path(__file__).parents[2] / "alembic"
# Seconds a probe waits: a load balancer's own patience is short; and a process that starts while another migrates.
_SONDE, _MIGRATION = 2.0, 600.0
_VERROU = 0x636F6D70746F6972  # "comptoir"

ROLE_PROPRIETAIRE = (
    "COMPTOIR_DATABASE_URL: the role of a superuser or of the schema's owner, whom nothing keeps from rewriting the legal"
    " ledger; give the application a role of its own, and the owner's to `comptoir migrate` in COMPTOIR_DATABASE_OWNER_URL"
)
_PROPRIETAIRE = text(
    "select pg_has_role(current_user, relowner, 'member') from pg_class where oid = to_regclass('actes_juridiques')"
)

# The application's role reads and writes rows; it neither alters the schema, nor rewrites the legal ledger or dates its lines,
# nor publishes texts.
_DROITS = """
    grant usage on schema public to "{role}";
    grant select, insert, update, delete on all tables in schema public to "{role}";
    grant execute on all functions in schema public to "{role}";
    revoke insert, update, delete on actes_juridiques from "{role}";
    grant insert (compte_id, nature, objet, valeur, document_code, document_version, document_sha256, par, langue, requete_id)
      on actes_juridiques to "{role}";
    revoke insert, update, delete on documents_juridiques from "{role}";
    revoke insert, update, delete on alembic_version from "{role}";
"""


async def migrer(proprietaire: AsyncEngine, role: str | None, version: str = "head") -> None:
    """Brings the schema to `version` as its owner, then grants `role` (the application's, when it is another) what it needs."""
    async with traduire_pannes(DROITS), proprietaire.begin() as connexion:
        await _attendre_son_tour(connexion)
        if version == "head" and await connexion.run_sync(_a_jour, role):
            return
        await connexion.run_sync(_alembic, version)
        if role:
            for ordre in _DROITS.format(role=role.replace('"', '""')).split(";\n"):
                if ordre.strip():
                    await connexion.execute(text(ordre))


async def _attendre_son_tour(connexion: AsyncConnection) -> None:
    """Asks again and again: a migration may last longer than any one statement may wait."""
    prendre = text(f"select pg_try_advisory_xact_lock({_VERROU})")
    async with asyncio.timeout(_MIGRATION):
        while not (await connexion.execute(prendre)).scalar():  # noqa: ASYNC110  (another process has it)
            await asyncio.sleep(0.05)


def _a_jour(connexion: Connection, role: str | None) -> bool:
    """Nothing to do: alembic, a quarter of a second of imports, is not even loaded."""
    if not connexion.execute(text("select to_regclass('alembic_version') is not null")).scalar():
        return False
    # Newer: of the version that runs beside this one, or that this one replaces for a while.
    if _revision(connexion) < derniere_version():
        return False
    droits = text("select has_table_privilege(:role, 'outbox', 'insert')")
    return role is None or bool(connexion.execute(droits, {"role": role}).scalar())


def _alembic(connexion: Connection, version: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_DOSSIER))
    config.attributes["connection"] = connexion
    courante = connexion.execute(text("select to_regclass('alembic_version') is not null")).scalar()
    descend = courante and version != "head" and _revision(connexion) > version
    (command.downgrade if descend else command.upgrade)(config, version)


def _revision(connexion: Connection) -> str:
    return str(connexion.execute(text("select version_num from alembic_version")).scalar() or "")


@cache
def derniere_version() -> str:
    """The newest migration of this code, read from the file names: alembic itself is not loaded where nothing migrates."""
    return max(f.name.split("_")[0] for f in (_DOSSIER / "versions").glob("[0-9]*.py"))


class PgSante(Sante):
    """Why the service is not ready is in the log, at each change (`pannes`).

    `separee`: a role that could rewrite the ledger is not ready to serve either; `proprietaire` tells, after a look, that this
    is one.
    """

    def __init__(self, engine: AsyncEngine, *, separee: bool) -> None:
        self._separee, self.proprietaire = separee, False
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._sonde: asyncio.Task[bool] | None = None

    async def prete(self) -> bool:
        """Within a probe's time. A look that the database keeps waiting goes on by itself, and the next probes wait for it."""
        if self._sonde is None or self._sonde.done():
            self._sonde = asyncio.create_task(self.regarder(), name="sonde")
        sonde = self._sonde
        await asyncio.wait({sonde}, timeout=_SONDE)
        return sonde.done() and sonde.result()

    async def regarder(self) -> bool:
        """Looks, in the time that it takes."""
        try:
            async with traduire_pannes(), self._engine.connect() as connexion:
                if self._separee:
                    self.proprietaire = bool((await connexion.execute(_PROPRIETAIRE)).scalar())
                try:
                    version = await connexion.run_sync(_revision)
                # No schema yet, or no right to it.
                except ProgrammingError:
                    version = ""
        except Indisponible:
            return False
        a_jour = version >= derniere_version()
        ETAT.schema(a_jour, version=version, attendue=derniere_version())
        return a_jour and not self.proprietaire
