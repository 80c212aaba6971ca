"""Raw probes: what no generator from the schema would send, on every operation of the OpenAPI document and on the pages.

The rule of all: never a fault of the server, every refusal in one shape, nothing in the log, and the server still answers.
"""

from __future__ import annotations

import asyncio
import gzip
import http.client
import socket
import statistics
import time
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest

from tests.builders import modifie
from tests.e2e.acces import entre, inscrit, trousseau
from tests.e2e.cibles import Cible, cibles, feuilles
from tests.e2e.http_brut import Connexion, Reponse, Sonde, en_json, requete, sonder
from tests.e2e.processus import Comptoir, attendre

PAGES = ("/activation", "/docs", "/docs/swagger-ui.css", "/erreurs", "/erreurs/json_invalide", "/dev/messages", "/openapi.json")
# What would betray the inside in an answer.
INTERIEUR = (b"Traceback", b'File "', b".py", b"asyncpg", b"sqlalchemy", b"select ", b"insert into", b"msgspec", b"litestar")
LENTS = 30
# Seconds after which the sessions are others: a slow machine takes longer to probe everything than they last.
FRAICHEUR = 60


class Probleme(msgspec.Struct, forbid_unknown_fields=False):
    type: str
    title: str
    status: int
    code: str
    detail: str
    instance: str
    request_id: str
    errors: list[dict[str, str]] = []


class Banc:
    """The server and what may be asked of it."""

    def __init__(self, serve: Comptoir, document: dict[str, Any], http: httpx.Client) -> None:
        self.serve, self.cibles, self._http = serve, cibles(document), http
        self.codes = set(document["components"]["schemas"]["Probleme"]["properties"]["code"]["enum"])
        self.vivante, self.jetable = inscrit(http), inscrit(http)
        self._entrer()

    def _entrer(self) -> None:
        self._entre_a = time.monotonic()
        self.session, self.perdue = (entre(self._http, trousseau(self.serve.env)) for _ in range(2))

    def rafraichir(self) -> None:
        if time.monotonic() - self._entre_a > FRAICHEUR:
            self._entrer()

    @property
    def avec_corps(self) -> list[Cible]:
        return [c for c in self.cibles if c.corps]

    @property
    def vivants(self) -> dict[str, str]:
        return {"id": self.vivante["id"], "aid": self.vivante["activation"]["id"]}

    def inscription(self, cible: Cible) -> dict[str, Any]:
        """A real sign-up to aim at; what deletes has one to itself."""
        return self.jetable if cible.methode == "DELETE" else self.vivante

    def chemin(self, cible: Cible, **valeurs: str) -> str:
        inscription = self.inscription(cible)
        return cible.chemin(**{"id": inscription["id"], "aid": inscription["activation"]["id"], **valeurs})

    def jeton(self, cible: Cible, *, autre: bool = False) -> str:
        """What opens it: a sign-up's secret or an access token; what deletes has a session to itself. `autre`: another's."""
        if cible.acces == "jetonAcces":
            return str((self.perdue if autre or cible.methode == "DELETE" else self.session)["jeton_acces"])
        return str((self.jetable if autre else self.inscription(cible))["secret"])

    def porteur(self, cible: Cible) -> list[tuple[str, str | bytes]]:
        return [("Authorization", f"Bearer {self.jeton(cible)}")] if cible.acces else []

    def sonde(
        self,
        cible: Cible,
        nom: str,
        corps: bytes | None = None,
        *,
        chemin: str | bytes | None = None,
        entetes: Sequence[tuple[str, str | bytes]] = (),
        type_: str | None = "application/json",
        **jugement: Any,
    ) -> Sonde:
        """A well-framed request to this operation, authorised, with a valid body, unless told otherwise."""
        if corps is None and cible.corps:
            corps = en_json(cible.corps[0])
        if not any(n == "Authorization" for n, _ in entetes):
            entetes = [*self.porteur(cible), *entetes]
        octets = requete(cible.methode, chemin or self.chemin(cible), corps, entetes, type_)
        return Sonde(nom=f"{cible} : {nom}", octets=octets, **jugement)

    @staticmethod
    def lecture(chemin: str, *entetes: tuple[str, str | bytes], **jugement: Any) -> Sonde:
        return Sonde(nom=f"{chemin[:80]} {entetes}", octets=requete("GET", chemin, entetes=entetes), brute=True, **jugement)

    async def eprouver(self, sondes: Sequence[Sonde]) -> None:
        recues = await sonder(self.serve.port, sondes)
        assert len(recues) == len(sondes) > 0
        fautes = [f"{sonde.nom}\n   {faute}" for sonde, reponse in recues for faute in self._fautes(sonde, reponse)]
        assert not fautes, f"{len(fautes)} of {len(sondes)}:\n" + "\n".join(fautes[:20])

    def _fautes(self, sonde: Sonde, reponse: Reponse | None) -> Iterator[str]:
        if reponse is None:
            if not sonde.brute:
                yield "closed without an answer"
            return
        if reponse.statut >= 500 or (sonde.attendu and reponse.statut not in sonde.attendu):
            yield f"{reponse.statut} {reponse.corps[:300]!r}"
        elif sonde.permises and set(reponse.entetes["allow"].split(", ")) != _avec_les_notres(sonde.permises):
            yield f"allows {reponse.entetes['allow']}"
        # Of what it cannot frame, the HTTP server says so itself, and hangs up.
        elif reponse.statut >= 400 and sonde.methode != "HEAD" and not (sonde.brute and not reponse.corps):
            yield from self._fautes_probleme(sonde, reponse)

    def _fautes_probleme(self, sonde: Sonde, reponse: Reponse) -> Iterator[str]:
        if reponse.entetes.get("content-type") != "application/problem+json":
            yield f"{reponse.statut} {reponse.entetes}"
            return
        probleme = msgspec.json.decode(reponse.corps, type=Probleme)
        attendu = (reponse.statut, f"{self.serve.url}/erreurs/{probleme.code}", reponse.entetes["x-request-id"])
        if (probleme.status, probleme.type, probleme.request_id) != attendu or probleme.code not in self.codes:
            yield f"another shape: {reponse.corps!r}"
        if len(probleme.instance) > 256 or any(mot in reponse.corps for mot in INTERIEUR):
            yield f"says too much: {reponse.corps[:1000]!r}"
        if sonde.code not in (None, probleme.code):
            yield f"{probleme.code} instead of {sonde.code}"
        if sonde.pointeur is not None and not any(e["pointer"].startswith(sonde.pointeur) for e in probleme.errors):
            yield f"{sonde.pointeur} is not among {probleme.errors}"


