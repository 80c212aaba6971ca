"""The words of the messages: every one of them exists, shows the right secrets and no other, and fits its channel."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_args, get_type_hints
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from adapters import gabarits
from adapters.gabarits import JinjaGabarits
from domain.activation import CANAUX, Canal, Jeton, Usage
from domain.compte import Langue
from domain.consentements import ChoixDiffusion, Listes
from domain.jetons import Cle, Trousseau
from domain.message import Message, Modele, Rendu

LANGUES: tuple[Langue, ...] = get_args(Langue)
MODELES: tuple[Modele, ...] = get_args(Modele)
USAGES: tuple[Usage, ...] = get_args(Usage)
TROUSSEAU = Trousseau((Cle("k1", b"k" * 32),))
PORTAIL = "https://comptes.exemple.fr"
COMPTE = UUID(int=1)
DESTINATIONS: dict[Canal, str] = {"email": "ines@exemple.fr", "sms": "+33612345678"}
MASQUES: dict[str, str] = {"email": "i•••@exemple.fr", "sms": "+33 6 •• •• •• 78"}

# A guardian is reached, and an address is told its identifiants, by e-mail alone.
SANS_SMS = {"accord_parental", "identifiants"}
CAS: list[tuple[Modele, Canal]] = [(m, c) for m in MODELES for c in CANAUX if c == "email" or m not in SANS_SMS]
COURRIELS: list[Modele] = [m for m, canal in CAS if canal == "email"]
SMS: list[Modele] = [m for m, canal in CAS if canal == "sms"]
MAILINGS: list[Modele] = ["diffusion"]

# What each proof may show; SMS show one of the two.
PAR_CODE: set[str] = {"activation", "contact", "mot_de_passe"}
PAR_LIEN: dict[str, str] = {
    "activation": "activation",
    "mot_de_passe": "mot-de-passe",
    "annulation_contact": "annulation",
    "annulation_effacement": "annulation",
    "accord_parental": "accord-parental",
}

# The facts of each message, and nothing else: its words may use no other.
FAITS: dict[str, dict[str, str]] = {
    "annulation_effacement": {"date": "2026-11-28"},
    "inactivite": {"date": "2026-11-28"},
    "accord_parental": {"listes": "email,alertes"},
    "diffusion": {"listes": "email,alertes"},
    "identite_rattachee": {"fournisseur": "franceconnect", "champs": "nom_naissance,date_naissance"},
    "identite_detachee": {"fournisseur": "proconnect"},
}

# Written out again, not taken from the adapter: 3GPP TS 23.038, the septets each character costs.
GSM7 = dict.fromkeys(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà",
    1,
) | dict.fromkeys("\f^{}\\[~]|€", 2)


def jeton(usage: Any, canal: Canal) -> Jeton:
    return Jeton(id=UUID(int=7), compte_id=COMPTE, usage=usage, canal=canal, destination=DESTINATIONS[canal], cle_id="k1")


def lien(usage: str, canal: Canal = "email") -> str:
    return f"{PORTAIL}/{PAR_LIEN[usage]}#{TROUSSEAU.lien(jeton(usage, canal))}"


def un_message(modele: Modele, canal: Canal, langue: Langue = "fr", **changements: Any) -> Message:
    faits = {"canal": canal, "nouvelle": MASQUES[canal]} if modele == "annulation_contact" else FAITS.get(modele, {})
    valeurs: dict[str, Any] = {
        "id": UUID(int=42),
        "compte_id": COMPTE,
        "canal": canal,
        "modele": modele,
        "destination": DESTINATIONS[canal],
        "langue": langue,
        "identifiant": "ines.dupont",
        "jeton": next((jeton(usage, canal) for usage in USAGES if usage == modele), None),
        "faits": faits,
        "identifiants": ("ines.dupont", "les-amis-du-canal") if modele == "identifiants" else (),
        "perime": False,
        "tentatives": 1,
    }
    return Message(**(valeurs | changements))


def rendre(
    modele: Modele, canal: Canal, langue: Langue = "fr", *, url: str = PORTAIL, service: str = "Comptoir", **changements: Any
) -> Rendu:
    return JinjaGabarits(TROUSSEAU, url, service).rendre(un_message(modele, canal, langue, **changements))


def septets(texte: str) -> int:
    """Refuses (KeyError) a character that GSM-7 does not have."""
    return sum(GSM7[c] for c in texte)


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


# --- every message


def test_every_message_that_may_leave_has_its_words_and_no_words_are_left_over() -> None:
    attendus = {f"{modele}.{canal}.{langue}.txt" for modele, canal in CAS for langue in LANGUES}
    assert {fichier.name for fichier in (Path(gabarits.__file__).parent / "textes").glob("*.txt")} == attendus


@pytest.mark.parametrize("langue", LANGUES)
@pytest.mark.parametrize(("modele", "canal"), CAS)
def test_a_message_leaves_for_its_destination_under_the_id_of_its_row(modele: Modele, canal: Canal, langue: Langue) -> None:
    rendu = rendre(modele, canal, langue)
    assert (rendu.id, rendu.canal, rendu.destination) == (UUID(int=42), canal, DESTINATIONS[canal])
    assert (rendu.html is None) == (canal == "sms")


@pytest.mark.parametrize("langue", LANGUES)
@pytest.mark.parametrize(("modele", "canal"), CAS)
def test_a_subject_is_one_short_line_without_a_figure(modele: Modele, canal: Canal, langue: Langue) -> None:
    objet = rendre(modele, canal, langue).objet
    assert 5 < len(objet) < 60
    assert objet.isprintable()
    assert not re.search(r"\d", objet)


@pytest.mark.parametrize("langue", LANGUES)
@pytest.mark.parametrize(("modele", "canal"), CAS)
def test_nothing_of_the_writing_shows(modele: Modele, canal: Canal, langue: Langue) -> None:
    texte = rendre(modele, canal, langue).texte
    assert not re.search(r"[{}%]|None|  |\n\n\n| $|^ ", texte, re.M)
    assert texte == texte.strip()


@pytest.mark.parametrize("langue", LANGUES)
@pytest.mark.parametrize(("modele", "canal"), CAS)
def test_a_message_points_to_the_portal_alone(modele: Modele, canal: Canal, langue: Langue) -> None:
    rendu = rendre(modele, canal, langue)
    vus = re.findall(r"(?:https?:)?//[^\s\"'<)]+", rendu.texte + (rendu.html or ""))
    assert all(re.fullmatch(rf"{re.escape(PORTAIL)}(?:[/#].*)?", vu) for vu in vus)


@pytest.mark.parametrize("langue", LANGUES)
@pytest.mark.parametrize(("modele", "canal"), CAS)
def test_a_message_shows_the_secrets_of_its_purpose_and_no_other(modele: Modele, canal: Canal, langue: Langue) -> None:
    texte = rendre(modele, canal, langue).texte
    codes, liens = re.findall(r"\b\d{6}\b", texte), re.findall(r"\S+/\S*[\w-]{64}\S*", texte)
    par_code = modele in PAR_CODE
    par_lien = modele in PAR_LIEN and (canal == "email" or not par_code)
    assert set(codes) == ({TROUSSEAU.code(jeton(modele, canal))} if par_code else set())
    if modele not in MAILINGS:
        assert liens == ([lien(modele, canal)] if par_lien else [])


# --- e-mails


@pytest.mark.parametrize("langue", LANGUES)
@pytest.mark.parametrize("modele", COURRIELS)
def test_a_mail_says_in_its_html_all_that_its_text_says_and_nothing_more(modele: Modele, langue: Langue) -> None:
    rendu = rendre(modele, "email", langue)
    page = Page(rendu.html)
    dit = " ".join(f"{rendu.objet}\n{rendu.texte}".split())
    assert [phrase for phrase in page.phrases() if phrase not in dit] == []
    montre = {*page.phrases(), *(adresse for adresse, _ in page.liens)}
    assert [ligne for ligne in rendu.texte.splitlines() if ligne and ligne not in montre] == []


@pytest.mark.parametrize("langue", LANGUES)
@pytest.mark.parametrize("modele", COURRIELS)
def test_a_mail_loads_nothing(modele: Modele, langue: Langue) -> None:
    html = rendre(modele, "email", langue).html or ""
    page = Page(html)
    assert f'<html lang="{langue}">' in html
    assert not {"img", "link", "script", "style", "iframe", "form", "table"} & set(page.balises)
    assert {nom for nom, _ in page.attributs} <= {"lang", "charset", "name", "content", "style", "href"}
    assert "url(" not in html


@pytest.mark.parametrize("langue", LANGUES)
@pytest.mark.parametrize("modele", COURRIELS)
def test_a_mail_tells_what_to_do_when_it_was_not_expected_and_that_no_secret_is_ever_asked(
    modele: Modele, langue: Langue
) -> None:
    texte = rendre(modele, "email", langue).texte
    inattendu = {
        "fr": "[Ss]i vous n'êtes pas à l'origine|Si vous ne connaissez pas",
        "en": "[Ii]f you did not|If you do not know",
    }
    jamais = {"fr": "Ne communiquez jamais .* : aucun agent ne vous", "en": "Never give .* no official will ever ask you"}
    assert re.search(inattendu[langue], texte)
    assert re.search(jamais[langue], texte)


@pytest.mark.parametrize("langue", LANGUES)
@pytest.mark.parametrize("modele", COURRIELS)
def test_a_mail_names_the_account_unless_its_address_may_be_a_stranger_s(modele: Modele, langue: Langue) -> None:
    assert ("ines.dupont" in rendre(modele, "email", langue).texte.splitlines()) == (modele != "contact")


@pytest.mark.parametrize("langue", LANGUES)
@pytest.mark.parametrize("modele", [m for m in COURRIELS if m in PAR_LIEN and m in PAR_CODE])
def test_a_mail_carries_the_link_and_the_code_in_both_its_versions(modele: Usage, langue: Langue) -> None:
    rendu, code = rendre(modele, "email", langue), TROUSSEAU.code(jeton(modele, "email"))
    assert {lien(modele), code} <= set(rendu.texte.splitlines())
    page = Page(rendu.html)
    assert page.liens == [(lien(modele), rendu.objet), (lien(modele), lien(modele))]
    assert code in page.phrases()


@pytest.mark.parametrize(
    ("modele", "langue", "bouton"),
    [
        ("annulation_contact", "fr", "Annuler ce changement"),
        ("annulation_contact", "en", "Undo this change"),
        ("annulation_effacement", "fr", "Garder mon compte"),
        ("annulation_effacement", "en", "Keep my account"),
        ("accord_parental", "fr", "Accepter ou refuser"),
        ("accord_parental", "en", "Accept or refuse"),
        ("diffusion", "fr", "Me désinscrire"),
        ("diffusion", "en", "Unsubscribe"),
    ],
)
def test_a_button_says_what_its_link_does_where_the_subject_tells_a_fact(modele: Modele, langue: Langue, bouton: str) -> None:
    rendu = rendre(modele, "email", langue)
    assert [texte for _, texte in Page(rendu.html).liens] == [bouton, Page(rendu.html).liens[0][0]]
    assert bouton not in rendu.objet


@pytest.mark.parametrize(
    ("modele", "canal", "fr", "en"),
    [
        ("activation", "email", "24 heures", "24 hours"),
        ("activation", "sms", "10 minutes", "10 minutes"),
        ("contact", "email", "60 minutes", "60 minutes"),
        ("contact", "sms", "10 min", "10 min"),
        ("mot_de_passe", "email", "60 minutes", "60 minutes"),
        ("mot_de_passe", "sms", "10 min", "10 min"),
        ("annulation_contact", "email", "7 jours", "7 days"),
        ("annulation_contact", "sms", "7 jours", "7 days"),
        ("accord_parental", "email", "7 jours", "7 days"),
    ],
)
def test_a_proof_says_how_long_it_may_be_used(modele: Modele, canal: Canal, fr: str, en: str) -> None:
    assert fr in rendre(modele, canal, "fr").texte
    assert en in rendre(modele, canal, "en").texte


MODELE_DU_CHOIX: dict[str, Modele] = {
    "identifiant": "activation",
    "identifiants": "identifiants",
    "nouvelle": "annulation_contact",
}


def avec_choix(quoi: str, valeur: str) -> Rendu:
    """A mail that shows a word that somebody chose."""
    changements: dict[str, dict[str, Any]] = {
        "identifiant": {"identifiant": valeur},
        "identifiants": {"identifiants": ("ines.dupont", valeur, "zoe")},
        "nouvelle": {"faits": {"canal": "email", "nouvelle": valeur}},
    }
    return rendre(MODELE_DU_CHOIX[quoi], "email", **changements[quoi])


@pytest.mark.parametrize("quoi", MODELE_DU_CHOIX)
def test_odd_characters_of_a_chosen_word_are_shown_not_obeyed(quoi: str) -> None:
    valeur = """<b>{{7*7}}&"x'%s</b>"""
    rendu = avec_choix(quoi, valeur)
    assert valeur in rendu.texte.splitlines()
    assert valeur in Page(rendu.html).phrases()
    assert "b" not in Page(rendu.html).balises


