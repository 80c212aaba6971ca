"""The relying party against a provider that signs for itself, and lies, hangs or swells as told (R75–R77, R83).

The provider answers as FranceConnect v2 does, over real sockets; each wrong token differs from a right one by what its case
says, and by that alone.
"""

from __future__ import annotations

import asyncio
import gzip
import hmac
import json
import logging
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit
from uuid import UUID

import httpx
import jwt
import pytest
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry
from msgspec import structs

from adapters.oidc import OidcClient
from adapters.oidc_config import ConfigOidc
from domain.federation import FederationIndisponible, IdentiteRecue, IdentiteRefusee
from domain.ports import Systeme

Membres = dict[str, Any]
Client = Callable[..., OidcClient]

MIDI = 1_795_258_800
STATE, NONCE = "5" * 64, "a" * 64
SUB = "9" * 64 + "v1"
SECRET, CODE, ACCES = "secret-du-client", "code-recu", "jeton.acces-1_~+/="
ABSENT: Any = object()
# Seconds: so long that no answer that comes is too late.
PATIENCE = 60.0
PERSONNE = {
    "given_name": "Angela Claire Louise",
    "given_name_array": ["Angela", "Claire", "Louise"],
    "family_name": "DUBOIS",
    "birthdate": "1962-08-24",
    "gender": "female",
    "email": "wossewodda-3728@yopmail.com",
}
VOISIN = {"sub": "8" * 64 + "v1"}
DECOUVERTE, JWKS, TOKEN, USERINFO = (
    "/api/v2/.well-known/openid-configuration",
    "/api/v2/jwks",
    "/api/v2/token",
    "/api/v2/userinfo",
)


def cle_ec(kid: str = "cle-1", courbe: Any = "P-256") -> ECKey:
    return ECKey.generate_key(courbe, {"kid": kid, "use": "sig"})


EC, EC2 = cle_ec(), cle_ec("cle-2")
RSA = RSAKey.generate_key(2048, {"kid": "cle-rsa", "use": "sig"})


