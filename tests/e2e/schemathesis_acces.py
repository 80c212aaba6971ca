"""What the schema-driven tests know beyond the schema. Loaded by schemathesis, not by pytest."""

from __future__ import annotations

import os
import re
from typing import Any
from uuid import UUID, uuid4

import httpx
import schemathesis

from tests.builders import Corps
from tests.e2e.acces import MOT_DE_PASSE, entre, trousseau
from tests.e2e.cibles import exemples

_TROUSSEAU = trousseau(os.environ)


class Titulaire:
    """Somebody who is in; another, once they have gone out or left."""

    session: Corps | None = None

    def present(self) -> Corps:
        if self.session is None:
            with httpx.Client(base_url=os.environ["COMPTOIR_PUBLIC_URL"], timeout=30) as http:
                self.session = entre(http, _TROUSSEAU)
        return self.session


_TITULAIRE = Titulaire()


@schemathesis.auth(refresh_interval=None)
class Porteur:
    """As its author, who alone holds the secret of a sign-up; elsewhere, as somebody who is in."""

    def get(self, case: Any, _: Any) -> str:
        if _acces(case) == "jetonAcces":
            return str(_TITULAIRE.present()["jeton_acces"])
        try:
            return _TROUSSEAU.secret_inscription(UUID(str(case.path_parameters["id"])))
        except (KeyError, ValueError):
            return _TROUSSEAU.secret_inscription(uuid4())

    def set(self, case: Any, jeton: str, _: Any) -> None:
        case.headers["Authorization"] = f"Bearer {jeton}"


@schemathesis.hook
def before_call(_: Any, case: Any, __: Any) -> None:
    _abreger_l_attente(case)
    if case.meta.phase.name.value == "stateful" and case.meta.generation.mode.is_positive:
        pour_de_bon = {"inscrire": _inscrire, "ouvrirSession": _se_connecter}.get(_operation(case))
        if pour_de_bon:
            pour_de_bon(case)


@schemathesis.hook
def after_call(_: Any, case: Any, reponse: Any) -> None:
    """A session that was ended serves nobody any more."""
    sortie = "fermer" in _operation(case) or _operation(case) in ("effacerMoi", "changerMotDePasse", "changerIdentifiant")
    if sortie and reponse.status_code < 300:
        _TITULAIRE.session = None


def _operation(case: Any) -> str:
    return str(case.operation.definition.raw["operationId"])


def _acces(case: Any) -> str | None:
    return next((nom for exigence in case.operation.definition.raw["security"] for nom in exigence), None)


def _abreger_l_attente(case: Any) -> None:
    """A long-poll waits as long as it is asked to: one second shows as much."""
    if re.fullmatch("[0-9]{1,2}", str((case.query or {}).get("attendre"))) and 1 < int(case.query["attendre"]) <= 25:
        case.query["attendre"] = "1"


def _inscrire(case: Any) -> None:
    """What follows a sign-up needs sign-ups that succeed: made-up names and passwords seldom are good ones."""
    schema = case.operation.schema.raw_schema
    corps = schema["paths"]["/v1/inscriptions"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    par_profil = {e["profil"]["type"]: e for e in exemples(corps, schema)}
    tire = case.body
    case.body = par_profil[tire["profil"]["type"]] | {
        "identifiant": None,
        "jeton_identite": None,
        "activer_par": tire.get("activer_par", "email"),
    }


def _se_connecter(case: Any) -> None:
    case.body = {"identifiant": _TITULAIRE.present()["identifiant"], "mot_de_passe": MOT_DE_PASSE}