@pytest.mark.parametrize("quoi", MODELE_DU_CHOIX)
def test_no_mail_reader_makes_a_link_of_a_chosen_word_shaped_like_a_host_name(quoi: str) -> None:
    rendu = avec_choix(quoi, "www.gain-facile.com")
    assert "gain-facile.com" not in (rendu.html or "")
    assert "www.gain-facile.com" in Page(rendu.html).phrases()


def test_odd_characters_of_the_service_s_name_are_shown_not_obeyed() -> None:
    page = Page(rendre("activation", "email", service="Ville & <b>Métropole</b>").html)
    assert "b" not in page.balises
    assert any("compte Ville & <b>Métropole</b>." in phrase for phrase in page.phrases())


# --- facts


@pytest.mark.parametrize("modele", [m for m in COURRIELS if "date" in FAITS.get(m, {})])
@pytest.mark.parametrize(
    ("jour", "fr", "en"),
    [
        ("2026-11-28", "28 novembre 2026", "28 November 2026"),
        ("2027-01-01", "1er janvier 2027", "1 January 2027"),
        ("2027-08-21", "21 août 2027", "21 August 2027"),
        ("2028-02-29", "29 février 2028", "29 February 2028"),
    ],
)
def test_a_date_is_said_in_words(modele: Modele, jour: str, fr: str, en: str) -> None:
    assert f"le {fr}" in rendre(modele, "email", "fr", faits={"date": jour}).texte
    assert f"on {en}" in rendre(modele, "email", "en", faits={"date": jour}).texte
    assert f"le {fr.replace('û', 'u')}" in rendre(modele, "sms", "fr", faits={"date": jour}).texte


