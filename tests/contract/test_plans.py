"""What runs again and again, or while others wait, reads by an index, however large its table: told by the plans themselves."""

from __future__ import annotations

import asyncpg


async def test_what_an_account_takes_along_is_found_by_index(proprietaire: asyncpg.Connection) -> None:
    # A text is never deleted; an index that leaves out the rows without account misses none.
    ordre = """
        select conrelid::regclass || '.' || conname from pg_constraint c
         where contype = 'f' and confrelid <> 'documents_juridiques'::regclass and not exists (
           select from pg_index where indrelid = conrelid and (indkey::int2[])[0] = conkey[1]
              and (indpred is null or pg_get_expr(indpred, indrelid) = '(compte_id IS NOT NULL)'))
    """
    assert await proprietaire.fetch(ordre) == []
