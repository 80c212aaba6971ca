"""The queue of what people forgot. Depositing is one statement, the same whatever it designates; the rest is the worker's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.avis import JOIGNABLE
from adapters.postgres.lectures import Lectures
from adapters.postgres.limites import colonnes, exiger
from domain.limites import Limite
from domain.ports import DepotRecuperations
from domain.recuperation import Destinataire, FileRecuperations, Recuperation

_DEPOSER = """
    with client as materialized (
      select case when cardinality($6::bytea[]) > 0 then depenser($6, $7, $8) end as attendre
    ), saisie as materialized (
      select case when client.attendre is null and cardinality($9::bytea[]) > 0 then depenser($9, $10, $11) end as attendre
        from client
    ), depot as (
      insert into recuperations (id, objet, saisie, canal, client)
      select $1, $2, $3, $4, $5 from client, saisie where client.attendre is null and saisie.attendre is null
    )
    select attendre from client
"""
# Locked, so that another worker takes the next one; deleted with the transaction that answers it.
_PRENDRE = text(
    """
    delete from recuperations where id = (
      select id from recuperations where a_partir_de <= (select horloge()) order by a_partir_de limit 1 for update skip locked)
    returning id, objet, saisie, canal, client
    """
)
_ECARTER = text("delete from recuperations where id = :id")
_REPORTER = text(
    """
    insert into recuperations (id, objet, saisie, canal, client, a_partir_de)
    values (:id, :objet, :saisie, :canal, :client, horloge() + make_interval(secs => :attendre))
    """
)
_PROCHAINE = text("select extract(epoch from min(a_partir_de) - horloge())::float from recuperations")
_DESTINATAIRES = f"""
    select c.id as compte_id,
           (select valeur from contacts where compte_id = c.id and nature = 'email' and {JOIGNABLE}) as email,
           (select valeur from contacts where compte_id = c.id and nature = 'telephone_mobile' and {JOIGNABLE}) as mobile
      from comptes c where c.etat = 'actif' and c.effacement_le is null and
"""  # noqa: S608  (constants)
_PAR_IDENTIFIANT = text(f"{_DESTINATAIRES} c.identifiant = :identifiant")
_PAR_EMAIL = text(
    f"""{_DESTINATAIRES} c.id in (select compte_id from contacts where nature = 'email' and verifie_le is not null
                                   and lower(valeur collate "C") = lower(cast(:email as text) collate "C"))"""  # noqa: S608  (constants)
)
_IDENTIFIANTS = text(
    """
    insert into outbox (compte_id, canal, modele, destination) values (:compte, 'email', 'identifiants', :email)
    """
)


class PgRecuperations(DepotRecuperations):
    def __init__(self, lectures: Lectures) -> None:
        self._lectures = lectures

    async def deposer(self, demande: Recuperation, client: Sequence[Limite], saisie: Sequence[Limite]) -> None:
        attendre = await self._lectures.valeur(
            _DEPOSER,
            demande.id,
            demande.objet,
            demande.saisie,
            demande.canal,
            demande.client,
            *colonnes(client),
            *colonnes(saisie),
        )
        exiger(attendre)


class PgFileRecuperations(FileRecuperations):
    def __init__(self, connexion: AsyncConnection) -> None:
        self._connexion = connexion

    async def prendre(self) -> Recuperation | None:
        ligne = (await self._connexion.execute(_PRENDRE)).one_or_none()
        return None if ligne is None else msgspec.convert(ligne, Recuperation, from_attributes=True)

    async def reporter(self, demande: Recuperation, attendre: float) -> None:
        await self._connexion.execute(_REPORTER, msgspec.structs.asdict(demande) | {"attendre": attendre})

    async def prochaine(self) -> float | None:
        secondes: float | None = (await self._connexion.execute(_PROCHAINE)).scalar()
        return secondes

    async def ecarter(self, id: UUID) -> None:
        await self._connexion.execute(_ECARTER, {"id": id})

    async def par_identifiant(self, identifiant: str) -> list[Destinataire]:
        return await self._destinataires(_PAR_IDENTIFIANT, {"identifiant": identifiant})

    async def par_email(self, email: str) -> list[Destinataire]:
        return await self._destinataires(_PAR_EMAIL, {"email": email})

    async def envoyer_identifiants(self, destinataire: Destinataire) -> None:
        await self._connexion.execute(_IDENTIFIANTS, {"compte": destinataire.compte_id, "email": destinataire.email})

    async def _destinataires(self, ordre: Any, valeurs: dict[str, str]) -> list[Destinataire]:
        lignes = (await self._connexion.execute(ordre, valeurs)).all()
        return [msgspec.convert(ligne, Destinataire, from_attributes=True) for ligne in lignes]