def _avec_les_notres(documentees: Collection[str]) -> set[str]:
    """The methods of the document, and those that are the same everywhere."""
    return {*documentees, "OPTIONS"} | ({"HEAD"} if "GET" in documentees else set())


@pytest.fixture(scope="module")
def serve(dossier: Path, acces: dict[str, str]) -> Iterator[Comptoir]:
    with Comptoir("serve", dossier, limits="off", worker="off", **acces) as comptoir:
        yield comptoir


@pytest.fixture(scope="module")
def banc(serve: Comptoir) -> Iterator[Banc]:
    # A connection kept alive would be closed from one renewal to the next.
    with httpx.Client(base_url=serve.url, timeout=30, limits=httpx.Limits(max_keepalive_connections=0)) as http:
        yield Banc(serve, http.get("/openapi.json").json(), http)


@pytest.fixture(scope="module", autouse=True)
def lents(serve: Comptoir) -> Iterator[Future[tuple[list[tuple[bytes, float]], list[float]]]]:
    """Slow clients, there while all the other probes are."""
    with ThreadPoolExecutor(1) as fil:
        yield fil.submit(lambda: asyncio.run(des_lents(serve.port)))


@pytest.fixture(autouse=True)
def le_serveur_reste_debout(serve: Comptoir, banc: Banc) -> Iterator[None]:
    """After each probe the server answers, no process of it died, and its log holds no fault."""
    banc.rafraichir()
    processus = serve.processus_api()
    yield
    attendre(serve.pret)
    assert serve.processus_api() == processus
    assert serve.fautes() == []
    assert "Traceback" not in serve.journal()


async def test_the_examples_of_the_document_are_valid(banc: Banc) -> None:
    """Else the probes made from them would prove nothing."""
    (controles,) = (c for c in banc.cibles if c.gabarit == "/v1/inscriptions/controles")
    (inscription,) = (c for c in banc.cibles if c.methode == "POST" and c.gabarit == "/v1/inscriptions")
    assert {c["profil"]["type"] for c in controles.corps} == {"citoyen", "entreprise", "association"}
    # No identity waits to sign up.
    sans_identite = [corps | {"jeton_identite": None} for corps in controles.corps]
    await banc.eprouver([banc.sonde(controles, "valid", en_json(c), attendu=[200]) for c in sans_identite])
    sans_identifiant = [corps | {"identifiant": None, "jeton_identite": None} for corps in inscription.corps]
    await banc.eprouver([banc.sonde(inscription, "valid", en_json(c), attendu=[201]) for c in sans_identifiant])
    vues = {"POST /v1/identifiants/propositions", "POST /v1/mots-de-passe/evaluations", "GET /v1/identifiants/{identifiant}"}
    await banc.eprouver([banc.sonde(c, "valid", attendu=[200]) for c in banc.cibles if str(c) in vues])


# Bytes

PAS_DU_JSON = {
    "empty": b"",
    "a lone byte": b"\xff",
    "invalid UTF-8": b'{"nom":"\xff"}',
    "overlong": b'{"nom":"\xc0\x80"}',
    "CESU-8": b'{"nom":"\xed\xa0\x80"}',
    "latin-1": '{"nom":"é"}'.encode("latin-1"),
    "byte order mark": b'\xef\xbb\xbf{"nom":"a"}',
    "UTF-16": '{"nom":"a"}'.encode("utf-16"),
    "UTF-32": '{"nom":"a"}'.encode("utf-32"),
    "a raw control character": b'{"nom":"a\x00b"}',
    "a raw line feed in a string": b'{"nom":"a\nb"}',
    "cut inside a character": '{"nom":"é'.encode()[:-1],
    "cut": b'{"nom":"a"',
    "trailing garbage": b'{"nom":"a"} x',
    "two documents": b'{"nom":"a"}{"nom":"a"}',
    "a trailing comma": b'{"nom":"a",}',
    "single quotes": b"{'nom':'a'}",
    "a comment": b'{/**/"nom":"a"}',
    "NaN": b'{"nom":NaN}',
    "Infinity": b'{"nom":-Infinity}',
    "half an escape": b'{"nom":"\\u00"}',
    "no escape": b'{"nom":"\\x41"}',
    "blank": b" \r\n\t ",
    "form": b"nom=a&prenom=b",
    "random": bytes(range(256)),
}
PAS_UN_OBJET = (b"null", b"[]", b'"x"', b"0", b"true", b"[{}]")


