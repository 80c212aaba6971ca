"""The live checks of the form: is it free, what is the next one; the limits before them ride along in the same statement."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.postgres.lectures import Lectures
from adapters.postgres.limites import colonnes, exiger
from domain.limites import Limite
from domain.ports import Disponibilites

_EST_LIBRE = """not exists (select from comptes where identifiant = $1)
       and not exists (select from identifiants_retires where empreinte = empreinte_identifiant($1))"""
_LIBRE = f"select {_EST_LIBRE}"
# The limit is spent in the statement that answers; what it forbids is not looked at.
_LIBRE_COMPTEE = f"""
    select l.attendre, l.attendre is null and {_EST_LIBRE} as libre
      from (select depenser_sans_attendre($2, $3, $4) as attendre offset 0) l
"""  # noqa: S608  (constants)
_PREMIERS = "select premier_libre(b) from unnest($1::text[]) with ordinality u (b, rang) order by rang"
_DEPENSER = "select depenser_sans_attendre($1, $2, $3)"


class PgDisponibilites(Disponibilites):
    def __init__(self, lectures: Lectures) -> None:
        self._lectures = lectures

    async def compter(self, limites: Sequence[Limite]) -> None:
        if limites:
            exiger(await self._lectures.valeur(_DEPENSER, *colonnes(limites)))

    async def libre(self, identifiant: str, limites: Sequence[Limite]) -> bool:
        if not limites:
            return bool(await self._lectures.valeur(_LIBRE, identifiant))
        [(attendre, libre)] = await self._lectures.lignes(_LIBRE_COMPTEE, identifiant, *colonnes(limites))
        exiger(attendre)
        return bool(libre)

    async def premiers_libres(self, bases: Sequence[str], limites: Sequence[Limite]) -> list[str]:
        await self.compter(limites)
        return [ligne[0] for ligne in await self._lectures.lignes(_PREMIERS, list(bases))]
