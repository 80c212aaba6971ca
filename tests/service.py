"""The service as a client sees it: one method an endpoint, and the levers a test needs (messages, clock, rows)."""

from __future__ import annotations

import asyncio
import re
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from datetime import date, datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar, Self

import asyncpg
import httpx
from litestar import Litestar

from adapters.mailbox import FileMailbox
from adapters.passwords import PasslibHasher
from adapters.system import RealSystem
from app.composition import Socle, distribution, facade, fermer, forme
from app.composition_fournisseurs import simulateur as simuler
from app.http.app import Facade, Forme, creer
from app.http.bordure import Bordure
from app.settings import Settings
from domain.activation import CANAUX
from domain.ports import MessageRecu
from tests.builders import demande_federee
from tests.openapi import conforme
from tests.simulation import Reseau, parcourir

# Where a front end has itself sent back, and its PKCE secret.
RETOUR, VERIFIEUR = "https://compte.exemple.fr/dev/franceconnect", "verifieur-d-essai-" + "v" * 32


class SystemeDecale(RealSystem):
    """The real one, its clock ahead by as much as the database's."""

    avance = timedelta()
    arret: int | None = None

    def instant(self) -> int:
        return super().instant() + int(self.avance.total_seconds()) if self.arret is None else self.arret


