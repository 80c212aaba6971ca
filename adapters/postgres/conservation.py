"""Retention (R34): what has had its time goes, a bounded batch at a time, each by itself: nothing grows, no lock is held
long, and a job that was killed is gone on with by the next."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.postgres.avis import CANAL, JOIGNABLE
from adapters.postgres.pannes import traduire_pannes
from domain.export import QUARANTAINE
from domain.passage import DUREE_TARDIF
from domain.ports import Conservation

_LOT = 500
_HORLOGE = text("select horloge()")
# Told to the planner: of a clock that it cannot read it knows neither that an index answers, nor how few rows are concerned.
_MAINTENANT = "cast(:maintenant as timestamptz)"


class _Regle(Struct, frozen=True):
    """Rows of `table` that `perimees` tells; `action` on the batch of their keys, deletion unless told otherwise."""

    nom: str
    table: str
    perimees: str
    action: str = "delete from {table} where ctid = any (array(select ctid from lot))"

    @property
    def lot(self) -> TextClause:
        choix = f"select ctid, * from {self.table} where {self.perimees} limit {_LOT} for update skip locked"  # noqa: S608
        return text(f"with lot as materialized ({choix}) " + self.action.format(table=self.table))

    @property
    def compte(self) -> TextClause:
        return text(f"select count(*) from {self.table} where {self.perimees}")  # noqa: S608  (constants)


_INACTIF = (
    f"etat in ('actif', 'suspendu') and effacement_le is null and vu_le < ({_MAINTENANT} - interval '{{mois}} months')::date"
)
_EFFACER = f"select count(effacer_compte(id, interval '{QUARANTAINE // timedelta(days=1)} days')) from lot"  # noqa: S608
_REGLES = (
    _Regle("inscriptions_abandonnees", "comptes", f"etat = 'en_attente' and expire_le <= {_MAINTENANT}"),
    _Regle("effacements_echus", "comptes", f"effacement_le <= {_MAINTENANT} and etat in ('actif', 'suspendu')", _EFFACER),
    # Told a month before, by a proven channel where there is one (G-17).
    _Regle(
        "comptes_inactifs_avertis",
        "comptes",
        _INACTIF.format(mois=23) + " and averti_le is null",
        f""", avis as (
             insert into outbox (compte_id, canal, modele, destination, donnees)
             select lot.id, {CANAL}, 'inactivite', valeur,
                    jsonb_build_object('date',
                      greatest(vu_le + interval '24 months', horloge() + interval '30 days')::date::text)
               from lot join contacts c on c.compte_id = lot.id and {JOIGNABLE}
              where etat = 'actif')
           update comptes set averti_le = horloge() where ctid = any (array(select ctid from lot))""",  # noqa: S608  (constants)
    ),
    _Regle(
        "comptes_inactifs_effaces",
        "comptes",
        _INACTIF.format(mois=24) + f" and averti_le <= {_MAINTENANT} - interval '30 days'",
        _EFFACER,
    ),
    _Regle("preuves_perimees", "jetons", f"expire_le <= {_MAINTENANT} - interval '24 hours'"),
    _Regle(
        "messages_partis",
        "outbox",
        f"livraison not in ('en_file', 'nouvel_essai') and cree_le <= {_MAINTENANT} - interval '30 days'",
    ),
    _Regle("sessions_finies", "sessions", f"least(terminee_le, expire_le) <= {_MAINTENANT} - interval '24 hours'"),
    _Regle("activites_anciennes", "activites", f"fait_le <= {_MAINTENANT} - interval '12 months'"),
    _Regle("demandes_oubliees", "recuperations", f"cree_le <= {_MAINTENANT} - interval '24 hours'"),
    _Regle(
        "identites_oubliees",
        "passages",
        f"identite is not null and expire_le <= {_MAINTENANT}",
        "update {table} set identite = null where ctid = any (array(select ctid from lot))",
    ),
    # Whoever comes back too late is still sent to where they left from.
    _Regle("passages_perimes", "passages", f"expire_le <= {_MAINTENANT} - interval '{DUREE_TARDIF.total_seconds()} seconds'"),
    _Regle("identifiants_liberes", "identifiants_retires", f"libere_le <= {_MAINTENANT}"),
    _Regle("reponses_gardees", "idempotence", f"expire_le <= {_MAINTENANT}"),
    _Regle("limites_perimees", "limites", f"expire_le <= {_MAINTENANT}"),
)


class PgConservation(Conservation):
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")

    async def appliquer(self, *, simuler: bool = False) -> Mapping[str, int | Exception]:
        return {regle.nom: await self._par_elle_meme(regle, simuler) for regle in _REGLES}

    async def _par_elle_meme(self, regle: _Regle, simuler: bool) -> int | Exception:
        """Refuses with `Indisponible` when there is no database; one that cannot do this is not away."""
        async with traduire_pannes(), self._engine.connect() as connexion:
            maintenant = (await connexion.execute(_HORLOGE)).scalar_one()
            try:
                return await (_compter if simuler else _appliquer)(connexion, regle, maintenant)
            except Exception as faute:
                return faute


async def _compter(connexion: AsyncConnection, regle: _Regle, maintenant: datetime) -> int:
    return int((await connexion.execute(regle.compte, {"maintenant": maintenant})).scalar_one())


async def _appliquer(connexion: AsyncConnection, regle: _Regle, maintenant: datetime) -> int:
    total = 0
    while True:
        fait = await connexion.execute(regle.lot, {"maintenant": maintenant})
        nombre = int(fait.scalar_one()) if fait.returns_rows else fait.rowcount
        total += nombre
        if nombre < _LOT:
            return total
