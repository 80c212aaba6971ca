"""The words of the messages: the right secrets, nothing foreign, one SMS segment."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import pytest

from adapters.gabarits import JinjaGabarits
from domain.activation import Canal, Jeton
from domain.compte import Langue
from domain.jetons import Cle, Trousseau
from domain.message import Message, Rendu

LANGUES: tuple[Langue, ...] = ("fr", "en")
TROUSSEAU = Trousseau((Cle("k1", b"k" * 32),))
PORTAIL = "https://comptes.exemple.fr"
DESTINATIONS: dict[Canal, str] = {"email": "ines@exemple.fr", "sms": "+33612345678"}

# Written out again, not taken from the adapter: 3GPP TS 23.038, the septets each character costs.
GSM7 = dict.fromkeys(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà",
    1,
) | dict.fromkeys("\f^{}\\[~]|€", 2)


def jeton(canal: Canal) -> Jeton:
    return Jeton(id=UUID(int=7), compte_id=UUID(int=1), canal=canal, destination=DESTINATIONS[canal], cle_id="k1")


def un_message(canal: Canal, langue: Langue = "fr", identifiant: str = "ines.dupont") -> Message:
    return Message(
        id=UUID(int=42), canal=canal, modele="activation", langue=langue, identifiant=identifiant, jeton=jeton(canal),
        perime=False, tentatives=1,
    )  # fmt: skip


def rendre(canal: Canal, langue: Langue = "fr", *, identifiant: str = "ines.dupont", **options: Any) -> Rendu:
    gabarits = JinjaGabarits(TROUSSEAU, **({"public_url": PORTAIL} | options))
    return gabarits.rendre(un_message(canal, langue, identifiant))


class Page(HTMLParser):
    """What a mail's HTML says (blocks of text, button labels apart) and where it points."""

    def __init__(self, html: str | None) -> None:
        super().__init__()
        self.blocs: list[str] = []
        self.liens: list[tuple[str, str]] = []
        self.attributs: list[tuple[str, str | None]] = []
        self.balises: list[str] = []
        self._dans_lien = self._dans_corps = False
        self.feed(html or "")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.balises.append(tag)
        self.attributs += attrs
        self._dans_corps |= tag == "body"
        if tag == "a":
            self._dans_lien = True
            self.liens.append((dict(attrs)["href"] or "", ""))
        elif tag in ("p", "h1", "div", "br"):
            self.blocs.append("")

    def handle_endtag(self, tag: str) -> None:
        self._dans_lien &= tag != "a"

    def handle_data(self, data: str) -> None:
        if self._dans_lien:
            self.liens[-1] = (self.liens[-1][0], self.liens[-1][1] + data)
        elif self._dans_corps and self.blocs:
            self.blocs[-1] += data

    def phrases(self) -> list[str]:
        return [" ".join(bloc.split()) for bloc in self.blocs if bloc.strip()]


@pytest.mark.parametrize("langue", LANGUES)
def test_a_mail_carries_the_link_the_code_and_the_identifiant_in_both_its_versions(langue: Langue) -> None:
    rendu = rendre("email", langue)
    lien = f"{PORTAIL}/activation#{TROUSSEAU.lien(jeton('email'))}"
    attendus = [lien, TROUSSEAU.code(jeton("email")), "ines.dupont"]
    assert [ligne for ligne in attendus if ligne not in rendu.texte.splitlines()] == []
    page = Page(rendu.html)
    assert page.liens == [(lien, rendu.objet), (lien, lien)]
    assert {TROUSSEAU.code(jeton("email")), "ines.dupont"} <= set(page.phrases())


@pytest.mark.parametrize("langue", LANGUES)
def test_the_text_of_a_mail_tells_all_that_its_html_tells(langue: Langue) -> None:
    rendu = rendre("email", langue)
    dit = " ".join(f"{rendu.objet}\n{rendu.texte}".split())
    phrases = Page(rendu.html).phrases()
    assert len(phrases) > 10
    assert [phrase for phrase in phrases if phrase not in dit] == []


@pytest.mark.parametrize(
    ("langue", "attendus"),
    [
        ("fr", ["24 heures", "Ne communiquez jamais ce code", "Si vous n'êtes pas à l'origine de cette demande"]),
        ("en", ["24 hours", "Never give this code", "If you did not make this request"]),
    ],
)
def test_a_mail_says_how_long_it_is_valid_and_what_to_do_when_it_was_not_expected(langue: Langue, attendus: list[str]) -> None:
    rendu = rendre("email", langue)
    assert [phrase for phrase in attendus if phrase not in rendu.texte] == []
    assert f'<html lang="{langue}">' in (rendu.html or "")


