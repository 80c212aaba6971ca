"""What people receive: subject, text and HTML of each message, in the language of its account. The wording is in `textes/`."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from domain.activation import DUREES
from domain.jetons import Trousseau
from domain.message import Message, Rendu
from domain.ports import Gabarits

if TYPE_CHECKING:
    from jinja2 import Environment

# Septets of one SMS. One character outside GSM-7 would turn the whole text into UCS-2, where a segment holds 70.
SEGMENT = 160
# The basic table of 3GPP TS 23.038, where a character is one septet; its extension ({, [, €…), two septets each, is not used.
_GSM7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_SANS_DECOMPOSITION = str.maketrans({"’": "'", "œ": "oe", "Œ": "OE"})


class JinjaGabarits(Gabarits):
    """`public_url`: the origin of every link (no final slash, ASCII host); `service`: the name people know the portal by.

    A text file opens with the subject and an empty line. Then comes the mail, one paragraph a block; or the sentences that an
    SMS may say, one a line, the fullest first. Raises `CleRetiree` for a proof made under a key that is no longer held.
    """

    def __init__(self, trousseau: Trousseau, public_url: str, service: str = "Comptoir") -> None:
        self._trousseau, self._public_url, self._service = trousseau, public_url, service

    def rendre(self, message: Message) -> Rendu:
        variables = self._variables(message)
        objet, corps = self._remplir(f"{message.modele}.{message.canal}.{message.langue}.txt", variables).split("\n\n", 1)
        if message.canal == "sms":
            texte, html = self._un_segment(corps.splitlines(), variables["code"]), None
        else:
            mise_en_page = {"langue": message.langue, "objet": objet, "paragraphes": corps.split("\n\n")}
            texte, html = corps, self._remplir("courriel.html", variables | mise_en_page)
        return Rendu(
            id=message.id, canal=message.canal, destination=message.jeton.destination, objet=objet, texte=texte, html=html
        )

    def _variables(self, message: Message) -> dict[str, Any]:
        duree = DUREES[message.canal]
        return {
            "service": _en_gsm7(self._service) if message.canal == "sms" else self._service,
            "public_url": self._public_url,
            "identifiant": message.identifiant,
            "code": self._trousseau.code(message.jeton),
            "lien": f"{self._public_url}/activation#{self._trousseau.lien(message.jeton)}",
            "minutes": duree // timedelta(minutes=1),
            "heures": duree // timedelta(hours=1),
        }

    def _un_segment(self, phrases: list[str], code: str) -> str:
        """The fullest sentence that leaves room for the last line, which phones read to fill the code in for this host alone.

        Beyond any host name in use, two segments rather than no code.
        """
        fin = f"\n@{urlsplit(self._public_url).hostname} #{code}"
        return next((p for p in phrases if len(p) + len(fin) <= SEGMENT), phrases[-1]) + fin

    def _remplir(self, gabarit: str, variables: Mapping[str, Any]) -> str:
        return self._jinja.get_template(gabarit).render(variables)

    @cached_property
    def _jinja(self) -> Environment:
        # Imported here: the processes that only serve the API would pay for it at start.
        from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

        return Environment(
            loader=FileSystemLoader(Path(__file__).parent / "textes"),
            autoescape=select_autoescape(["html"]),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )


def _en_gsm7(texte: str) -> str:
    """The same in characters of one septet: "Île-de-France" gives "Ile-de-France"."""
    lettres = (c if c in _GSM7 else unicodedata.normalize("NFKD", c) for c in texte.translate(_SANS_DECOMPOSITION))
    return "".join(c for groupe in lettres for c in groupe if c in _GSM7)
