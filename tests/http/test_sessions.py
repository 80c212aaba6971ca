"""Sessions: rotation and its thieves, when they end, the list, the cookie, and the sign-up's secret."""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from msgspec.structs import replace

from app.settings import Settings, cles
from domain.jetons import Trousseau
from tests.builders import MOT_DE_PASSE, altere, un_citoyen, une_demande
from tests.service import Service, porteur, refus

EMAIL, IDENTIFIANT = "ines@exemple.fr", "ines.dupont"
FAUX, NEUF = "Tulipe!74orage", "Cerise!84brume"
DEBUT = datetime(2026, 11, 21, 10, tzinfo=UTC)
MINUTE, HEURE = 60, 3600
FINIE = (401, "session_finie")
PORTAIL = "https://portail.exemple.fr"
COOKIE = "__Host-comptoir-session"


async def a(service: Service, secondes: float) -> None:
    """Stops the database's clock so many seconds after the beginning: an edge is exact, however slow the machine."""
    await service.arreter_horloge(DEBUT + timedelta(seconds=secondes))


async def ouvrir(service: Service, **options: Any) -> dict[str, Any]:
    """The first session of an account just activated."""
    await service.actif(une_demande())
    return await service.connecte(IDENTIFIANT, MOT_DE_PASSE, **options)


def jeton(session: dict[str, Any]) -> str:
    return str(session["jeton_rafraichissement"])


async def suivante(service: Service, session: dict[str, Any]) -> dict[str, Any]:
    reponse = await service.rafraichir(jeton(session))
    assert reponse.status_code == 200, reponse.text
    lue: dict[str, Any] = reponse.json()
    return lue


async def statut(service: Service, session: dict[str, Any]) -> int:
    return (await service.appeler(session, "GET", "/v1/moi")).status_code


def revendications(session: dict[str, Any]) -> dict[str, Any]:
    corps = session["jeton_acces"].split(".")[1]
    lues: dict[str, Any] = json.loads(urlsafe_b64decode(corps + "=" * (-len(corps) % 4)))
    return lues


def trousseau(service: Service) -> Trousseau:
    return Trousseau(cles(service.settings))


# Rotation


async def test_a_refresh_gives_the_next_pair_of_the_same_session(service: Service) -> None:
    premiere = await ouvrir(service)
    reponse = await service.rafraichir(jeton(premiere))
    assert (reponse.status_code, reponse.headers["cache-control"]) == (200, "no-store")
    assert "set-cookie" not in reponse.headers
    seconde = reponse.json()
    assert (seconde["session"], seconde["session_fin_le"]) == (premiere["session"], premiere["session_fin_le"])
    assert (seconde["type"], seconde["expire_dans"]) == ("Bearer", 600)
    assert jeton(seconde) != jeton(premiere)
    assert datetime.fromisoformat(seconde["session_expire_le"]) > datetime.fromisoformat(premiere["session_expire_le"])
    # Both access tokens speak for the one session, the first one to its own end.
    assert [await statut(service, s) for s in (premiere, seconde)] == [200, 200]
    assert revendications(seconde)["sid"] == revendications(premiere)["sid"] == premiere["session"]
    assert revendications(seconde)["jti"] != revendications(premiere)["jti"]


async def test_of_twenty_refreshes_of_one_token_at_once_all_get_the_same_child_which_refreshes_again(service: Service) -> None:
    # Within the ten seconds of an answer given again, however slow the machine.
    await a(service, 0)
    premiere = await ouvrir(service)
    reponses = await asyncio.gather(*(service.rafraichir(jeton(premiere)) for _ in range(20)))
    assert [r.status_code for r in reponses] == [200] * 20
    [enfant] = {jeton(r.json()) for r in reponses}
    assert await service.sql.fetchval("select rang from sessions") == 1
    reponses = await asyncio.gather(*(service.rafraichir(enfant) for _ in range(20)))
    assert [r.status_code for r in reponses] == [200] * 20
    assert len({jeton(r.json()) for r in reponses} - {enfant}) == 1
    assert await service.sql.fetchval("select rang from sessions") == 2