class Service:
    """With `simulateur`, the simulated identity providers too, by the same clock, across a network that a test may cut.

    `delai`: seconds that a call to them may take; a machine that stops for a moment is not one of them that falls silent.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        adresse: str = "192.0.2.10",
        passes: int = 1,
        simulateur: bool = False,
        delai: float | None = 60,
    ) -> None:
        self.settings, self._adresse, self._passes = settings, adresse, passes
        self._simule, self._delai = simulateur, delai
        self._avance = timedelta()
        self._systeme = SystemeDecale()
        self._pile = AsyncExitStack()

    async def __aenter__(self) -> Self:
        # The smallest argon2 there is: what is tested here is not the hash.
        hacheur = self._hacheur = PasslibHasher(threads=2, memoire=8, passes=self._passes)
        self.reseau = Reseau(simuler(self.settings, self._systeme.instant) if self._simule else None)
        ouvrir = partial(facade, self.settings, systeme=self._systeme, hacheur=hacheur, reseau=self.reseau, delai=self._delai)
        app = await self._pile.enter_async_context(_application(forme(self.settings), ouvrir))
        transport = httpx.ASGITransport(app=Bordure(app), client=(self._adresse, 40000), raise_app_exceptions=False)  # type: ignore[arg-type]
        self.http = await self._pile.enter_async_context(
            httpx.AsyncClient(
                transport=transport, base_url=self.settings.origine, timeout=60, event_hooks={"response": [conforme]}
            )
        )
        socle = Socle.poser(self.settings)
        await self._pile.enter_async_context(socle.vie())
        self.distribution, expediteurs = distribution(socle)
        self._pile.push_async_callback(fermer, expediteurs)
        self._boite = FileMailbox(Path(self.settings.data_dir) / "messages")
        assert self.settings.database_owner_url
        self.sql = await asyncpg.connect(self.settings.database_owner_url)
        self._pile.push_async_callback(self.sql.close)
        return self

    async def __aexit__(self, *exc: Any) -> None:
        await self._pile.aclose()

    # Calls

    async def inscrire(self, demande: dict[str, Any], *, cle: str | None = None, **entetes: str) -> httpx.Response:
        if cle:
            entetes["Idempotency-Key"] = cle
        return await self.http.post("/v1/inscriptions", json=demande, headers=entetes)

    async def inscrit(self, demande: dict[str, Any]) -> dict[str, Any]:
        reponse = await self.inscrire(demande)
        assert reponse.status_code == 201, reponse.text
        corps: dict[str, Any] = reponse.json()
        return corps

    async def lire(self, inscription: dict[str, Any], attendre: int | None = None) -> httpx.Response:
        suite = "" if attendre is None else f"?attendre={attendre}"
        return await self.http.get(f"/v1/inscriptions/{inscription['id']}{suite}", headers=porteur(inscription))

    async def corriger(self, inscription: dict[str, Any], **contacts: Any) -> httpx.Response:
        return await self.http.patch(
            f"/v1/inscriptions/{inscription['id']}/contacts", json=contacts, headers=porteur(inscription)
        )

    async def annuler(self, inscription: dict[str, Any]) -> httpx.Response:
        return await self.http.delete(f"/v1/inscriptions/{inscription['id']}", headers=porteur(inscription))

    async def demander(self, inscription: dict[str, Any], canal: str, **entetes: str) -> httpx.Response:
        return await self.http.post(
            f"/v1/inscriptions/{inscription['id']}/activations",
            json={"canal": canal},
            headers=porteur(inscription) | entetes,
        )

    async def renvoyer(self, inscription: dict[str, Any], activation: dict[str, Any]) -> httpx.Response:
        chemin = f"/v1/inscriptions/{inscription['id']}/activations/{activation['id']}/renvois"
        return await self.http.post(chemin, headers=porteur(inscription))

    async def essayer(self, inscription: dict[str, Any], activation: dict[str, Any], code: str) -> httpx.Response:
        chemin = f"/v1/inscriptions/{inscription['id']}/activations/{activation['id']}/essais"
        return await self.http.post(chemin, json={"code": code}, headers=porteur(inscription))

    async def suivre(self, jeton: str) -> httpx.Response:
        return await self.http.post("/v1/liens-activation", json={"jeton": jeton})

    async def actif(self, demande: dict[str, Any], canal: str = "email") -> dict[str, Any]:
        """Signed up and activated by this channel; the sign-up, as its author holds it."""
        inscription = await self.inscrit(demande | {"activer_par": canal})
        destination = demande["email"] if canal == "email" else "+33" + demande["telephone_mobile"][1:]
        if canal == "email":
            reponse = await self.suivre(await self.lien(destination))
        else:
            reponse = await self.essayer(inscription, inscription["activation"], await self.code(destination))
        assert reponse.status_code == 200, reponse.text
        return inscription

    async def connecter(
        self, identifiant: str, mot_de_passe: str, *, entetes: dict[str, str] | None = None, **options: Any
    ) -> httpx.Response:
        corps = {"identifiant": identifiant, "mot_de_passe": mot_de_passe} | options
        return await self.http.post("/v1/sessions", json=corps, headers=entetes)

    async def connecte(self, identifiant: str, mot_de_passe: str, **options: Any) -> dict[str, Any]:
        reponse = await self.connecter(identifiant, mot_de_passe, **options)
        assert reponse.status_code == 201, reponse.text
        session: dict[str, Any] = reponse.json()
        return session

    async def entre(self, demande: dict[str, Any], canal: str = "email", **options: Any) -> dict[str, Any]:
        """Signed up, activated by this channel, signed in: the session."""
        inscription = await self.actif(demande, canal)
        return await self.connecte(inscription["identifiant"], demande["mot_de_passe"], **options)

    async def prouver(self, session: dict[str, Any], canal: str, valeur: str) -> None:
        """This address or number (E.164) becomes the account's, proven. The session is recent."""
        demande = await self.appeler(session, "POST", "/v1/moi/contacts", {"canal": canal, "valeur": valeur})
        assert demande.status_code == 202, demande.text
        essai = {"code": await self.code(valeur)}
        reponse = await self.appeler(session, "POST", f"/v1/moi/contacts/{demande.json()['id']}/essais", essai)
        assert reponse.status_code == 200, reponse.text

    async def rafraichir(self, jeton: str | None, **entetes: str) -> httpx.Response:
        return await self.http.post("/v1/sessions/rafraichissements", json={"jeton_rafraichissement": jeton}, headers=entetes)

    async def appeler(
        self, session: dict[str, Any], methode: str, chemin: str, corps: Any = None, **entetes: str
    ) -> httpx.Response:
        """Any call, with the session's access token."""
        return await self.http.request(methode, chemin, json=corps, headers=bearer(session) | entetes)

    async def moi(self, session: dict[str, Any]) -> dict[str, Any]:
        reponse = await self.appeler(session, "GET", "/v1/moi")
        assert reponse.status_code == 200, reponse.text
        corps: dict[str, Any] = reponse.json()
        return corps

    async def recuperer(self, identifiant: str, canal: str | None = None) -> str:
        """The id of a forgotten password's request, once the worker has looked at it."""
        reponse = await self.http.post("/v1/recuperations/mot-de-passe", json={"identifiant": identifiant, "canal": canal})
        assert reponse.status_code == 202, reponse.text
        await self.livrer()
        return str(reponse.json()["id"])

    async def reinitialiser(self, mot_de_passe: str, **preuve: Any) -> httpx.Response:
        """`preuve`: `jeton`, or `id` and `code`."""
        corps = preuve | {"mot_de_passe": mot_de_passe}
        return await self.http.post("/v1/recuperations/mot-de-passe/confirmations", json=corps)

    # By FranceConnect or ProConnect

    async def autoriser(
        self,
        intention: str = "connexion",
        fournisseur: str = "franceconnect",
        session: dict[str, Any] | None = None,
        **changes: Any,
    ) -> httpx.Response:
        """`changes`: of the body; `verifieur` stands for the challenge it gives."""
        defi = changes.pop("code_challenge", None) or _defi(changes.pop("verifieur", VERIFIEUR))
        corps = {"intention": intention, "fournisseur": fournisseur, "retour": RETOUR, "code_challenge": defi} | changes
        entetes = bearer(session) if session else {}
        return await self.http.post("/v1/franceconnect/autorisations", json=corps, headers=entetes)

    async def chez_le_fournisseur(
        self, intention: str = "connexion", login: str = "test", fournisseur: str = "franceconnect", **autres: Any
    ) -> str:
        """Leaves, and goes through the provider's pages in a browser of its own: the callback's address, not opened yet."""
        idp = autres.pop("idp", None)
        depart = await self.autoriser(intention, fournisseur, **autres)
        assert depart.status_code == 201, depart.text
        async with self.reseau.navigateur() as navigateur:
            return await parcourir(navigateur, depart.json()["url"], login, idp=idp)

    async def revenir(self, rappel: str) -> dict[str, str]:
        """Opens the callback: what the front end reads in the address it is given back."""
        reponse = await self.http.get(rappel)
        assert reponse.status_code == 303, reponse.text
        recue = httpx.URL(reponse.headers["location"])
        assert str(recue.copy_with(query=None)) == RETOUR
        return dict(recue.params)

    async def echanger(
        self, code: str, verifieur: str = VERIFIEUR, *, origine: str | None = None, **options: Any
    ) -> httpx.Response:
        corps = {"code": code, "code_verifier": verifieur} | options
        entetes = {"Origin": origine} if origine else {}
        return await self.http.post("/v1/franceconnect/echanges", json=corps, headers=entetes)

    async def tenter(self, *aller: Any, **autres: Any) -> httpx.Response:
        """The whole passage, `chez_le_fournisseur`'s arguments; the answer of the exchange."""
        recus = await self.revenir(await self.chez_le_fournisseur(*aller, **autres))
        return await self.echanger(recus["code"])

    async def passer(self, *aller: Any, **autres: Any) -> dict[str, Any]:
        reponse = await self.tenter(*aller, **autres)
        assert reponse.status_code == 200, reponse.text
        resultat: dict[str, Any] = reponse.json()
        return resultat

    async def prerempli(self, login: str = "test", fournisseur: str = "franceconnect", **autres: Any) -> dict[str, Any]:
        """Of somebody unknown: what pre-fills their sign-up."""
        inscription: dict[str, Any] = (await self.passer("inscription", login, fournisseur, **autres))["inscription"]
        return inscription

    async def adherer(self, login: str = "test", **changes: Any) -> dict[str, Any]:
        """Signed up by FranceConnect and activated, without a password; the session that FranceConnect opens."""
        await self.actif(demande_federee(await self.prerempli(login), **changes))
        session: dict[str, Any] = (await self.passer("connexion", login))["session"]
        return session

    # Levers

    async def livrer(self) -> None:
        """Everything due leaves, what people forgot included."""
        while await self.distribution.recuperateur.tour():
            pass
        for canal in CANAUX:
            while await self.distribution.tour(canal):
                pass

    async def messages(self, destination: str | None = None) -> list[MessageRecu]:
        """Newest first, after everything due has left."""
        await self.livrer()
        return self._boite.messages(destination)

    async def code(self, destination: str) -> str:
        """The code of the newest message to this destination."""
        return str(re.findall(r"(?<!\d)(\d{6})(?!\d)", (await self.messages(destination))[0].texte)[-1])

    async def lien(self, destination: str, page: str = "activation") -> str:
        """The token of the newest link of this page to this destination."""
        textes = [m.texte for m in await self.messages(destination) if f"/{page}#" in m.texte]
        return str(re.findall(rf"/{page}#([\w-]+)", textes[0])[0])

    async def avancer(self, duree: timedelta) -> None:
        """Moves the database's clock, for every process at once."""
        self._avance += duree
        self._systeme.avance = self._avance
        await self._regler(f"clock_timestamp() + make_interval(secs => {self._avance.total_seconds()})")

    async def arreter_horloge(self, instant: datetime) -> None:
        """Stops the database's clock: an edge is exact, however slow the machine."""
        await self._regler(f"timestamptz ''{instant.isoformat()}''")

    async def figer(self, instant: datetime) -> None:
        """Stops both clocks there, the database's and the access tokens'."""
        self._systeme.arret = int(instant.timestamp())
        await self.arreter_horloge(instant)

    async def _regler(self, expression: str) -> None:
        await self.sql.execute(
            f"create or replace function horloge() returns timestamptz language sql volatile as 'select {expression}'"
        )

    @contextmanager
    def sature(self) -> Iterator[None]:
        """Meanwhile no password can be computed: there is no place left."""
        places = self._hacheur._places
        prises = sum(1 for _ in iter(lambda: places.acquire(blocking=False), False))
        yield
        places.release(prises)

    async def compter(self, table: str) -> int:
        nombre: int = await self.sql.fetchval(f"select count(*) from {table}")  # noqa: S608  (constants)
        return nombre


