"""Whoever may call: the keys of a running service make the codes that its messages would bring."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID, uuid4

import httpx

from app.settings import charger, cles
from domain.activation import Jeton
from domain.jetons import Trousseau
from tests.builders import Corps, une_demande

# No example of the document is this one: no probe changes the account by chance.
MOT_DE_PASSE = "Granit?58vague"


def trousseau(env: Mapping[str, str]) -> Trousseau:
    """Of the service that runs in this environment."""
    return Trousseau(cles(charger(env)))


def inscrit(http: httpx.Client) -> Corps:
    """Somebody who has just signed up, and been sent a code by e-mail."""
    demande = une_demande(mot_de_passe=MOT_DE_PASSE, email=f"{uuid4().hex}@exemple.fr", activer_par="email")
    reponse = http.post("/v1/inscriptions", json=demande)
    assert reponse.status_code == 201, reponse.text
    corps: Corps = reponse.json() | {"email": demande["email"]}
    return corps


def entre(http: httpx.Client, cles_du_service: Trousseau) -> Corps:
    """Somebody active who has just come in: the session, and their `identifiant`."""
    inscription = inscrit(http)
    id, activation = inscription["id"], inscription["activation"]["id"]
    jeton = Jeton(
        id=UUID(activation),
        compte_id=UUID(id),
        usage="activation",
        canal="email",
        destination=inscription["email"],
        cle_id=cles_du_service.cle_id,
    )
    porteur = {"Authorization": f"Bearer {inscription['secret']}"}
    code = {"code": cles_du_service.code(jeton)}
    activee = http.post(f"/v1/inscriptions/{id}/activations/{activation}/essais", json=code, headers=porteur)
    assert activee.status_code == 200, activee.text
    reponse = http.post(f"/v1/inscriptions/{id}/session", json={"rester_connecte": True}, headers=porteur)
    assert reponse.status_code == 201, reponse.text
    session: Corps = reponse.json() | {"identifiant": inscription["identifiant"]}
    porteur = {"Authorization": f"Bearer {session['jeton_acces']}"}
    redonne = http.post("/v1/sessions/courante/reauthentification", json={"mot_de_passe": MOT_DE_PASSE}, headers=porteur)
    assert redonne.status_code == 200, redonne.text
    return session
