"""Access tokens against an independent verifier, and against whoever would forge one (R64).

The forged tokens are made by hand, with our own signing key where that is what it takes: each differs from a true one by what
its name says, and by that alone.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from adapters.jetons_acces import JoseJetonsAcces
from domain.jetons import Cle, Trousseau
from domain.ports import Systeme
from domain.session import Porteur

Membres = Mapping[str, Any]
Signature = Callable[[bytes], bytes]

EMETTEUR = "https://compte.exemple.fr"
MIDI = 1_795_258_800
PORTEUR = Porteur(UUID("6f1c0e6a-3b1d-4b4e-9a55-0d2f4c7e8a01"), UUID("0b9d7f52-64c3-4f0a-8f53-7d8f0a1b2c3d"))
A, B = Cle("a", b"a" * 32), Cle("b", b"b" * 32)
ORDRE = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
# So that a change of the derivation, in us or in a library, is seen before it signs everybody out.
KID_A = "ZQfgEKlW3MzZBtjKchIFA4m0KZsLKfK1J-NsuQ9e-6o"


class Horloge(Systeme):
    """A clock that the test moves."""

    def __init__(self, maintenant: int = MIDI) -> None:
        self.maintenant = maintenant
        self._ids = 0

    def instant(self) -> int:
        return self.maintenant

    def nouvel_id(self) -> UUID:
        self._ids += 1
        return UUID(int=self._ids)

    def aujourdhui(self) -> date:
        raise AssertionError("a token has instants, not days")

    def alea(self) -> float:
        raise AssertionError("nothing here is left to chance")


def acces(*cles: Cle, horloge: Horloge | None = None, emetteur: str = EMETTEUR) -> JoseJetonsAcces:
    return JoseJetonsAcces(Trousseau(cles or (A,)), horloge or Horloge(), emetteur)


def cle_privee(cle: Cle = A) -> ec.EllipticCurvePrivateKey:
    """The signing key of a server key, derived again without the adapter's library."""
    graine = Trousseau((cle,)).graines("es256")[0]
    octets = HKDF(hashes.SHA256(), 64, b"joserfc:EC:HKDF:P-256", b"").derive(graine)
    return ec.derive_private_key(int.from_bytes(octets) % ORDRE, ec.SECP256R1())


def b64(octets: bytes) -> str:
    return urlsafe_b64encode(octets).decode().rstrip("=")