class _Atelier:
    """An application that waits for a service to open: building it takes longer than most tests."""

    libres: ClassVar[dict[Forme, list[_Atelier]]] = {}

    def __init__(self, forme: Forme) -> None:
        self.ouvrir: Callable[[], AbstractAsyncContextManager[Facade]]
        self.app = creer(forme, lambda: self.ouvrir())


@asynccontextmanager
async def _application(forme: Forme, ouvrir: Callable[[], AbstractAsyncContextManager[Facade]]) -> AsyncIterator[Litestar]:
    """Alive, for one service at a time; its lifespan in a task of its own: it must end in the one where it began, and a
    fixture has two.
    """
    libres = _Atelier.libres.setdefault(forme, [])
    atelier = libres.pop() if libres else _Atelier(forme)
    atelier.ouvrir = ouvrir
    prete, fin = asyncio.Event(), asyncio.Event()

    async def vivre() -> None:
        try:
            async with atelier.app.lifespan():
                prete.set()
                await fin.wait()
        finally:
            prete.set()

    tache = asyncio.create_task(vivre(), name="application")
    await prete.wait()
    try:
        yield atelier.app
    finally:
        fin.set()
        await tache
        libres.append(atelier)


def _defi(verifieur: str) -> str:
    """RFC 7636, S256."""
    return urlsafe_b64encode(sha256(verifieur.encode()).digest()).rstrip(b"=").decode()