async def test_what_is_not_json_in_utf8_is_refused(banc: Banc) -> None:
    await banc.eprouver(
        [
            banc.sonde(cible, nom, octets, attendu=[400], code="json_invalide")
            for cible in banc.avec_corps
            for nom, octets in PAS_DU_JSON.items()
        ]
    )


async def test_a_document_that_is_no_object_is_a_faulty_field(banc: Banc) -> None:
    await banc.eprouver(
        [
            banc.sonde(cible, f"{octets!r}", octets, attendu=[422], code="champs_invalides", pointeur="")
            for cible in banc.avec_corps
            for octets in PAS_UN_OBJET
        ]
    )


# Fields

CARACTERES = ("\0", "\x1f", "\x7f", "\x85", "\u2028", "\u202e", "\u2066", "\ufdd0", "\U0001fffe", "\ufeff")
SURROGATS = ("\ud800", "\udc00\ud800")


def par_champ(banc: Banc) -> Iterator[tuple[Cible, Any, str, Any]]:
    """Operation, valid body, pointer and present value of each field; fields common to the variants of a union once."""
    for cible in banc.avec_corps:
        vus: set[str] = set()
        for corps in cible.corps:
            for pointeur, valeur in feuilles(corps):
                cle = f"{corps.get('profil', {}).get('type') if pointeur.startswith('/profil') else ''}{pointeur}"
                if cle not in vus:
                    vus.add(cle)
                    yield cible, corps, pointeur, valeur


async def test_forbidden_characters_are_refused_in_every_text(banc: Banc) -> None:
    textes = [(cible, corps, pointeur, v) for cible, corps, pointeur, v in par_champ(banc) if isinstance(v, str)]

    def sondes(caracteres: Sequence[str], **jugement: Any) -> Iterator[Sonde]:
        for cible, corps, pointeur, valeur in textes:
            for c in caracteres:
                octets = en_json(modifie(corps, pointeur, valeur[:1] + c + valeur[1:]))
                yield banc.sonde(cible, f"{pointeur} {c!r}", octets, pointeur=pointeur, **jugement)

    await banc.eprouver([*sondes(CARACTERES, attendu=[422])])
    # No UTF-8 can write a lone surrogate: it is the whole text that is unreadable.
    await banc.eprouver([msgspec.structs.replace(s, pointeur=None) for s in sondes(SURROGATS, attendu=[400])])


async def test_types_are_strict_in_every_field(banc: Banc) -> None:
    faux: dict[type, tuple[Any, ...]] = {
        str: (0, 1.5, True, [], {}, ["a"], {"a": "a"}),
        bool: ("true", "false", 0, 1, 1.0, "", [], None),
    }
    await banc.eprouver(
        [
            banc.sonde(
                cible, f"{pointeur} {autre!r}", en_json(modifie(corps, pointeur, autre)), attendu=[422], pointeur=pointeur
            )
            for cible, corps, pointeur, valeur in par_champ(banc)
            for autre in faux[type(valeur)]
            if autre is not None or pointeur not in cible.nuls
        ]
    )


async def test_numbers_of_any_size_are_refused_in_every_field(banc: Banc) -> None:
    nombres = (b"1e400", b"-0", b"1e-400", b"9" * 5000, b"2147483648", b"9223372036854775808", b"1.0", b"-1", b"0.1e1")
    await banc.eprouver(
        [
            banc.sonde(
                cible,
                f"{pointeur} {nombre[:20]!r}",
                en_json(modifie(corps, pointeur, "ICI")).replace(b'"ICI"', nombre),
                # A number beyond double precision is no JSON that anybody agrees on.
                attendu=[400, 422],
            )
            for cible, corps, pointeur, _ in par_champ(banc)
            for nombre in nombres
        ]
    )


async def test_names_that_are_no_field_are_refused_and_not_echoed_raw(banc: Banc) -> None:
    noms = ("role", "etat", "email_verifie", "__proto__", "a\0b", "\u202e", "\ud800", "~/", "x" * 1000, "")
    await banc.eprouver(
        [
            banc.sonde(cible, repr(nom[:20]), en_json({**cible.corps[0], nom: 1}), attendu=[400, 422])
            for cible in banc.avec_corps
            for nom in noms
        ]
    )


# Depth and size


def imbrique(niveaux: int, ouvrant: bytes, fermant: bytes) -> bytes:
    return ouvrant * niveaux + b"0" + fermant * niveaux