@pytest.mark.parametrize("modele", [m for m in COURRIELS if "listes" in FAITS.get(m, {})])
def test_the_lists_are_named_as_the_screen_names_them(modele: Modele) -> None:
    codes = [code for code in get_args(Listes) if code != "toutes"]
    champs = get_type_hints(ChoixDiffusion, include_extras=True)
    titres = [champs[code].__metadata__[0].extra_json_schema["title"] for code in codes]
    lignes = rendre(modele, "email", "fr", faits={"listes": ",".join(codes)}).texte.splitlines()
    assert [ligne for ligne in lignes if ligne.startswith("- ")] == [f"- {titre}" for titre in titres]
    anglais = rendre(modele, "email", "en", faits={"listes": ",".join(codes)}).texte
    assert "- Newsletter\n- Personalised alerts and news" in anglais


@pytest.mark.parametrize("langue", LANGUES)
@pytest.mark.parametrize("canal", CANAUX)
def test_a_change_of_contact_tells_which_and_to_what(canal: Canal, langue: Langue) -> None:
    mots = {
        ("fr", "email"): ("adresse électronique", "numéro de mobile"), ("fr", "sms"): ("adresse électronique", "numéro"),
        ("en", "email"): ("e-mail address", "mobile number"), ("en", "sms"): ("e-mail address", "number"),
    }[langue, canal]  # fmt: skip
    for change, mot in zip(("email", "sms"), mots, strict=True):
        faits = {"canal": change, "nouvelle": MASQUES[change]}
        rendu = rendre("annulation_contact", canal, langue, faits=faits)
        assert mot in rendu.texte
        assert MASQUES[change].replace("•", "*" if canal == "sms" else "•") in rendu.texte
        assert lien("annulation_contact", canal) in rendu.texte
    retire = rendre("annulation_contact", canal, langue, faits={"canal": "sms"})
    assert {"fr": "retiré", "en": "removed"}[langue] in retire.texte
    assert lien("annulation_contact", canal) in retire.texte


