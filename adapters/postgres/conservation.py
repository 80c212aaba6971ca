"""Retention (R34): what has had its time goes, a bounded batch at a time, each by itself: nothing grows, no lock is held
long, and a job that was killed is gone on with by the next."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from msgspec import Struct
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.postgres.avis import CANAL, JOIGNABLE
from adapters.postgres.pannes import traduire_pannes
from domain.export import QUARANTAINE
from domain.passage import DUREE_TARDIF
from domain.ports import Conservation

_LOT = 500


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


_INACTIF = "etat in ('actif', 'suspendu') and effacement_le is null and vu_le < (horloge() - interval '{mois} months')::date"
_EFFACER = f"select count(effacer_compte(id, interval '{QUARANTAINE // timedelta(days=1)} days')) from lot"  # noqa: S608
_REGLES = (
    _Regle("inscriptions_abandonnees", "comptes", "etat = 'en_attente' and expire_le <= horloge()"),
    _Regle("effacements_echus", "comptes", "effacement_le <= horloge() and etat in ('actif', 'suspendu')", _EFFACER),
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
        _INACTIF.format(mois=24) + " and averti_le <= horloge() - interval '30 days'",
        _EFFACER,
    ),
    _Regle("preuves_perimees", "jetons", "expire_le <= horloge() - interval '24 hours'"),
    _Regle(
        "messages_partis",
        "outbox",
        "livraison not in ('en_file', 'nouvel_essai') and cree_le <= horloge() - interval '30 days'",
    ),
    _Regle("sessions_finies", "sessions", "fin_le <= horloge() - interval '24 hours'"),
    _Regle("activites_anciennes", "activites", "fait_le <= horloge() - interval '12 months'"),
    _Regle("demandes_oubliees", "recuperations", "cree_le <= horloge() - interval '24 hours'"),
    _Regle(
        "identites_oubliees",
        "passages",
        "identite is not null and expire_le <= horloge()",
        "update {table} set identite = null where ctid = any (array(select ctid from lot))",
    ),
    # Whoever comes back too late is still sent to where they left from.
    _Regle("passages_perimes", "passages", f"expire_le <= horloge() - interval '{DUREE_TARDIF.total_seconds()} seconds'"),
    _Regle("identifiants_liberes", "identifiants_retires", "libere_le <= horloge()"),
    _Regle("reponses_gardees", "idempotence", "expire_le <= horloge()"),
    _Regle("limites_perimees", "limites", "expire_le <= horloge()"),
)


class PgConservation(Conservation):
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")

    async def appliquer(self, *, simuler: bool = False) -> Mapping[str, int]:
        async with traduire_pannes(), self._engine.connect() as connexion:
            if simuler:
                return {r.nom: int((await connexion.execute(r.compte)).scalar_one()) for r in _REGLES}
            return {r.nom: await _appliquer(connexion, r) for r in _REGLES}


async def _appliquer(connexion: AsyncConnection, regle: _Regle) -> int:
    total = 0
    while True:
        fait = await connexion.execute(regle.lot)
        nombre = int(fait.scalar_one()) if fait.returns_rows else fait.rowcount
        total += nombre
        if nombre < _LOT:
            return total
