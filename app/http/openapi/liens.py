"""How one answer's figures lead to the next call: OpenAPI links, which a stateful test follows too."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from app.http.openapi.langue import traduire
from domain.compte import Langue

_SECRET, _ACCES = "Avec `secret` en porteur.", "Avec `jeton_acces` en porteur."
_ID, _SESSION = {"id": "$response.body#/id"}, {"id": "$response.body#/session"}
_ACTIVATION = {**_ID, "aid": "$response.body#/activation/id"}
_OUVERTE: dict[str, dict[str, Any]] = {
    "lire": {"operationId": "lireMoi", "description": _ACCES},
    "rafraichir": {
        "operationId": "rafraichirSession",
        "description": "Avec `jeton_rafraichissement`, ou le cookie qui le porte.",
    },
    "fermer": {"operationId": "fermerAutreSession", "parameters": _SESSION, "description": _ACCES},
}
# The operation, its answer, the calls.
_LIENS: dict[tuple[str, str, str], dict[str, dict[str, Any]]] = {
    ("/v1/inscriptions", "post", "201"): {
        "suivre": {"operationId": "lireInscription", "parameters": _ID, "description": _SECRET},
        "corriger": {"operationId": "corrigerContacts", "parameters": _ID, "description": _SECRET},
        "activer": {"operationId": "demanderActivation", "parameters": _ID, "description": _SECRET},
        "annuler": {"operationId": "annulerInscription", "parameters": _ID, "description": _SECRET},
        "essayer": {"operationId": "essayerCode", "parameters": _ACTIVATION, "description": _SECRET},
        "renvoyer": {"operationId": "renvoyerCode", "parameters": _ACTIVATION, "description": _SECRET},
        "entrer": {"operationId": "echangerSecret", "parameters": _ID, "description": _SECRET},
    },
    ("/v1/sessions", "post", "201"): _OUVERTE,
    ("/v1/inscriptions/{id}/session", "post", "201"): _OUVERTE,
    ("/v1/sessions/rafraichissements", "post", "200"): _OUVERTE,
    ("/v1/moi/contacts", "post", "202"): {
        "prouver": {"operationId": "prouverContact", "parameters": _ID, "description": _ACCES},
    },
    ("/v1/moi/activites", "get", "200"): {
        "relire": {
            "operationId": "lireActivite",
            "parameters": {"reference": "$response.body#/activites/0/reference"},
            "description": _ACCES,
        },
    },
}


def lier(doc: dict[str, Any], langue: Langue) -> None:
    for (chemin, methode, statut), liens in _LIENS.items():
        doc["paths"][chemin][methode]["responses"][statut]["links"] = dits = deepcopy(liens)
        traduire(dits, langue)
