"""A delivery lane outlives whatever happens to it."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.builders import une_demande
from tests.recueil import Recueil
from tests.service import Service


async def test_a_lane_that_goes_on_meeting_a_fault_writes_one_trace(
    service: Service, recueil: Recueil, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: dict[str, list[float]] = {"voie.email": [], "voie.sms": []}
    monkeypatch.setattr("app.usecases.distribution._REPRISE", 0.001)
    monkeypatch.setattr("app.usecases.distribution._VEILLE", 0.004)
    await service.sql.execute("create function casser() returns trigger language plpgsql as $$ begin raise 'non'; end $$")
    await service.sql.execute("create trigger casser before update on outbox for each statement execute function casser()")
    dormir = asyncio.sleep

    async def compter(duree: float) -> None:
        tache = asyncio.current_task()
        assert tache is not None
        pauses.setdefault(tache.get_name(), []).append(duree)
        await dormir(duree)

    monkeypatch.setattr(asyncio, "sleep", compter)
    travail = asyncio.ensure_future(service.distribution.servir())
    try:
        async with asyncio.timeout(60):
            # Both: one may have met the fault many times before the other has its connection.
            while min(len(pauses[voie]) for voie in ("voie.email", "voie.sms")) < 5:
                await dormir(0.01)
    finally:
        travail.cancel()
        await asyncio.gather(travail, return_exceptions=True)
    traces = [e for e in map(json.loads, recueil.lignes) if e["message"] == "voie en panne"]
    assert sorted(e["sujet"] for e in traces) == ["message.email", "message.sms"]
    assert set(pauses["voie.email"]) == set(pauses["voie.sms"]) == {0.001, 0.002, 0.004}


async def test_a_lane_that_meets_a_fault_goes_on_with_the_messages_that_come_after(service: Service) -> None:
    await service.sql.execute("create function casser() returns trigger language plpgsql as $$ begin raise 'non'; end $$")
    await service.sql.execute("create trigger casser before update on outbox for each statement execute function casser()")
    travail = asyncio.ensure_future(service.distribution.servir())
    try:
        # Time for both lanes to have met the fault.
        await asyncio.sleep(0.2)
        assert not travail.done()
        await service.sql.execute("drop trigger casser on outbox")
        await service.inscrit(une_demande(activer_par="email"))
        async with asyncio.timeout(60):
            while await service.sql.fetchval("select livraison from outbox") != "envoye":  # noqa: ASYNC110  (a row is polled)
                await asyncio.sleep(0.05)
    finally:
        travail.cancel()
        await asyncio.gather(travail, return_exceptions=True)


async def test_a_rule_of_retention_that_fails_is_named_in_the_log_and_keeps_no_other_from_its_work(
    service: Service, recueil: Recueil
) -> None:
    await service.sql.execute("create function casser() returns trigger language plpgsql as $$ begin raise 'non'; end $$")
    await service.sql.execute("create trigger casser before delete on jetons for each statement execute function casser()")
    await service.sql.execute("insert into limites (cle, expire_le) values ('', horloge())")
    travail = asyncio.ensure_future(service.distribution.servir())
    try:
        async with asyncio.timeout(10):
            while not any("conservation" in ligne for ligne in recueil.lignes):  # noqa: ASYNC110  (the log is read)
                await asyncio.sleep(0.05)
    finally:
        travail.cancel()
        await asyncio.gather(travail, return_exceptions=True)
    [dit] = [e for e in map(json.loads, recueil.lignes) if e["source"] == "comptoir.distribution"]
    assert (dit["niveau"], dit["message"], dit["regle"]) == (
        "WARNING", "règle de conservation en échec", "preuves_perimees",
    )  # fmt: skip
    assert "RaiseError" in dit["exc_info"]
    assert await service.compter("limites") == 0