async def test_thirty_two_levels_are_read_and_not_one_more(banc: Banc) -> None:
    sondes = []
    for cible in banc.avec_corps:
        connu = next(pointeur for pointeur, _ in feuilles(cible.corps[0]))
        for champ in (connu, "/inconnu"):
            enveloppe = en_json(modifie(cible.corps[0], champ, "ICI"))
            for niveaux in (31, 32, 33, 999, 1_000, 5_000, 30_000, 100_000):
                for nom, ouvrant, fermant in (("[", b"[", b"]"), ('{"a":', b'{"a":', b"}")):
                    # The body itself is the first level, and each object around the field is one more.
                    corps = enveloppe.replace(b'"ICI"', imbrique(niveaux - champ.count("/"), ouvrant, fermant))
                    attendu = [413] if len(corps) > 65536 else [422] if niveaux <= 32 else [400]
                    sondes.append(banc.sonde(cible, f"{champ} {niveaux} × {nom}", corps, attendu=attendu))
                    sondes.append(banc.sonde(cible, f"{champ} {niveaux} × {nom} cut", corps[:-1], attendu=[400, 413]))
    await banc.eprouver(sondes)


async def test_sixty_four_kibibytes_are_read_and_not_one_more(banc: Banc) -> None:
    sondes = []
    for cible in banc.avec_corps:
        champ = next(pointeur for pointeur, _ in feuilles(cible.corps[0]))
        for taille in (65535, 65536, 65537, 1_000_000):
            reste = taille - len(en_json(modifie(cible.corps[0], champ, "")))
            plein = en_json(modifie(cible.corps[0], champ, "a" * reste))
            assert len(plein) == taille
            sondes.append(banc.sonde(cible, f"{taille} bytes", plein, attendu=[422] if taille <= 65536 else [413]))
        beaucoup = b'{"a":0' + b"".join(b',"%d":0' % i for i in range(5000)) + b"}"
        sondes.append(banc.sonde(cible, "5 000 keys", beaucoup, attendu=[422]))
        sondes.append(banc.sonde(cible, "one long key", b'{"' + b"k" * 60_000 + b'":0}', attendu=[422]))
        sondes.append(banc.sonde(cible, "one key 5 000 times", b"{" + b'"a":0,' * 5000 + b'"a":0}', attendu=[422]))
    await banc.eprouver(sondes)


# Media types


TYPES = (
    None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml", "json",
    "application/json; charset=latin-1", "application/json; charset=utf-16", "application/jsonp", "*/*", "text/json", "\xff",
    "application/json, text/plain", "application/json;;", "application/json; boundary",
)  # fmt: skip


async def test_only_json_in_utf8_and_uncompressed_is_read(banc: Banc) -> None:
    refus: dict[str, Any] = {"attendu": [415], "code": "type_contenu"}
    for cible in banc.avec_corps:
        corps = en_json(cible.corps[0])
        codages = (("gzip", gzip.compress(corps)), ("gzip", b"x"), ("deflate", corps), ("br, gzip", corps))
        await banc.eprouver(
            [banc.sonde(cible, f"type {type_}", corps, type_=type_, **refus) for type_ in TYPES]
            + [banc.sonde(cible, nom, octets, entetes=[("Content-Encoding", nom)], **refus) for nom, octets in codages]
        )


# Framing


