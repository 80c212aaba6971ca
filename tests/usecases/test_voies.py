"""A delivery lane outlives whatever happens to it."""

from __future__ import annotations

import asyncio

from tests.builders import une_demande
from tests.service import Service


async def test_a_lane_that_meets_a_fault_goes_on_with_the_messages_that_come_after(service: Service) -> None:
    await service.sql.execute("alter table outbox rename to ailleurs")
    travail = asyncio.ensure_future(service.distribution.servir())
    try:
        # Time for both lanes to have met the missing table.
        await asyncio.sleep(0.2)
        assert not travail.done()
        await service.sql.execute("alter table ailleurs rename to outbox")
        await service.inscrit(une_demande(activer_par="email"))
        async with asyncio.timeout(10):
            while await service.sql.fetchval("select livraison from outbox") != "envoye":  # noqa: ASYNC110  (a row is polled)
                await asyncio.sleep(0.05)
    finally:
        travail.cancel()
        await asyncio.gather(travail, return_exceptions=True)