async def test_an_answer_that_was_lost_is_given_again_for_ten_seconds(service: Service) -> None:
    await a(service, 0)
    premiere = await ouvrir(service)
    perdue = await suivante(service, premiere)
    await a(service, 9.999)
    reprise = await suivante(service, premiere)
    assert jeton(reprise) == jeton(perdue)
    assert await statut(service, reprise) == 200
    assert (await service.rafraichir(jeton(reprise))).status_code == 200


@pytest.mark.parametrize(("tours", "secondes"), [(1, 10), (2, 0), (5, 0), (3, 1000)])
async def test_a_spent_token_kills_its_family_for_good_and_its_holder_is_told(
    service: Service, tours: int, secondes: float
) -> None:
    await a(service, 0)
    premiere = await ouvrir(service)
    autre = await service.connecte(IDENTIFIANT, MOT_DE_PASSE)
    await service.messages()
    derniere = premiere
    for _ in range(tours):
        derniere = await suivante(service, derniere)
    await a(service, secondes)

    rejouee = await service.rafraichir(jeton(premiere))
    assert refus(rejouee) == FINIE
    assert "www-authenticate" in rejouee.headers
    # The thief's and the holder's alike, whatever they present; the other sessions of the account go on.
    for session in (derniere, premiere):
        assert refus(await service.rafraichir(jeton(session))) == FINIE
        assert refus(await service.appeler(session, "GET", "/v1/moi")) == FINIE
    async with Service(service.settings) as redemarre:
        assert refus(await redemarre.rafraichir(jeton(derniere))) == FINIE
    assert (await service.rafraichir(jeton(autre))).status_code == 200

    fil = (await service.appeler(autre, "GET", "/v1/moi/activites")).json()["activites"]
    assert [ligne["nature"] for ligne in fil].count("session_suspecte") == 1
    [message] = (await service.messages(EMAIL))[:1]
    assert message.objet == "Une session de votre compte Comptoir a été fermée"


async def test_replays_at_once_kill_once_and_tell_once(service: Service) -> None:
    premiere = await ouvrir(service)
    await suivante(service, await suivante(service, premiere))
    reponses = await asyncio.gather(*(service.rafraichir(jeton(premiere)) for _ in range(10)))
    assert {refus(r) for r in reponses} == {FINIE}
    assert await service.sql.fetchval("select count(*) from activites where nature = 'session_suspecte'") == 1
    assert await service.sql.fetchval("select count(*) from outbox where modele = 'session_suspecte'") == 1


async def test_what_is_no_token_of_ours_is_refused_and_kills_nothing(service: Service) -> None:
    premiere, autre = await ouvrir(service), await service.connecte(IDENTIFIANT, MOT_DE_PASSE)
    vrai, id_ = jeton(premiere), UUID(premiere["session"])
    intrus = Trousseau((replace(cles(service.settings)[0], octets=b"x" * 32),))
    faux = {
        "altered": altere(vrai),
        "truncated": vrai[:-4],
        "longer": vrai + "AAAA",
        "a letter": "x",
        "not ASCII": "é" * 68,
        "the session of another": jeton(autre)[:24] + vrai[24:],
        "another rank": vrai[:22] + "AB" + vrai[24:],
        "another key": intrus.rafraichissement(id_, 0),
        "a rank to come": trousseau(service).rafraichissement(id_, 1),
        "a rank far to come": trousseau(service).rafraichissement(id_, 10**6),
        "no such session": trousseau(service).rafraichissement(uuid4(), 0),
        "the access token's end": premiere["jeton_acces"][-68:],
        "the device's": premiere["jeton_appareil"],
    }
    for nom, presente in faux.items():
        assert refus(await service.rafraichir(presente)) == FINIE, nom
    for session in (premiere, autre):
        assert (await service.rafraichir(jeton(session))).status_code == 200


