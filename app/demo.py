"""Plays accounts against a running development service, printing each call and its answer. Standard library only."""

from __future__ import annotations

import json
import re
import time
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote
from uuid import uuid4

_ADRESSE = {"ligne1": "12 rue de la Paix", "code_postal": "75002", "commune": "Paris", "pays": "FR"}
_REPRESENTANT = {"civilite": "madame", "prenom": "Inès", "nom": "Le Goff", "fonction": "Présidente"}
_PROFILS: tuple[dict[str, Any], ...] = (
    {"type": "citoyen", "civilite": "madame", "nom_naissance": "Dupont", "nom_usage": "Le Goff", "prenom": "Inès",
     "date_naissance": "2000-01-01"},
    {"type": "entreprise", "siret": "73282932000074", "raison_sociale": "Ateliers Le Goff", "forme_juridique": "5710",
     "code_naf": "62.01Z", "adresse": _ADRESSE, "representant": _REPRESENTANT},
    {"type": "association", "denomination": "Les Amis du canal", "rna": "W751234567", "objet": "Entretien des berges",
     "adresse": _ADRESSE, "representant": _REPRESENTANT},
)  # fmt: skip
# Long enough for a loaded machine to deliver a message.
_PATIENCE = 30.0
_MOT_DE_PASSE, _AUTRE_MOT_DE_PASSE = "Vent-d'Ouest 47 marées", "Grand-Large 92 bruyères"


class Refuse(Exception):
    """The service refused what the demonstration expected it to do."""


def jouer(url: str) -> int:
    client = _Client(url.rstrip("/"))
    try:
        versions = client.appeler("GET", "/v1/configuration")["documents"]
        for profil, canal in zip(_PROFILS, ("sms", "email", "email"), strict=True):
            compte = _inscrire(client, profil, canal, versions)
            if canal == "sms":
                _vivre(client, compte)
    except (Refuse, urllib.error.URLError) as faute:
        print(f"\n✗ {faute}")
        return 1
    print("\n✓ Trois comptes ouverts et actifs, le premier suivi jusqu'à son effacement.")
    return 0


def _inscrire(client: _Client, profil: dict[str, Any], canal: str, versions: dict[str, str]) -> dict[str, str]:
    print(f"\n━━ {profil['type'].capitalize()}, activé par {canal} ━━")
    # A number and an address of one's own for each play: sends are limited by destination.
    grain = uuid4().int
    contact = {"email": f"demo-{grain % 10**8:08d}@exemple.fr", "telephone_mobile": f"063998{grain % 10**4:04d}"}
    corps = {
        "profil": profil,
        **contact,
        "mot_de_passe": _MOT_DE_PASSE,
        "reglementation": {code: {"accepte": True, "version": versions[code]} for code in ("cgu", "rgpd")},
        "activer_par": canal,
    }
    inscription = client.appeler("POST", "/v1/inscriptions", corps, cle=str(uuid4()))
    activation, secret = inscription["activation"], inscription["secret"]
    if activation["livraison"] == "retenu":
        raise Refuse(f"une limite d'envoi est atteinte ; réessayez après {activation['renvoi_possible_le']}")
    destination = contact["email"] if canal == "email" else f"+33{contact['telephone_mobile'][1:]}"
    texte = _message(client, destination)
    if canal == "sms":
        chemin = f"/v1/inscriptions/{inscription['id']}/activations/{activation['id']}/essais"
        client.appeler("POST", chemin, {"code": _code(texte)}, secret=secret)
    else:
        client.appeler("POST", "/v1/liens-activation", {"jeton": _jeton(texte)})
    etat = client.appeler("GET", f"/v1/inscriptions/{inscription['id']}?attendre=25", secret=secret)["etat"]
    if etat != "actif":
        raise Refuse(f"le compte est {etat}")
    return {"identifiant": inscription["identifiant"], "email": contact["email"]}


