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
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

import msgspec
import pytest

from adapters.twilio_sms import TwilioConfig, TwilioSender
from domain.message import EnvoiDiffere, EnvoiRefuse, Rendu

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
        self._reponse = reponse
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
        if self._reponse is None:
            await lecteur.read()
        elif self._reponse == "RST":
            prise = ecrivain.get_extra_info("socket")
            prise.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif self._reponse:
            ecrivain.write(self._reponse if isinstance(self._reponse, bytes) else self._reponse.encode())
            return True
        return False


def _http(statut: int, corps: str, **entetes: str) -> str:
    tous = {"Content-Type": "application/json", "Content-Length": str(len(corps.encode()))} | entetes
    return f"HTTP/1.1 {statut} Statut\r\n" + "".join(f"{nom}: {valeur}\r\n" for nom, valeur in tous.items()) + "\r\n" + corps


def _erreur(statut: int, code: int) -> str:
    # Twilio's texts quote the number.
    message = f"The 'To' number {RENDU.destination} is not valid"
    return _http(statut, msgspec.json.encode({"code": code, "message": message, "status": statut}).decode())


@asynccontextmanager
async def _twilio(reponse: str | bytes | None, **config: Any) -> AsyncIterator[tuple[TwilioSender, Serveur]]:
    serveur = Serveur(reponse)
    ecoute = await asyncio.start_server(serveur.servir, "127.0.0.1", 0)
    base_url = f"http://127.0.0.1:{ecoute.sockets[0].getsockname()[1]}"
    base = {"account_sid": SID, "auth_token": TOKEN, "expediteur": NUMERO, "base_url": base_url}
    sender = TwilioSender(TwilioConfig(**(base | config)))
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
        (_http(201, CREE)[:-10], "twilio_connexion"),
        ("", "twilio_connexion"),
        ("RST", "twilio_connexion"),
    ],
)
async def test_what_may_pass_is_tried_again(reponse: str | bytes, motif: str) -> None:
    async with _twilio(reponse, delai=5.0) as (sender, serveur):
        with pytest.raises(EnvoiDiffere) as differe:
            if isinstance(reponse, str) and reponse.endswith("123456"):
                pass
            await sender.envoyer(RENDU)
    assert (differe.value.motif, differe.value.attendre) == (motif, None)
    assert len(serveur.requetes) == 1
    _ne_dit_rien(differe.value)