@pytest.mark.parametrize("langue", LANGUES)
@pytest.mark.parametrize("canal", ["email", "sms"])
def test_a_message_leaves_for_the_address_of_its_proof_under_the_id_of_its_row(canal: Canal, langue: Langue) -> None:
    rendu = rendre(canal, langue)
    assert (rendu.id, rendu.canal, rendu.destination) == (UUID(int=42), canal, DESTINATIONS[canal])
    assert (rendu.html is None) == (canal == "sms")


@pytest.mark.parametrize("langue", LANGUES)
@pytest.mark.parametrize("canal", ["email", "sms"])
def test_a_subject_is_one_short_line_without_the_code(canal: Canal, langue: Langue) -> None:
    objet = rendre(canal, langue).objet
    assert 5 < len(objet) < 60
    assert objet.isprintable()
    assert not re.search(r"\d", objet)


@pytest.mark.parametrize("langue", LANGUES)
def test_the_html_loads_nothing_and_points_to_the_portal_alone(langue: Langue) -> None:
    html = rendre("email", langue).html or ""
    assert all(adresse.startswith(PORTAIL) for adresse in re.findall(r"(?:https?:)?//[^\s\"'<)]+", html))
    page = Page(html)
    assert not {"img", "link", "script", "style", "iframe", "form", "table"} & set(page.balises)
    assert {nom for nom, _ in page.attributs} <= {"lang", "charset", "name", "content", "style", "href"}
    assert "url(" not in html


def test_odd_characters_of_an_identifiant_are_shown_not_obeyed() -> None:
    identifiant = """<b>{{7*7}}&"x'%s</b>"""
    rendu = rendre("email", identifiant=identifiant)
    assert identifiant in rendu.texte.splitlines()
    assert identifiant in Page(rendu.html).phrases()
    assert "b" not in Page(rendu.html).balises


def test_no_mail_reader_makes_a_link_of_an_identifiant_shaped_like_a_host_name() -> None:
    rendu = rendre("email", identifiant="www.gain-facile.com")
    assert "gain-facile.com" not in (rendu.html or "")
    assert "www.gain-facile.com" in Page(rendu.html).phrases()


@pytest.mark.parametrize("langue", LANGUES)
@pytest.mark.parametrize("service", ["Comptoir", "Portail des démarches de l’Île-de-France & d'Œuvres [sociales] €"])
@pytest.mark.parametrize("longueur", range(9, 64))
def test_an_sms_is_one_gsm_7_segment_whose_last_line_fills_the_code_in(langue: Langue, service: str, longueur: int) -> None:
    hote = ("a" * (longueur - 3) + ".fr")[-longueur:]
    code = TROUSSEAU.code(jeton("sms"))
    texte = rendre("sms", langue, public_url=f"https://{hote}:8443", service=service).texte
    assert sum(GSM7[c] for c in texte) <= 160
    phrase, _, fin = texte.rpartition("\n")
    assert fin == f"@{hote} #{code}"
    assert code in phrase
    assert "code" in phrase


@pytest.mark.parametrize(("langue", "attendu"), [("fr", "Ne le communiquez jamais"), ("en", "Never share it")])
def test_an_sms_warns_and_names_the_service_for_any_usual_host(langue: Langue, attendu: str) -> None:
    texte = rendre("sms", langue, public_url="https://mes-demarches.departement-exemple.gouv.fr").texte
    assert attendu in texte
    assert "Comptoir" in texte
    assert "10 minutes" in texte


def test_whatever_the_host_the_last_line_of_an_sms_is_whole() -> None:
    hote = ".".join(["a" * 60] * 4)
    assert rendre("sms", public_url=f"https://{hote}").texte.endswith(f"\n@{hote} #{TROUSSEAU.code(jeton('sms'))}")


def test_a_service_name_keeps_its_letters_as_far_as_an_sms_can_write_them() -> None:
    texte = rendre("sms", service="Démarches d’Île-de-France, Cœur ç €").texte
    assert texte.startswith("Démarches d'Ile-de-France, Coeur c  :")