async def test_the_database_holds_no_token(service: Service) -> None:
    inscription = await service.actif(une_demande())
    session = await service.connecte(IDENTIFIANT, MOT_DE_PASSE)
    suite = await suivante(service, session)
    await service.rafraichir(jeton(session))
    echangee = await service.http.post(f"/v1/inscriptions/{inscription['id']}/session", json={}, headers=porteur(inscription))
    donnes = [inscription["secret"]]
    for lue in (session, suite, echangee.json()):
        donnes += [jeton(lue), *lue["jeton_acces"].split(".")[1:], *filter(None, [lue.get("jeton_appareil")])]
    traces = [*donnes, *(urlsafe_b64decode(j + "=" * (-len(j) % 4))[-32:].hex() for j in donnes)]
    for [table] in await service.sql.fetch("select tablename from pg_tables where schemaname = 'public'"):
        for [ligne] in await service.sql.fetch(f"select t::text from {table} t"):  # noqa: S608  (constants)
            assert not [trace for trace in traces if trace in ligne], table


# Ends

DUREES = [
    ({}, 30 * MINUTE, 12 * HEURE),
    ({"rester_connecte": True}, 12 * HEURE, 24 * HEURE),
    ({"appareil_partage": True}, 10 * MINUTE, HEURE),
]


@pytest.mark.parametrize(("options", "inactivite", "absolue"), DUREES)
async def test_a_session_ends_when_idle(service: Service, options: dict[str, Any], inactivite: int, absolue: int) -> None:
    await a(service, 0)
    session = await ouvrir(service, **options)
    assert datetime.fromisoformat(session["session_expire_le"]) == DEBUT + timedelta(seconds=inactivite)
    assert datetime.fromisoformat(session["session_fin_le"]) == DEBUT + timedelta(seconds=absolue)
    await a(service, inactivite - 0.001)
    assert await statut(service, session) == 200
    session = await suivante(service, session)
    await a(service, 2 * inactivite - 0.002)
    session = await suivante(service, session)
    await a(service, 3 * inactivite - 0.002)
    assert refus(await service.rafraichir(jeton(session))) == FINIE
    # By the access token too, were it made to last.
    assert refus(await service.appeler(session, "GET", "/v1/moi")) == FINIE


@pytest.mark.parametrize(("options", "inactivite", "absolue"), DUREES)
async def test_a_session_has_an_end_however_busy_it_is_and_its_access_tokens_do_not_outlive_it(
    service: Service, options: dict[str, Any], inactivite: int, absolue: int
) -> None:
    await a(service, 0)
    session = await ouvrir(service, **options)
    fin = session["session_fin_le"]
    for instant in [*range(inactivite - 1, absolue - 100, inactivite - 1), absolue - 100]:
        await a(service, instant)
        session = await suivante(service, session)
        assert session["session_fin_le"] == fin
        assert session["session_expire_le"] <= fin
        lues = revendications(session)
        assert session["expire_dans"] == lues["exp"] - lues["iat"] == min(600, absolue - instant)
    await a(service, absolue - 0.001)
    session = await suivante(service, session)
    assert session["expire_dans"] == 1
    await a(service, absolue)
    assert refus(await service.rafraichir(jeton(session))) == FINIE
    assert refus(await service.appeler(session, "GET", "/v1/moi")) == FINIE


async def test_each_sign_in_is_another_session(service: Service) -> None:
    await service.actif(une_demande())
    sessions = [await service.connecte(IDENTIFIANT, MOT_DE_PASSE) for _ in range(3)]
    assert len({s["session"] for s in sessions}) == len({jeton(s) for s in sessions}) == 3


# The list


async def test_the_sessions_of_an_account_are_listed_newest_first_with_what_tells_them_apart(service: Service) -> None:
    await service.actif(une_demande())
    fixe = (await service.connecter(IDENTIFIANT, MOT_DE_PASSE, entetes={"User-Agent": "Navigateur de salon"})).json()
    async with Service(service.settings, adresse="2001:db8:1:2:3:4:5:6") as mobile:
        reponse = await mobile.connecter(
            IDENTIFIANT, MOT_DE_PASSE, entetes={"User-Agent": "Portail/3 \x00 (mobile)"}, appareil_partage=True
        )
    finie = await service.connecte(IDENTIFIANT, MOT_DE_PASSE)
    assert (await service.appeler(finie, "DELETE", "/v1/sessions/courante")).status_code == 204

    [seconde, premiere] = (await service.appeler(fixe, "GET", "/v1/sessions")).json()["sessions"]
    assert (premiere["id"], premiere["courante"]) == (fixe["session"], True)
    assert (premiere["agent"], premiere["adresse"], premiere["appareil_partage"]) == (
        "Navigateur de salon",
        "192.0.2.10",
        False,
    )
    assert (seconde["id"], seconde["courante"]) == (reponse.json()["session"], False)
    assert (seconde["agent"], seconde["adresse"]) == ("Portail/3  (mobile)", "2001:db8:1:2::/64")
    assert seconde["appareil_partage"] is True
    assert (premiere["expire_le"], premiere["fin_le"]) == (fixe["session_expire_le"], fixe["session_fin_le"])
    assert datetime.fromisoformat(premiere["ouverte_le"]) < datetime.fromisoformat(seconde["ouverte_le"])


