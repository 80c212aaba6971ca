"""FranceConnect's path against an OpenID provider that was not written here: `python -m tests.independant` (README.md)."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from joserfc.jwk import ECKey

from tests.e2e.portail import Portail, parcours
from tests.e2e.processus import Comptoir, attendre, dossier_jetable, port_libre
from tests.simulation import Page, annuler, ouvrir, parcourir

ICI = Path(__file__).parent
# How FranceConnect lets a service authenticate, and how it signs.
ENREGISTREMENTS = (("client_secret_post", "ES256"), ("private_key_jwt", "RS256"))


class OidcProvider:
    """Its pages, by plain HTTP."""

    async def traverser(self, navigateur: httpx.AsyncClient, url: str, login: str) -> tuple[str, bool]:
        premiere = await ouvrir(navigateur, url)
        assert isinstance(premiere, Page)
        assert premiere.formulaires, f"refused: {premiere.statut}"
        return await parcourir(navigateur, url, login), "connexion" in premiere.formulaires

    async def fermer(self, navigateur: httpx.AsyncClient, url: str) -> str:
        page = await ouvrir(navigateur, url)
        assert isinstance(page, Page)
        action, champs = page.formulaires["op.logoutForm"]
        adresse = await ouvrir(navigateur, action, method="POST", data=champs)
        assert isinstance(adresse, str)
        return adresse


@contextmanager
def fournisseur(emetteur: str, client: dict[str, Any]) -> Iterator[None]:
    """oidc-provider, until the block is left."""
    env = os.environ | {"ISSUER": emetteur, "CLIENT": json.dumps(client)}
    processus = subprocess.Popen(["node", "fournisseur.mjs"], cwd=ICI, env=env)
    try:
        attendre(lambda: _pret(emetteur, processus))
        yield
    finally:
        processus.terminate()
        processus.wait()


def _pret(emetteur: str, processus: subprocess.Popen[bytes]) -> bool:
    assert processus.poll() is None, "oidc-provider did not start"
    try:
        return httpx.get(f"{emetteur}/.well-known/openid-configuration").status_code == 200
    except httpx.TransportError:
        return False


def eprouver(dossier: Path, authentification: str, algorithme: str) -> None:
    """The path, for a service that is registered so."""
    emetteur = f"http://localhost:{port_libre()}/api/v2"
    identifiants, publics = _identifiants(authentification)
    reglages = {"franceconnect_issuer": emetteur, "franceconnect_algorithm": algorithme, **identifiants}
    comptoir = Comptoir("serve", dossier, **reglages)
    client = {
        "client_id": identifiants["franceconnect_client_id"],
        "redirect_uris": [f"{comptoir.url}/v1/franceconnect/retour"],
        "post_logout_redirect_uris": [f"{comptoir.url}/dev/franceconnect"],
        "response_types": ["code"],
        "grant_types": ["authorization_code"],
        "subject_type": "pairwise",
        "token_endpoint_auth_method": authentification,
        "id_token_signed_response_alg": algorithme,
        "userinfo_signed_response_alg": algorithme,
        **publics,
    }
    with fournisseur(emetteur, client), comptoir:
        asyncio.run(_jouer(comptoir.url))
        assert comptoir.fautes() == []


def _identifiants(authentification: str) -> tuple[dict[str, str], dict[str, Any]]:
    """What proves who we are: our settings, and what the provider is told."""
    if authentification == "client_secret_post":
        secret = secrets.token_urlsafe(32)
        ours = {"franceconnect_client_id": "comptoir", "franceconnect_client_secret": secret}
        return ours, {"client_secret": secret}
    cle = ECKey.generate_key("P-256")
    ours = {"franceconnect_client_id": "comptoir", "franceconnect_private_key": cle.as_pem(private=True).decode()}
    return ours, {"jwks": {"keys": [cle.as_dict(private=False) | {"use": "sig", "alg": "ES256", "kid": "notre-cle"}]}}


async def _jouer(url: str) -> None:
    async with httpx.AsyncClient(timeout=30) as navigateur:
        portail = Portail(url, OidcProvider(), navigateur)
        await parcours(portail, "camille", "joao", lambda etape: print("  ✓", etape, flush=True))
        rappel = await annuler(navigateur, await portail.partir(secrets.token_urlsafe(32)), "information")
        assert await portail.revenir(rappel) == {"erreur": "annule"}
        print("  ✓ cancelled at the provider: back, calmly", flush=True)


def main() -> int:
    if not (shutil.which("node") and shutil.which("npm")):
        print("Node.js 20 or newer is needed, with npm.", file=sys.stderr)
        return 1
    subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--silent"], cwd=ICI, check=True)
    for authentification, algorithme in ENREGISTREMENTS:
        print(f"oidc-provider, {authentification}, {algorithme}", flush=True)
        with dossier_jetable() as dossier:
            eprouver(dossier, authentification, algorithme)
    return 0


if __name__ == "__main__":
    sys.exit(main())