@pytest.mark.parametrize("langue", LANGUES)
@pytest.mark.parametrize("canal", CANAUX)
def test_what_follows_an_undone_change_is_a_link_and_does_not_say_that_nothing_has_changed(
    canal: Canal, langue: Langue
) -> None:
    texte = rendre("mot_de_passe", canal, langue, faits={"suite": "contact_retabli"}).texte
    assert lien("mot_de_passe", canal) in texte
    assert TROUSSEAU.code(jeton("mot_de_passe", canal)) not in texte
    assert not [
        mot for mot in ("Rien n'a changé", "restera le même", "Nothing has changed", "will stay the same") if mot in texte
    ]
    assert {
        "fr": "ne fonctionne plus" if canal == "email" else "désactivé",
        "en": "no longer works" if canal == "email" else "disabled",
    }[langue] in texte


def test_a_forgotten_identifiant_brings_back_those_of_the_address_in_order() -> None:
    lignes = rendre("identifiants", "email").texte.splitlines()
    debut = lignes.index("ines.dupont")
    assert lignes[debut : debut + 3] == ["ines.dupont", "les-amis-du-canal", ""]


@pytest.mark.parametrize("langue", LANGUES)
def test_the_list_of_an_address_answers_whoever_forgot_a_username_and_whoever_forgot_a_password(langue: Langue) -> None:
    texte = rendre("identifiants", "email", langue).texte
    assert {"fr": "ou à choisir un nouveau mot de passe", "en": "or to choose a new password"}[langue] in texte
    assert {"fr": "« mot de passe oublié » avec cet identifiant", "en": '"forgotten password" and that username'}[
        langue
    ] in texte


