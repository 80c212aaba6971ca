"""The pages that the links of messages open: inert until a gesture, in both languages, self-contained, the same for all."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from uuid import UUID, uuid4

import httpx
import pytest
from msgspec import structs

from app.settings import Settings, cles
from domain.consentements import TOUTES
from domain.inscription import LISTES
from domain.jetons import Trousseau
from tests.builders import altere, une_demande
from tests.service import Service

EMAIL = "ines@exemple.fr"
JETON = "Jeton-qui-ne-doit-paraitre-nulle-part"
# What a gesture posts to; and the states of each page beside those that all of them have.
DE_TOUS = {"envoi", "absent", "invalide", "expire", "patience", "panne"}
LIENS = {
    "/activation": ("/v1/liens-activation", {"activee", "deja"}),
    "/mot-de-passe": ("/v1/recuperations/mot-de-passe/confirmations", {"change", "fautes", "faible", "moyen", "fort"}),
    "/annulation": ("/v1/annulations", {"contact", "effacement"}),
    "/accord-parental": ("/v1/accords-parentaux", {"accord", "refus"}),
}
SORTIES = [f"/desinscription/{listes}/{JETON}" for listes in (TOUTES, *LISTES)]


class _Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, contenu: str) -> None:
        super().__init__()
        self.balises: list[tuple[str, dict[str, str]]] = []
        self.blocs: dict[str, list[str]] = {"script": [], "style": []}
        self.titre = ""
        self._dans = ""
        self.feed(contenu)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.balises.append((tag, {nom: valeur or "" for nom, valeur in attrs}))
        self._dans = tag
        if tag in self.blocs:
            self.blocs[tag].append("")

    def handle_data(self, data: str) -> None:
        if self._dans in self.blocs:
            self.blocs[self._dans][-1] += data
        elif self._dans == "title":
            self.titre += data

    def handle_endtag(self, tag: str) -> None:
        self._dans = ""

    def attributs(self, nom: str, balise: str | None = None) -> list[str]:
        return [attributs[nom] for tag, attributs in self.balises if nom in attributs and balise in (None, tag)]


def _empreintes(blocs: list[str]) -> set[str]:
    return {f"'sha256-{b64encode(sha256(bloc.encode()).digest()).decode()}'" for bloc in blocs} or {"'none'"}


def _verifier(reponse: httpx.Response, langue: str) -> _Page:
    """A page of ours, whatever its status: in this language, nothing loaded, nothing allowed but its own blocks."""
    page = _Page(reponse.text)
    assert reponse.headers["content-type"].startswith("text/html")
    assert reponse.headers["cache-control"] == "no-store"
    assert reponse.headers["referrer-policy"] == "no-referrer"
    assert "set-cookie" not in reponse.headers
    assert reponse.text.startswith("<!doctype html>")
    assert "⟦" not in reponse.text
    assert JETON not in reponse.text
    assert not re.search(r"https?:|//\w|data:|@import|url\(", reponse.text)
    assert not [
        nom for _, attributs in page.balises for nom in attributs if nom.startswith("on") or nom in ("style", "http-equiv")
    ]
    assert not [nom for nom in ("src", "href", "action", "formaction") if page.attributs(nom)]
    assert page.attributs("lang", "html") == [langue]
    # Each text in both languages; the title in one, like the page.
    visibles = page.attributs("lang")[1:]
    assert visibles.count("fr") == visibles.count("en") > 0
    assert page.titre
    assert " / " not in page.titre
    identifiants = page.attributs("id")
    assert len(identifiants) == len(set(identifiants))
    regles = {nom: set(valeurs) for nom, *valeurs in (r.split() for r in reponse.headers["content-security-policy"].split(";"))}
    assert regles == {
        "default-src": {"'none'"},
        "script-src": _empreintes(page.blocs["script"]),
        "style-src": _empreintes(page.blocs["style"]),
        "connect-src": {"'self'"},
        "base-uri": {"'none'"},
        "form-action": {"'self'"} if "post" in page.attributs("method") else {"'none'"},
        "frame-ancestors": {"'none'"},
    }
    return page


# Links that bear their token in the fragment


async def test_the_page_of_a_link_is_the_same_for_everybody_and_waits_for_a_gesture(service: Service) -> None:
    for chemin, (adresse, etats) in LIENS.items():
        pages = {}
        for langue in ("fr", "en"):
            reponse = await service.http.get(f"{chemin}?jeton={JETON}", headers={"Accept-Language": langue})
            assert reponse.status_code == 200
            pages[langue] = page = _verifier(reponse, langue)
            # What the page may say, and nothing of it said before the button.
            assert DE_TOUS | etats <= set(page.attributs("id", "template"))
            assert ("div", {"id": "statut", "role": "status", "aria-live": "polite"}) in page.balises
            assert "button" in {tag for tag, _ in page.balises}
            assert [a for _, a in page.balises if a.get("id") == "geste" and "hidden" in a]
            assert "noscript" in {tag for tag, _ in page.balises}
            [script] = page.blocs["script"]
            assert adresse in script
            # The token is read where the server never sees it, and is not kept.
            assert not re.search(r"location\.(search|href)|cookie|[sS]torage|innerHTML|document\.write", script)
        assert pages["fr"].blocs == pages["en"].blocs
        assert pages["fr"].titre != pages["en"].titre


async def test_the_pages_of_links_share_one_style(service: Service) -> None:
    styles = {tuple(_Page((await service.http.get(chemin)).text).blocs["style"]) for chemin in (*LIENS, SORTIES[0])}
    assert len(styles) == 1


async def test_the_browser_that_resets_keeps_what_it_will_be_known_by(service: Service) -> None:
    [script] = _Page((await service.http.get("/mot-de-passe")).text).blocs["script"]
    # Omitted, the cookie of the answer would be thrown away: whoever hammers the account would keep its holder out.
    assert 'credentials: "same-origin"' in script
    assert "appareil_partage: partage.checked" in script


async def test_the_password_field_is_one_that_browsers_and_their_keepers_know(service: Service) -> None:
    page = _Page((await service.http.get("/mot-de-passe")).text)
    [champ] = [attributs for tag, attributs in page.balises if tag == "input" and attributs["type"] != "checkbox"]
    assert (champ["type"], champ["autocomplete"]) == ("password", "new-password")
    assert "maxlength" not in champ
    assert champ["id"] in page.attributs("for", "label")
    assert set(champ["aria-describedby"].split()) <= set(page.attributs("id"))


async def test_the_guardian_s_page_can_name_every_list(service: Service) -> None:
    page = _Page((await service.http.get("/accord-parental")).text)
    assert page.attributs("data-liste") == [*LISTES, *LISTES]
    assert page.attributs("value", "button") == ["true", "false"]


# The way out of mailing lists


async def test_the_page_of_a_way_out_is_one_plain_form(service: Service) -> None:
    for chemin in SORTIES:
        for langue in ("fr", "en"):
            reponse = await service.http.get(chemin, headers={"Accept-Language": langue})
            assert reponse.status_code == 200
            page = _verifier(reponse, langue)
            # It works without a script: the only thing it sends is itself, to its own address.
            assert page.blocs["script"] == []
            assert [attributs for tag, attributs in page.balises if tag == "form"] == [{"method": "post"}]
            assert page.attributs("type", "button") == ["submit"]
            assert page.attributs("name") == ["viewport", "color-scheme", "referrer", "robots"]
            listes = chemin.split("/")[2]
            assert page.attributs("data-liste") == (list(LISTES) if listes == TOUTES else [listes])


@pytest.mark.parametrize("listes", [TOUTES, *LISTES])
async def test_one_click_leaves_the_lists_that_the_address_names_and_a_second_one_is_as_calm(
    service: Service, listes: str
) -> None:
    compte = await _abonne(service)
    for _ in range(2):
        # RFC 8058: what a mail provider posts, without a cookie.
        reponse = await service.http.post(
            _sortie(service, compte, listes), data={"List-Unsubscribe": "One-Click"}, headers={"Accept-Language": "fr"}
        )
        assert reponse.status_code == 200
        quittees = _verifier(reponse, "fr").attributs("data-liste")
        assert quittees == (list(LISTES) if listes == TOUTES else [listes])
        assert await _listes(service) == set(LISTES) - set(quittees)


async def test_nothing_but_a_post_leaves_a_list(service: Service) -> None:
    chemin = _sortie(service, await _abonne(service), TOUTES)
    for methode in ("GET", "HEAD", "OPTIONS"):
        for suite in ("", "?List-Unsubscribe=One-Click"):
            await service.http.request(methode, chemin + suite)
    assert await _listes(service) == set(LISTES)


async def test_the_body_of_a_one_click_is_not_even_read(service: Service) -> None:
    compte = await _abonne(service)
    for corps, type_ in (
        (b"", ""),
        (b"{", "application/json"),
        (b"\xff" * 200_000, "multipart/form-data"),
        (b"a=b", "text/plain"),
    ):
        reponse = await service.http.post(_sortie(service, compte, "sms"), content=corps, headers={"Content-Type": type_})
        assert reponse.status_code == 200, type_
    assert await _listes(service) == set(LISTES) - {"sms"}


async def test_a_way_out_altered_or_of_other_lists_is_calmly_refused_and_changes_nothing(service: Service) -> None:
    compte = await _abonne(service)
    bon = _sortie(service, compte, "sms")
    for chemin, statut in (
        (altere(bon), 422),
        (bon[:-1], 422),
        (bon.replace("/sms/", f"/{TOUTES}/"), 422),
        (bon.replace("/sms/", "/email/"), 422),
        (f"/desinscription/sms/{JETON}", 422),
        (bon.replace("/sms/", "/autre/"), 404),
    ):
        for langue in ("fr", "en"):
            reponse = await service.http.post(chemin, headers={"Accept-Language": langue})
            assert reponse.status_code == statut, chemin
            page = _verifier(reponse, langue)
            assert "form" not in {tag for tag, _ in page.balises}
            assert str(compte) not in reponse.text
    assert (await service.http.get(bon.replace("/sms/", "/autre/"))).status_code == 404
    assert await _listes(service) == set(LISTES)


async def test_while_the_database_is_away_the_way_out_asks_to_come_back(settings: Settings) -> None:
    async with Service(structs.replace(settings, database_url="postgresql://comptoir@127.0.0.1:1/absente")) as service:
        reponse = await service.http.post(_sortie(service, uuid4(), "sms"))
    assert reponse.status_code == 503
    assert int(reponse.headers["retry-after"]) > 0
    # With the same button once more.
    assert _verifier(reponse, "fr").attributs("method") == ["post"]


async def _abonne(service: Service) -> UUID:
    """An active account that receives everything."""
    await service.inscrit(une_demande(activer_par="email", diffusion=dict.fromkeys(LISTES, True)))
    assert (await service.suivre(await service.lien(EMAIL))).status_code == 200
    assert await _listes(service) == set(LISTES)
    compte: UUID = await service.sql.fetchval("select id from comptes")
    return compte


def _sortie(service: Service, compte: UUID, listes: str) -> str:
    return f"/desinscription/{listes}/{Trousseau(cles(service.settings)).desinscription(compte, listes)}"


async def _listes(service: Service) -> set[str]:
    """What the account's last word on each list still asks for."""
    lignes = await service.sql.fetch(
        "select distinct on (objet) objet, valeur from actes_juridiques where nature = 'consentement' order by objet, id desc"
    )
    return {ligne["objet"].removeprefix("diffusion.") for ligne in lignes if ligne["valeur"]}