def cadres(banc: Banc) -> Iterator[Sonde]:
    (cible,) = (c for c in banc.cibles if c.gabarit == "/v1/identifiants/propositions")
    corps = en_json(cible.corps[0])
    tete = f"POST {cible.gabarit} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n".encode()
    morceau = b"%x\r\n%s\r\n0\r\n\r\n" % (len(corps), corps)
    longueur = b"Content-Length: %d\r\n" % len(corps)
    for nom, octets in {
        "length too short": tete + b"Content-Length: 5\r\n\r\n" + corps,
        "negative length": tete + b"Content-Length: -1\r\n\r\n" + corps,
        "signed length": tete + b"Content-Length: +%d\r\n\r\n" % len(corps) + corps,
        "length that is no number": tete + b"Content-Length: 0x10\r\n\r\n" + corps,
        "length beyond 64 bits": tete + b"Content-Length: 99999999999999999999\r\n\r\n" + corps,
        "the same length twice": tete + longueur * 2 + b"\r\n" + corps,
        "two lengths": tete + longueur + b"Content-Length: 1\r\n\r\n" + corps,
        "a list of lengths": tete + b"Content-Length: 5, 5\r\n\r\n" + corps,
        "length and chunks": tete + longueur + b"Transfer-Encoding: chunked\r\n\r\n" + morceau,
        "chunks": tete + b"Transfer-Encoding: chunked\r\n\r\n" + morceau,
        "chunks with an extension": tete + b"Transfer-Encoding: chunked\r\n\r\n" + morceau.replace(b"\r\n", b";a=b\r\n", 1),
        "bad chunk size": tete + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n" + corps,
        "negative chunk size": tete + b"Transfer-Encoding: chunked\r\n\r\n-5\r\n" + corps,
        "huge chunk size": tete + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n" + corps,
        "chunk longer than told": tete + b"Transfer-Encoding: chunked\r\n\r\n2\r\n" + corps + b"\r\n0\r\n\r\n",
        "unknown transfer coding": tete + b"Transfer-Encoding: xchunked\r\n\r\n" + morceau,
        "coding after chunked": tete + b"Transfer-Encoding: chunked, identity\r\n\r\n" + morceau,
        "expectation": tete + b"Expect: 100-continue\r\n" + longueur + b"\r\n" + corps,
        "unknown expectation": tete + b"Expect: 200-ok\r\n" + longueur + b"\r\n" + corps,
        "HTTP/1.0 without a host": b"GET /sante/vivant HTTP/1.0\r\n\r\n",
        "no host": b"GET /sante/vivant HTTP/1.1\r\n\r\n",
        "two hosts": b"GET /sante/vivant HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "empty host": b"GET /sante/vivant HTTP/1.1\r\nHost: \r\n\r\n",
        "host that is none": b"GET /sante/vivant HTTP/1.1\r\nHost: a b[:/?#@\r\n\r\n",
        "host in bytes": b"GET /sante/vivant HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n",
        "absolute form": b"GET http://ailleurs.example/sante/vivant HTTP/1.1\r\nHost: a\r\n\r\n",
        "asterisk form": b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        "authority form": b"CONNECT ailleurs.example:443 HTTP/1.1\r\nHost: a\r\n\r\n",
        "no version": b"GET /sante/vivant\r\n\r\n",
        "HTTP/0.9": b"GET /\r\n",
        "HTTP/3.0": b"GET /sante/vivant HTTP/3.0\r\nHost: a\r\n\r\n",
        "folded header": b"GET /sante/vivant HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\n\r\n",
        "space before the colon": b"GET /sante/vivant HTTP/1.1\r\nHost : a\r\n\r\n",
        "NUL in a header": b"GET /sante/vivant HTTP/1.1\r\nHost: a\r\nX-A: b\0c\r\n\r\n",
        "bare line feeds": b"GET /sante/vivant HTTP/1.1\nHost: a\n\n",
        "bare carriage returns": b"GET /sante/vivant HTTP/1.1\rHost: a\r\r\n\r\n",
        "a TLS hello": b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n",
        "random bytes": bytes(range(256)) + b"\r\n\r\n",
        "a body on GET": b"GET /sante/vivant HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        "to HTTP/2": b"GET /sante/vivant HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
        "to a web socket": b"GET /sante/vivant HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        "150 headers": requete("GET", "/sante/vivant", entetes=[(f"X-{i}", "a") for i in range(150)]),
        "10 000 headers": requete("GET", "/sante/vivant", entetes=[(f"X-{i}", "a") for i in range(10_000)]),
        "a header of 100 kB": requete("GET", "/sante/vivant", entetes=[("X-A", "a" * 100_000)]),
        "a header of 1 MB": requete("GET", "/sante/vivant", entetes=[("X-A", "a" * 1_000_000)]),
        "a path of 20 kB": requete("GET", "/v1/identifiants/" + "a" * 20_000),
        "a path of 1 MB": requete("GET", "/v1/identifiants/" + "a" * 1_000_000),
        "100 000 parameters": requete("GET", "/sante/vivant?" + "&".join(f"a{i}" for i in range(100_000))),
    }.items():  # fmt: skip
        yield Sonde(nom=nom, octets=octets, brute=True)


async def test_malformed_framing_is_refused_without_a_fault(banc: Banc) -> None:
    # One connection each: what follows a badly framed request is not ours to guess.
    for sonde in cadres(banc):
        await banc.eprouver([sonde])


async def test_headers_beyond_sixteen_kibibytes_are_refused(banc: Banc) -> None:
    async with Connexion(banc.serve.port) as connexion:
        longue = await connexion.echanger(requete("GET", "/sante/vivant", entetes=[("X-A", "a" * 8_000)]))
        trop = await connexion.echanger(requete("GET", "/sante/vivant", entetes=[("X-A", "a" * 32_000)]))
    assert (longue and longue.statut, trop and trop.statut) == (200, 431)


async def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_fault_of_ours(banc: Banc) -> None:
    async def partir(octets: bytes) -> None:
        _, ecrivain = await asyncio.open_connection("127.0.0.1", banc.serve.port)
        ecrivain.write(octets)
        await ecrivain.drain()
        ecrivain.close()

    await asyncio.gather(
        *(partir(banc.sonde(cible, "cut").octets[:-1]) for cible in banc.avec_corps for _ in range(3)),
        *(partir(requete("GET", "/v1/configuration")) for _ in range(10)),
    )


# Paths

DETOURS = (
    "%00", "%ff", "%2f", "%2F..", "%2e%2e", "..", ".", "%c0%af", "%", "%zz", "%u0041", ";x=1", "+", "%0d%0aX-A:%20b", "'\"<>",
    "\u00e9", "%E2%80%AE", "%F0%9F%98%80", "a" * 5000, "{}", "*", "~", "%20", "\\", "%5c..%5c",
)  # fmt: skip


async def test_no_path_whatever_is_a_fault(banc: Banc) -> None:
    droits = [(cible, banc.chemin(cible)) for cible in banc.cibles]
    detournes = [
        *((cible, banc.chemin(cible, **{nom: detour})) for cible, _ in droits for nom in cible.variables for detour in DETOURS),
        *((cible, f"{droit}{lien}{detour}") for cible, droit in droits for lien in ("", "/") for detour in DETOURS),
    ]
    await banc.eprouver([banc.sonde(cible, chemin[:80], chemin=chemin, brute=True) for cible, chemin in detournes])
    await banc.eprouver([banc.lecture(page + lien + detour) for page in PAGES for lien in ("", "/") for detour in DETOURS])