@pytest.mark.parametrize("langue", LANGUES)
@pytest.mark.parametrize("canal", CANAUX)
@pytest.mark.parametrize("service", ["Comptoir", "S" * 30, "S" * 60])
@pytest.mark.parametrize("modele", ["mot_de_passe_reinitialise", "contact_retabli"])
def test_who_may_no_longer_be_a_confirmed_contact_is_told_whom_to_ask_when_nothing_comes(
    modele: Modele, service: str, canal: Canal, langue: Langue
) -> None:
    texte = rendre(modele, canal, langue, service=service).texte.lower()
    assert {"fr": "si rien n'arrive", "en": "if nothing comes"}[langue] in texte
    assert {"fr": "assistance du portail", "en": "the portal's support"}[langue] in texte


# --- mailings


@pytest.mark.parametrize("canal", CANAUX)
@pytest.mark.parametrize(
    ("listes", "sortie"),
    [("alertes", "alertes"), ("email,alertes", "toutes"), ("email,sms,lettre_actualite,alertes", "toutes")],
)
def test_the_way_out_of_a_mailing_closes_its_list_or_all_of_them(canal: Canal, listes: str, sortie: str) -> None:
    rendu = rendre("diffusion", canal, faits={"listes": listes})
    adresse = rendu.desinscription or ""
    assert adresse in rendu.texte.splitlines()
    *debut, lu, secret = adresse.rsplit("/", 2)
    assert (*debut, lu) == (f"{PORTAIL}/desinscription", sortie)
    assert TROUSSEAU.lire_desinscription(secret, sortie) == COMPTE


def test_a_mailing_says_how_much_its_way_out_closes() -> None:
    assert "quitter cette liste" in rendre("diffusion", "email", faits={"listes": "sms"}).texte
    assert "quitter toutes les listes" in rendre("diffusion", "email", faits={"listes": "sms,alertes"}).texte
    assert "leave this list" in rendre("diffusion", "email", "en", faits={"listes": "sms"}).texte
    assert "leave all lists" in rendre("diffusion", "email", "en", faits={"listes": "sms,alertes"}).texte


@pytest.mark.parametrize(("modele", "canal"), [cas for cas in CAS if cas[0] not in MAILINGS])
def test_what_is_no_mailing_has_no_way_out(modele: Modele, canal: Canal) -> None:
    assert rendre(modele, canal).desinscription is None


# --- SMS


@pytest.mark.parametrize("langue", LANGUES)
@pytest.mark.parametrize("service", ["Comptoir", "Portail des démarches de l’Île-de-France & d'Œuvres [sociales] €"])
@pytest.mark.parametrize("modele", [m for m in SMS if m in PAR_CODE])
def test_an_sms_with_a_code_is_one_gsm_7_segment_whose_last_line_fills_it_in(
    modele: Modele, langue: Langue, service: str
) -> None:
    code = TROUSSEAU.code(jeton(modele, "sms"))
    for longueur in range(9, 64):
        hote = "a" * (longueur - 3) + ".fr"
        texte = rendre(modele, "sms", langue, url=f"https://{hote}:8443", service=service).texte
        assert septets(texte) <= 160
        phrase, _, fin = texte.rpartition("\n")
        assert fin == f"@{hote} #{code}"
        assert code in phrase
        assert "code" in phrase.lower()


