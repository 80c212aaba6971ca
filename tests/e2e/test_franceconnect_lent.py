"""FranceConnect not there yet, or silent for a minute: who needs it knows within 6 s, nobody else notices, no task stays."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.settings import Settings
from tests.builders import MOT_DE_PASSE, un_citoyen, une_demande
from tests.e2e.portail import Portail
from tests.e2e.processus import Comptoir, port_libre
from tests.e2e.test_franceconnect import Simulateur
from tests.service import RETOUR, Service

SILENCE, DELAI = 60, 6.0
# A machine that does something else for a moment is not our matter; it does not each time.
ESSAIS = 3
# More than the connections to the database, fewer than the calls that a provider is asked at once.
ENSEMBLE = 24
Appels = dict[str, Callable[[], Coroutine[Any, Any, httpx.Response]]]
DEFI = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.fixture
def lent(dossier: Path, acces: dict[str, str]) -> Iterator[Comptoir]:
    with Comptoir("serve", dossier, simulator="on", simulator_port=port_libre(), limits="off", **acces) as serve:
        yield serve


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=30) as client:
        yield client


async def test_the_providers_to_try_it_on_answer_as_soon_as_the_service_does(lent: Comptoir, http: httpx.AsyncClient) -> None:
    assert await Portail(lent.url, Simulateur(), http).partir("v" * 43)


async def test_local_sign_ins_and_availability_do_not_notice(lent: Comptoir, http: httpx.AsyncClient) -> None:
    portail = Portail(lent.url, Simulateur(), http)
    inscrite = await portail.inscrire(une_demande(un_citoyen(), email="ines@exemple.fr"))
    acces = {"identifiant": inscrite["identifiant"], "mot_de_passe": MOT_DE_PASSE}
    locaux = {"sign-in": lambda: http.post(f"{lent.url}/v1/sessions", json=acces)}
    locaux["availability"] = lambda: http.get(f"{lent.url}/v1/identifiants/libre.service")
    for _ in range(ESSAIS):
        if not (trop_longs := await eprouver(portail, http, locaux)):
            break
    assert not trop_longs
    assert lent.fautes() == []


async def eprouver(portail: Portail, http: httpx.AsyncClient, locaux: Appels) -> list[str]:
    """What took too long while the provider was silent."""
    rappels = [(await Simulateur().traverser(http, await portail.partir("v" * 43), "test"))[0] for _ in range(ENSEMBLE)]
    pannes = httpx.URL(rappels[0]).params["iss"].removesuffix("/api/v2") + "/simulateur/pannes"

    avant = await mesurer(locaux, fini=lambda serie: len(serie) == 15)
    (await http.post(pannes, json={"lenteur": SILENCE})).raise_for_status()
    attentes = asyncio.create_task(solliciter(http, portail.url, rappels, portail.retour))
    pendant = await mesurer(locaux, fini=lambda serie: attentes.done())
    attente = await attentes
    (await http.post(pannes, json={})).raise_for_status()
    apres = await mesurer(locaux, fini=lambda serie: len(serie) == 15)

    trop_longs = [] if attente < DELAI else [f"told after {attente:.1f} s"]
    for nom in locaux:
        calme = max(statistics.median(avant[nom]), statistics.median(apres[nom]))
        # Behind a call that hangs, both would be four seconds.
        if statistics.median(pendant[nom]) > 4 * calme + 0.05 or max(pendant[nom]) > 2:
            trop_longs.append(f"{nom}: {sorted(pendant[nom])}, {calme:.3f} s where nothing hangs")
    return trop_longs


async def test_no_task_outlives_its_caller(settings: Settings) -> None:
    async with Service(settings, simulateur=True, delai=None) as federe:
        rappels = [await federe.chez_le_fournisseur() for _ in range(ENSEMBLE)]
        await federe.reseau.casser(lenteur=SILENCE)
        avant = asyncio.all_tasks()
        assert await solliciter(federe.http, federe.settings.origine, rappels, RETOUR) < SILENCE / 2
        if nouvelles := asyncio.all_tasks() - avant:
            _, restees = await asyncio.wait(nouvelles, timeout=SILENCE / 4)
            assert not restees


async def solliciter(http: httpx.AsyncClient, url: str, rappels: list[str], retour: str) -> float:
    """All callbacks of FranceConnect at once, and as many who leave for ProConnect, of which nothing is known yet; after how
    many seconds the last of them knew.
    """
    depart = {"intention": "connexion", "fournisseur": "proconnect", "retour": retour, "code_challenge": DEFI}
    revenus, partis = await asyncio.gather(
        asyncio.gather(*(chronometrer(http.get(rappel)) for rappel in rappels)),
        asyncio.gather(*(chronometrer(http.post(f"{url}/v1/franceconnect/autorisations", json=depart)) for _ in rappels)),
    )
    assert {(r.status_code, r.headers.get("location")) for _, r in revenus} == {(303, f"{retour}?erreur=indisponible")}
    assert {(r.status_code, r.json()["code"]) for _, r in partis} == {(503, "fournisseur_indisponible")}
    assert all("retry-after" in r.headers for _, r in partis)
    # They did wait: it is silence that is tried here, not a refusal.
    assert min(duree for duree, _ in revenus) > 1
    return max(duree for duree, _ in (*revenus, *partis))


async def mesurer(appels: Appels, fini: Callable[[list[float]], bool]) -> dict[str, list[float]]:
    """Seconds of each call, in turn."""
    durees: dict[str, list[float]] = {nom: [] for nom in appels}
    while not all(fini(serie) for serie in durees.values()):
        for nom, appeler in appels.items():
            duree, reponse = await chronometrer(appeler())
            assert reponse.is_success, reponse.text
            durees[nom].append(duree)
    return durees


async def chronometrer(appel: Coroutine[Any, Any, httpx.Response]) -> tuple[float, httpx.Response]:
    debut = time.monotonic()
    reponse = await appel
    return time.monotonic() - debut, reponse
