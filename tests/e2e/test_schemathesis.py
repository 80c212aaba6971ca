"""What a generator makes of the OpenAPI document, valid and invalid, call by call and call after call: every check holds."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.processus import Comptoir

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
ICI = Path(__file__).parent
# Enough to see a field, a status or a header not as documented, and the same at each run; more, at random, are for a night.
EXEMPLES, GRAINE = 10, 20261121


@pytest.fixture(scope="module")
def serve(dossier: Path, acces: dict[str, str]) -> Iterator[Comptoir]:
    with Comptoir("serve", dossier, limits="off", worker="off", **acces) as comptoir:
        yield comptoir


def test_the_service_does_what_its_document_tells_and_refuses_what_it_does_not(serve: Comptoir, tmp_path: Path) -> None:
    commande: list[str | Path] = [
        SCHEMATHESIS, "--no-color", "--config-file", ICI / "schemathesis.toml", "run", f"{serve.url}/openapi.json",
        "--phases", "examples,coverage,fuzzing,stateful", "--mode", "all", "--checks", "all",
        "--max-examples", str(EXEMPLES), "--seed", str(GRAINE), "--generation-database", "none",
    ]  # fmt: skip
    # Where it runs, it leaves a cache.
    env = serve.env | {"PYTHONPATH": str(ICI.parents[1])}
    fini = subprocess.run(commande, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=1800, check=False)
    assert fini.returncode == 0, fini.stdout[-20_000:] + fini.stderr[-5_000:]
    assert serve.fautes() == []
    # The secrets and sessions were good: some sign-ups could be cancelled, some people read, changed, closed what is theirs.
    reponses = {(e["methode"], e["route"], e["statut"]) for e in serve.evenements() if e["message"] == "requete"}
    assert reponses >= {
        ("DELETE", "/v1/inscriptions/{id:uuid}", 204),
        ("POST", "/v1/inscriptions/{id:uuid}/activations", 202),
        ("PATCH", "/v1/inscriptions/{id:uuid}/contacts", 200),
        ("POST", "/v1/sessions", 201),
        ("GET", "/v1/moi", 200),
        ("GET", "/v1/moi/export", 200),
        ("PUT", "/v1/moi/diffusion", 200),
        ("DELETE", "/v1/sessions/courante", 204),
        ("POST", "/v1/moi/effacement", 202),
    }