def bearer(session: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {session['jeton_acces']}"}


def porteur(inscription: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {inscription['secret']}"}


async def publier(service: Service, version: str, texte: str, jour: date | None = None) -> None:
    """A new version of the CGU, in force on that day; today unless told otherwise."""
    await service.sql.execute(
        "insert into documents_juridiques (code, version, titre, texte, sha256, en_vigueur_le)"
        " values ('cgu', $1, 'CGU', $2, encode(sha256(convert_to($2, 'UTF8')), 'hex'), coalesce($3, horloge()::date))",
        version,
        texte,
        jour,
    )


def refus(reponse: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal, its shape checked (RFC 9457) and nothing of our inside in it."""
    corps = reponse.json()
    assert reponse.headers["content-type"].startswith("application/problem+json"), reponse.text
    assert corps["type"] == f"{reponse.url.scheme}://{reponse.url.host}/erreurs/{corps['code']}"
    assert corps["title"]
    assert corps["detail"]
    assert corps["status"] == reponse.status_code
    assert corps["request_id"] == reponse.headers["x-request-id"]
    assert "status_code" not in corps
    assert not re.search(r"Traceback|Error|\.py\b|asyncpg|sqlalchemy|litestar|msgspec|select |insert ", reponse.text)
    return reponse.status_code, str(corps["code"])


def champs_fautifs(reponse: httpx.Response) -> dict[str, str]:
    """Pointer to code, of a 422."""
    assert refus(reponse) == (422, "champs_invalides"), reponse.text
    return {e["pointer"]: e["code"] for e in reponse.json()["errors"]}
