"""FranceConnect as a person lives it on /dev/franceconnect: clicks, forms, the provider's pages, and back."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx

from tests.builders import MOT_DE_PASSE, un_citoyen, une_demande
from tests.e2e.navigateur.chromium import Chromium
from tests.e2e.processus import attendre

PARTIR, QUITTER = '[data-partir="franceconnect"]', "#compte [data-quitter]"


def jouer(nav: Chromium, url: str, raconter: Callable[[str], None] = lambda _: None) -> None:
    """Signs up, out and in; then a local account attaches and detaches. `url`: the service, with its simulator."""
    nav.aller(f"{url}/dev/franceconnect")
    _s_inscrire(nav, url, "nom_composé")
    raconter("signed up with FranceConnect, activated by the code of the mailbox")

    nav.aller(f"{url}/dev/franceconnect")
    _lire_compte(nav, "melissandre.trois-dupre")
    raconter("reloaded: the account is still there")
    nav.evaluer("sessionStorage.clear()")
    nav.aller(f"{url}/dev/franceconnect")
    nav.cliquer(PARTIR)
    nav.cliquer("#information button")
    _lire_statut(nav, "Vous êtes connecté.")
    raconter("signed in: FranceConnect's session asks for no login")

    nav.cliquer(QUITTER)
    _lire_statut(nav, "Vous êtes déconnecté, ici et de FranceConnect.")
    nav.cliquer(PARTIR)
    _s_identifier(nav, "nom_composé")
    _lire_compte(nav, "melissandre.trois-dupre")
    nav.cliquer(QUITTER)
    _lire_statut(nav, "Vous êtes déconnecté, ici et de FranceConnect.")
    raconter("signed out everywhere, then in again: FranceConnect asked for the login")

    _entrer(nav, _compte_local(url))
    nav.cliquer("[data-rattacher=franceconnect]")
    nav.cliquer("#retour")
    _lire_statut(nav, "La connexion avec FranceConnect n'a pas abouti ou a été annulée.")
    _lire_compte(nav, "odile")
    raconter("one changed one's mind at FranceConnect's: the account is still there")
    nav.cliquer("[data-rattacher=franceconnect]")
    _s_identifier(nav, "prénom_composé")
    _lire_statut(nav, "FranceConnect est rattaché à votre compte.")
    _lire_compte(nav, '"fournisseur":"franceconnect"')
    raconter("a local account attached FranceConnect")
    nav.cliquer("[data-detacher=franceconnect]")
    _lire_statut(nav, "FranceConnect est détaché de votre compte.")
    nav.attendre("no identity", lambda: '"fournisseur":"franceconnect"' not in nav.lire("#moi"))
    raconter("and detached it")


def _s_inscrire(nav: Chromium, url: str, login: str) -> None:
    nav.cliquer(PARTIR)
    _s_identifier(nav, login)
    _lire_statut(nav, "Aucun compte ne porte cette identité")
    nav.aller(f"{url}/dev/franceconnect")
    nav.attendre("the form, filled in again", lambda: "TROIS-DUPRE" in nav.lire("#connus"))
    email = nav.evaluer("document.forms.inscrire.email.value")
    nav.cliquer("#inscrire [name=cgu]")
    nav.cliquer("#inscrire [name=rgpd]")
    nav.cliquer("#inscrire button")
    _lire_statut(nav, "Votre identifiant est melissandre.trois-dupre.")
    nav.saisir("#activer [name=code]", _code(url, email))
    nav.cliquer("#activer button")
    _lire_statut(nav, "Votre compte est actif.")
    _lire_compte(nav, "TROIS-DUPRE")


def _s_identifier(nav: Chromium, login: str) -> None:
    """From FranceConnect's first page, which asks for an identity provider, to the way back."""
    nav.cliquer("#choix button[value=ameli]")
    nav.saisir("#login", login)
    nav.cliquer("#connexion button")
    nav.cliquer("#information button")


def _entrer(nav: Chromium, identifiant: str) -> None:
    nav.saisir("#local [name=identifiant]", identifiant)
    nav.saisir("#local [name=mot_de_passe]", MOT_DE_PASSE)
    nav.cliquer("#local button")
    _lire_compte(nav, identifiant)


def _compte_local(url: str) -> str:
    """The identifiant of an account that knows no FranceConnect, made by plain HTTP."""
    demande = une_demande(un_citoyen(prenom="Odile"), email="odile@exemple.fr", activer_par="email")
    inscription = httpx.post(f"{url}/v1/inscriptions", json=demande).raise_for_status().json()
    chemin = f"{url}/v1/inscriptions/{inscription['id']}/activations/{inscription['activation']['id']}/essais"
    porteur = {"Authorization": f"Bearer {inscription['secret']}"}
    httpx.post(chemin, json={"code": _code(url, demande["email"])}, headers=porteur).raise_for_status()
    return str(inscription["identifiant"])


def _code(url: str, destination: str) -> str:
    def lu() -> str:
        boite = httpx.get(f"{url}/dev/messages", params={"destination": destination}, headers={"Accept": "application/json"})
        return "".join(c for m in boite.json()["messages"] for c in re.findall(r"(?m)^(\d{6})$", m["texte"])[-1:])

    return attendre(lu)


def _lire_statut(nav: Chromium, debut: str) -> None:
    nav.attendre(debut, lambda: nav.lire("#statut").startswith(debut))


def _lire_compte(nav: Chromium, extrait: str) -> None:
    nav.attendre(extrait, lambda: extrait in nav.lire("#moi"))