async def test_a_session_is_ended_from_another_one_of_its_account_and_of_no_other(service: Service) -> None:
    ici = await ouvrir(service)
    la = await service.connecte(IDENTIFIANT, MOT_DE_PASSE)
    profil = un_citoyen(nom_naissance="Martin", nom_usage=None, prenom="Paul")
    await service.actif(une_demande(profil, email="paul@exemple.fr"))
    ailleurs = await service.connecte("paul.martin", MOT_DE_PASSE)

    async def finir(session: dict[str, Any], id_: object) -> httpx.Response:
        return await service.appeler(session, "DELETE", f"/v1/sessions/{id_}")

    for etrangere in (ailleurs["session"], uuid4()):
        assert refus(await finir(ici, etrangere)) == (404, "session_inconnue")
    assert await statut(service, ailleurs) == 200
    assert (await finir(ici, la["session"])).status_code == 204
    assert refus(await service.appeler(la, "GET", "/v1/moi")) == FINIE
    assert refus(await service.rafraichir(jeton(la))) == FINIE
    assert refus(await finir(ici, la["session"])) == (404, "session_inconnue")
    # Its own as well.
    assert (await finir(ici, ici["session"])).status_code == 204
    assert refus(await service.rafraichir(jeton(ici))) == FINIE
    assert [s["id"] for s in (await service.appeler(ailleurs, "GET", "/v1/sessions")).json()["sessions"]] == [
        ailleurs["session"]
    ]


async def test_signing_out_everywhere_ends_every_session_this_one_included(service: Service) -> None:
    sessions = [await ouvrir(service), *[await service.connecte(IDENTIFIANT, MOT_DE_PASSE) for _ in range(2)]]
    assert (await service.appeler(sessions[1], "DELETE", "/v1/sessions")).status_code == 204
    for session in sessions:
        assert refus(await service.rafraichir(jeton(session))) == FINIE
        assert refus(await service.appeler(session, "GET", "/v1/sessions")) == FINIE
    neuve = await service.connecte(IDENTIFIANT, MOT_DE_PASSE)
    assert len((await service.appeler(neuve, "GET", "/v1/sessions")).json()["sessions"]) == 1


# The cookie


@pytest.fixture
async def portail(settings: Settings) -> AsyncIterator[Service]:
    """With a browser front end at another origin."""
    async with Service(replace(settings, cors_origins=f"{PORTAIL}, https://autre.exemple.fr")) as service:
        yield service


def cookies(reponse: httpx.Response) -> dict[str, set[str]]:
    """Name and value to attributes, of every cookie that the answer sets."""
    lus = [texte.split("; ") for texte in reponse.headers.get_list("set-cookie")]
    return {premier: set(attributs) for premier, *attributs in lus}


async def par_cookie(service: Service) -> str:
    """The refresh token of a session of a browser, which the client has as a cookie."""
    await service.actif(une_demande())
    reponse = await service.connecter(IDENTIFIANT, MOT_DE_PASSE, entetes={"Origin": PORTAIL}, cookie=True)
    assert reponse.status_code == 201, reponse.text
    return reponse.cookies[COOKIE]