async def test_an_alias_of_a_path_leads_nowhere_or_to_the_very_same_door(banc: Banc) -> None:
    """Whoever asks for `//v1/…` or `/v1/…/` meets the same secret."""
    fermees = [(c, banc.chemin(c, id=str(uuid4()))) for c in banc.cibles if c.acces]
    alias = [
        (cible, forme)
        for cible, chemin in fermees
        for forme in (
            f"/{chemin}", f"{chemin}/", f"{chemin}//", chemin.replace("/", "//"), f"/.{chemin}", f"/v1/..{chemin}",
            f"/%2e{chemin}", chemin.upper(), chemin.replace("/v1", "/V1"), f"{chemin};a=b", f"{chemin}%2f", f"{chemin}%20",
            chemin.replace("inscriptions", "%69nscriptions"),
        )
    ]  # fmt: skip
    sans_secret = [("Authorization", "Bearer x")]
    await banc.eprouver([banc.sonde(c, f, chemin=f, entetes=sans_secret, attendu=[401, 404, 405]) for c, f in alias])


# Headers


def avec_entetes(banc: Banc, *entetes: tuple[str, str | bytes], pages: bool = True) -> Iterator[Sonde]:
    nom = " ".join(repr((n, v[:30])) for n, v in entetes)
    yield from (banc.sonde(cible, nom, entetes=entetes, brute=True) for cible in banc.cibles)
    if pages:
        yield from (banc.lecture(page, *entetes) for page in PAGES)


ENTETES: dict[str, tuple[str | bytes, ...]] = {
    "Accept-Language": ("*", "*;q=NaN", "en;q=2", ";;,,", "en;q=1;q=0", "é", b"\xff\xfe", "en," * 2000, "x" * 9000, "fr-\t"),
    "Accept": ("application/xml", "*/*;q=0", "", "text/html;q=x", b"\xff", "application/json, " * 500),
    "Cookie": ("=", ";;;", "a=b;a=c", b"\xff=\xfe", '"', "a=" + "b" * 9000, "__Host-x", "a=\\"),
    "If-None-Match": ("*", "W/", '"', "," * 5000, b"\xff", 'W/"a", "b"'),
    "X-Request-Id": ("", "a", "x" * 65, "a b c d e f g", "<script>", b"\xff" * 10, "../../etc/passwd"),
    "X-Forwarded-For": ("1.2.3.4", "::1", "a, b", "," * 500, b"\xff", "1.2.3.4\t, 999.1.1.1"),
    "Forwarded": ("for=1.2.3.4;host=ailleurs.example;proto=ftp",),
    "X-Forwarded-Host": ("ailleurs.example",),
    "X-Forwarded-Proto": ("ftp", b"\xff"),
    "Origin": ("https://ailleurs.example", "null", b"\xff", "https://a b"),
    "Range": ("bytes=0-", "bytes=5-1", "lines=1-2", "bytes=0-0,1-1,2-2"),
    "If-Modified-Since": ("hier",),
    "Content-Encoding": ("identity",),
    "Referer": ("javascript:alert(1)", b"\xff"),
    "User-Agent": ("", b"\xff" * 100, "a" * 9000, "() { :;}; echo"),
    "Prefer": ("wait=999999",),
    "Max-Forwards": ("-1",),
    "Upgrade-Insecure-Requests": ("1",),
}


async def test_no_header_whatever_is_a_fault(banc: Banc) -> None:
    await banc.eprouver(
        [s for nom, valeurs in ENTETES.items() for valeur in valeurs for s in avec_entetes(banc, (nom, valeur))]
        + [s for nom in ENTETES for s in avec_entetes(banc, (nom, "a"), (nom, "b"))]
    )


async def test_a_header_that_names_another_method_changes_nothing(banc: Banc) -> None:
    (lire,) = (c for c in banc.cibles if str(c) == "GET /v1/inscriptions/{id}")
    noms = ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Original-Method")
    await banc.eprouver([banc.sonde(lire, nom, entetes=[(nom, "DELETE")], attendu=[200]) for nom in noms])
    await banc.eprouver([banc.sonde(lire, "_method", chemin=f"{banc.chemin(lire)}?_method=DELETE", attendu=[200])])


def mauvais(secret: str, autre: str) -> tuple[tuple[str | bytes, ...], ...]:
    """Authorization headers that bear this secret badly, or another one."""
    return (
        ("",), ("Bearer",), ("Bearer ",), (secret,), (f"Basic {secret}",), (f"Bearer {secret[:-1]}",), (f"Bearer {secret}A",),
        (f"Bearer {secret}=",), (f"Bearer {secret[:32]} {secret[32:]}",), (f"Bearer {secret.swapcase()}",),
        (f'Bearer "{secret}"',), (f"Bearer {secret}", f"Bearer {secret}"), (f"Bearer {secret}", f"Bearer {autre}"),
        (f"Bearer {secret}, Bearer {autre}",), (b"Bearer \xff\xe9",), (f"Bearer {'A' * 64}",), (f"Bearer {'=' * 64}",),
        (f"Bearer {'A' * 9000}",), ("Bearer é" + "A" * 62,), (f"Token {secret}",), (f"Bearer:{secret}",), ("Bearer ..",),
    )  # fmt: skip


