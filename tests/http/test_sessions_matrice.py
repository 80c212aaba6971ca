"""Whatever ends a session ends it for everything, at once; and what a live one must prove again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest

from tests.builders import MOT_DE_PASSE, une_demande
from tests.service import Service, refus

Session = dict[str, Any]
Usage = Callable[[Service, Session], Awaitable[httpx.Response]]
Fin = Callable[[Service, Session], Awaitable[None]]

EMAIL, IDENTIFIANT = "ines@exemple.fr", "ines.dupont"
FAUX, NEUF = "Tulipe!74orage", "Cerise!84brume"
DEBUT = datetime(2026, 11, 21, 10, tzinfo=UTC)
MINUTE = 60
FINIE = (401, "session_finie")


async def a(service: Service, secondes: float) -> None:
    """Stops the database's clock so many seconds after the beginning: an edge is exact, however slow the machine."""
    await service.arreter_horloge(DEBUT + timedelta(seconds=secondes))


async def ouvrir(service: Service) -> Session:
    """The first session of an account just activated."""
    await service.actif(une_demande())
    return await service.connecte(IDENTIFIANT, MOT_DE_PASSE)


async def faire(service: Service, session: Session, methode: str, chemin: str, corps: Any = None) -> Any:
    """A call that is heeded; its answer."""
    reponse = await service.appeler(session, methode, chemin, corps)
    assert reponse.is_success, reponse.text
    return reponse.json() if reponse.content else None


# What ends a session


async def deconnexion(service: Service, session: Session) -> None:
    await faire(service, session, "DELETE", "/v1/sessions/courante")


async def deconnexion_partout(service: Service, session: Session) -> None:
    await faire(service, await service.connecte(IDENTIFIANT, MOT_DE_PASSE), "DELETE", "/v1/sessions")


async def autre_mot_de_passe(service: Service, session: Session) -> None:
    autre = await service.connecte(IDENTIFIANT, MOT_DE_PASSE)
    corps = {"mot_de_passe_actuel": MOT_DE_PASSE, "mot_de_passe": NEUF}
    await faire(service, autre, "PUT", "/v1/moi/mot-de-passe", corps)
    # The one that changed it goes on.
    await faire(service, autre, "GET", "/v1/moi")


async def reinitialisation(service: Service, session: Session) -> None:
    await service.recuperer(IDENTIFIANT)
    assert (await service.reinitialiser(NEUF, jeton=await service.lien(EMAIL, "mot-de-passe"))).is_success


async def suspension(service: Service, session: Session) -> None:
    await service.sql.execute("update comptes set etat = 'suspendu'")


async def effacement_demande(service: Service, session: Session) -> None:
    autre = await service.connecte(IDENTIFIANT, MOT_DE_PASSE)
    await faire(service, autre, "POST", "/v1/moi/effacement", {"mot_de_passe": MOT_DE_PASSE})


async def effacement_fait(service: Service, session: Session) -> None:
    await service.sql.fetch("select effacer_compte(id, interval '1 day') from comptes")


async def contact_retabli(service: Service, session: Session) -> None:
    """Whoever changed the address is undone from the former one."""
    corps = {"canal": "email", "valeur": "autre@exemple.fr"}
    demande = await faire(service, session, "POST", "/v1/moi/contacts", corps)
    code = {"code": await service.code("autre@exemple.fr")}
    await faire(service, session, "POST", f"/v1/moi/contacts/{demande['id']}/essais", code)
    annulee = await service.http.post("/v1/annulations", json={"jeton": await service.lien(EMAIL, "annulation")})
    assert annulee.json() == {"objet": "contact", "deja_annulee": False}


FINS: dict[str, Fin] = {
    "sign-out": deconnexion,
    "sign-out everywhere": deconnexion_partout,
    "password changed elsewhere": autre_mot_de_passe,
    "password reset": reinitialisation,
    "suspension": suspension,
    "erasure asked for": effacement_demande,
    "erasure": effacement_fait,
    "change of contact undone": contact_retabli,
}
USAGES: dict[str, Usage] = {
    "refresh": lambda service, session: service.rafraichir(session["jeton_rafraichissement"]),
    "read": lambda service, session: service.appeler(session, "GET", "/v1/moi"),
    "export": lambda service, session: service.appeler(session, "GET", "/v1/moi/export"),
    "write": lambda service, session: service.appeler(session, "PATCH", "/v1/moi", {"langue": "en"}, **{"If-Match": "*"}),
}


@pytest.mark.parametrize("usage", USAGES.values(), ids=USAGES)
async def test_while_a_session_lives_this_is_served(service: Service, usage: Usage) -> None:
    # Without this, what follows would prove nothing.
    assert (await usage(service, await ouvrir(service))).status_code == 200


