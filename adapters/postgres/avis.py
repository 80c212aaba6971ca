"""Notices: a row of the outbox for each proven destination that is to be told, in the transaction of what they tell."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.activation import Canal
from domain.message import Modele
from domain.transaction import Avis

# Of a row of `contacts`: whether it can be told, and by which channel.
JOIGNABLE = "verifie_le is not null and (nature = 'email' or recoit_sms)"
CANAL = "case nature when 'email' then 'email' else 'sms' end"
_AVERTIR = text(
    f"""
    with prouves as (
      select {CANAL} as canal, valeur from contacts where compte_id = :compte and {JOIGNABLE} and valeur <> :sauf
    )
    insert into outbox (compte_id, canal, modele, destination, donnees)
    select :compte, canal, :modele, valeur, cast(:faits as jsonb) from prouves
     where case when cast(:par as text) is not null then canal = :par
                else :partout or canal = 'email' or not exists (select from prouves where canal = 'email') end
    """  # noqa: S608  (constants)
)


class PgAvis(Avis):
    def __init__(self, connexion: AsyncConnection) -> None:
        self._connexion = connexion

    async def avertir(
        self,
        compte_id: UUID,
        modele: Modele,
        faits: Mapping[str, str] = {},
        *,
        partout: bool = False,
        par: Canal | None = None,
        sauf: str = "",
    ) -> None:
        ordre = {
            "compte": compte_id,
            "modele": modele,
            "faits": msgspec.json.encode(faits).decode(),
            "partout": partout,
            "par": par,
            "sauf": sauf,
        }
        await self._connexion.execute(_AVERTIR, ordre)
