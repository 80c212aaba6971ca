"""What people receive: subject, text and HTML of each message, in the language of its account. The wording is in `textes/`."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from domain.activation import Jeton, Usage, duree
from domain.compte import Langue
from domain.consentements import LIBELLES, TOUTES
from domain.jetons import Trousseau
from domain.message import Message, Rendu
from domain.ports import Gabarits

if TYPE_CHECKING:
    from jinja2 import Environment

# The page that the link of a proof opens.
_PAGES: dict[Usage, str] = {
    "activation": "activation",
    "mot_de_passe": "mot-de-passe",
    "annulation_contact": "annulation",
    "annulation_effacement": "annulation",
    "accord_parental": "accord-parental",
}
# The proofs that may be typed. Of the others, six digits are shown to nobody.
_A_RECOPIER: frozenset[Usage] = frozenset({"activation", "contact", "mot_de_passe"})

_MOIS: dict[Langue, str] = {
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "en": "January February March April May June July August September October November December",
}
_CHAMPS: dict[Langue, dict[str, str]] = {
    "fr": {
        "civilite": "Civilité",
        "nom_naissance": "Nom de naissance",
        "prenom": "Prénom",
        "date_naissance": "Date de naissance",
    },
    "en": {
        "civilite": "Title",
        "nom_naissance": "Birth name",
        "prenom": "First name",
        "date_naissance": "Date of birth",
    },
}

# Septets of one SMS, and of two, which spend some on being put together. One character outside GSM-7 would turn the whole text
# into UCS-2, where a segment holds 70.
SEGMENT, DEUX_SEGMENTS = 160, 306
# The basic table of 3GPP TS 23.038, where a character is one septet; its extension ({, [, €…), two septets each, is not used.
_GSM7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_SANS_DECOMPOSITION = str.maketrans({"’": "'", "œ": "oe", "Œ": "OE", "•": "*"})


_FOURNISSEURS = {"franceconnect": "FranceConnect", "proconnect": "ProConnect"}


class JinjaGabarits(Gabarits):
    """`public_url`: the origin of every link (no final slash, ASCII host); `service`: the name people know the portal by.

    A text file opens with the subject, on a second line what the button says if not the subject, and an empty line. Then comes
    the mail, one paragraph a block; or the sentences that an SMS may say, one a line, the fullest first. Raises `CleRetiree`
    for a proof made under a key that is no longer held.
    """

    def __init__(self, trousseau: Trousseau, public_url: str, service: str = "Comptoir") -> None:
        self._trousseau, self._public_url, self._service = trousseau, public_url, service

    def rendre(self, message: Message) -> Rendu:
        variables = self._variables(message)
        tete, corps = self._remplir(f"{message.modele}.{message.canal}.{message.langue}.txt", variables).split("\n\n", 1)
        objet, _, bouton = tete.partition("\n")
        par_sms = message.canal == "sms"
        return Rendu(
            id=message.id,
            canal=message.canal,
            destination=message.destination,
            objet=objet,
            texte=self._sms(corps.splitlines(), variables) if par_sms else corps,
            html=None if par_sms else self._html(message, objet, bouton or objet, corps, variables),
            desinscription=self._desinscription(message) if message.modele == "diffusion" else None,
        )

    def _variables(self, message: Message) -> dict[str, Any]:
        textes = _en_mots(message.faits, message.langue) | {"service": self._service}
        if message.canal == "sms":
            textes = {nom: _en_gsm7(texte) for nom, texte in textes.items()}
        return {
            **textes,
            "public_url": self._public_url,
            "identifiant": message.identifiant,
            "identifiants": message.identifiants,
            **(self._preuve(message.jeton, message.faits) if message.jeton else {}),
            **({"lien": self._desinscription(message)} if message.modele == "diffusion" else {}),
        }

    def _preuve(self, jeton: Jeton, faits: Mapping[str, str]) -> dict[str, Any]:
        """What its purpose may show, and how long that lives. A code is typed where it was asked for: what follows something
        else, by itself, is a link.
        """
        vie = duree(jeton.usage, jeton.canal)
        preuve: dict[str, Any] = {
            "minutes": vie // timedelta(minutes=1),
            "heures": vie // timedelta(hours=1),
            "jours": vie // timedelta(days=1),
        }
        if jeton.usage in _A_RECOPIER and "suite" not in faits:
            preuve["code"] = self._trousseau.code(jeton)
        if jeton.usage in _PAGES:
            preuve["lien"] = f"{self._public_url}/{_PAGES[jeton.usage]}#{self._trousseau.lien(jeton)}"
        return preuve

    def _desinscription(self, message: Message) -> str:
        """In the path, not in a fragment: mail services post to this address by themselves (RFC 8058)."""
        listes = message.faits["listes"]
        sortie = TOUTES if "," in listes else listes
        return f"{self._public_url}/desinscription/{sortie}/{self._trousseau.desinscription(message.compte_id, sortie)}"

    def _sms(self, phrases: list[str], variables: Mapping[str, Any]) -> str:
        """The fullest sentence that leaves room for the last line: a code, which phones fill in for this host alone, or a link.

        Beyond any host name in use, one segment more rather than no code or no link.
        """
        fin, place = "", SEGMENT
        if "code" in variables:
            fin = f"\n@{urlsplit(self._public_url).hostname} #{variables['code']}"
        elif "lien" in variables:
            fin, place = f"\n{variables['lien']}", DEUX_SEGMENTS
        return next((p for p in phrases if len(p) + len(fin) <= place), phrases[-1]) + fin

    def _html(self, message: Message, objet: str, bouton: str, corps: str, variables: Mapping[str, Any]) -> str:
        mise_en_page = {
            "langue": message.langue,
            "objet": objet,
            "bouton": bouton,
            "paragraphes": corps.split("\n\n"),
            "lien": variables.get("lien"),
            "code": variables.get("code"),
            "libres": {message.identifiant, *message.identifiants, message.faits.get("nouvelle")},
        }
        return self._remplir("courriel.html", mise_en_page)

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


def _en_mots(faits: Mapping[str, str], langue: Langue) -> dict[str, str]:
    """The date, the lists and the fields as people say them; the other facts as they are."""
    dits = dict(faits)
    if "date" in faits:
        dits["date"] = _date(date.fromisoformat(faits["date"]), langue)
    if "fournisseur" in faits:
        dits["fournisseur"] = _FOURNISSEURS[faits["fournisseur"]]
    if "listes" in faits:
        dits["listes"] = "\n".join(f"- {LIBELLES[langue][liste]}" for liste in faits["listes"].split(","))
    if "champs" in faits:
        dits["champs"] = "\n".join(f"- {_CHAMPS[langue][champ]}" for champ in faits["champs"].split(","))
    return dits


def _date(jour: date, langue: Langue) -> str:
    """`1er décembre 2026`, `1 December 2026`."""
    rang = "1er" if langue == "fr" and jour.day == 1 else jour.day
    return f"{rang} {_MOIS[langue].split()[jour.month - 1]} {jour.year}"


def _en_gsm7(texte: str) -> str:
    """The same in characters of one septet: "Île-de-France" gives "Ile-de-France"."""
    lettres = (c if c in _GSM7 else unicodedata.normalize("NFKD", c) for c in texte.translate(_SANS_DECOMPOSITION))
    return "".join(c for groupe in lettres for c in groupe if c in _GSM7)