def _vivre(client: _Client, compte: dict[str, str]) -> None:
    """From signing in to leaving."""
    print("\n━━ Connexion, mon compte ━━")
    acces = _connecter(client, compte["identifiant"], _MOT_DE_PASSE)
    client.appeler("GET", "/v1/moi", secret=acces)

    print("\n━━ Changement d'adresse électronique ━━")
    nouvelle = f"nouvelle-{compte['email']}"
    demande = {"canal": "email", "valeur": nouvelle, "mot_de_passe": _MOT_DE_PASSE}
    preuve = client.appeler("POST", "/v1/moi/contacts", demande, secret=acces, cle=str(uuid4()))
    code = _code(_message(client, nouvelle))
    client.appeler("POST", f"/v1/moi/contacts/{preuve['id']}/essais", {"code": code}, secret=acces)

    print("\n━━ Listes de diffusion, données, déconnexion ━━")
    choix = {"email": False, "sms": False, "lettre_actualite": True, "alertes": False}
    client.appeler("PUT", "/v1/moi/diffusion", choix, secret=acces)
    client.appeler("GET", "/v1/moi/export", secret=acces)
    client.appeler("DELETE", "/v1/sessions/courante", secret=acces)

    print("\n━━ Mot de passe oublié ━━")
    client.appeler("POST", "/v1/recuperations/mot-de-passe", {"identifiant": nouvelle}, cle=str(uuid4()))
    jeton = _jeton(_message(client, nouvelle, "/mot-de-passe#"))
    client.appeler(
        "POST", "/v1/recuperations/mot-de-passe/confirmations", {"jeton": jeton, "mot_de_passe": _AUTRE_MOT_DE_PASSE}
    )

    print("\n━━ Fil d'activité, effacement ━━")
    acces = _connecter(client, nouvelle, _AUTRE_MOT_DE_PASSE)
    client.appeler("GET", "/v1/moi/activites?limite=5", secret=acces)
    client.appeler("POST", "/v1/moi/effacement", {"mot_de_passe": _AUTRE_MOT_DE_PASSE}, secret=acces)


def _connecter(client: _Client, identifiant: str, mot_de_passe: str) -> str:
    corps = {"identifiant": identifiant, "mot_de_passe": mot_de_passe}
    return str(client.appeler("POST", "/v1/sessions", corps)["jeton_acces"])


def _code(texte: str) -> str:
    """The code a message carries: alone on its line, or at the end of the line that phones read."""
    return str(re.findall(r"(?m)^(?:@\S+ #)?(\d{6})$", texte)[0])


def _jeton(texte: str) -> str:
    """The token of the link a message carries."""
    return str(re.findall(r"/[a-z-]+#([\w-]+)", texte)[0])


def _message(client: _Client, destination: str, contenant: str = "") -> str:
    """The newest message to this destination, once it has arrived in the mailbox."""
    fin = time.monotonic() + _PATIENCE
    while time.monotonic() < fin:
        messages = client.appeler("GET", f"/dev/messages?destination={quote(destination)}", muet=True)["messages"]
        recus = [m for m in messages if contenant in m["texte"]]
        if recus:
            print(f"   ✉ {destination} : {recus[0]['objet']}")
            return str(recus[0]["texte"])
        time.sleep(0.2)
    raise Refuse(f"aucun message pour {destination} : le service est-il en développement, sans fournisseur d'envoi ?")


class _Client:
    def __init__(self, url: str) -> None:
        self._url = url

    def appeler(
        self, methode: str, chemin: str, corps: Any = None, *, secret: str = "", cle: str = "", muet: bool = False
    ) -> dict[str, Any]:
        requete = urllib.request.Request(self._url + chemin, method=methode)  # noqa: S310  (the operator's own URL)
        requete.add_header("Accept", "application/json")
        if corps is not None:
            requete.data = json.dumps(corps).encode()
            requete.add_header("Content-Type", "application/json")
        if secret:
            requete.add_header("Authorization", f"Bearer {secret}")
        if cle:
            requete.add_header("Idempotency-Key", cle)
        statut, reponse = _envoyer(requete)
        if not muet:
            _imprimer(methode, chemin, corps, statut, reponse)
        if statut >= 400:
            raise Refuse(reponse.get("detail", statut))
        return reponse


def _envoyer(requete: urllib.request.Request) -> tuple[int, dict[str, Any]]:
    try:
        with urllib.request.urlopen(requete, timeout=40) as reponse:  # noqa: S310
            return reponse.status, _lu(reponse.read())
    except urllib.error.HTTPError as refus:
        return refus.code, _lu(refus.read())


def _lu(corps: bytes) -> dict[str, Any]:
    lu: dict[str, Any] = json.loads(corps) if corps else {}
    return lu


def _imprimer(methode: str, chemin: str, corps: Any, statut: int, reponse: dict[str, Any]) -> None:
    print(f"→ {methode} {chemin}")
    if corps is not None:
        print("  ", json.dumps(corps, ensure_ascii=False))
    print(f"← {statut}")
    print("  ", json.dumps(reponse, ensure_ascii=False))