@pytest.mark.parametrize("langue", LANGUES)
@pytest.mark.parametrize("service", ["Comptoir", "Portail des démarches de l’Île-de-France & d'Œuvres [sociales] €"])
@pytest.mark.parametrize("modele", [m for m in SMS if m not in PAR_CODE and (m in PAR_LIEN or m in MAILINGS)])
def test_an_sms_with_a_link_is_two_gsm_7_segments_whose_last_line_is_the_link(
    modele: Modele, langue: Langue, service: str
) -> None:
    for longueur in range(9, 64):
        url = f"https://{'a' * (longueur - 3)}.fr:8443"
        texte = rendre(modele, "sms", langue, url=url, service=service).texte
        assert septets(texte) <= 2 * 153
        phrase, _, fin = texte.rpartition("\n")
        assert re.fullmatch(rf"{re.escape(url)}/(?:annulation#|desinscription/\w+/)[\w-]{{64}}", fin)
        assert "\n" not in phrase


@pytest.mark.parametrize("langue", LANGUES)
@pytest.mark.parametrize("longueur", [1, 8, 30, 60])
@pytest.mark.parametrize("modele", [m for m in SMS if m not in PAR_CODE and m not in PAR_LIEN and m not in MAILINGS])
def test_an_sms_that_only_tells_is_one_gsm_7_segment_with_the_name_of_the_service(
    modele: Modele, langue: Langue, longueur: int
) -> None:
    texte = rendre(modele, "sms", langue, service="S" * longueur).texte
    assert septets(texte) <= 160
    assert texte.startswith("S" * longueur) or longueur > 30
    assert "\n" not in texte


@pytest.mark.parametrize("modele", SMS)
def test_an_sms_never_names_the_account(modele: Modele) -> None:
    assert "dupont" not in rendre(modele, "sms").texte


@pytest.mark.parametrize("langue", LANGUES)
@pytest.mark.parametrize("modele", [m for m in SMS if "nouvelle" in un_message(m, "sms").faits])
def test_a_very_long_domain_does_not_lengthen_an_sms(modele: Modele, langue: Langue) -> None:
    faits = {"canal": "email", "nouvelle": f"i•••@{'a' * 63}.{'b' * 63}.{'c' * 63}.fr"}
    assert septets(rendre(modele, "sms", langue, faits=faits).texte) <= (306 if modele in PAR_LIEN else 160)


@pytest.mark.parametrize(
    ("modele", "langue", "attendus"),
    [
        ("activation", "fr", ["10 minutes", "Ne le communiquez jamais", "Comptoir"]),
        ("activation", "en", ["10 minutes", "Never share it", "Comptoir"]),
        ("contact", "fr", ["10 min", "Ne le communiquez jamais", "Rien demandé ? Rien ne changera"]),
        ("contact", "en", ["10 min", "Never share it", "Nothing will change"]),
        ("mot_de_passe", "fr", ["10 min", "Ne le communiquez jamais", "Rien demandé ? Rien n'a changé"]),
        ("mot_de_passe", "en", ["10 min", "Never share it", "Nothing has changed"]),
    ],
)
def test_an_sms_with_a_code_warns_for_any_usual_host(modele: Modele, langue: Langue, attendus: list[str]) -> None:
    texte = rendre(modele, "sms", langue, url="https://mes-demarches.departement-exemple.gouv.fr").texte
    assert [attendu for attendu in attendus if attendu not in texte] == []


@pytest.mark.parametrize(
    ("langue", "attendus"),
    [
        ("fr", ["7 jours", "numéro rétabli", "sessions fermées", "mot de passe à refaire", "+33 6 ** ** ** 78"]),
        ("en", ["7 days", "number put back", "sessions closed", "new password", "+33 6 ** ** ** 78"]),
    ],
)
def test_an_sms_that_offers_to_undo_a_change_says_what_undoing_does_for_any_usual_host(
    langue: Langue, attendus: list[str]
) -> None:
    texte = rendre("annulation_contact", "sms", langue, url="https://mes-demarches.departement-exemple.gouv.fr").texte
    assert [attendu for attendu in attendus if attendu not in texte] == []


@pytest.mark.parametrize("modele", [m for m in SMS if m in USAGES])
def test_whatever_the_host_the_last_line_of_an_sms_is_whole(modele: Usage) -> None:
    url = f"https://{'.'.join(['a' * 60] * 4)}"
    fin = f"@{urlsplit(url).hostname} #{TROUSSEAU.code(jeton(modele, 'sms'))}" if modele in PAR_CODE else lien(modele, "sms")
    assert rendre(modele, "sms", url=url).texte.endswith("\n" + fin.replace(PORTAIL, url))


def test_a_service_name_keeps_its_letters_as_far_as_an_sms_can_write_them() -> None:
    texte = rendre("activation", "sms", service="Démarches d’Île-de-France, Cœur ç €").texte
    assert texte.startswith("Démarches d'Ile-de-France, Coeur c  :")
