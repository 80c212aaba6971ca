"""A certificate, made without any tool: DER by hand, signed with Ed25519."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from nacl.signing import SigningKey


def _der(balise: int, *contenus: bytes) -> bytes:
    corps = b"".join(contenus)
    taille = bytes([len(corps)]) if len(corps) < 128 else b"\x82" + len(corps).to_bytes(2, "big")
    return bytes([balise]) + taille + corps


def _pem(nom: str, der: bytes) -> str:
    return f"-----BEGIN {nom}-----\n{b64encode(der).decode()}\n-----END {nom}-----\n"


def certificat() -> tuple[str, str]:
    """A self-signed certificate for 127.0.0.1, good for two days, and its key: both PEM."""
    cle = SigningKey.generate()
    ed25519 = _der(0x30, _der(0x06, b"\x2b\x65\x70"))
    nom = _der(0x30, _der(0x31, _der(0x30, _der(0x06, b"\x55\x04\x03"), _der(0x0C, b"test"))))
    dates = (datetime.now(UTC) + timedelta(days=d) for d in (-1, 1))
    validite = _der(0x30, *(_der(0x17, date.strftime("%y%m%d%H%M%SZ").encode()) for date in dates))
    public = _der(0x30, ed25519, _der(0x03, b"\0" + bytes(cle.verify_key)))
    adresse = _der(0x30, _der(0x87, ip_address("127.0.0.1").packed))
    extensions = _der(0xA3, _der(0x30, _der(0x30, _der(0x06, b"\x55\x1d\x11"), _der(0x04, adresse))))
    version, serie = _der(0xA0, _der(0x02, b"\x02")), _der(0x02, b"\x01")
    corps = _der(0x30, version, serie, ed25519, nom, validite, nom, public, extensions)
    signe = _der(0x30, corps, ed25519, _der(0x03, b"\0" + cle.sign(corps).signature))
    prive = _der(0x30, _der(0x02, b"\0"), ed25519, _der(0x04, _der(0x04, bytes(cle))))
    return _pem("CERTIFICATE", signe), _pem("PRIVATE KEY", prive)