async def test_only_the_exact_secret_or_token_opens_what_is_closed(banc: Banc) -> None:
    """Nor does a good one of the other kind."""
    codes = {"secretInscription": "secret_invalide", "jetonAcces": "jeton_invalide"}
    fermees = [(c, codes[c.acces]) for c in banc.cibles if c.acces]
    assert {code for _, code in fermees} == set(codes.values())
    croises = {"secret_invalide": banc.session["jeton_acces"], "jeton_invalide": banc.vivante["secret"]}
    await banc.eprouver(
        [
            banc.sonde(cible, f"{valeurs}", entetes=[("Authorization", v) for v in valeurs], attendu=[401], code=code)
            for cible, code in fermees
            for valeurs in (*mauvais(banc.jeton(cible), banc.jeton(cible, autre=True)), (f"Bearer {croises[code]}",))
        ]
    )
    d_autrui = [("Authorization", f"Bearer {banc.jetable['secret']}")]
    inscriptions = [c for c, code in fermees if code == "secret_invalide"]
    await banc.eprouver(
        [banc.sonde(c, "another's", chemin=c.chemin(**banc.vivants), entetes=d_autrui, attendu=[404]) for c in inscriptions]
    )
    lues = [c for c, _ in fermees if str(c) in ("GET /v1/inscriptions/{id}", "GET /v1/moi")]
    for cible, jeton in [(cible, banc.jeton(cible)) for cible in lues]:
        bons = (f"bearer {jeton}", f"BEARER {jeton}", f"Bearer   {jeton}", f"Bearer {jeton}  ")
        await banc.eprouver([banc.sonde(cible, bon, entetes=[("Authorization", bon)], attendu=[200]) for bon in bons])


async def test_only_a_sober_idempotency_key_is_taken(banc: Banc) -> None:
    mauvaises: tuple[tuple[str | bytes, ...], ...] = (
        ("",), ("a b",), ("a" * 256,), ("a" * 300,), ("é",), (b"\xff",), ("a\tb",), ("a", "b"), ("a", "a"),
    )  # fmt: skip
    idempotentes = [c for c in banc.cibles if "Idempotency-Key" in c.parametres]
    assert {c.gabarit for c in idempotentes} >= {"/v1/inscriptions"}
    await banc.eprouver(
        [
            banc.sonde(
                cible, f"{cles}", entetes=[("Idempotency-Key", c) for c in cles], attendu=[400], code="cle_idempotence_invalide"
            )
            for cible in idempotentes
            for cles in mauvaises
        ]
    )
    bonnes = ("a" * 255, f'"{uuid4()}"', "!", "~", str(uuid4()))
    await banc.eprouver([s for bonne in bonnes for s in avec_entetes(banc, ("Idempotency-Key", bonne))])


# Parameters and methods


async def test_a_repeated_parameter_has_no_meaning(banc: Banc) -> None:
    refus: dict[str, Any] = {"attendu": [400], "code": "requete_invalide"}
    for suite in ("?a=1&a=2", "?a&a", "?attendre=0&attendre=0", "?%61=1&a=2", "?destination=a&destination=b"):
        sondes = [banc.sonde(cible, suite, chemin=banc.chemin(cible) + suite, **refus) for cible in banc.cibles]
        await banc.eprouver([*sondes, *(banc.lecture(page + suite, **refus) for page in PAGES)])


SUITES = ("?", "?&&&", "?=", "?a=%", "?a=%ff", "?a=%00", "?%00=a", f"?{'a' * 9000}", "?a[]=1&a[0]=2", "??", "?a=1#b", "?a;b")


async def test_odd_queries_are_no_fault(banc: Banc) -> None:
    sondes = [banc.sonde(c, suite[:30], chemin=banc.chemin(c) + suite, brute=True) for c in banc.cibles for suite in SUITES]
    await banc.eprouver([*sondes, *(banc.lecture(page + suite) for page in PAGES for suite in SUITES)])


async def test_the_wait_of_a_long_poll_is_a_small_integer_or_nothing(banc: Banc) -> None:
    (lire,) = (c for c in banc.cibles if "attendre" in c.parametres)
    faux = ("", "-1", "26", "1.5", "NaN", "inf", "true", "0x1", "%D9%A1", "1_0", "9" * 400, "%00", "-", "1%20000", "%ff")
    sondes = [
        banc.sonde(lire, valeur, chemin=f"{banc.chemin(lire)}?attendre={valeur}", attendu=[400], code="requete_invalide")
        for valeur in faux
    ]
    await banc.eprouver([*sondes, banc.sonde(lire, "0", chemin=f"{banc.chemin(lire)}?attendre=0", attendu=[200])])