@pytest.mark.parametrize("usage", USAGES.values(), ids=USAGES)
@pytest.mark.parametrize("fin", FINS.values(), ids=FINS)
async def test_from_the_moment_a_session_has_ended_this_is_refused(service: Service, fin: Fin, usage: Usage) -> None:
    session = await ouvrir(service)
    await fin(service, session)
    reponse = await usage(service, session)
    assert refus(reponse) == FINIE
    assert reponse.headers["www-authenticate"] == 'Bearer realm="comptoir", error="invalid_token"'
    assert await service.sql.fetchval("select count(*) from comptes where langue = 'en'") == 0


async def test_a_suspension_lifted_gives_the_sessions_it_met_back_and_nothing_else_does(service: Service) -> None:
    session = await ouvrir(service)
    await suspension(service, session)
    # Presenting it meanwhile, even twice, is no theft.
    for _ in range(2):
        assert refus(await USAGES["refresh"](service, session)) == FINIE
    await service.sql.execute("update comptes set etat = 'actif'")
    assert (await USAGES["refresh"](service, session)).status_code == 200


async def test_a_third_party_that_checks_signatures_alone_believes_a_token_until_it_expires_ten_minutes_at_most(
    service: Service,
) -> None:
    session = await ouvrir(service)
    await deconnexion_partout(service, session)
    assert refus(await service.appeler(session, "GET", "/v1/moi")) == FINIE
    reponse = await service.http.get("/.well-known/jwks.json")
    cles = {cle.key_id: cle for cle in jwt.PyJWKSet.from_dict(reponse.json()).keys}
    jeton, emetteur = session["jeton_acces"], service.settings.origine

    lues = jwt.decode(jeton, cles[jwt.get_unverified_header(jeton)["kid"]], ["ES256"], audience=emetteur, issuer=emetteur)
    assert lues["sid"] == session["session"]
    assert lues["exp"] - lues["iat"] == 600


# What a live session must prove again


async def confirmer(service: Service, session: Session, mot_de_passe: str) -> httpx.Response:
    corps = {"mot_de_passe": mot_de_passe}
    return await service.appeler(session, "POST", "/v1/sessions/courante/reauthentification", corps)


async def test_data_are_taken_away_within_five_minutes_of_the_password_of_this_very_session(service: Service) -> None:
    await a(service, 0)
    session = await ouvrir(service)
    await a(service, 5 * MINUTE - 0.001)
    assert (await service.appeler(session, "GET", "/v1/moi/export")).status_code == 200
    await a(service, 5 * MINUTE)
    # Going on is not giving it again, nor is another session's.
    session = (await USAGES["refresh"](service, session)).json()
    await service.connecte(IDENTIFIANT, MOT_DE_PASSE)
    assert refus(await service.appeler(session, "GET", "/v1/moi/export")) == (403, "reauthentification_requise")
    faux = await confirmer(service, session, FAUX)
    assert refus(faux) == (401, "mot_de_passe_incorrect")
    assert "www-authenticate" in faux.headers
    assert refus(await service.appeler(session, "GET", "/v1/moi/export")) == (403, "reauthentification_requise")
    reponse = await confirmer(service, session, MOT_DE_PASSE)
    assert datetime.fromisoformat(reponse.json()["valable_jusque"]) == DEBUT + timedelta(minutes=10)
    assert (await service.appeler(session, "GET", "/v1/moi/export")).status_code == 200


async def test_a_password_guessed_from_inside_a_session_is_counted_on_that_session_alone(service_limite: Service) -> None:
    session = await ouvrir(service_limite)
    autre = await service_limite.connecte(IDENTIFIANT, MOT_DE_PASSE)
    reponses = await asyncio.gather(*(confirmer(service_limite, session, FAUX) for _ in range(12)))
    codes = [refus(r) for r in reponses]
    assert codes.count((401, "mot_de_passe_incorrect")) == 5
    assert codes.count((429, "trop_de_demandes")) == 7
    assert all(int(r.headers["retry-after"]) > 0 for r in reponses if r.status_code == 429)
    # The right one too, by whatever call asks for it.
    assert refus(await confirmer(service_limite, session, MOT_DE_PASSE)) == (429, "trop_de_demandes")
    corps = {"mot_de_passe_actuel": MOT_DE_PASSE, "mot_de_passe": NEUF}
    assert refus(await service_limite.appeler(session, "PUT", "/v1/moi/mot-de-passe", corps)) == (429, "trop_de_demandes")
    assert (await confirmer(service_limite, autre, MOT_DE_PASSE)).status_code == 200
    assert (await service_limite.connecter(IDENTIFIANT, MOT_DE_PASSE)).status_code == 201
    await service_limite.avancer(timedelta(minutes=1))
    assert (await confirmer(service_limite, session, MOT_DE_PASSE)).status_code == 200
