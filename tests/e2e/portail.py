"""The portal's front end by plain HTTP: the calls that /dev/franceconnect makes, and the path that it exists to show."""

from __future__ import annotations

import asyncio
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import Any, Protocol

import httpx

from tests.builders import MOT_DE_PASSE, Corps, demande_federee, un_citoyen, une_demande


class Guichet(Protocol):
    """An identity provider's pages, as a person's browser goes through them."""

    async def traverser(self, navigateur: httpx.AsyncClient, url: str, login: str) -> tuple[str, bool]:
        """From the authorize address to the callback's, which is not followed; and whether the person had to sign in."""
        ...

    async def fermer(self, navigateur: httpx.AsyncClient, url: str) -> str:
        """From the sign-out address to the one it comes back to, not followed."""
        ...


class Portail:
    """One browser before the service at `url`; `guichet` is the identity provider that the service knows."""

    def __init__(self, url: str, guichet: Guichet, navigateur: httpx.AsyncClient) -> None:
        self.url, self._guichet, self._http = url, guichet, navigateur
        self.retour = f"{url}/dev/franceconnect"

    async def passer(self, login: str, session: Corps | None = None, intention: str = "connexion") -> tuple[Corps, bool]:
        """What the identity opens, and whether the provider asked for the sign-in."""
        verifieur = secrets.token_urlsafe(32)
        rappel, demandee = await self._guichet.traverser(self._http, await self.partir(verifieur, session, intention), login)
        recus = await self.revenir(rappel)
        assert "code" in recus, recus
        resultat = await self.appeler("POST", "/v1/franceconnect/echanges", {"code": recus["code"], "code_verifier": verifieur})
        return resultat, demandee

    async def partir(self, verifieur: str, session: Corps | None = None, intention: str = "connexion") -> str:
        defi = urlsafe_b64encode(sha256(verifieur.encode()).digest()).rstrip(b"=").decode()
        corps = {"intention": intention, "retour": self.retour, "code_challenge": defi}
        url: str = (await self.appeler("POST", "/v1/franceconnect/autorisations", corps, session))["url"]
        return url

    async def revenir(self, rappel: str) -> dict[str, str]:
        """Opens the callback; what it brings back to the front end."""
        reponse = await self._http.get(rappel)
        assert reponse.status_code == 303, reponse.text
        adresse = httpx.URL(reponse.headers["location"])
        assert str(adresse.copy_with(query=None)) == self.retour
        return dict(adresse.params)

    async def inscrire(self, demande: Corps) -> Corps:
        """Signs up and activates by the code of the mailbox; the session, and the `identifiant`."""
        inscription = await self.appeler("POST", "/v1/inscriptions", demande | {"activer_par": "email"})
        porteur = {"jeton_acces": inscription["secret"]}
        chemin = f"/v1/inscriptions/{inscription['id']}"
        essai = {"code": await self.code(demande["email"])}
        await self.appeler("POST", f"{chemin}/activations/{inscription['activation']['id']}/essais", essai, porteur)
        session = await self.appeler("POST", f"{chemin}/session", {}, porteur)
        return session | {"identifiant": inscription["identifiant"]}

    async def code(self, destination: str) -> str:
        """The code of the only message to this destination, once it is there."""
        async with asyncio.timeout(30):
            while True:
                boite = await self._http.get(
                    f"{self.url}/dev/messages", params={"destination": destination}, headers={"Accept": "application/json"}
                )
                for message in boite.json()["messages"]:
                    if codes := re.findall(r"(?m)^(\d{6})$", message["texte"]):
                        return str(codes[-1])
                await asyncio.sleep(0.05)

    async def quitter(self, session: Corps) -> str | None:
        """Signs out here and of the provider; the address that people come back to, None if there was no provider."""
        pret = await self.appeler("POST", "/v1/franceconnect/deconnexions", {"retour": self.retour}, session)
        assert (await self._http.get(f"{self.url}/v1/moi", headers=_entetes(session))).status_code == 401
        return await self._guichet.fermer(self._http, pret["url"]) if pret["url"] else None

    async def moi(self, session: Corps) -> Corps:
        return await self.appeler("GET", "/v1/moi", None, session)

    async def appeler(self, methode: str, chemin: str, corps: Any, session: Corps | None = None) -> Corps:
        reponse = await self._http.request(methode, self.url + chemin, json=corps, headers=_entetes(session))
        assert reponse.is_success, f"{methode} {chemin}: {reponse.status_code} {reponse.text}"
        lu: Corps = reponse.json() if reponse.content else {}
        return lu