async def test_only_the_documented_methods_answer(banc: Banc) -> None:
    permises: dict[str, set[str]] = {}
    for cible in banc.cibles:
        permises.setdefault(cible.chemin(**banc.vivants), set()).add(cible.methode)
    refus: dict[str, Any] = {"attendu": [405], "code": "methode_interdite"}
    await banc.eprouver(
        [
            Sonde(nom=f"{methode} {chemin}", octets=requete(methode, chemin, b"{}"), permises=documentees, **refus)
            for chemin, documentees in permises.items()
            for methode in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "get", "BREW", "QUERY"} - documentees
        ]
    )
    await banc.eprouver(
        [
            Sonde(nom=f"{methode} {page}", octets=requete(methode, page, b"{}"), **refus)
            for page in PAGES
            for methode in ("POST", "PUT", "PATCH", "TRACE", "BREW")
        ]
    )
    await banc.eprouver(
        [
            Sonde(nom=f"OPTIONS {chemin}", octets=requete("OPTIONS", chemin), attendu=[204], permises=documentees)
            for chemin, documentees in permises.items()
        ]
    )
    await banc.eprouver(
        [
            Sonde(nom=f"{methode} {chemin}", octets=requete(methode, chemin), brute=methode == "CONNECT")
            for chemin in (*permises, *PAGES)
            for methode in ("HEAD", "CONNECT")
        ]
    )
    (lire,) = (c for c in banc.cibles if str(c) == "GET /v1/inscriptions/{id}")
    await banc.eprouver([banc.sonde(lire, "still there", attendu=[200])])


async def test_a_refusal_given_before_the_body_is_read_leaves_the_connection_to_the_next_request(serve: Comptoir) -> None:
    grand = b'{"langue": "' + b"f" * 60_000 + b'"}'
    with closing(http.client.HTTPConnection("127.0.0.1", serve.port, timeout=10)) as liaison:
        for _ in range(20):
            for methode, chemin, attendu in (
                ("PATCH", "/v1/moi", 401),
                ("POST", "/nulle-part", 404),
                ("GET", "/v1/profils", 200),
            ):
                corps = None if methode == "GET" else grand
                liaison.request(methode, chemin, corps, {"Content-Type": "application/json"})
                prise = liaison.sock
                reponse = liaison.getresponse()
                reponse.read()
                assert (reponse.status, reponse.getheader("connection")) == (attendu, None)
                assert liaison.sock is prise is not None


async def test_a_body_that_does_not_come_closes_the_connection_of_its_refusal(serve: Comptoir) -> None:
    entete = b"PATCH /v1/moi HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{"
    lecteur, ecrivain = await asyncio.open_connection("127.0.0.1", serve.port)
    ecrivain.write(entete)
    recu = await asyncio.wait_for(lecteur.read(), 8)
    ecrivain.close()
    assert recu.startswith(b"HTTP/1.1 401")


# Slowness


async def lentement(port: int, octets: bytes, vite: int) -> tuple[bytes, float]:
    """Sends the first `vite` bytes at once, then one byte a while; what came back, and after how many seconds.

    By the socket itself: a stream forgets what it received when a byte crosses the server's end.
    """
    boucle, debut = asyncio.get_running_loop(), time.monotonic()
    with socket.socket() as prise:
        prise.setblocking(False)
        await boucle.sock_connect(prise, ("127.0.0.1", port))
        await boucle.sock_sendall(prise, octets[:vite])
        lecture = asyncio.ensure_future(tout(prise))
        for octet in octets[vite:]:
            if (await asyncio.wait([lecture], timeout=0.5))[0]:
                break
            with suppress(ConnectionError):
                await boucle.sock_sendall(prise, bytes([octet]))
        return await lecture, time.monotonic() - debut


async def tout(prise: socket.socket) -> bytes:
    """What comes until the other end closes."""
    recu = b""
    with suppress(ConnectionError):
        while bloc := await asyncio.get_running_loop().sock_recv(prise, 65536):
            recu += bloc
    return recu


async def des_lents(port: int) -> tuple[list[tuple[bytes, float]], list[float]]:
    """What became of slow heads, then of slow bodies; and how long one who is not slow waited meanwhile, each time."""
    tete = requete("GET", "/sante/vivant", entetes=[("X-A", "a" * 100)])
    corps = requete("POST", "/v1/identifiants/propositions", b" " * 100)
    lents = asyncio.gather(
        *(lentement(port, tete, 40) for _ in range(LENTS // 2)),
        *(lentement(port, corps, len(corps) - 90) for _ in range(LENTS // 2)),
    )
    attentes = []
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        while not lents.done():
            debut = time.monotonic()
            assert (await client.get("/v1/identifiants/libre")).status_code == 200
            attentes.append(time.monotonic() - debut)
            await asyncio.wait([lents], timeout=0.1)
    return await lents, attentes


def test_slow_clients_are_cut_after_ten_seconds_and_the_others_do_not_notice(
    lents: Future[tuple[list[tuple[bytes, float]], list[float]]],
) -> None:
    recus, attentes = lents.result()
    assert {recu[:12] for recu, _ in recus[LENTS // 2 :]} == {b"HTTP/1.1 408"}
    # Their own pace would have taken them three quarters of a minute.
    assert all(9 < duree < 30 for _, duree in recus)
    # Behind them, it would be the ten seconds; a machine that is busy with the other probes is not our matter.
    assert statistics.median(attentes) < 2
