"""What the schema-driven tests know beyond the schema. Loaded by schemathesis, not by pytest."""

from __future__ import annotations

import os
import re
from typing import Any
from uuid import UUID, uuid4

import schemathesis

from app.settings import charger, cles
from domain.jetons import Trousseau
from tests.e2e.cibles import exemples

_TROUSSEAU = Trousseau(cles(charger(os.environ)))


@schemathesis.auth(refresh_interval=None)
class SecretDeLInscription:
    """As its author, who alone holds it, would: each sign-up has its own."""

    def get(self, case: Any, _: Any) -> str:
        try:
            return _TROUSSEAU.secret_inscription(UUID(str(case.path_parameters["id"])))
        except (KeyError, ValueError):
            return _TROUSSEAU.secret_inscription(uuid4())

    def set(self, case: Any, secret: str, _: Any) -> None:
        case.headers["Authorization"] = f"Bearer {secret}"


@schemathesis.hook
def before_call(_: Any, case: Any, __: Any) -> None:
    _abreger_l_attente(case)
    if case.meta.phase.name.value == "stateful" and case.operation.definition.raw.get("operationId") == "inscrire":
        _inscrire_pour_de_bon(case)


def _abreger_l_attente(case: Any) -> None:
    """A long-poll waits as long as it is asked to: one second shows as much."""
    if re.fullmatch("[0-9]{1,2}", str((case.query or {}).get("attendre"))) and 1 < int(case.query["attendre"]) <= 25:
        case.query["attendre"] = "1"


def _inscrire_pour_de_bon(case: Any) -> None:
    """What follows a sign-up needs sign-ups that succeed: made-up names and passwords seldom are good ones."""
    if case.meta.generation.mode.is_positive:
        schema = case.operation.schema.raw_schema
        corps = schema["paths"]["/v1/inscriptions"]["post"]["requestBody"]["content"]["application/json"]["schema"]
        par_profil = {e["profil"]["type"]: e for e in exemples(corps, schema)}
        tire = case.body
        case.body = par_profil[tire["profil"]["type"]] | {"identifiant": None, "activer_par": tire.get("activer_par", "email")}