async def parcours(portail: Portail, login: str, autre: str, raconter: Callable[[str], None] = lambda _: None) -> None:
    """`login` signs up, out of everywhere, and in again; a local account attaches `autre`, then detaches it."""
    resultat, demandee = await portail.passer(login)
    assert (resultat["type"], demandee) == ("inscription", True)
    prerempli = resultat["inscription"]
    certifies = {nom for nom, p in prerempli["provenances"].items() if p["verifie"] and p["verrouille"]}
    assert {"/profil/nom_naissance", "/profil/prenom", "/profil/date_naissance"} <= certifies
    raconter(f"unknown identity: a sign-up is pre-filled, {len(certifies)} fields certified")

    inscrite = await portail.inscrire(demande_federee(prerempli))
    moi = await portail.moi(inscrite)
    assert {nom: moi["profil"][nom] for nom in prerempli["profil"]} == prerempli["profil"]
    assert [i["fournisseur"] for i in moi["identites"]] == ["franceconnect"]
    raconter("signed up, activated by the code of the mailbox")
    # The very session of the sign-up ends the provider's.
    assert await _sortir(portail, inscrite)
    assert (await portail.passer(login))[1] is True

    resultat, demandee = await portail.passer(login)
    assert (resultat["type"], demandee) == ("session", False)
    raconter("signed in with the provider's session, which asks for no login")
    assert await _sortir(portail, resultat["session"])
    resultat, demandee = await portail.passer(login)
    assert (resultat["type"], demandee) == ("session", True)
    assert (await portail.moi(resultat["session"]))["identifiant"] == inscrite["identifiant"]
    assert await _sortir(portail, resultat["session"])
    raconter("signed out everywhere: the provider asks for the login again, and the same account opens")

    await _rattacher_puis_detacher(portail, autre, raconter)


async def _sortir(portail: Portail, session: Corps) -> bool:
    retour = httpx.URL(await portail.quitter(session) or "")
    return str(retour.copy_with(query=None)) == portail.retour and "state" in retour.params


async def _rattacher_puis_detacher(portail: Portail, login: str, raconter: Callable[[str], None]) -> None:
    demande = une_demande(un_citoyen(prenom="Rosalie"), email=f"{login}@exemple.fr")
    inscrite = await portail.inscrire(demande)
    acces = {"identifiant": inscrite["identifiant"], "mot_de_passe": MOT_DE_PASSE}
    session = await portail.appeler("POST", "/v1/sessions", acces)
    resultat, _ = await portail.passer(login, session, "rattachement")
    assert resultat == {"type": "rattachement", "deja_rattachee": False}
    moi = await portail.moi(session)
    assert [i["fournisseur"] for i in moi["identites"]] == ["franceconnect"]
    assert moi["provenances"]["/profil/nom_naissance"]["source"] == "franceconnect"
    resultat, _ = await portail.passer(login)
    assert (await portail.moi(resultat["session"]))["identifiant"] == inscrite["identifiant"]
    raconter("a local account attaches an identity, which opens it")
    # The session that attached it ends the provider's too.
    assert await _sortir(portail, session)
    session = await portail.appeler("POST", "/v1/sessions", acces)

    await portail.appeler("DELETE", "/v1/moi/franceconnect", None, session)
    moi = await portail.moi(session)
    assert moi["identites"] == []
    assert not any(p["verrouille"] for p in moi["provenances"].values())
    resultat, _ = await portail.passer(login)
    assert resultat["type"] in ("inscription", "rattachement_requis")
    raconter("detached: the identity opens it no more, the password does")
    assert await portail.appeler("POST", "/v1/sessions", acces)


def _entetes(session: Corps | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {session['jeton_acces']}"} if session else {}