def b64(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


def sans_absents(membres: Membres) -> Membres:
    return {nom: valeur for nom, valeur in membres.items() if valeur is not ABSENT}


def signer(entete: Membres, corps: Membres | bytes, cle: Any) -> str:
    """By hand: joserfc itself would refuse to write most of the headers tried here."""
    charge = corps if isinstance(corps, bytes) else json.dumps(sans_absents(corps)).encode()
    segments = b64(json.dumps(sans_absents(entete)).encode()) + "." + b64(charge)
    return f"{segments}.{b64(_signature(entete['alg'], segments.encode(), cle))}"


def _signature(alg: str, texte: bytes, cle: ECKey | RSAKey) -> bytes:
    """Of HS256, what whoever holds the public key alone can make."""
    if alg == "HS256":
        return hmac.digest(cle.as_pem(private=False), texte, "sha256")
    if alg == "none":
        return b""
    return JWSRegistry.algorithms["ES256" if isinstance(cle, ECKey) else "RS256"].sign(texte, cle)


class Horloge(Systeme):
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.maintenant = MIDI
        self._ids = 0

    def instant(self) -> int:
        return self.maintenant

    def nouvel_id(self) -> UUID:
        self._ids += 1
        return UUID(int=self._ids)

    def alea(self) -> float:
        return 0.5

    def aujourdhui(self) -> date:
        return date(2026, 11, 21)


class Genre:
    """How one of the two tokens is made: what differs from a true one."""

    def __init__(self) -> None:
        self.entete: Membres = {}
        self.corps: Membres | bytes = {}
        self.cle: ECKey | None = None
        self.texte: str | None = None


class FauxFournisseur:
    """`reponses`: by path, what is said instead; None: nothing at all. `decalage`: its clock minus ours."""

    def __init__(self, horloge: Horloge) -> None:
        self.horloge = horloge
        self.decalage = 0
        self.alg = "ES256"
        self.cle: ECKey | RSAKey = EC
        self.publiees: list[Any] = [EC]
        self.jeton, self.identite = Genre(), Genre()
        self.metadonnees: Membres = {}
        self.reponses: dict[str, bytes | None] = {}
        self.appels: Counter[str] = Counter()
        self.formulaire: dict[str, str] = {}
        self.entetes: list[dict[str, str]] = []
        self.autorisation: str | None = None
        self.origine = ""
        self._arrivee = asyncio.Condition()
        self._ouvertes: set[asyncio.Task[Any]] = set()

    @property
    def emetteur(self) -> str:
        return f"{self.origine}/api/v2"

    async def appele(self, chemin: str, fois: int = 1) -> None:
        async with self._arrivee:
            await self._arrivee.wait_for(lambda: self.appels[chemin] >= fois)

    async def servir(self, lecteur: asyncio.StreamReader, ecrivain: asyncio.StreamWriter) -> None:
        tache = asyncio.current_task()
        assert tache
        self._ouvertes.add(tache)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while await self._repondre(lecteur, ecrivain):
                pass
        ecrivain.close()

    async def au_revoir(self) -> None:
        """Once the clients are gone."""
        if self._ouvertes:
            await asyncio.wait(self._ouvertes, timeout=60)

    async def _repondre(self, lecteur: asyncio.StreamReader, ecrivain: asyncio.StreamWriter) -> bool:
        ligne, *reste = (await lecteur.readuntil(b"\r\n\r\n")).decode().rstrip().split("\r\n")
        entetes = {nom.lower(): valeur for nom, _, valeur in (entete.partition(": ") for entete in reste)}
        corps = await lecteur.readexactly(int(entetes.get("content-length", 0)))
        chemin = ligne.split()[1]
        async with self._arrivee:
            self.appels[chemin] += 1
            self._arrivee.notify_all()
        self.entetes.append(entetes)
        octets = self.reponses[chemin] if chemin in self.reponses else self._bonne(chemin, entetes, corps.decode())
        if octets is None:
            await lecteur.read()
            return False
        ecrivain.write(octets)
        await ecrivain.drain()
        return b"Content-Length" in octets

    def _bonne(self, chemin: str, entetes: dict[str, str], corps: str) -> bytes:
        if chemin == DECOUVERTE:
            noms = {"authorization": "authorize", "token": "token", "userinfo": "userinfo", "end_session": "session/end"}
            points = {f"{nom}_endpoint": f"{self.emetteur}/{fin}" for nom, fin in noms.items()}
            return http(200, {"issuer": self.emetteur, **points, "jwks_uri": f"{self.emetteur}/jwks", **self.metadonnees})
        if chemin == JWKS:
            return http(200, {"keys": [cle if isinstance(cle, dict) else cle.as_dict(private=False) for cle in self.publiees]})
        if chemin == TOKEN:
            self.formulaire = dict(parse_qsl(corps, strict_parsing=True))
            jetons = {
                "access_token": ACCES,
                "token_type": "Bearer",
                "expires_in": 60,
                "id_token": self.signer(self.jeton, self.du_jeton()),
            }
            return http(200, jetons, "Set-Cookie: personne=angela; Path=/")
        self.autorisation = entetes.get("authorization")
        return http(200, self.signer(self.identite, self.de_l_identite()).encode(), type_="application/jwt; charset=utf-8")

    def signer(self, genre: Genre, corps: Membres) -> str:
        if genre.texte is not None:
            return genre.texte
        cle = genre.cle or self.cle
        entete = {"alg": self.alg, "typ": "JWT", "kid": cle.kid, **genre.entete}
        return signer(entete, genre.corps if isinstance(genre.corps, bytes) else corps | genre.corps, cle)

    def du_jeton(self) -> Membres:
        instant = self.horloge.maintenant + self.decalage
        return self._commun() | {
            "iat": instant,
            "exp": instant + 60,
            "nonce": NONCE,
            "acr": "eidas1",
            "at_hash": "x",
            "auth_time": instant,
        }

    def de_l_identite(self) -> Membres:
        return self._commun() | PERSONNE

    def _commun(self) -> Membres:
        return {"iss": self.emetteur, "aud": "client-1", "sub": SUB}


def http(statut: int, corps: Membres | bytes, *entetes: str, type_: str = "application/json") -> bytes:
    octets = corps if isinstance(corps, bytes) else json.dumps(corps).encode()
    lignes = [f"HTTP/1.1 {statut} -", f"Content-Type: {type_}", f"Content-Length: {len(octets)}", *entetes]
    return "\r\n".join([*lignes, "", ""]).encode() + octets


@pytest.fixture
def horloge() -> Horloge:
    return Horloge()


@pytest.fixture
async def op(horloge: Horloge) -> AsyncIterator[FauxFournisseur]:
    fournisseur = FauxFournisseur(horloge)
    serveur = await asyncio.start_server(fournisseur.servir, "127.0.0.1", 0)
    fournisseur.origine = f"http://127.0.0.1:{serveur.sockets[0].getsockname()[1]}"
    yield fournisseur
    serveur.close()
    await fournisseur.au_revoir()


@pytest.fixture
async def client(op: FauxFournisseur, horloge: Horloge) -> AsyncIterator[Client]:
    """Makes clients, closed at the end. Its arguments are fields of the configuration."""
    async with AsyncExitStack() as pile:

        def faire(transport: httpx.AsyncBaseTransport | None = None, **champs: Any) -> OidcClient:
            fait = OidcClient(structs.replace(configuration(op.emetteur), **({"delai": PATIENCE} | champs)), horloge, transport)
            pile.push_async_callback(fait.fermer)
            return fait

        yield faire


def configuration(emetteur: str) -> ConfigOidc:
    return ConfigOidc(
        nom="franceconnect",
        emetteur=emetteur,
        client_id="client-1",
        client_secret=SECRET,
        redirection="https://compte.exemple.fr/v1/franceconnect/retour",
        portees="openid identite_pivot email",
    )


async def identifier(client: OidcClient, nonce: str = NONCE) -> IdentiteRecue:
    return await client.identifier(CODE, nonce)


async def refus(client: OidcClient) -> str:
    with pytest.raises(IdentiteRefusee) as refusee:
        await identifier(client)
    assert str(refusee.value) == refusee.value.motif
    return refusee.value.motif


async def panne(client: OidcClient) -> str:
    with pytest.raises(FederationIndisponible) as indisponible:
        await identifier(client)
    return indisponible.value.motif


@pytest.fixture
async def patienter(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the loop's own clock: whoever waits for longer than that waits no more, and no test does meanwhile."""
    boucle, avance = asyncio.get_running_loop(), 0.0
    vraie = boucle.time

    def patienter(secondes: float) -> None:
        nonlocal avance
        avance += secondes

    monkeypatch.setattr(boucle, "time", lambda: vraie() + avance)
    return patienter


# What is sent.


async def test_the_address_of_authorization_has_what_franceconnect_asks_and_nothing_more(
    client: Client, op: FauxFournisseur
) -> None:
    adresse = urlsplit(await client().adresse_autorisation(STATE, NONCE))
    assert f"{adresse.scheme}://{adresse.netloc}{adresse.path}" == f"{op.emetteur}/authorize"
    assert parse_qs(adresse.query, strict_parsing=True) == {
        "response_type": ["code"],
        "client_id": ["client-1"],
        "redirect_uri": ["https://compte.exemple.fr/v1/franceconnect/retour"],
        "scope": ["openid identite_pivot email"],
        "acr_values": ["eidas1"],
        "state": [STATE],
        "nonce": [NONCE],
        "claims": ['{"id_token":{"auth_time":{"essential":true}}}'],
    }
    encore = urlsplit(await client().adresse_autorisation(STATE, NONCE, a_nouveau=True))
    assert parse_qs(encore.query) == parse_qs(adresse.query) | {"prompt": ["login"]}
    assert "+" not in adresse.query


async def test_the_address_of_sign_out_returns_to_where_it_is_told(client: Client, op: FauxFournisseur) -> None:
    adresse = await client().adresse_deconnexion("a.b.c", STATE, "https://compte.exemple.fr/adieu?à=1&b")
    assert adresse.startswith(f"{op.emetteur}/session/end?")
    assert dict(parse_qsl(urlsplit(adresse).query, strict_parsing=True)) == {
        "id_token_hint": "a.b.c",
        "state": STATE,
        "post_logout_redirect_uri": "https://compte.exemple.fr/adieu?à=1&b",
    }


async def test_an_endpoint_with_a_query_keeps_it(client: Client, op: FauxFournisseur) -> None:
    op.metadonnees = {"authorization_endpoint": f"{op.emetteur}/authorize?tenant=a"}
    assert (await client().adresse_autorisation(STATE, NONCE)).startswith(
        f"{op.emetteur}/authorize?tenant=a&response_type=code&"
    )


async def test_an_identity_comes_back_without_the_claims_of_the_protocol(client: Client, op: FauxFournisseur) -> None:
    recue = await identifier(client())
    assert (recue.fournisseur, recue.emetteur, recue.sub, recue.acr) == ("franceconnect", op.emetteur, SUB, "eidas1")
    assert recue.revendications == PERSONNE
    assert jwt.decode(recue.jeton_identite, options={"verify_signature": False})["nonce"] == NONCE
    assert op.autorisation == f"Bearer {ACCES}"


@pytest.mark.parametrize("instant", [MIDI - 1799, MIDI + 30, 0, None, ABSENT])
async def test_when_the_person_proved_who_they_are_is_what_the_provider_says_if_it_does(
    client: Client, op: FauxFournisseur, instant: Any
) -> None:
    op.jeton.corps = {"auth_time": instant}
    recue = await identifier(client())
    assert recue.authentifiee_le == (datetime.fromtimestamp(instant, UTC) if isinstance(instant, int) else None)


async def test_the_secret_goes_in_the_form_and_never_in_a_header(client: Client, op: FauxFournisseur) -> None:
    await identifier(client())
    assert op.formulaire == {
        "grant_type": "authorization_code",
        "code": CODE,
        "redirect_uri": "https://compte.exemple.fr/v1/franceconnect/retour",
        "client_id": "client-1",
        "client_secret": SECRET,
    }
    assert [entetes.get("authorization") for entetes in op.entetes[:-1]] == [None] * 3


@pytest.mark.parametrize(("cle", "alg"), [(EC, "ES256"), (RSA, "RS256")])
async def test_a_private_key_proves_who_we_are_for_a_minute_and_once(
    client: Client, op: FauxFournisseur, cle: Any, alg: str
) -> None:
    fait = client(cle_privee=cle.as_pem(private=True).decode(), client_secret=None)
    await identifier(fait)
    preuve = op.formulaire.pop("client_assertion")
    assert op.formulaire["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    assert "client_secret" not in op.formulaire
    lue = jwt.decode(
        preuve, cle.as_pem(), algorithms=[alg], audience=op.emetteur, options={"verify_exp": False, "verify_iat": False}
    )
    premiere = lue.pop("jti")
    assert lue == {"iss": "client-1", "sub": "client-1", "aud": op.emetteur, "iat": MIDI, "exp": MIDI + 60}
    await identifier(fait)
    assert jwt.decode(op.formulaire["client_assertion"], options={"verify_signature": False})["jti"] != premiere


@pytest.mark.parametrize(
    "pem", ["", "secret-illisible", cle_ec(courbe="P-384").as_pem(private=True).decode(), EC.as_pem(private=False).decode()]
)
def test_a_key_that_cannot_sign_is_told_at_start_and_not_shown(horloge: Horloge, pem: str) -> None:
    with pytest.raises(ValueError) as faute:
        OidcClient(structs.replace(configuration("https://fc.test"), client_secret=None, cle_privee=pem), horloge)
    assert "secret-illisible" not in str(faute.value)


# The mutation table (R75, R77).

COMMUNES = [
    ("entete", {"alg": "none"}, "algorithme"),
    ("entete", {"alg": "ES384"}, "algorithme"),
    ("entete", {"alg": "RS256"}, "algorithme"),
    ("entete", {"kid": ABSENT}, "entete"),
    ("entete", {"kid": 1}, "entete"),
    ("entete", {"kid": "inconnue"}, "cle_inconnue"),
    ("entete", {"typ": "at+jwt"}, "entete"),
    ("entete", {"crit": ["exp"]}, "entete"),
    ("entete", {"crit": ["b64"], "b64": False}, "entete"),
    ("entete", {"jku": "https://fc.test/jwks"}, "entete"),
    ("entete", {"x5u": "https://fc.test/x509"}, "entete"),
    ("entete", {"x5c": ["MIIB"]}, "entete"),
    ("entete", {"jwk": EC2.as_dict(private=False)}, "entete"),
    ("corps", {"iss": "https://autre.test"}, "emetteur"),
    ("corps", {"iss": ABSENT}, "emetteur"),
    ("corps", {"aud": "client-2"}, "audience"),
    ("corps", {"aud": ["client-1", "client-2"]}, "audience"),
    ("corps", {"aud": []}, "audience"),
    ("corps", {"aud": ABSENT}, "audience"),
    ("corps", {"azp": "client-2"}, "audience"),
    ("corps", {"aud": {"client-1": 1}}, "illisible"),
    ("corps", {"exp": MIDI - 30}, "expire"),
    ("corps", {"exp": "demain"}, "illisible"),
    ("corps", {"sub": ABSENT}, "sub"),
    ("corps", {"sub": 9}, "illisible"),
    ("corps", b"[]", "illisible"),
    ("corps", b"{", "illisible"),
    ("corps", b"\xff", "illisible"),
    ("corps", b"[" * 2500, "illisible"),
]
DU_JETON = [
    ("corps", {"iat": MIDI - 31}, "horloge"),
    ("corps", {"iat": MIDI + 31}, "horloge"),
    ("corps", {"iat": ABSENT}, "horloge"),
    ("corps", {"auth_time": MIDI + 31}, "horloge"),
    ("corps", {"auth_time": -1}, "horloge"),
    ("corps", {"auth_time": 10**18}, "horloge"),
    ("corps", {"auth_time": 10**30}, "horloge"),
    ("corps", {"auth_time": "hier"}, "illisible"),
    ("corps", {"exp": ABSENT}, "expire"),
    ("corps", {"nonce": "b" * 64}, "nonce"),
    ("corps", {"nonce": NONCE[:-1]}, "nonce"),
    ("corps", {"nonce": "à" * 64}, "nonce"),
    ("corps", {"nonce": ABSENT}, "nonce"),
    ("corps", {"nonce": None}, "illisible"),
    ("corps", {"acr": "eidas0"}, "acr"),
    ("corps", {"acr": "eidas9"}, "acr"),
    ("corps", {"acr": ABSENT}, "acr"),
    ("corps", {"sub": ""}, "sub"),
    ("corps", {"sub": "x" * 256}, "sub"),
    ("corps", {"sub": "é"}, "sub"),
    ("corps", {"sub": "a b"}, "sub"),
    ("corps", {"sub": "a\n"}, "sub"),
    ("corps", {"gonfle": "x" * 3000}, "taille"),
]
DE_L_IDENTITE = [
    ("corps", VOISIN, "sub"),
    ("corps", {"given_name": "x" * 12000}, "taille"),
    ("corps", {"given_name": "a\x00b"}, "revendications"),
    ("corps", {f"c{n}": "" for n in range(64)}, "revendications"),
]


@pytest.mark.parametrize(
    ("genre", "partie", "mutation", "motif"),
    [("jeton", *cas) for cas in COMMUNES + DU_JETON] + [("identite", *cas) for cas in COMMUNES + DE_L_IDENTITE],
)
async def test_a_token_that_differs_is_refused_for_what_differs(
    client: Client, op: FauxFournisseur, genre: str, partie: str, mutation: Any, motif: str
) -> None:
    setattr(getattr(op, genre), partie, mutation)
    assert await refus(client()) == f"{genre}_{motif}"


@pytest.mark.parametrize("genre", ["jeton", "identite"])
async def test_a_token_signed_by_another_key_under_the_right_name_is_refused(
    client: Client, op: FauxFournisseur, genre: str
) -> None:
    getattr(op, genre).cle = cle_ec("cle-1")
    assert await refus(client()) == f"{genre}_signature"


@pytest.mark.parametrize("genre", ["jeton", "identite"])
@pytest.mark.parametrize("algorithme", ["ES256", "RS256"])
async def test_the_public_key_is_no_secret_to_sign_with(
    client: Client, op: FauxFournisseur, genre: str, algorithme: str
) -> None:
    op.alg, op.cle, op.publiees = algorithme, EC if algorithme == "ES256" else RSA, [EC, RSA]
    getattr(op, genre).entete = {"alg": "HS256"}
    assert await refus(client(algorithme=algorithme)) == f"{genre}_algorithme"


@pytest.mark.parametrize("genre", ["jeton", "identite"])
@pytest.mark.parametrize("texte", ["", "a.b", "a.b.c.d", "....", "é.é.é", "bm9u.e30.", "W10.e30.", "\ud83d\ude00"])
async def test_what_is_no_token_is_refused(client: Client, op: FauxFournisseur, genre: str, texte: str) -> None:
    getattr(op, genre).texte = texte.encode("utf-16", "surrogatepass").decode("utf-16")
    assert await refus(client()) == f"{genre}_entete"


@pytest.mark.parametrize("genre", ["jeton", "identite"])
async def test_a_token_altered_anywhere_is_refused(client: Client, op: FauxFournisseur, genre: str) -> None:
    vrai = op.signer(op.jeton, op.du_jeton()) if genre == "jeton" else op.signer(op.identite, op.de_l_identite())
    tete, corps, signature = vrai.split(".")
    fait = client()
    faux = [
        f"{tete}.{corps}.",
        f"{tete}.{corps}.{'A' * len(signature)}",
        f"{vrai}=",
        f"{tete}.{corps}A.{signature}",
        f"{tete}..{signature}",
    ]
    for getattr(op, genre).texte in faux:
        assert await refus(fait) == f"{genre}_signature"
    getattr(op, genre).texte = vrai
    assert (await identifier(fait)).sub == SUB


async def test_the_nonce_of_another_sign_in_is_refused(client: Client) -> None:
    with pytest.raises(IdentiteRefusee, match="jeton_nonce"):
        await identifier(client(), "c" * 64)


@pytest.mark.parametrize(
    ("champs", "jeton"),
    [
        ({}, {"aud": ["client-1"], "azp": "client-1"}),
        ({}, {"acr": "eidas3"}),
        ({}, {"acr": "eidas1-mfa"}),
        ({"acr": "eidas1-mfa"}, {"acr": "eidas2"}),
        ({}, {"sub": SUB, "inattendu": [1, {"a": None}]}),
    ],
)
async def test_what_may_differ_is_accepted(client: Client, op: FauxFournisseur, champs: Membres, jeton: Membres) -> None:
    op.jeton.corps = jeton
    assert (await identifier(client(**champs))).acr == jeton.get("acr", "eidas1")


async def test_a_level_below_the_one_asked_is_refused(client: Client, op: FauxFournisseur) -> None:
    assert await refus(client(acr="eidas1-mfa")) == "jeton_acr"


@pytest.mark.parametrize("decalage", [-20, 20])
async def test_a_clock_twenty_seconds_off_is_borne_with(client: Client, op: FauxFournisseur, decalage: int) -> None:
    op.decalage = decalage
    assert (await identifier(client())).sub == SUB


@pytest.mark.parametrize("decalage", [-120, 120])
async def test_a_clock_two_minutes_off_is_not_and_is_told(client: Client, op: FauxFournisseur, decalage: int) -> None:
    op.decalage = decalage
    op.jeton.corps = {"exp": MIDI + 3600}
    assert await refus(client()) == "jeton_horloge"


async def test_rs256_is_verified_where_it_is_registered_and_there_alone(client: Client, op: FauxFournisseur) -> None:
    op.alg, op.cle, op.publiees = "RS256", RSA, [EC, RSA]
    assert (await identifier(client(algorithme="RS256"))).sub == SUB
    assert await refus(client()) == "jeton_algorithme"


async def test_proconnect_may_leave_out_issuer_and_audience_of_the_userinfo_but_not_give_others(
    client: Client, op: FauxFournisseur
) -> None:
    fait = client(nom="proconnect")
    op.identite.corps = {"iss": ABSENT, "aud": ABSENT, "siret": "13002526500013"}
    assert (await identifier(fait)).revendications["siret"] == "13002526500013"
    for op.identite.corps, motif in (({"iss": "https://autre.test"}, "emetteur"), ({"aud": "client-2"}, "audience")):
        assert await refus(fait) == f"identite_{motif}"


async def test_claims_of_other_types_than_texts_and_lists_of_texts_are_left_out(client: Client, op: FauxFournisseur) -> None:
    op.identite.corps = {"custom": {"a": 1}, "roles": [], "melee": ["a", 1], "grand": 10**40, "rien": None, "verifie": True}
    assert (await identifier(client())).revendications == PERSONNE | {"roles": [], "verifie": True}


@pytest.mark.parametrize("type_", ["application/json", "text/plain", ""])
async def test_a_userinfo_that_is_not_signed_is_refused(client: Client, op: FauxFournisseur, type_: str) -> None:
    op.reponses[USERINFO] = http(200, op.de_l_identite(), type_=type_)
    assert await refus(client()) == "identite_non_signee"
    op.reponses[USERINFO] = http(200, op.de_l_identite(), type_="application/jwt")
    assert await refus(client()) == "identite_entete"


# Keys (R76).


async def test_keys_and_endpoints_are_fetched_once_in_an_hour_for_everybody(
    client: Client, op: FauxFournisseur, horloge: Horloge
) -> None:
    fait = client()
    await asyncio.gather(*(identifier(fait) for _ in range(20)))
    horloge.maintenant += 3600
    await identifier(fait)
    assert (op.appels[DECOUVERTE], op.appels[JWKS], op.appels[TOKEN]) == (1, 1, 21)
    horloge.maintenant += 1
    await identifier(fait)
    assert (op.appels[DECOUVERTE], op.appels[JWKS]) == (2, 2)


async def test_keys_that_rotate_cost_exactly_one_more_fetch(client: Client, op: FauxFournisseur, horloge: Horloge) -> None:
    fait = client()
    await identifier(fait)
    horloge.maintenant += 60
    op.cle, op.publiees = EC2, [EC2, EC]
    assert {recue.sub for recue in await asyncio.gather(*(identifier(fait) for _ in range(20)))} == {SUB}
    assert op.appels[JWKS] == 2


async def test_a_flood_of_unknown_keys_fetches_once_in_ten_seconds_at_most(
    client: Client, op: FauxFournisseur, horloge: Horloge
) -> None:
    fait = client()
    await identifier(fait)
    fetches = []
    for _ in range(33):
        horloge.maintenant += 1
        for n in range(3):
            op.jeton.entete = {"kid": f"{horloge.maintenant}-{n}"}
            assert await refus(fait) == "jeton_cle_inconnue"
        fetches.append(op.appels[JWKS] - 1)
    assert [fetches[seconde - 1] for seconde in (10, 11, 21, 22, 32, 33)] == [0, 1, 1, 2, 2, 3]


@pytest.mark.parametrize(
    "reponse", [http(500, b""), http(200, b"<html>"), http(200, {"keys": []}), http(302, b"", "Location: /"), None]
)
async def test_keys_that_cannot_be_had_again_leave_the_old_ones_in_use(
    client: Client, op: FauxFournisseur, horloge: Horloge, patienter: Callable[[float], None], reponse: bytes | None
) -> None:
    fait = client()
    await identifier(fait)
    horloge.maintenant += 7200
    op.reponses = {JWKS: reponse, DECOUVERTE: reponse}
    recues = [asyncio.create_task(identifier(fait)) for _ in range(5)]
    for chemin in (DECOUVERTE, JWKS):
        await op.appele(chemin, 2)
        if reponse is None:
            patienter(PATIENCE / 3)
    assert len(await asyncio.gather(*recues)) == 5
    assert (op.appels[DECOUVERTE], op.appels[JWKS]) == (2, 2)
    op.reponses = {}
    horloge.maintenant += 11
    await identifier(fait)
    assert (op.appels[DECOUVERTE], op.appels[JWKS]) == (3, 3)


async def test_without_any_key_the_provider_is_unavailable_and_tried_again_ten_seconds_later(
    client: Client, op: FauxFournisseur, horloge: Horloge
) -> None:
    fait = client()
    op.reponses[JWKS] = http(503, b"")
    assert [await panne(fait) for _ in range(3)] == ["http_503"] * 3
    assert op.appels[JWKS] == 1
    op.reponses = {}
    horloge.maintenant += 11
    await identifier(fait)


async def test_whoever_gives_up_waiting_for_the_keys_does_not_take_them_from_the_others(
    client: Client, op: FauxFournisseur
) -> None:
    fait = client()
    premier, second = (asyncio.create_task(identifier(fait)) for _ in range(2))
    await op.appele(JWKS)
    premier.cancel()
    assert (await second).sub == SUB
    assert op.appels[JWKS] == 1


async def test_a_clock_set_back_does_not_hold_back_the_next_fetch(
    client: Client, op: FauxFournisseur, horloge: Horloge
) -> None:
    fait = client()
    await identifier(fait)
    horloge.maintenant -= 86400
    await identifier(fait)
    assert op.appels[JWKS] == 2


@pytest.mark.filterwarnings("ignore:Key size")
@pytest.mark.parametrize(
    ("algorithme", "publiee"),
    [
        ("ES256", EC.as_dict(private=False) | {"use": "enc"}),
        ("ES256", EC.as_dict(private=False) | {"alg": "ES384"}),
        ("ES256", EC.as_dict(private=False) | {"crv": "P-999"}),
        ("ES256", EC.as_dict(private=False) | {"x": b64(b"\1" * 32)}),
        ("ES256", EC.as_dict(private=False) | {"x": 5}),
        ("ES256", EC.as_dict(private=False) | {"kty": "AKP"}),
        ("ES256", {nom: valeur for nom, valeur in EC.as_dict(private=False).items() if nom != "kid"}),
        ("ES256", cle_ec(courbe="P-384")),
        ("ES256", RSA),
        ("ES256", {}),
        ("RS256", EC),
        ("RS256", {"kty": "RSA", "kid": "cle-1", "n": b64(b"\xff" * 128), "e": "AQAB"}),
        ("RS256", {"kty": "oct", "kid": "cle-1", "k": "AAAA"}),
    ],
)
async def test_a_published_key_that_does_not_fit_is_passed_over(
    client: Client, op: FauxFournisseur, algorithme: Any, publiee: Any
) -> None:
    op.alg, op.cle = algorithme, EC2 if algorithme == "ES256" else RSA
    op.publiees = [publiee, op.cle]
    fait = client(algorithme=algorithme)
    assert (await identifier(fait)).sub == SUB
    op.jeton.entete = {"kid": "cle-1"}
    assert await refus(fait) == "jeton_cle_inconnue"


# Discovery.


@pytest.mark.parametrize(
    "metadonnees",
    [
        {"issuer": "https://autre.test"},
        {"issuer": None},
        {"token_endpoint": "http://127.0.0.1:9/token"},
        {"token_endpoint": "https://fc.test@autre.test/token"},
        {"jwks_uri": "https://autre.test/jwks"},
        {"jwks_uri": "file:///etc/passwd"},
        {"userinfo_endpoint": "//autre.test/userinfo"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"end_session_endpoint": "https://[autre/"},
    ],
)
async def test_metadata_of_another_issuer_or_pointing_elsewhere_are_not_believed(
    client: Client, op: FauxFournisseur, metadonnees: Membres
) -> None:
    op.metadonnees = metadonnees
    assert await panne(client()) == "metadonnees"
    assert set(op.appels) == {DECOUVERTE}


class Detour(httpx.AsyncHTTPTransport):
    """Any host, by whatever scheme, is the local provider."""

    def __init__(self, vers: str) -> None:
        super().__init__(trust_env=False)
        self._vers = httpx.URL(vers)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(scheme="http", host=self._vers.host, port=self._vers.port)
        return await super().handle_async_request(request)


async def test_of_an_https_issuer_no_endpoint_may_be_in_clear_even_at_a_declared_origin(
    client: Client, op: FauxFournisseur
) -> None:
    vers, op.origine = op.origine, "https://fc.test"
    assert (await identifier(client(Detour(vers)))).emetteur == "https://fc.test/api/v2"
    op.metadonnees = {"token_endpoint": f"https://jetons.test{TOKEN}"}
    assert await panne(client(Detour(vers))) == "metadonnees"
    assert (await identifier(client(Detour(vers), origines=("https://jetons.test",)))).sub == SUB
    op.metadonnees = {"token_endpoint": f"http://jetons.test{TOKEN}"}
    assert await panne(client(Detour(vers), origines=("http://jetons.test",))) == "metadonnees"


async def test_a_discovery_that_failed_is_tried_again_soon(client: Client, op: FauxFournisseur, horloge: Horloge) -> None:
    fait = client()
    op.reponses[DECOUVERTE] = http(404, b"")
    assert [await panne(fait) for _ in range(3)] == ["http_404"] * 3
    assert op.appels[DECOUVERTE] == 1
    op.reponses = {}
    horloge.maintenant += 2
    await identifier(fait)


# Answers that are none.


@pytest.mark.parametrize(
    ("statut", "erreur", "motif"),
    [
        (400, "invalid_grant", "code_refuse"),
        (401, "invalid_client", "client_refuse"),
        (400, "invalid_request", "demande_refusee"),
        (403, "secret du fournisseur", "demande_refusee"),
    ],
)
async def test_a_refused_code_is_told_by_its_kind_and_without_the_words_of_the_provider(
    client: Client, op: FauxFournisseur, statut: int, erreur: str, motif: str
) -> None:
    op.reponses[TOKEN] = http(statut, {"error": erreur, "error_description": "Angela DUBOIS"})
    assert await refus(client()) == motif
    assert not op.appels[USERINFO]


@pytest.mark.parametrize("code", ["", "a b", "a\r\nb", "é", "x" * 1025])
async def test_what_cannot_be_a_code_is_not_even_sent(client: Client, op: FauxFournisseur, code: str) -> None:
    with pytest.raises(IdentiteRefusee, match=r"^code_refuse$"):
        await client().identifier(code, NONCE)
    assert not op.appels


JETONS = {"access_token": ACCES, "token_type": "Bearer", "id_token": "a.b.c"}


@pytest.mark.parametrize("chemin", [DECOUVERTE, JWKS, TOKEN, USERINFO])
@pytest.mark.parametrize(
    ("reponse", "motif"),
    [
        (http(500, b"<html>Angela"), "http_500"),
        (http(503, {"error": "temporarily_unavailable"}), "http_503"),
        (http(429, {"error": "slow_down"}), "http_429"),
        (http(302, b"", "Location: /api/v2/jwks"), "http_302"),
        (http(307, b"", "Location: /api/v2/token"), "http_307"),
        (http(200, b"x" * 65537), "taille"),
        (b"HTTP/1.1 200 -\r\nContent-Length: 99999999\r\n\r\n" + b"x" * 70000, "taille"),
        (b"HTTP/1.1 200 -\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1000\r\n" + b"x" * 4096 + b"\r\nzz", "connexion"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "connexion"),
        (b"", "connexion"),
    ],
)
async def test_an_answer_that_makes_no_sense_is_a_provider_unavailable(
    client: Client, op: FauxFournisseur, chemin: str, reponse: bytes, motif: str
) -> None:
    op.reponses[chemin] = reponse
    assert await panne(client()) == motif
    assert op.appels[chemin] == 1


@pytest.mark.parametrize(
    "corps",
    [
        b"<html>",
        b"[]",
        b"[" * 60000,
        {},
        JETONS | {"access_token": "a\r\nX: b"},
        JETONS | {"access_token": "é"},
        JETONS | {"access_token": "x" * 4097},
        JETONS | {"token_type": "mac"},
        {"access_token": ACCES, "token_type": "Bearer"},
    ],
)
async def test_a_token_answer_that_cannot_be_read_is_a_provider_unavailable(
    client: Client, op: FauxFournisseur, corps: Any
) -> None:
    op.reponses[TOKEN] = http(200, corps)
    assert await panne(client()) == "reponse"
    op.reponses[TOKEN] = http(400, corps)
    assert await panne(client()) == "reponse"


async def test_a_userinfo_refused_is_an_identity_refused(client: Client, op: FauxFournisseur) -> None:
    op.reponses[USERINFO] = http(401, {"error": "invalid_token"})
    assert await refus(client()) == "acces_refuse"


async def test_a_compressed_answer_is_not_unfolded(client: Client, op: FauxFournisseur) -> None:
    op.reponses[TOKEN] = http(200, gzip.compress(json.dumps(JETONS).encode()), "Content-Encoding: gzip")
    assert await panne(client()) == "reponse"
    assert {entetes["accept-encoding"] for entetes in op.entetes} == {"identity"}


async def test_nobody_listening_is_a_provider_unavailable(client: Client, op: FauxFournisseur) -> None:
    assert await panne(client(emetteur="http://127.0.0.1:9/api/v2")) == "connexion"


# Time and numbers (R83).


@pytest.mark.parametrize("chemin", [DECOUVERTE, JWKS, TOKEN, USERINFO])
@pytest.mark.parametrize("reponse", [None, b"HTTP/1.1 200 -\r\nContent-Length: 50\r\n\r\n{"])
async def test_a_provider_that_hangs_is_unavailable_within_the_time_out(
    client: Client, op: FauxFournisseur, patienter: Callable[[float], None], chemin: str, reponse: bytes | None
) -> None:
    op.reponses[chemin] = reponse
    echec = asyncio.create_task(panne(client()))
    await op.appele(chemin)
    # Time for the beginning of an answer to be read.
    await asyncio.sleep(0.02)
    assert not echec.done()
    patienter(PATIENCE)
    assert await echec == "delai"
    assert op.appels[chemin] == 1


async def test_each_call_ends_in_time_by_default_whatever_the_provider_does() -> None:
    assert configuration("https://fc.test").delai < 5


async def test_an_answer_that_trickles_is_not_waited_for(
    client: Client, op: FauxFournisseur, patienter: Callable[[float], None]
) -> None:
    raccroche = asyncio.Event()

    async def goutte(lecteur: asyncio.StreamReader, ecrivain: asyncio.StreamWriter) -> None:
        ecrivain.write(b"HTTP/1.1 200 -\r\nContent-Length: 60000\r\n\r\n")
        with suppress(ConnectionError):
            while not ecrivain.is_closing():
                ecrivain.write(b"x")
                await ecrivain.drain()
                patienter(PATIENCE / 20)
                await asyncio.sleep(0)
        ecrivain.close()
        raccroche.set()

    serveur = await asyncio.start_server(goutte, "127.0.0.1", 0)
    lent = f"http://127.0.0.1:{serveur.sockets[0].getsockname()[1]}"
    op.metadonnees = {"token_endpoint": f"{lent}/token"}
    assert await panne(client(origines=(lent,))) == "delai"
    await raccroche.wait()
    serveur.close()


async def test_the_last_place_taken_the_next_call_is_refused_at_once_and_served_once_there_is_room(
    client: Client, op: FauxFournisseur, patienter: Callable[[float], None]
) -> None:
    fait = client(simultanes=3)
    await identifier(fait)
    op.reponses[TOKEN] = None
    en_cours = [asyncio.create_task(panne(fait)) for _ in range(3)]
    await op.appele(TOKEN, 4)
    assert await panne(fait) == "sature"
    for adresse in (fait.adresse_autorisation(STATE, NONCE), fait.adresse_deconnexion("a.b.c", STATE, "https://ici")):
        with pytest.raises(FederationIndisponible, match="sature"):
            await adresse
    assert not any(appel.done() for appel in en_cours)
    patienter(PATIENCE)
    assert await asyncio.gather(*en_cours) == ["delai"] * 3
    op.reponses = {}
    assert len(await asyncio.gather(*(identifier(fait) for _ in range(3)))) == 3


async def test_calls_that_are_cancelled_leave_room_for_the_next(client: Client, op: FauxFournisseur) -> None:
    fait = client(simultanes=4)
    for _ in range(12):
        taches = [asyncio.create_task(identifier(fait)) for _ in range(4)]
        for _ in range(3):
            await asyncio.sleep(0)
        for tache in taches:
            tache.cancel()
        await asyncio.gather(*taches, return_exceptions=True)
    assert len(await asyncio.gather(*(identifier(fait) for _ in range(4)))) == 4


# What is kept, and what is shown.


async def test_the_provider_s_cookies_of_one_person_do_not_go_with_the_next(client: Client, op: FauxFournisseur) -> None:
    fait = client()
    await identifier(fait)
    await identifier(fait)
    assert not any("cookie" in entetes for entetes in op.entetes)


async def test_the_proxy_of_the_environment_is_not_used(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert (await identifier(client())).sub == SUB


async def test_neither_logs_nor_repr_nor_refusals_show_secrets_or_the_person(
    client: Client, op: FauxFournisseur, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    pem = EC.as_pem(private=True).decode()
    fait = client()
    recue = await identifier(fait)
    op.identite.corps = VOISIN
    with pytest.raises(IdentiteRefusee) as refusee:
        await identifier(fait)
    config = structs.replace(configuration(op.emetteur), cle_privee=pem)
    montre = caplog.text + repr(recue) + repr(fait) + repr(config) + repr(refusee.value) + repr(refusee.value.__cause__)
    secrets = (SECRET, CODE, ACCES, SUB, NONCE, pem[40:80], recue.jeton_identite, *PERSONNE.values())
    assert [str(secret) for secret in secrets if str(secret) in montre] == []


async def test_once_closed_while_it_waits_it_leaves_nothing_behind(op: FauxFournisseur, horloge: Horloge) -> None:
    op.reponses[DECOUVERTE] = None
    fait = OidcClient(configuration(op.emetteur), horloge)
    attente = asyncio.create_task(identifier(fait))
    await op.appele(DECOUVERTE)
    await fait.fermer()
    with pytest.raises(FederationIndisponible):
        await attente
    assert not [tache for tache in asyncio.all_tasks() if "_rafraichir" in repr(tache)]
