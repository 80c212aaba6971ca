"""Who may call what: everything is refused that does not say otherwise, to whatever is not the right bearer; and nothing of a
bearer is ever written in a log."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec.structs import replace

from app.settings import Settings, cles
from tests.adapters import test_jetons_acces as forge
from tests.builders import MOT_DE_PASSE, une_demande
from tests.openapi import operations
from tests.recueil import Recueil
from tests.service import Service, bearer, porteur, refus

EMAIL, IDENTIFIANT = "ines@exemple.fr", "ines.dupont"
JETON_INVALIDE, SECRET_INVALIDE = (401, "jeton_invalide"), (401, "secret_invalide")


def exigeant(schema: str) -> list[tuple[str, str]]:
    """Method and path of every operation that asks for this bearer."""
    return [(m.upper(), c) for c, m, o in operations() if o["security"] == [{schema: []}]]


def rempli(chemin: str, id_: str) -> str:
    return re.sub(r"{\w+}", "M547361765G", chemin.replace("{id}", id_).replace("{aid}", str(uuid4())))


async def titulaire(service: Service) -> tuple[dict[str, Any], dict[str, Any]]:
    """A sign-up and a session of one account."""
    inscription = await service.actif(une_demande())
    return inscription, await service.connecte(IDENTIFIANT, MOT_DE_PASSE)


def test_the_document_tells_which_bearer_each_door_asks_for() -> None:
    assert len(exigeant("jetonAcces")) >= 18
    assert len(exigeant("secretInscription")) >= 7


DEFI = 'Bearer realm="comptoir"'


def porteurs(*valeurs: str) -> list[list[tuple[str, str]]]:
    """Ways not to present a bearer, then these."""
    autorisations = [[], ["Bearer"], ["Bearer "], ["Bearer x"], ["Basic aW5lczpUdWxpcGU="], *([f"Bearer {v}"] for v in valeurs)]
    return [[("Authorization", a) for a in ligne] for ligne in autorisations]


async def test_each_operation_of_a_session_is_refused_without_an_access_token(service: Service) -> None:
    inscription, session = await titulaire(service)
    bon = session["jeton_acces"]
    faux = porteurs(inscription["secret"], session["jeton_rafraichissement"], session["jeton_appareil"], bon[:-4], bon + "x")
    faux += [[("Authorization", f"Bearer {bon}")] * 2, [("Authorization", f"Basic {bon}")], [("Authorization", bon)]]
    faux += [[("Cookie", f"jeton_acces={bon}; __Host-comptoir-session={session['jeton_rafraichissement']}")]]
    for methode, chemin in exigeant("jetonAcces"):
        for entetes in faux:
            reponse = await service.http.request(methode, rempli(chemin, session["session"]), headers=entetes)
            assert refus(reponse) == JETON_INVALIDE, (methode, chemin, entetes)
            portee = any(nom == "Authorization" for nom, _ in entetes)
            assert reponse.headers["www-authenticate"] == DEFI + (', error="invalid_token"' if portee else "")
    assert (await service.appeler(session, "GET", "/v1/moi")).status_code == 200


async def test_each_operation_of_a_sign_up_is_refused_without_its_secret(service: Service) -> None:
    inscription, session = await titulaire(service)
    bon = inscription["secret"]
    faux = porteurs(session["jeton_acces"], session["jeton_rafraichissement"], session["jeton_appareil"], bon[:-4])
    faux += [[("Authorization", f"Bearer {bon}")] * 2]
    for methode, chemin in exigeant("secretInscription"):
        for entetes in faux:
            reponse = await service.http.request(methode, rempli(chemin, inscription["id"]), headers=entetes)
            assert refus(reponse) == SECRET_INVALIDE, (methode, chemin, entetes)
            assert reponse.headers["www-authenticate"] == 'Bearer realm="inscription"'
        # Its own secret opens no other's.
        ailleurs = await service.http.request(methode, rempli(chemin, str(uuid4())), headers=porteur(inscription))
        assert refus(ailleurs) == (404, "inscription_inconnue")


async def test_a_token_in_the_address_or_the_body_is_no_bearer(service: Service) -> None:
    _, session = await titulaire(service)
    for nom in ("access_token", "jeton_acces", "token"):
        assert refus(await service.http.get("/v1/moi", params={nom: session["jeton_acces"]})) == JETON_INVALIDE
    corps = {"access_token": session["jeton_acces"]}
    assert refus(await service.http.post("/v1/moi/acceptations", data=corps)) == JETON_INVALIDE


async def test_a_route_that_declares_no_access_is_closed_to_everybody(service: Service) -> None:
    inscription, session = await titulaire(service)
    # Litestar's own pages, which are ours to serve elsewhere.
    for entetes in ({}, bearer(session), porteur(inscription)):
        assert refus(await service.http.get("/_openapi/openapi.json", headers=entetes)) == JETON_INVALIDE


async def test_no_other_method_goes_round_the_bearer(service: Service) -> None:
    for methode, statut in (("HEAD", 401), ("TRACE", 405), ("PUT", 405), ("POST", 405)):
        reponse = await service.http.request(methode, "/v1/moi")
        assert reponse.status_code == statut, methode
    for entete in ("X-HTTP-Method-Override", "X-Method-Override"):
        assert refus(await service.http.post("/v1/sessions/courante", headers={entete: "DELETE"})) == (405, "methode_interdite")
    options = await service.http.options("/v1/moi")
    assert (options.status_code, options.content) == (204, b"")
    for chemin in ("//v1/moi", "/v1//moi", "/v1/moi/", "/V1/moi", "/v1/moi;x", "/v1/./moi", "/v1/%6doi"):
        reponse = await service.http.get(chemin)
        assert reponse.status_code in (401, 404), chemin


# R64, through the door


class Faussaire:
    """Tokens under our own signing key, of a live session, but for what is asked."""

    def __init__(self, service: Service, session: dict[str, Any]) -> None:
        self.cle = forge.cle_privee(cles(service.settings)[0])
        self._signature = forge.es256(self.cle)
        instant, origine = int(time.time()), service.settings.origine
        corps = json.loads(forge.debase64(session["jeton_acces"].split(".")[1]))
        self._corps = corps | {"iat": instant, "nbf": instant, "exp": instant + 600, "iss": origine, "aud": origine}
        self._tete = {"kid": forge.empreinte(self.cle)}
        self.instant = instant

    def forger(
        self,
        corps: forge.Membres | None = None,
        tete: forge.Membres | None = None,
        signature: forge.Signature | None = None,
    ) -> str:
        return forge.forger({**self._corps, **(corps or {})}, {**self._tete, **(tete or {})}, signature or self._signature)

    def corps_refuses(self) -> Mapping[str, forge.Membres]:
        n = self.instant
        return {
            "another issuer": {"iss": "https://pirate.exemple"},
            "another audience": {"aud": "https://autre.exemple.fr"},
            "a list of audiences": {"aud": [self._corps["aud"]]},
            "expired": {"iat": n - 700, "nbf": n - 700, "exp": n - 100},
            "not yet good": {"nbf": n + 100},
            "issued in the future": {"iat": n + 100},
            "no account": {"sub": IDENTIFIANT},
            "no session": {"sid": "../moi"},
            "an id_token": {"sid": forge.ABSENT, "jti": forge.ABSENT, "nbf": forge.ABSENT, "nonce": "n"},
            **{f"no {nom}": {nom: forge.ABSENT} for nom in forge.REVENDICATIONS},
        }


async def test_every_token_of_the_table_is_refused_at_the_door(service: Service) -> None:
    _, session = await titulaire(service)
    f = Faussaire(service, session)
    # Without this, what follows would prove nothing.
    assert (await service.appeler({"jeton_acces": f.forger()}, "GET", "/v1/moi")).status_code == 200
    publique = f.cle.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    debut, milieu, fin = f.forger().split(".")
    jetons = {
        **{nom: f.forger(tete=tete) for nom, tete in forge.EN_TETES.items() if nom != "kid of another type"},
        **{nom: f.forger(corps) for nom, corps in f.corps_refuses().items()},
        "alg none": f.forger(tete={"alg": "none"}, signature=lambda _: b""),
        "alg none, signed": f.forger(tete={"alg": "none"}),
        "HS256 with the public key": f.forger(tete={"alg": "HS256"}, signature=forge.hs256(publique)),
        "another key under our kid": f.forger(signature=forge.AUTRE),
        "another key in the header": f.forger(tete={"jwk": forge.jwk(forge.INTRUSE)}, signature=forge.AUTRE),
        "another server's key": forge.forger(json.loads(forge.debase64(milieu))),
        "no signature": f"{debut}.{milieu}.",
        "two parts": f"{debut}.{milieu}",
        "four parts": f"{debut}.{milieu}.{fin}.{fin}",
        "another's body": f"{debut}.{f.forger({'sub': str(uuid4())}).split('.')[1]}.{fin}",
        "very long": f.forger({"ajout": "x" * 4000}),
    }
    for nom, jeton in jetons.items():
        reponse = await service.appeler({"jeton_acces": jeton}, "GET", "/v1/moi")
        assert refus(reponse) == JETON_INVALIDE, nom
        assert reponse.headers["www-authenticate"] == 'Bearer realm="comptoir", error="invalid_token"'


async def test_a_token_well_signed_is_worth_nothing_without_its_session(service: Service) -> None:
    _, session = await titulaire(service)
    f = Faussaire(service, session)
    autre = await service.actif(une_demande(email="autre@exemple.fr"))
    echangee = (await service.http.post(f"/v1/inscriptions/{autre['id']}/session", json={}, headers=porteur(autre))).json()
    for corps in ({"sid": str(uuid4())}, {"sub": str(uuid4())}, {"sub": autre["id"]}, {"sid": echangee["session"]}):
        jeton = {"jeton_acces": f.forger(corps)}
        for methode, chemin in (("GET", "/v1/moi"), ("GET", "/v1/sessions"), ("DELETE", "/v1/sessions")):
            assert refus(await service.appeler(jeton, methode, chemin)) == (401, "session_finie"), corps
    assert await service.compter("sessions where terminee_le is null") == 2


async def test_while_server_keys_are_replaced_tokens_of_both_are_good_and_published(settings: Settings) -> None:
    ancienne = settings.secret_keys
    neuve = "neuve:" + "bmV1dmVuZXV2ZW5ldXZlbmV1dmVuZXV2ZW5ldXZlISE="
    async with Service(settings) as avant:
        # An answer is given again for ten seconds: the time that the processes below take to start is none of it.
        await avant.arreter_horloge(datetime.now(UTC))
        _, session = await titulaire(avant)
    async with Service(replace(settings, secret_keys=f"{neuve},{ancienne}")) as pendant:
        assert (await pendant.appeler(session, "GET", "/v1/moi")).status_code == 200
        cles_publiees = (await pendant.http.get("/.well-known/jwks.json")).json()["keys"]
        assert len({cle["kid"] for cle in cles_publiees}) == 2
        assert all("d" not in cle for cle in cles_publiees)
        suite = await pendant.rafraichir(session["jeton_rafraichissement"])
        assert suite.status_code == 200
        assert (await pendant.appeler(suite.json(), "GET", "/v1/moi")).status_code == 200
        # A process that still signs by the former key, and knows of the new one, goes on as well.
        async with Service(replace(settings, secret_keys=f"{ancienne},{neuve}")) as autre:
            reprise = await autre.rafraichir(session["jeton_rafraichissement"])
            assert reprise.json()["jeton_rafraichissement"] == suite.json()["jeton_rafraichissement"]
            retour = await autre.rafraichir(suite.json()["jeton_rafraichissement"])
            assert retour.status_code == 200
    async with Service(replace(settings, secret_keys=neuve)) as apres:
        assert refus(await apres.appeler(session, "GET", "/v1/moi")) == JETON_INVALIDE
        assert refus(await apres.rafraichir(retour.json()["jeton_rafraichissement"])) == (401, "session_finie")
        assert (await apres.appeler(suite.json(), "GET", "/v1/moi")).status_code == 200


# Logs


def jetons_de(reponse: httpx.Response) -> list[str]:
    """Every token that the answer hands out, in its body or in cookies; of an access token, what is secret of it."""
    corps = reponse.json() if reponse.content else {}
    acces = [p for p in corps.get("jeton_acces", "").split(".")[1:] if p]
    autres = [corps[nom] for nom in ("jeton_rafraichissement", "jeton_appareil") if corps.get(nom)]
    return acces + autres + [valeur for valeur in reponse.cookies.values() if valeur]


async def test_a_life_of_sessions_writes_neither_token_nor_password(settings: Settings, recueil: Recueil) -> None:
    neuf, faux = "Canari!84brume", "Canari!85brume"
    secrets = [MOT_DE_PASSE, neuf, faux, EMAIL, IDENTIFIANT, "canari-navigateur", "192.0.2.10"]
    async with Service(replace(settings, limits="on")) as service:
        inscription = await service.actif(une_demande())
        premiere = await service.connecter(IDENTIFIANT, MOT_DE_PASSE, entetes={"User-Agent": "canari-navigateur"})
        session = premiere.json()
        origine = {"Origin": settings.origine}
        reponses = [premiere, await service.connecter(EMAIL, MOT_DE_PASSE, entetes=origine, cookie=True)]
        reponses += [await service.rafraichir(None, **origine), await service.rafraichir(session["jeton_rafraichissement"])]
        reponses += [await service.rafraichir(reponses[-1].json()["jeton_rafraichissement"])]
        echange = f"/v1/inscriptions/{inscription['id']}/session"
        reponses += [await service.http.post(echange, json={}, headers=porteur(inscription))]
        for essai in (faux, MOT_DE_PASSE):
            corps = {"mot_de_passe": essai}
            await service.appeler(session, "POST", "/v1/sessions/courante/reauthentification", corps)
        for _ in range(7):
            await service.connecter(IDENTIFIANT, faux, jeton_appareil="Canari" * 9)
        # Replayed, forged, broken.
        await service.rafraichir(session["jeton_rafraichissement"])
        await service.rafraichir("canari-navigateur" * 4)
        faussee = {"Authorization": f"Bearer {session['jeton_acces'][:-2]}", "Cookie": "a=canari-navigateur"}
        await service.http.get("/v1/moi", headers=faussee)
        await _en_panne(service, reponses[1].json())
        # One mail a minute to one address.
        await service.avancer(timedelta(minutes=1))
        await service.recuperer(IDENTIFIANT)
        lien = await service.lien(EMAIL, "mot-de-passe")
        reponses += [await service.reinitialiser(neuf, jeton=lien)]
        reponses += [await service.connecter(IDENTIFIANT, neuf)]
        await service.appeler(reponses[-1].json(), "DELETE", "/v1/sessions")
        for reponse in reponses:
            assert reponse.is_success, reponse.text
            secrets += jetons_de(reponse)
        secrets += [inscription["secret"], lien]

    assert len(set(secrets)) > 25
    assert len([ligne for ligne in recueil.lignes if '"comptoir.securite"' in ligne]) > 8
    for ligne in recueil.lignes:
        assert not [valeur for valeur in secrets if valeur in ligne], ligne[:2000]


async def _en_panne(service: Service, session: dict[str, Any]) -> None:
    """A fault of ours, whose text quotes the row."""
    await service.sql.execute(
        "create function casser() returns trigger language plpgsql as"
        " $$ begin raise exception 'en panne: %', new using detail = new::text; end $$"
    )
    await service.sql.execute("create trigger casser before update on sessions for each row execute function casser()")
    assert refus(await service.appeler(session, "DELETE", "/v1/sessions/courante")) == (500, "erreur_interne")
    await service.sql.execute("drop trigger casser on sessions")
