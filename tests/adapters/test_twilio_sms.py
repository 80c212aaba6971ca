"""The SMS sender: the real Twilio client against a local HTTP server that answers as told, or does not."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import struct
import subprocess
import sys
import traceback
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

import msgspec
import pytest

from adapters.twilio_sms import TwilioConfig, TwilioSender
from domain.message import EnvoiDiffere, EnvoiRefuse, Rendu
from tests.fournisseurs import prise_muette

SID, TOKEN = "AC" + "0123456789abcdef" * 2, "jeton-secret-de-twilio"
NUMERO, SERVICE = "+33700000000", "MG" + "fedcba9876543210" * 2
RENDU = Rendu(
    id=UUID("0192f0c0-0000-7000-8000-000000000001"),
    canal="sms",
    destination="+33612345678",
    objet="",
    texte="Portail : votre code est 123456. Ne le donnez à personne & merci !",
)
CREE = msgspec.json.encode({"sid": "SM" + "a" * 32, "status": "queued", "to": RENDU.destination, "body": RENDU.texte}).decode()


class Requete(msgspec.Struct):
    ligne: str
    entetes: dict[str, str]
    corps: str


class Serveur:
    """One answer for every request: a raw HTTP text, "" to cut, "RST" to reset, None to stay silent."""

    def __init__(self, reponse: str | bytes | None) -> None:
        self.reponse = reponse
        self.requetes: list[Requete] = []
        self.connexions = 0

    async def servir(self, lecteur: asyncio.StreamReader, ecrivain: asyncio.StreamWriter) -> None:
        self.connexions += 1
        try:
            while await self._repondre(lecteur, ecrivain):
                pass
        except asyncio.IncompleteReadError:
            pass
        finally:
            ecrivain.close()

    async def _repondre(self, lecteur: asyncio.StreamReader, ecrivain: asyncio.StreamWriter) -> bool:
        ligne, *reste = (await lecteur.readuntil(b"\r\n\r\n")).decode().rstrip().split("\r\n")
        entetes = {nom.lower(): valeur for nom, _, valeur in (entete.partition(": ") for entete in reste)}
        corps = await lecteur.readexactly(int(entetes["content-length"]))
        self.requetes.append(Requete(ligne, entetes, corps.decode()))
        if self.reponse is None:
            await lecteur.read()
        elif self.reponse == "RST":
            prise = ecrivain.get_extra_info("socket")
            prise.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif self.reponse:
            octets = self.reponse if isinstance(self.reponse, bytes) else self.reponse.encode()
            ecrivain.write(octets)
            return b"Connection: close" not in octets
        return False


def _http(statut: int, corps: str, **entetes: str) -> str:
    tous = {"Content-Type": "application/json", "Content-Length": str(len(corps.encode()))} | entetes
    return f"HTTP/1.1 {statut} Statut\r\n" + "".join(f"{nom}: {valeur}\r\n" for nom, valeur in tous.items()) + "\r\n" + corps


def _erreur(statut: int, code: int) -> str:
    # Twilio's texts quote the number.
    message = f"The 'To' number {RENDU.destination} is not valid"
    return _http(statut, msgspec.json.encode({"code": code, "message": message, "status": statut}).decode())


def _config(**changements: Any) -> TwilioConfig:
    base: dict[str, Any] = {"account_sid": SID, "auth_token": TOKEN, "expediteur": NUMERO, "delai": 60.0}
    return TwilioConfig(**(base | changements))


@asynccontextmanager
async def _twilio(reponse: str | bytes | None, **config: Any) -> AsyncIterator[tuple[TwilioSender, Serveur]]:
    serveur = Serveur(reponse)
    ecoute = await asyncio.start_server(serveur.servir, "127.0.0.1", 0)
    sender = TwilioSender(_config(base_url=f"http://127.0.0.1:{ecoute.sockets[0].getsockname()[1]}", **config))
    try:
        yield sender, serveur
    finally:
        await sender.close()
        ecoute.close()


# --- what Twilio's own description of the call requires (CreateMessage, version 2010-04-01)

CHAMPS = {
    "To", "StatusCallback", "ApplicationSid", "MaxPrice", "ProvideFeedback", "Attempt", "ValidityPeriod", "ForceDelivery",
    "ContentRetention", "AddressRetention", "SmartEncoded", "PersistentAction", "TrafficType", "ShortenUrls", "ScheduleType",
    "SendAt", "SendAsMms", "ContentVariables", "RiskCheck", "From", "FallbackFrom", "MessagingServiceSid", "Body", "MediaUrl",
    "ContentSid",
}  # fmt: skip
E164 = re.compile(r"\+[1-9][0-9]{1,14}")


@pytest.mark.parametrize(("expediteur", "champ"), [(NUMERO, "From"), (SERVICE, "MessagingServiceSid")])
async def test_the_request_is_the_one_twilio_describes(expediteur: str, champ: str) -> None:
    async with _twilio(_http(201, CREE), expediteur=expediteur) as (sender, serveur):
        await sender.envoyer(RENDU)
    (requete,) = serveur.requetes

    chemin = re.fullmatch(r"POST /2010-04-01/Accounts/(AC[0-9a-fA-F]{32})/Messages\.json HTTP/1\.1", requete.ligne)
    assert chemin is not None
    assert chemin[1] == SID
    methode, _, identite = requete.entetes["authorization"].partition(" ")
    assert (methode, b64decode(identite).decode()) == ("Basic", f"{SID}:{TOKEN}")
    assert requete.entetes["content-type"] == "application/x-www-form-urlencoded"

    champs = parse_qs(requete.corps, keep_blank_values=True, strict_parsing=True)
    assert set(champs) <= CHAMPS
    assert all(len(valeurs) == 1 for valeurs in champs.values())
    assert champs["To"] == [RENDU.destination]
    assert E164.fullmatch(champs["To"][0])
    assert [champs.get("From"), champs.get("MessagingServiceSid")].count(None) == 1
    assert champs[champ] == [expediteur]
    assert re.fullmatch(r"\+[1-9][0-9]{1,14}|MG[0-9a-fA-F]{32}", champs[champ][0])
    assert champs["Body"] == [RENDU.texte]
    assert len(champs["Body"][0]) <= 1600
    assert {"MediaUrl", "ContentSid"}.isdisjoint(champs)


# --- what becomes of the message


@pytest.mark.parametrize(
    ("reponse", "motif"),
    [
        (_http(500, '{"code": 20500}'), "twilio_500"),
        (_http(503, "<html>Service Unavailable</html>", **{"Content-Type": "text/html"}), "twilio_503"),
        (_http(429, '{"code": 20429, "status": 429}'), "twilio_429"),
        (_erreur(401, 20003), "twilio_20003"),
        (_http(401, ""), "twilio_401"),
        (_erreur(403, 20403), "twilio_20403"),
        (_erreur(404, 20404), "twilio_20404"),
        (_erreur(400, 21606), "twilio_21606"),
        (_erreur(400, 21611), "twilio_21611"),
        (_erreur(400, 21703), "twilio_21703"),
        (_http(302, "", Location="/ailleurs"), "twilio_302"),
        (_http(201, "<html>Bienvenue</html>"), "twilio_reponse"),
        (_http(201, ""), "twilio_reponse"),
        (_http(201, "[]"), "twilio_reponse"),
        (_http(201, "null"), "twilio_reponse"),
        (_http(200, '{"status": "queued"}'), "twilio_reponse"),
        (_http(201, '{"sid": 12}'), "twilio_reponse"),
        (_http(201, CREE).encode().replace(b"SM", b"\xff\xfe"), "twilio_reponse"),
        ("ce n'est pas du HTTP\r\n\r\n", "twilio_connexion"),
        (_http(201, CREE, Connection="close")[:-10], "twilio_connexion"),
        ("", "twilio_connexion"),
        ("RST", "twilio_connexion"),
    ],
    ids=lambda valeur: valeur if str(valeur).startswith("twilio_") else "",
)
async def test_what_may_pass_is_tried_again(reponse: str | bytes, motif: str) -> None:
    async with _twilio(reponse) as (sender, serveur):
        with pytest.raises(EnvoiDiffere) as differe:
            await sender.envoyer(RENDU)
    assert (differe.value.motif, differe.value.attendre) == (motif, None)
    assert len(serveur.requetes) == 1
    _ne_dit_rien(differe.value)


@pytest.mark.parametrize(
    ("reponse", "motif"),
    [
        (_erreur(400, 21211), "twilio_21211"),
        (_erreur(400, 21610), "twilio_21610"),
        (_erreur(400, 21614), "twilio_21614"),
        (_erreur(400, 21408), "twilio_21408"),
        (_http(400, "<html>Bad Request</html>"), "twilio_400"),
        (_http(422, '{"code": "+33612345678"}'), "twilio_422"),
    ],
    ids=lambda valeur: valeur if str(valeur).startswith("twilio_") else "",
)
async def test_a_destination_refused_for_good_is_not_tried_again(reponse: str, motif: str) -> None:
    async with _twilio(reponse) as (sender, _):
        with pytest.raises(EnvoiRefuse) as refus:
            await sender.envoyer(RENDU)
    assert refus.value.motif == motif
    _ne_dit_rien(refus.value)


@pytest.mark.parametrize("statut", [429, 503])
@pytest.mark.parametrize(
    ("retry_after", "attendre"),
    [("7", 7.0), ("86400", 86400.0), ("", None), ("-1", None), ("bientôt", None), ("999999999", None), ("\u0667", None)],
)
async def test_the_wait_twilio_asks_for_is_told(statut: int, retry_after: str, attendre: float | None) -> None:
    async with _twilio(_http(statut, "{}", **{"Retry-After": retry_after})) as (sender, _):
        with pytest.raises(EnvoiDiffere) as differe:
            await sender.envoyer(RENDU)
    assert (differe.value.motif, differe.value.attendre) == (f"twilio_{statut}", attendre)


async def test_a_server_that_never_answers_is_left_after_the_delay() -> None:
    async with _twilio(None, delai=0.05) as (sender, _), asyncio.timeout(30):
        with pytest.raises(EnvoiDiffere) as differe:
            await sender.envoyer(RENDU)
    assert differe.value.motif == "twilio_delai"
    _ne_dit_rien(differe.value)


async def test_an_answer_that_never_ends_is_left_after_the_delay() -> None:
    async with _twilio(_http(201, CREE)[:-10], delai=0.05) as (sender, _), asyncio.timeout(30):
        with pytest.raises(EnvoiDiffere) as differe:
            await sender.envoyer(RENDU)
    assert differe.value.motif == "twilio_delai"


async def test_nobody_listening_is_tried_again() -> None:
    with prise_muette() as prise:
        sender = TwilioSender(_config(base_url=f"http://127.0.0.1:{prise.getsockname()[1]}"))
        with pytest.raises(EnvoiDiffere) as differe:
            await sender.envoyer(RENDU)
        await sender.close()
    assert differe.value.motif == "twilio_connexion"
    _ne_dit_rien(differe.value)


async def test_after_a_failure_the_next_sms_leaves() -> None:
    async with _twilio(_http(500, "")) as (sender, serveur):
        with pytest.raises(EnvoiDiffere):
            await sender.envoyer(RENDU)
        serveur.reponse = _http(201, CREE)
        await sender.envoyer(RENDU)
    assert len(serveur.requetes) == 2


# --- what it costs and what it shows


async def test_a_connection_serves_several_sms() -> None:
    async with _twilio(_http(201, CREE)) as (sender, serveur):
        for _ in range(3):
            await sender.envoyer(RENDU)
    assert (len(serveur.requetes), serveur.connexions) == (3, 1)


async def test_closing_is_harmless_before_any_sms_and_twice() -> None:
    async with _twilio("") as (sender, _):
        await sender.close()
        await sender.close()


@pytest.mark.parametrize(
    "reponse", [_http(201, CREE), _erreur(400, 21211), _http(500, ""), "RST"], ids=["sent", "refused", "deferred", "cut"]
)
async def test_nothing_personal_is_logged(reponse: str, caplog: pytest.LogCaptureFixture) -> None:
    for journal in ("", "twilio", "twilio.async_http_client", "aiohttp", "asyncio"):
        caplog.set_level(logging.DEBUG, journal)
    async with _twilio(reponse) as (sender, _):
        with suppress(EnvoiDiffere, EnvoiRefuse):
            await sender.envoyer(RENDU)
    for secret in (SID, TOKEN, NUMERO, RENDU.destination, RENDU.texte, "Messages.json"):
        assert secret not in caplog.text


def test_the_configuration_does_not_show_its_credentials() -> None:
    texte = repr(TwilioConfig(account_sid=SID, auth_token=TOKEN, expediteur=NUMERO))
    assert all(secret not in texte for secret in (SID, TOKEN, NUMERO))


def test_twilio_is_not_loaded_before_the_first_sms() -> None:
    programme = f"""
import sys
from adapters.twilio_sms import TwilioConfig, TwilioSender
TwilioSender(TwilioConfig(account_sid={SID!r}, auth_token="", expediteur={NUMERO!r}))
assert {{"twilio", "aiohttp", "requests"}}.isdisjoint(sys.modules)
"""
    subprocess.run([sys.executable, "-W", "error", "-c", programme], check=True)


def _ne_dit_rien(erreur: Exception) -> None:
    """Neither the exception nor its printed causes tell whom we wrote to, what, or through which account."""
    texte = str(erreur) + repr(erreur) + "".join(traceback.format_exception(erreur))
    for secret in (SID, TOKEN, NUMERO, RENDU.destination, RENDU.texte, "Messages.json"):
        assert secret not in texte