async def test_a_browser_has_its_refresh_token_in_a_cookie_that_no_script_reads_and_no_other_site_sends(
    portail: Service,
) -> None:
    await portail.actif(une_demande())
    reponse = await portail.connecter(IDENTIFIANT, MOT_DE_PASSE, entetes={"Origin": PORTAIL}, cookie=True)
    corps = reponse.json()
    assert (corps["jeton_rafraichissement"], corps["jeton_appareil"]) == (None, None)
    poses = {texte.partition("=")[0]: attributs for texte, attributs in cookies(reponse).items()}
    commun = {"Path=/", "HttpOnly", "Secure", "SameSite=strict"}
    assert poses == {COOKIE: commun, "__Host-comptoir-appareil": commun | {"Max-Age=31536000"}}

    rafraichie = await portail.rafraichir(None, Origin=PORTAIL)
    assert (rafraichie.status_code, rafraichie.json()["jeton_rafraichissement"]) == (200, None)
    [(pose, attributs)] = cookies(rafraichie).items()
    assert attributs == commun
    assert pose != f"{COOKIE}={reponse.cookies[COOKIE]}"
    # The one it was just given serves next.
    assert (await portail.rafraichir(None, Origin=portail.settings.origine)).status_code == 200
    assert await portail.sql.fetchval("select rang from sessions") == 2


async def test_whoever_stays_signed_in_may_close_their_browser(portail: Service) -> None:
    await portail.actif(une_demande())
    for options, duree in (({}, None), ({"rester_connecte": True}, "Max-Age=86400")):
        reponse = await portail.connecter(IDENTIFIANT, MOT_DE_PASSE, entetes={"Origin": PORTAIL}, cookie=True, **options)
        for suite in (reponse, await portail.rafraichir(None, Origin=PORTAIL)):
            [attributs] = [a for texte, a in cookies(suite).items() if texte.startswith(COOKIE)]
            assert {a for a in attributs if a.startswith("Max-Age")} == ({duree} if duree else set())
            assert suite.json()["rester_connecte"] is bool(duree)


async def test_a_browser_is_rid_of_a_cookie_that_opens_nothing_any_more(portail: Service) -> None:
    await par_cookie(portail)
    await portail.sql.execute("update sessions set terminee_le = horloge()")
    reponse = await portail.rafraichir(None, Origin=PORTAIL)
    assert refus(reponse) == (401, "session_finie")
    assert [(texte.partition("=")[0], "Max-Age=0" in attributs) for texte, attributs in cookies(reponse).items()] == [
        (COOKIE, True)
    ]
    assert COOKIE not in portail.http.cookies


async def test_a_shared_computer_keeps_no_cookie_of_its_device(portail: Service) -> None:
    await portail.actif(une_demande())
    options = {"cookie": True, "appareil_partage": True}
    reponse = await portail.connecter(IDENTIFIANT, MOT_DE_PASSE, entetes={"Origin": PORTAIL}, **options)
    assert [texte.partition("=")[0] for texte in cookies(reponse)] == [COOKIE]
    sans = await portail.connecter(IDENTIFIANT, MOT_DE_PASSE, appareil_partage=True)
    assert sans.json()["jeton_appareil"] is None


ORIGINES_REFUSEES = {
    "absent": [],
    "null": ["null"],
    "another site": ["https://pirate.exemple"],
    "a longer name": [PORTAIL + ".pirate.exemple"],
    "a name that ends so": ["https://pirate-portail.exemple.fr"],
    "a sub-domain": ["https://x.portail.exemple.fr"],
    "its parent": ["https://exemple.fr"],
    "in clear": [PORTAIL.replace("https", "http")],
    "another port": [PORTAIL + ":8443"],
    "in capitals": [PORTAIL.upper()],
    "a final slash": [PORTAIL + "/"],
    "twice": [PORTAIL, PORTAIL],
    "a list": [f"{PORTAIL} https://pirate.exemple"],
    "empty": [""],
}


