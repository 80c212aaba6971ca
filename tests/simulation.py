"""A person at the simulator's pages, by plain HTTP: opens them, fills their forms, follows their links."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any, Literal
from urllib.parse import urljoin, urlsplit

import httpx
from litestar import Litestar

ORIGINE = "http://localhost:8001"
Etape = Literal["choix", "connexion", "information"]


class Reseau(httpx.AsyncBaseTransport):
    """The network between the service and the simulator; without a simulator, nobody answers.

    `panne`: raised instead of each answer. `adresses`: those the service called, in order.
    """

    def __init__(self, app: Litestar | None) -> None:
        self._app = httpx.ASGITransport(app=app) if app else None  # type: ignore[arg-type]
        self.panne: httpx.TransportError | None = None
        self.adresses: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.adresses.append(str(request.url))
        if self._app is None or self.panne is not None:
            raise self.panne or httpx.ConnectError("nobody there")
        return await self._app.handle_async_request(request)

    def navigateur(self) -> httpx.AsyncClient:
        """A browser of somebody's, with its own cookies."""
        return httpx.AsyncClient(transport=self._app, base_url=ORIGINE)

    async def casser(self, **pannes: Any) -> None:
        """The faults in force from now on; none heals."""
        async with self.navigateur() as banc:
            assert (await banc.post("/simulateur/pannes", json=pannes)).status_code == 200

    async def tourner_les_cles(self) -> None:
        async with self.navigateur() as banc:
            assert (await banc.post("/simulateur/cles")).status_code == 204

    async def appels(self) -> dict[str, int]:
        """How many times the service called each door."""
        async with self.navigateur() as banc:
            appels: dict[str, int] = (await banc.get("/simulateur/")).json()["appels"]
            return appels


class Page(HTMLParser):
    """`formulaires`: by id, the action and the fields with their values, of buttons the first's. `retour`: the way back."""

    def __init__(self, reponse: httpx.Response) -> None:
        super().__init__()
        self.adresse, self.statut = str(reponse.url), reponse.status_code
        self.formulaires: dict[str, tuple[str, dict[str, str]]] = {}
        self.retour = ""
        self._champs: dict[str, str] = {}
        self.feed(reponse.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        lus = {nom: valeur or "" for nom, valeur in attrs}
        if tag == "form":
            self._champs = {}
            self.formulaires[lus["id"]] = (urljoin(self.adresse, lus["action"]), self._champs)
        if tag in ("input", "button") and "name" in lus:
            self._champs.setdefault(lus["name"], lus.get("value", ""))
        if tag == "a" and lus.get("id") == "retour":
            self.retour = urljoin(self.adresse, lus["href"])


async def parcourir(
    client: httpx.AsyncClient, url: str, login: str = "test", mot_de_passe: str = "123", idp: str | None = None
) -> str:
    """From the authorize address to the callback's, which is returned and not followed.

    `idp`: the uid of an identity provider, the first of the list unless told. Somebody whom the provider turns away takes
    the way back, hence a callback with `error`.
    """
    saisies = {"choix": {"idp": idp} if idp else {}, "connexion": {"login": login, "mot_de_passe": mot_de_passe}}
    vue = await ouvrir(client, url)
    while isinstance(vue, Page):
        vue = await _avancer(client, vue, saisies)
    return vue


async def annuler(client: httpx.AsyncClient, url: str, etape: Etape = "choix", login: str = "test") -> str:
    """Goes as far as `etape`, then takes the way back to the service; the callback's address, with its `error`."""
    vue = await ouvrir(client, url)
    while isinstance(vue, Page) and etape not in vue.formulaires:
        vue = await _avancer(client, vue, {"connexion": {"login": login}})
    assert isinstance(vue, Page), f"no page {etape}: {vue}"
    fin = await ouvrir(client, vue.retour)
    assert isinstance(fin, str)
    return fin


async def ouvrir(client: httpx.AsyncClient, url: str, **options: Any) -> Page | str:
    """The page that this address leads to; or the address, once a redirection leaves the provider."""
    reponse = await client.request(options.pop("method", "GET"), url, follow_redirects=False, **options)
    if reponse.status_code != 303:
        return Page(reponse)
    suite = urljoin(url, reponse.headers["location"])
    return await ouvrir(client, suite) if urlsplit(suite).netloc == urlsplit(url).netloc else suite


async def _avancer(client: httpx.AsyncClient, page: Page, saisies: dict[str, dict[str, str]]) -> Page | str:
    if not page.formulaires:
        assert page.retour, f"a dead end: {page.statut}"
        return await ouvrir(client, page.retour)
    nom, (action, champs) = next(iter(page.formulaires.items()))
    suite = await ouvrir(client, action, method="POST", data=champs | saisies.get(nom, {}))
    assert not isinstance(suite, Page) or suite.statut != 401, "this login and this password were refused"
    return suite
