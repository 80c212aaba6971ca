"""Many at once, over two API processes: what must be exact stays exact, and nobody is answered by a fault."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from domain.activation import ENVOIS_MAX, ESSAIS_MAX
from tests.builders import MOT_DE_PASSE, Corps, un_citoyen, une_demande
from tests.e2e.processus import Comptoir, attendre
from tests.service import bearer, porteur


@pytest.fixture(scope="module")
def serve(dossier: Path, acces: dict[str, str]) -> Iterator[Comptoir]:
    """Without limits."""
    with Comptoir("serve", dossier, processes=2, limits="off", **acces) as comptoir:
        attendre(lambda: _processus_prets(comptoir) == 2)
        yield comptoir


@pytest.fixture(scope="module")
def serve_limite(dossier: Path, acces: dict[str, str]) -> Iterator[Comptoir]:
    with Comptoir("serve", dossier, processes=2, trusted_proxies="127.0.0.1", **acces) as comptoir:
        attendre(lambda: _processus_prets(comptoir) == 2)
        yield comptoir


def _processus_prets(comptoir: Comptoir) -> int:
    return sum("Started worker-" in e["message"] for e in comptoir.evenements())


@pytest.fixture
async def http(serve: Comptoir) -> AsyncIterator[httpx.AsyncClient]:
    async with _client(serve) as client:
        yield client


def _client(comptoir: Comptoir, **entetes: str) -> httpx.AsyncClient:
    # A connection a request, so that both processes have their share.
    limites = httpx.Limits(max_connections=100, max_keepalive_connections=0)
    return httpx.AsyncClient(base_url=comptoir.url, timeout=60, limits=limites, headers=entetes)


async def ensemble(*appels: Coroutine[Any, Any, httpx.Response]) -> list[httpx.Response]:
    """All at once; no answer may be a fault."""
    reponses = await asyncio.gather(*appels)
    assert max(r.status_code for r in reponses) < 500
    return reponses


def statuts(reponses: list[httpx.Response]) -> Counter[int]:
    return Counter(r.status_code for r in reponses)


def codes(reponses: list[httpx.Response]) -> Counter[str]:
    return Counter(r.json().get("code", r.json().get("etat")) for r in reponses)


async def inscrit(http: httpx.AsyncClient, **changes: Any) -> Corps:
    reponse = await http.post("/v1/inscriptions", json=une_demande(**changes))
    assert reponse.status_code == 201, reponse.text
    corps: Corps = reponse.json()
    return corps


async def le_code(http: httpx.AsyncClient, destination: str) -> str:
    """From the newest message to this destination, once it is there."""
    async with asyncio.timeout(30):
        while True:
            vue = await http.get("/dev/messages", params={"destination": destination}, headers={"Accept": "application/json"})
            if messages := vue.json()["messages"]:
                return str(re.findall(r"(?<!\d)(\d{6})(?!\d)", messages[0]["texte"])[-1])
            await asyncio.sleep(0.05)


async def entre(http: httpx.AsyncClient, email: str) -> Corps:
    """Somebody active who has just come in: the session, and their `identifiant`."""
    inscription = await inscrit(http, activer_par="email", email=email)
    code, entetes = {"code": await le_code(http, email)}, porteur(inscription)
    assert (await http.post(essais(inscription), json=code, headers=entetes)).status_code == 200
    reponse = await http.post(f"/v1/inscriptions/{inscription['id']}/session", json={}, headers=entetes)
    assert reponse.status_code == 201, reponse.text
    corps: Corps = reponse.json() | {"identifiant": inscription["identifiant"]}
    return corps


def rafraichir(http: httpx.AsyncClient, jeton: str) -> Coroutine[Any, Any, httpx.Response]:
    return http.post("/v1/sessions/rafraichissements", json={"jeton_rafraichissement": jeton})


async def tournee(http: httpx.AsyncClient, session: Corps, fois: int) -> list[str]:
    """The refresh tokens of a session that went on so many times, the first one included."""
    jetons = [session["jeton_rafraichissement"]]
    for _ in range(fois):
        jetons.append((await rafraichir(http, jetons[-1])).json()["jeton_rafraichissement"])
    return jetons


async def finie(http: httpx.AsyncClient, session: Corps, jetons: list[str]) -> bool:
    reponses = [await rafraichir(http, jeton) for jeton in jetons]
    reponses.append(await http.get("/v1/moi", headers=bearer(session)))
    return {(r.status_code, r.json().get("code")) for r in reponses} == {(401, "session_finie")}


def essais(inscription: Corps) -> str:
    return f"/v1/inscriptions/{inscription['id']}/activations/{inscription['activation']['id']}/essais"


async def test_sixty_people_of_one_name_get_sixty_usernames(http: httpx.AsyncClient) -> None:
    demande = une_demande(un_citoyen(prenom="Camille", nom_naissance="Moreau"))
    reponses = await ensemble(*(http.post("/v1/inscriptions", json=demande) for _ in range(60)))
    assert statuts(reponses) == {201: 60}
    attendus = {"camille.moreau", *(f"camille.moreau{n}" for n in range(2, 61))}
    assert {r.json()["identifiant"] for r in reponses} == attendus


async def test_of_fifty_who_choose_one_username_one_has_it_and_the_others_are_shown_free_ones(http: httpx.AsyncClient) -> None:
    formes = ("premier.arrive", "Premier.Arrive", "PREMIER.ARRIVE", " premier.arrive ")
    reponses = await ensemble(*(http.post("/v1/inscriptions", json=une_demande(identifiant=formes[n % 4])) for n in range(50)))
    assert statuts(reponses) == {201: 1, 409: 49}
    refus = [r.json() for r in reponses if r.status_code == 409]
    assert {r["code"] for r in refus} == {"identifiant_indisponible"}
    for suggestion in {s for r in refus for s in r["suggestions"]}:
        assert (await http.get(f"/v1/identifiants/{suggestion}")).json()["disponible"] is True


async def test_one_key_sent_ten_times_at_once_opens_one_account(http: httpx.AsyncClient) -> None:
    cle, demande = {"Idempotency-Key": str(uuid4())}, une_demande(activer_par="email", email="une-seule@exemple.fr")

    async def insister() -> httpx.Response:
        while (reponse := await http.post("/v1/inscriptions", json=demande, headers=cle)).status_code == 409:
            assert reponse.json()["code"] == "requete_en_cours"
            await asyncio.sleep(0.05)
        return reponse

    reponses = await ensemble(*(insister() for _ in range(10)))
    assert statuts(reponses) == {201: 10}
    assert len({r.text for r in reponses}) == 1


async def test_of_fifty_wrong_codes_five_are_judged_and_then_the_right_one_is_refused(http: httpx.AsyncClient) -> None:
    inscription = await inscrit(http, activer_par="email", email="devine@exemple.fr")
    juste = await le_code(http, "devine@exemple.fr")
    faux = [f"{(int(juste) + n) % 10**6:06d}" for n in range(1, 51)]
    reponses = await ensemble(*(http.post(essais(inscription), json={"code": c}, headers=porteur(inscription)) for c in faux))
    assert codes(reponses) == {"code_incorrect": ESSAIS_MAX, "essais_epuises": 50 - ESSAIS_MAX}
    restants = sorted(r.json()["essais_restants"] for r in reponses if r.status_code == 422)
    assert restants == list(range(ESSAIS_MAX))
    apres = await http.post(essais(inscription), json={"code": juste}, headers=porteur(inscription))
    assert (apres.status_code, apres.json()["code"]) == (409, "essais_epuises")


async def test_of_right_codes_sent_at_once_one_activates(http: httpx.AsyncClient) -> None:
    for manche in range(5):
        adresse = f"juste-{manche}@exemple.fr"
        inscription = await inscrit(http, activer_par="email", email=adresse)
        juste = {"code": await le_code(http, adresse)}
        reponses = await ensemble(*(http.post(essais(inscription), json=juste, headers=porteur(inscription)) for _ in range(8)))
        vus = codes(reponses)
        # Five of the eight are judged at most; whoever comes when none is left, and before the activation, is told so.
        assert vus["actif"] == 1
        assert set(vus) <= {"actif", "deja_active", "essais_epuises"}
        encore = await http.post(essais(inscription), json=juste, headers=porteur(inscription))
        assert encore.json()["code"] == "deja_active"


async def test_resends_asked_at_once_stop_at_five(http: httpx.AsyncClient) -> None:
    inscription = await inscrit(http, activer_par="email", email="encore@exemple.fr")
    chemin = essais(inscription).replace("essais", "renvois")
    reponses = await ensemble(*(http.post(chemin, headers=porteur(inscription)) for _ in range(12)))
    assert statuts(reponses) == {202: ENVOIS_MAX - 1, 409: 12 - (ENVOIS_MAX - 1)}
    assert {r.json()["envois_restants"] for r in reponses if r.status_code == 202} == set(range(ENVOIS_MAX - 1))


async def test_a_code_asked_while_the_address_is_corrected_never_lives_on_for_the_former_one(http: httpx.AsyncClient) -> None:
    for manche in range(20):
        ancienne, nouvelle = f"ancienne-{manche}@exemple.fr", f"nouvelle-{manche}@exemple.fr"
        inscription = await inscrit(http, email=ancienne)
        chemin, entetes = f"/v1/inscriptions/{inscription['id']}", porteur(inscription)
        await ensemble(
            http.patch(f"{chemin}/contacts", json={"email": nouvelle}, headers=entetes),
            *(http.post(f"{chemin}/activations", json={"canal": "email"}, headers=entetes) for _ in range(3)),
        )
        activation = (await http.get(chemin, headers=entetes)).json()["activation"]
        assert activation is None or activation["destination"].startswith("n")


async def test_an_activation_and_a_cancellation_at_once_leave_one_of_the_two(http: httpx.AsyncClient) -> None:
    for manche in range(8):
        adresse = f"hesitant-{manche}@exemple.fr"
        inscription = await inscrit(http, activer_par="email", email=adresse)
        juste, entetes = {"code": await le_code(http, adresse)}, porteur(inscription)
        activee, annulee = await ensemble(
            http.post(essais(inscription), json=juste, headers=entetes),
            http.delete(f"/v1/inscriptions/{inscription['id']}", headers=entetes),
        )
        lue = await http.get(f"/v1/inscriptions/{inscription['id']}", headers=entetes)
        vu = (activee.status_code, annulee.status_code, lue.status_code)
        assert vu in {(200, 409, 200), (404, 204, 404)}


async def test_twenty_refreshes_of_one_token_at_once_leave_one_lineage_which_goes_on(http: httpx.AsyncClient) -> None:
    session = await entre(http, "vingt@exemple.fr")
    reponses = await ensemble(*(rafraichir(http, session["jeton_rafraichissement"]) for _ in range(20)))
    assert statuts(reponses) == {200: 20}
    [enfant] = {r.json()["jeton_rafraichissement"] for r in reponses}
    suite = await rafraichir(http, enfant)
    assert suite.status_code == 200
    vues = (await http.get("/v1/sessions", headers=bearer(suite.json()))).json()["sessions"]
    assert [v["id"] for v in vues] == [session["session"]]


async def test_a_token_spent_before_kills_its_family_which_is_still_dead_when_the_whole_service_was_killed(
    dossier: Path, acces: dict[str, str]
) -> None:
    with Comptoir("serve", dossier, processes=2, limits="off", **acces) as comptoir:
        async with _client(comptoir) as http:
            session = await entre(http, "copie@exemple.fr")
            jetons = await tournee(http, session, 2)
            assert (await rafraichir(http, jetons[0])).status_code == 401
            assert await finie(http, session, jetons)
            comptoir.processus.kill()
            for processus in comptoir.processus_api():
                # They end by themselves as well, once the first has.
                with suppress(ProcessLookupError):
                    os.kill(processus, signal.SIGKILL)
            comptoir.processus.wait()
            attendre(comptoir.disparu)
            comptoir.lancer()
            attendre(comptoir.pret)
            assert await finie(http, session, jetons)
        assert comptoir.fautes() == []


async def test_a_spent_token_among_refreshes_of_the_good_one_always_ends_the_family(http: httpx.AsyncClient) -> None:
    for manche in range(5):
        session = await entre(http, f"melee-{manche}@exemple.fr")
        jetons = await tournee(http, session, 2)
        reponses = await ensemble(*(rafraichir(http, jeton) for jeton in [jetons[2]] * 5 + [jetons[0]] + [jetons[2]] * 5))
        assert set(statuts(reponses)) <= {200, 401}
        donnes = {r.json()["jeton_rafraichissement"] for r in reponses if r.status_code == 200}
        assert len(donnes) <= 1
        assert await finie(http, session, [*jetons, *donnes])


async def test_of_fifty_wrong_passwords_five_are_judged_and_a_known_device_still_comes_in(serve_limite: Comptoir) -> None:
    def de(n: int) -> dict[str, str]:
        return {"X-Forwarded-For": f"203.0.113.{n}"}

    async with _client(serve_limite) as http:
        session = await entre(http, "assiegee@exemple.fr")
        juste = {"identifiant": session["identifiant"], "mot_de_passe": MOT_DE_PASSE}
        faux = [juste | {"mot_de_passe": f"Tulipe!{n}brume"} for n in range(50)]
        reponses = await ensemble(*(http.post("/v1/sessions", json=essai, headers=de(n)) for n, essai in enumerate(faux)))
        assert {(r.status_code, r.json()["code"]) for r in reponses} == {(401, "identifiants_incorrects")}
        juges = Counter(e["message"] for e in serve_limite.evenements() if e["message"].startswith("connexion_"))
        assert juges == {"connexion_refusee": 5, "connexion_freinee": 45}
        assert (await http.post("/v1/sessions", json=juste, headers=de(51))).status_code == 401
        connu = juste | {"jeton_appareil": session["jeton_appareil"]}
        assert (await http.post("/v1/sessions", json=connu, headers=de(52))).status_code == 201


async def test_availability_is_told_twenty_times_a_minute_to_one_client_over_both_processes(serve_limite: Comptoir) -> None:
    async with (
        _client(serve_limite, **{"X-Forwarded-For": "198.51.100.1"}) as un,
        _client(serve_limite, **{"X-Forwarded-For": "198.51.100.2"}) as autre,
    ):
        reponses = await ensemble(*(un.get(f"/v1/identifiants/libre{n}") for n in range(25)))
        assert statuts(reponses) == {200: 20, 429: 5}
        refus = [r for r in reponses if r.status_code == 429]
        assert {r.json()["code"] for r in refus} == {"trop_de_demandes"}
        assert all(30 <= int(r.headers["Retry-After"]) <= 60 for r in refus)
        assert (await autre.get("/v1/identifiants/libre")).status_code == 200


async def test_one_sms_a_minute_leaves_to_a_number_however_many_sign_ups_name_it(serve_limite: Comptoir) -> None:
    async with _client(serve_limite, **{"X-Forwarded-For": "198.51.100.3"}) as http:
        demande = une_demande(activer_par="sms", telephone_mobile="0712345678")
        reponses = await ensemble(*(http.post("/v1/inscriptions", json=demande) for _ in range(10)))
        assert statuts(reponses) == {201: 10}
        livraisons = Counter(r.json()["activation"]["livraison"] for r in reponses)
        assert livraisons == {"en_file": 1, "retenu": 9}
        await le_code(http, "+33712345678")
        retenues = [r.json() for r in reponses if r.json()["activation"]["livraison"] == "retenu"]
        encore = await ensemble(
            *(http.post(f"/v1/inscriptions/{i['id']}/activations", json={"canal": "sms"}, headers=porteur(i)) for i in retenues)
        )
        assert statuts(encore) == {429: 9}
        vus = await http.get("/dev/messages?destination=%2B33712345678", headers={"Accept": "application/json"})
        assert len(vus.json()["messages"]) == 1


async def test_ten_sms_an_hour_leave_for_one_client_whatever_the_numbers(serve_limite: Comptoir) -> None:
    async with _client(serve_limite, **{"X-Forwarded-For": "198.51.100.4"}) as http:
        numeros = [f"07111111{n:02d}" for n in range(16)]
        reponses = await ensemble(
            *(http.post("/v1/inscriptions", json=une_demande(activer_par="sms", telephone_mobile=n)) for n in numeros)
        )
        assert Counter(r.json()["activation"]["livraison"] for r in reponses) == {"en_file": 10, "retenu": 6}


@pytest.fixture(autouse=True)
def sans_faute(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    for nom in ("serve", "serve_limite"):
        if nom in request.fixturenames:
            comptoir: Comptoir = request.getfixturevalue(nom)
            assert comptoir.fautes() == []