async def test_a_cookie_is_heeded_only_from_an_origin_of_the_list_and_nothing_else_is_touched(portail: Service) -> None:
    await par_cookie(portail)
    for nom, origines in ORIGINES_REFUSEES.items():
        entetes = httpx.Headers([("Origin", origine) for origine in origines])
        appels = {
            "/v1/sessions/rafraichissements": {"jeton_rafraichissement": None},
            "/v1/sessions": {"identifiant": IDENTIFIANT, "mot_de_passe": MOT_DE_PASSE, "cookie": True},
        }
        for chemin, corps in appels.items():
            reponse = await portail.http.post(chemin, json=corps, headers=entetes)
            assert refus(reponse) == (403, "origine_refusee"), nom
            assert "set-cookie" not in reponse.headers
    assert await portail.sql.fetchval("select array_agg(rang) from sessions where terminee_le is null") == [0]
    assert (await portail.rafraichir(None, Origin=PORTAIL)).status_code == 200


async def test_without_a_token_nor_a_cookie_there_is_nothing_to_refresh(portail: Service) -> None:
    assert refus(await portail.rafraichir(None, Origin=PORTAIL)) == FINIE


@pytest.mark.parametrize("chemin", ["/v1/sessions/courante", "/v1/sessions"])
async def test_signing_out_takes_the_cookie_away(portail: Service, chemin: str) -> None:
    vole = await par_cookie(portail)
    session = (await portail.rafraichir(None, Origin=PORTAIL)).json()
    reponse = await portail.appeler(session, "DELETE", chemin, Origin=PORTAIL)
    assert reponse.status_code == 204
    [(pose, attributs)] = cookies(reponse).items()
    assert pose.removesuffix('""') == f"{COOKIE}="
    assert {"Max-Age=0", "Path=/", "HttpOnly", "Secure", "SameSite=strict"} <= attributs
    assert COOKIE not in portail.http.cookies
    assert refus(await portail.rafraichir(vole)) == FINIE


async def test_credentials_cross_origins_only_for_those_of_the_list(portail: Service, service: Service) -> None:
    async def cors(vers: Service, origine: str, **entetes: str) -> dict[str, str]:
        methode = "OPTIONS" if entetes else "POST"
        corps = None if entetes else {"jeton_rafraichissement": "x"}
        reponse = await vers.http.request(
            methode, "/v1/sessions/rafraichissements", json=corps, headers={"Origin": origine} | entetes
        )
        return {
            k: v for k, v in reponse.headers.items() if k.startswith("access-control-allow-") and k.endswith(("origin", "ials"))
        }

    prevol = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    permis = {"access-control-allow-origin": PORTAIL, "access-control-allow-credentials": "true"}
    for entetes in ({}, prevol):
        assert await cors(portail, PORTAIL, **entetes) == permis
        for origine in ("https://pirate.exemple", "null", PORTAIL + ".pirate.exemple", "https://x.portail.exemple.fr"):
            assert "access-control-allow-origin" not in await cors(portail, origine, **entetes)
        assert await cors(service, PORTAIL, **entetes) == {}


# The sign-up's secret


async def echanger(service: Service, inscription: dict[str, Any], **options: Any) -> httpx.Response:
    chemin = f"/v1/inscriptions/{inscription['id']}/session"
    return await service.http.post(chemin, json=options, headers=porteur(inscription))


async def test_the_secret_of_a_sign_up_is_worth_one_session_once_it_is_active(service: Service) -> None:
    inscription = await service.inscrit(une_demande(activer_par="email"))
    assert refus(await echanger(service, inscription)) == (409, "pas_encore_actif")
    await service.suivre(await service.lien(EMAIL))
    reponse = await echanger(service, inscription, rester_connecte=True)
    assert reponse.status_code == 201
    assert (await service.moi(reponse.json()))["identifiant"] == IDENTIFIANT
    assert refus(await echanger(service, inscription)) == (409, "session_deja_remise")
    assert (await service.rafraichir(jeton(reponse.json()))).status_code == 200