def debase64(segment: str) -> bytes:
    return urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def jwk(cle: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    point = cle.public_key().public_numbers()
    return {"crv": "P-256", "kty": "EC", "x": b64(point.x.to_bytes(32)), "y": b64(point.y.to_bytes(32))}


def empreinte(cle: ec.EllipticCurvePrivateKey) -> str:
    """RFC 7638."""
    return b64(hashlib.sha256(json.dumps(jwk(cle), sort_keys=True, separators=(",", ":")).encode()).digest())


def es256(cle: ec.EllipticCurvePrivateKey) -> Signature:
    def signature(texte: bytes) -> bytes:
        r, s = decode_dss_signature(cle.sign(texte, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32) + s.to_bytes(32)

    return signature


def hs256(secret: bytes) -> Signature:
    return lambda texte: hmac.digest(secret, texte, "sha256")


CLE, INTRUSE = cle_privee(), ec.derive_private_key(7, ec.SECP256R1())
NOTRE, AUTRE = es256(CLE), es256(INTRUSE)
TETE: Membres = {"alg": "ES256", "typ": "at+jwt", "kid": empreinte(CLE)}
REVENDICATIONS: Membres = {
    "iss": EMETTEUR, "aud": EMETTEUR, "sub": str(PORTEUR.compte_id), "sid": str(PORTEUR.session_id), "jti": str(UUID(int=1)),
    "iat": MIDI, "nbf": MIDI, "exp": MIDI + 600,
}  # fmt: skip
ABSENT: Any = object()


def segment(membres: Membres) -> str:
    presents = {nom: valeur for nom, valeur in membres.items() if valeur is not ABSENT}
    return b64(json.dumps(presents, separators=(",", ":")).encode())


def assembler(tete: str, corps: str, signature: Signature = NOTRE) -> str:
    return f"{tete}.{corps}.{b64(signature(f'{tete}.{corps}'.encode()))}"


def forger(corps: Membres | None = None, tete: Membres | None = None, signature: Signature = NOTRE) -> str:
    """A token of ours, but for these claims, these header members, this signature."""
    return assembler(segment({**TETE, **(tete or {})}), segment({**REVENDICATIONS, **(corps or {})}), signature)


def test_a_token_signed_here_tells_whom_it_speaks_for() -> None:
    jetons = acces()
    assert jetons.lire(jetons.signer(PORTEUR, 600)) == PORTEUR


def test_a_token_says_these_eight_things_under_this_header_and_no_more() -> None:
    tete, corps, _ = acces().signer(PORTEUR, 600).split(".")
    assert json.loads(debase64(tete)) == TETE
    assert json.loads(debase64(corps)) == REVENDICATIONS


def test_each_token_has_its_own_jti() -> None:
    jetons = acces()
    assert len({jwt.decode(jetons.signer(PORTEUR, 600), options={"verify_signature": False})["jti"] for _ in range(3)}) == 3


def test_another_library_verifies_our_tokens_from_the_published_keys() -> None:
    jetons = acces(B, A, horloge=Horloge(int(time.time())))
    cles = {cle.key_id: cle for cle in jwt.PyJWKSet.from_dict(dict(jetons.cles_publiques())).keys}
    jeton = jetons.signer(PORTEUR, 600)
    lu = jwt.decode(jeton, cles[jwt.get_unverified_header(jeton)["kid"]], ["ES256"], audience=EMETTEUR, issuer=EMETTEUR)
    assert (UUID(lu["sub"]), UUID(lu["sid"])) == (PORTEUR.compte_id, PORTEUR.session_id)


def test_the_published_keys_have_public_members_alone() -> None:
    assert acces(A, B).cles_publiques() == {
        "keys": [jwk(cle_privee(c)) | {"use": "sig", "alg": "ES256", "kid": empreinte(cle_privee(c))} for c in (A, B)]
    }


def test_a_token_made_by_hand_as_ours_are_is_read() -> None:
    # Without this, what follows would prove nothing.
    assert acces().lire(forger()) == PORTEUR


EN_TETES: dict[str, Membres] = {
    "alg in lower case": {"alg": "es256"},
    "another alg": {"alg": "ES384"},
    "no alg": {"alg": ABSENT},
    "typ JWT": {"typ": "JWT"},
    "typ in capitals": {"typ": "AT+JWT"},
    "typ of a media type": {"typ": "application/at+jwt"},
    "no typ": {"typ": ABSENT},
    "no kid": {"kid": ABSENT},
    "unknown kid": {"kid": empreinte(INTRUSE)},
    "kid traversal": {"kid": "../../../../dev/null"},
    "kid injection": {"kid": "x' union select 'k"},
    "kid of another type": {"kid": [TETE["kid"]]},
    "crit": {"crit": ["exp"]},
    "empty crit": {"crit": []},
    "b64": {"crit": ["b64"], "b64": False},
    "jku": {"jku": "https://pirate.exemple/jwks.json"},
    "x5u": {"x5u": "https://pirate.exemple/chaine.pem"},
    "x5c": {"x5c": ["MIIB"]},
    "jwk": {"jwk": jwk(CLE)},
    "cty": {"cty": "JWT"},
    "zip": {"zip": "DEF"},
}


@pytest.mark.parametrize("tete", EN_TETES.values(), ids=EN_TETES)
def test_no_other_header_is_read_even_under_our_signature(tete: Membres) -> None:
    assert acces().lire(forger(tete=tete)) is None


@pytest.mark.parametrize("alg", ["none", "None", "nOnE", "NONE", ""])
@pytest.mark.parametrize("signature", [lambda _: b"", NOTRE], ids=["unsigned", "signed"])
def test_an_unsigned_token_is_refused_however_it_says_so(alg: str, signature: Signature) -> None:
    assert acces().lire(forger(tete={"alg": alg}, signature=signature)) is None
    assert acces().lire(forger(tete={"alg": alg, "kid": ABSENT}, signature=signature)) is None


SECRETS = {
    "pem": CLE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    "der": CLE.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    "point": CLE.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint),
    "jwk": json.dumps(acces().cles_publiques()["keys"][0]).encode(),
    "empty": b"",
}


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_the_public_key_is_nobody_s_hmac_secret(secret: bytes) -> None:
    assert acces().lire(forger(tete={"alg": "HS256"}, signature=hs256(secret))) is None
    assert acces().lire(forger(signature=hs256(secret))) is None


@pytest.mark.parametrize("tete", [{}, {"jwk": jwk(INTRUSE)}, {"kid": empreinte(INTRUSE)}], ids=["ours", "jwk", "its own"])
def test_another_key_signs_nothing_for_us_whatever_header_it_uses(tete: Membres) -> None:
    assert acces().lire(forger(tete=tete, signature=AUTRE)) is None


def _octets(r: int, s: int) -> Signature:
    return lambda _: r.to_bytes(32) + s.to_bytes(32)


def _der(texte: bytes) -> bytes:
    return CLE.sign(texte, ec.ECDSA(hashes.SHA256()))


SIGNATURES: dict[str, Signature] = {
    "none": lambda _: b"",
    "zeros": _octets(0, 0),
    "r zero": _octets(0, 1),
    "order": _octets(ORDRE, ORDRE),
    "largest": _octets(2**256 - 1, 2**256 - 1),
    "too short": lambda texte: NOTRE(texte)[:-1],
    "too long": lambda texte: NOTRE(texte) + b"\0",
    "DER": _der,
    "of something else": lambda texte: es256(CLE)(texte + b" "),
}


@pytest.mark.parametrize("signature", SIGNATURES.values(), ids=SIGNATURES)
def test_what_is_not_this_token_s_signature_is_refused(signature: Signature) -> None:
    assert acces().lire(forger(signature=signature)) is None


def test_the_body_of_one_token_does_not_go_with_the_signature_of_another() -> None:
    tete, _, signature = forger().split(".")
    autre = segment({**REVENDICATIONS, "sub": str(UUID(int=2))})
    assert acces().lire(f"{tete}.{autre}.{signature}") is None


@pytest.mark.parametrize("place", range(2))
def test_a_signature_altered_anywhere_is_refused(place: int) -> None:
    jeton = forger()
    debut = jeton.rindex(".") + 1 + 40 * place
    assert acces().lire(jeton[:debut] + ("A" if jeton[debut] != "A" else "B") + jeton[debut + 1 :]) is None


REFUSEES: dict[str, Membres] = {
    "another issuer": {"iss": "https://pirate.exemple"},
    "issuer with a final slash": {"iss": EMETTEUR + "/"},
    "issuer in capitals": {"iss": EMETTEUR.upper()},
    "another audience": {"aud": "https://autre.exemple.fr"},
    "a list of audiences": {"aud": [EMETTEUR]},
    "audiences among which ours": {"aud": [EMETTEUR, "https://autre.exemple.fr"]},
    "account that is no UUID": {"sub": "ines.dupont"},
    "session that is no UUID": {"sid": "../moi"},
    "expired": {"exp": MIDI - 30},
    "long expired": {"iat": MIDI - 7200, "nbf": MIDI - 7200, "exp": MIDI - 3600},
    "not yet good": {"nbf": MIDI + 31},
    "issued in the future": {"iat": MIDI + 31},
    "endless": {"exp": 1e400},
}


@pytest.mark.parametrize("revendications", REFUSEES.values(), ids=REFUSEES)
def test_claims_of_another_place_or_time_are_refused(revendications: Membres) -> None:
    assert acces().lire(forger(revendications)) is None


@pytest.mark.parametrize("nom", REVENDICATIONS)
def test_every_claim_is_required(nom: str) -> None:
    assert acces().lire(forger({nom: ABSENT})) is None


MAL_TYPEES: list[Any] = [None, True, [], {}, "", "texte", -0.5]


@pytest.mark.parametrize("valeur", MAL_TYPEES, ids=repr)
@pytest.mark.parametrize("nom", REVENDICATIONS)
def test_a_claim_of_another_type_is_refused(nom: str, valeur: Any) -> None:
    assert acces().lire(forger({nom: valeur})) is None


@pytest.mark.parametrize("nom", ["iat", "nbf", "exp"])
def test_an_instant_is_a_json_integer(nom: str) -> None:
    assert acces().lire(forger({nom: str(REVENDICATIONS[nom])})) is None
    assert acces().lire(forger({nom: float(REVENDICATIONS[nom]) + 0.5})) is None


@pytest.mark.parametrize("nom", ["iss", "aud", "sub", "sid", "jti"])
def test_a_text_is_not_a_number(nom: str) -> None:
    assert acces().lire(forger({nom: 1})) is None


def test_an_id_token_of_ours_would_not_open_the_api() -> None:
    identite = {"sid": ABSENT, "jti": ABSENT, "nbf": ABSENT, "nonce": "n", "acr": "eidas1", "auth_time": MIDI}
    assert acces().lire(forger(identite, {"typ": "JWT"})) is None
    assert acces().lire(forger(identite)) is None


@pytest.mark.parametrize("corps", [b"", b"null", b"[]", b'"sub"', b"{", b"{}\xff", b'{"iss":"\xff"}', "{}".encode("utf-16")])
def test_a_body_that_is_no_object_is_refused_under_our_signature_too(corps: bytes) -> None:
    assert acces().lire(assembler(segment(TETE), b64(corps))) is None


BIEN_FORME = forger()
DEBUT, CORPS, FIN = BIEN_FORME.split(".")
INFORMES = {
    "empty": "",
    "a word": "jeton",
    "dots": "..",
    "many dots": "." * 2000,
    "header alone": DEBUT,
    "two parts": f"{DEBUT}.{CORPS}",
    "signature stripped": f"{DEBUT}.{CORPS}.",
    "body stripped": f"{DEBUT}..{FIN}",
    "header stripped": f".{CORPS}.{FIN}",
    "four parts": f"{BIEN_FORME}.{FIN}",
    "five parts": f"{DEBUT}.{CORPS}.{FIN}.{FIN}.{FIN}",
    "padded signature": BIEN_FORME + "==",
    "padded header": f"{DEBUT}=.{CORPS}.{FIN}",
    "signature with stray bits": BIEN_FORME[:-1] + chr(ord(BIEN_FORME[-1]) + 1),
    "space before": " " + BIEN_FORME,
    "space after": BIEN_FORME + " ",
    "end of line after": BIEN_FORME + "\n",
    "end of line inside": f"{DEBUT}.{CORPS}.{FIN[:20]}\n{FIN[20:]}",
    "with its scheme": "Bearer " + BIEN_FORME,
    "NUL": BIEN_FORME + "\0",
    "not ASCII": BIEN_FORME + "é",
    "full-width": f"{DEBUT}.{CORPS}.{chr(0xFF21)}{FIN[1:]}",
    "lone surrogate": BIEN_FORME + "\ud800",
    "JSON serialisation": json.dumps({"protected": DEBUT, "payload": CORPS, "signature": FIN}),
    "a megabyte": "A" * 2**20,
    "a megabyte of ours": f"{DEBUT}.{'A' * 2**20}.{FIN}",
    "a JWE": f"{b64(b'{}')}.A.A.A.A",
}


@pytest.mark.parametrize("jeton", INFORMES.values(), ids=INFORMES)
def test_what_is_not_written_as_a_token_is_refused(jeton: str) -> None:
    assert acces().lire(jeton) is None


def test_a_padded_body_is_refused_though_the_signature_covers_its_padding() -> None:
    corps = next(c for c in (segment({**REVENDICATIONS, "ajout": "x" * n}) for n in range(3)) if len(c) % 4)
    jetons = acces()
    assert jetons.lire(assembler(segment(TETE), corps)) == PORTEUR
    assert jetons.lire(assembler(segment(TETE), corps + "=" * (-len(corps) % 4))) is None
    assert jetons.lire(assembler(segment(TETE), corps[:-1] + chr(ord(corps[-1]) + 1))) is None


def test_a_body_in_the_other_base64_alphabet_is_refused_though_signed() -> None:
    corps = b64(json.dumps({**REVENDICATIONS, "ajout": "ÿÿÿ>>>???"}, ensure_ascii=False).encode())
    autre = corps.replace("-", "+").replace("_", "/")
    assert autre != corps
    assert acces().lire(assembler(segment(TETE), corps)) == PORTEUR
    assert acces().lire(assembler(segment(TETE), autre)) is None


def test_a_header_of_the_same_members_spelt_otherwise_is_refused() -> None:
    espace = b64(json.dumps(TETE).encode())
    double = b64(json.dumps(TETE, separators=(",", ":")).replace("{", '{"alg":"none",').encode())
    for tete in (segment(dict(sorted(TETE.items()))), espace, double, segment(TETE) + "="):
        assert acces().lire(assembler(tete, segment(REVENDICATIONS))) is None


def test_a_token_may_have_2048_characters_and_no_more() -> None:
    juste = next(j for j in (forger({"ajout": "x" * n}) for n in range(1000, 1300)) if len(j) == 2048)
    plus = forger({"ajout": "x" * 1300})
    assert acces().lire(juste) == PORTEUR
    assert len(plus) > 2048
    assert acces().lire(plus) is None


JETONS = acces()


@given(st.text() | st.from_regex(r"[A-Za-z0-9_=-]{0,40}\.[A-Za-z0-9_=-]{0,90}", fullmatch=True).map(f"{DEBUT}.".__add__))
def test_no_text_whatever_raises(texte: str) -> None:
    assert JETONS.lire(texte) is None


@pytest.mark.parametrize(
    ("revendications", "premier", "dernier"),
    [
        ({}, MIDI - 30, MIDI + 629),
        ({"nbf": MIDI + 10}, MIDI - 20, MIDI + 629),
        ({"iat": MIDI + 10}, MIDI - 20, MIDI + 629),
        ({"exp": MIDI + 1}, MIDI - 30, MIDI + 30),
    ],
)
def test_thirty_seconds_are_left_to_clocks_that_disagree(revendications: Membres, premier: int, dernier: int) -> None:
    horloge = Horloge()
    jetons, jeton = acces(horloge=horloge), forger(revendications)
    for horloge.maintenant, lu in ((premier - 1, None), (premier, PORTEUR), (dernier, PORTEUR), (dernier + 1, None)):
        assert jetons.lire(jeton) == lu


def test_a_token_read_before_is_refused_once_its_time_has_passed() -> None:
    horloge = Horloge()
    jetons = acces(horloge=horloge)
    jeton = jetons.signer(PORTEUR, 600)
    assert jetons.lire(jeton) == PORTEUR
    horloge.maintenant += 630
    assert jetons.lire(jeton) is None


def test_a_token_is_verified_once_and_what_is_forged_takes_no_place() -> None:
    jetons = acces()
    jeton = jetons.signer(PORTEUR, 600)
    for essai in (jeton, jeton, *(forger({"jti": str(UUID(int=n))}, signature=AUTRE) for n in range(9)), jeton):
        jetons.lire(essai)
    faits, gardes = jetons._verifier.cache_info(), jetons._verifier.cache_parameters()
    assert (faits.hits, faits.currsize) == (2, 1)
    assert gardes["maxsize"] == 2048


def test_what_was_read_keeps_each_token_to_its_own_bearer() -> None:
    jetons, autre = acces(), Porteur(PORTEUR.session_id, PORTEUR.compte_id)
    deux = [jetons.signer(porteur, 600) for porteur in (PORTEUR, autre)]
    assert [jetons.lire(jeton) for jeton in deux * 2] == [PORTEUR, autre] * 2


def test_every_process_and_every_restart_signs_with_the_same_key() -> None:
    assert acces().cles_publiques() == acces().cles_publiques()
    assert acces().lire(acces().signer(PORTEUR, 600)) == PORTEUR
    assert empreinte(CLE) == KID_A


def test_while_a_key_replaces_another_both_are_read_and_published_and_the_new_one_signs() -> None:
    avant, pendant, apres = acces(A), acces(B, A), acces(B)
    ancien, nouveau = avant.signer(PORTEUR, 600), pendant.signer(PORTEUR, 600)
    assert [jetons.lire(ancien) for jetons in (avant, pendant, apres)] == [PORTEUR, PORTEUR, None]
    assert [jetons.lire(nouveau) for jetons in (avant, pendant, apres)] == [None, PORTEUR, PORTEUR]
    kids = [cle["kid"] for cle in pendant.cles_publiques()["keys"]]
    assert kids == [jwt.get_unverified_header(jeton)["kid"] for jeton in (nouveau, ancien)]


def test_a_key_announced_does_not_sign_before_its_turn() -> None:
    annonce = acces(A, B)
    assert jwt.get_unverified_header(annonce.signer(PORTEUR, 600))["kid"] == KID_A
    assert annonce.lire(acces(B).signer(PORTEUR, 600)) == PORTEUR


def test_the_token_of_another_portal_with_the_same_keys_is_refused() -> None:
    assert acces().lire(acces(emetteur="https://recette.exemple.fr").signer(PORTEUR, 600)) is None


def test_neither_repr_nor_log_shows_anything_of_a_token(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    jetons = acces()
    jeton = jetons.signer(PORTEUR, 600)
    jetons.lire(jeton)
    jetons.lire(jeton + "A")
    montre = repr(jetons) + repr(vars(jetons)) + repr(jetons._verifier(jeton))
    assert not any(secret in montre for secret in (*jeton.split(".")[1:], str(PORTEUR.compte_id), str(PORTEUR.session_id)))
    assert str(CLE.private_numbers().private_value) not in montre
    assert not caplog.records
