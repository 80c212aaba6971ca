"""The composition root's part about identity providers: those that are configured, or the ones to try the service on."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import structs

from app.settings import Settings
from domain.federation import Fournisseur
from domain.ports import Systeme

if TYPE_CHECKING:
    import httpx
    from litestar import Litestar

    from adapters.oidc import OidcClient
    from adapters.oidc_config import ConfigOidc

# Both sides are ours, on one machine, for trying.
_CLIENT_D_ESSAI, _SECRET_D_ESSAI = "comptoir-essai", "secret-d-essai"

# What a téléservice may ask of a person: the pivot identity, the usual name, an address to propose (franceconnect.gouv.fr,
# partenaires.proconnect.gouv.fr). The raw birth date tells a presumed one.
_PORTEES: dict[Fournisseur, str] = {
    "franceconnect": "openid identite_pivot preferred_username email idp_birthdate",
    "proconnect": "openid given_name usual_name email uid siret organization_label",
}


def clients(
    settings: Settings, systeme: Systeme, reseau: httpx.AsyncBaseTransport | None, delai: float | None = None
) -> dict[Fournisseur, OidcClient]:
    """Those that are configured; in development without any, the ones to try the service on."""
    if not (settings.simule or settings.franceconnect_issuer or settings.proconnect_issuer):
        return {}
    # Its libraries are loaded where a provider is configured, and only there.
    from adapters.oidc import OidcClient

    configs = {nom: config for nom in _PORTEES if (config := _config(settings, nom)) is not None}
    if delai is not None:
        configs = {nom: structs.replace(config, delai=delai) for nom, config in configs.items()}
    return {nom: OidcClient(config, systeme, reseau) for nom, config in configs.items()}


def _config(settings: Settings, nom: Fournisseur) -> ConfigOidc | None:
    from adapters.oidc_config import ConfigOidc

    emetteur = getattr(settings, f"{nom}_issuer")
    redirection = f"{settings.origine}/v1/franceconnect/retour"
    if emetteur is not None:
        return ConfigOidc(
            nom=nom,
            emetteur=emetteur,
            client_id=getattr(settings, f"{nom}_client_id"),
            client_secret=getattr(settings, f"{nom}_client_secret"),
            cle_privee=getattr(settings, f"{nom}_private_key"),
            redirection=redirection,
            algorithme=getattr(settings, f"{nom}_algorithm"),
            portees=_PORTEES[nom],
        )
    if not settings.simule:
        return None
    chemin = "/proconnect/api/v2" if nom == "proconnect" else "/api/v2"
    return ConfigOidc(
        nom=nom,
        emetteur=settings.origine_simulateur + chemin,
        client_id=_CLIENT_D_ESSAI,
        client_secret=_SECRET_D_ESSAI,
        redirection=redirection,
        portees=_PORTEES[nom],
    )


def simulateur(settings: Settings, horloge: Callable[[], float] = time.time) -> Litestar:
    """FranceConnect and ProConnect to try the service on; never in production."""
    from app.simulateur.app import creer as creer_simulateur
    from app.simulateur.config import ClientEnregistre, ConfigSimulateur

    if not settings.simule:
        raise RuntimeError("the simulator is for development")
    client = ClientEnregistre(
        client_id=_CLIENT_D_ESSAI,
        secret=_SECRET_D_ESSAI,
        redirections=(f"{settings.origine}/v1/franceconnect/retour",),
        apres_deconnexion=tuple(settings.retours),
        nom=settings.service_name,
    )
    return creer_simulateur(ConfigSimulateur(origine=settings.origine_simulateur, clients=(client,), horloge=horloge))