async def test_what_is_sensitive_asks_for_the_password_in_the_session_that_a_secret_opened(service: Service) -> None:
    session = (await echanger(service, await service.actif(une_demande()))).json()
    contact = {"canal": "email", "valeur": "nouvelle@exemple.fr"}
    for methode, chemin, corps in (
        ("GET", "/v1/moi/export", None),
        ("POST", "/v1/moi/contacts", contact),
        ("POST", "/v1/moi/effacement", {}),
    ):
        reponse = await service.appeler(session, methode, chemin, corps)
        assert refus(reponse) == (403, "reauthentification_requise"), chemin
    reponse = await service.appeler(session, "POST", "/v1/moi/contacts", contact | {"mot_de_passe": MOT_DE_PASSE})
    assert reponse.status_code == 202
    redonne = {"mot_de_passe": MOT_DE_PASSE}
    assert (await service.appeler(session, "POST", "/v1/sessions/courante/reauthentification", redonne)).status_code == 200
    assert (await service.appeler(session, "GET", "/v1/moi/export")).status_code == 200


async def test_a_sign_up_is_worth_nothing_to_who_has_not_its_own_secret(service: Service) -> None:
    inscription = await service.actif(une_demande())
    autre = await service.actif(une_demande())
    assert refus(await echanger(service, inscription | {"secret": autre["secret"]})) == (404, "inscription_inconnue")
    session = await service.connecte(IDENTIFIANT, MOT_DE_PASSE)
    for secret in (session["jeton_acces"], jeton(session), "", altere(inscription["secret"])):
        assert refus(await echanger(service, inscription | {"secret": secret})) == (401, "secret_invalide")
    assert (await echanger(service, inscription)).status_code == 201


async def test_of_eight_exchanges_of_a_secret_at_once_one_gets_a_session(service: Service) -> None:
    inscription = await service.actif(une_demande())
    reponses = await asyncio.gather(*(echanger(service, inscription) for _ in range(8)))
    assert sorted(r.status_code for r in reponses) == [201] + [409] * 7
    assert {refus(r) for r in reponses if r.status_code == 409} == {(409, "session_deja_remise")}
    assert await service.compter("sessions") == 1


@pytest.mark.parametrize("par", ["change", "reset"])
async def test_a_secret_is_worth_nothing_once_the_password_is_another(service: Service, par: str) -> None:
    inscription = await service.actif(une_demande())
    if par == "change":
        session = await service.connecte(IDENTIFIANT, MOT_DE_PASSE)
        corps = {"mot_de_passe_actuel": MOT_DE_PASSE, "mot_de_passe": NEUF}
        assert (await service.appeler(session, "PUT", "/v1/moi/mot-de-passe", corps)).status_code == 204
    else:
        await service.recuperer(IDENTIFIANT)
        assert (await service.reinitialiser(NEUF, jeton=await service.lien(EMAIL, "mot-de-passe"))).is_success
    assert refus(await echanger(service, inscription)) == (409, "session_deja_remise")


async def test_a_secret_is_worth_nothing_on_an_account_that_is_suspended_or_leaving(service: Service) -> None:
    inscription = await service.actif(une_demande())
    await service.sql.execute("update comptes set etat = 'suspendu'")
    assert refus(await echanger(service, inscription)) == (404, "inscription_inconnue")
    await service.sql.execute("update comptes set etat = 'actif'")
    session = await service.connecte(IDENTIFIANT, MOT_DE_PASSE)
    await service.appeler(session, "POST", "/v1/moi/effacement", {"mot_de_passe": MOT_DE_PASSE})
    assert refus(await echanger(service, inscription)) == (409, "session_deja_remise")


async def test_the_secret_of_a_sign_up_opens_and_tells_nothing_once_spent_or_after_the_time_of_the_sign_up(
    service: Service,
) -> None:
    remise, oubliee = await service.actif(une_demande()), await service.actif(une_demande())
    await service.avancer(timedelta(days=7) - timedelta(minutes=1))
    for inscription in (remise, oubliee):
        assert (await service.lire(inscription)).json()["etat"] == "actif"
    assert (await echanger(service, remise)).status_code == 201
    assert refus(await service.lire(remise)) == (410, "inscription_terminee")
    assert (await service.lire(oubliee)).status_code == 200
    await service.avancer(timedelta(minutes=1))
    assert refus(await service.lire(oubliee)) == (410, "inscription_terminee")
    assert refus(await service.lire(oubliee, attendre=25)) == (410, "inscription_terminee")
    assert refus(await echanger(service, oubliee)) == (410, "inscription_terminee")
    assert await service.compter("sessions") == 1
