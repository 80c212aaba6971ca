"""FranceConnect with `comptoir serve` alone, as a newcomer runs it: sign up, out of everywhere, in again, attach, detach.

By plain HTTP always; and in a real browser on the machines that have Chromium, where the second test then exists.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.navigateur.chromium import CHROMIUM, Chromium
from tests.e2e.navigateur.parcours import jouer
from tests.e2e.portail import Portail, parcours
from tests.e2e.processus import Comptoir, port_libre
from tests.simulation import Page, ouvrir, parcourir


class Simulateur:
    """The simulator's pages, by plain HTTP."""

    async def traverser(self, navigateur: httpx.AsyncClient, url: str, login: str) -> tuple[str, bool]:
        premiere = await ouvrir(navigateur, url)
        assert isinstance(premiere, Page)
        return await parcourir(navigateur, url, login), "choix" in premiere.formulaires

    async def fermer(self, navigateur: httpx.AsyncClient, url: str) -> str:
        adresse = await ouvrir(navigateur, url)
        assert isinstance(adresse, str)
        return adresse


@pytest.fixture(scope="module")
def service(dossier: Path) -> Iterator[Comptoir]:
    with Comptoir("serve", dossier, simulator="on", simulator_port=port_libre()) as serve:
        yield serve


async def test_a_person_signs_up_out_and_in_and_a_local_account_attaches_and_detaches(service: Comptoir) -> None:
    async with httpx.AsyncClient(timeout=30) as navigateur:
        await parcours(Portail(service.url, Simulateur(), navigateur), "test", "avec_nom_dusage")
    assert service.fautes() == []


if CHROMIUM:

    async def test_chromium_follows_the_same_path_by_clicks_and_forms_and_its_console_stays_empty(service: Comptoir) -> None:
        with Chromium(CHROMIUM) as navigateur:
            jouer(navigateur, service.url)
            assert navigateur.console == []
        assert service.fautes() == []
