"""What a service asks of `/authorize`: read as strictly as FranceConnect reads it, refused on a page or by sending back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlencode

from msgspec import UNSET, DecodeError, Struct, UnsetType, json

from app.simulateur.config import ClientEnregistre
from app.simulateur.regles import Regles

Champs = Sequence[tuple[str, str]]


class RefusPage(Exception):
    """Told to the person, on a page with FranceConnect's code: the one who asked is not trusted with an answer."""

    def __init__(self, code: str, motif: str) -> None:
        super().__init__(code)
        self.code, self.motif = code, motif


class RefusRetour(Exception):
    """Told to the service, through the person's browser."""

    def __init__(self, demande: Demande, erreur: str, description: str) -> None:
        super().__init__(erreur)
        self.demande, self.erreur, self.description = demande, erreur, description


class Demande(Struct, frozen=True, kw_only=True):
    """`amr`: whether the id_token must tell how one authenticated. `code_challenge`: S256, empty without PKCE."""

    client: ClientEnregistre
    redirect_uri: str
    state: str
    nonce: str
    scopes: frozenset[str]
    prompts: frozenset[str]
    amr: bool
    idp: str | None
    code_challenge: str

    def retour(self, emetteur: str | None, **reponse: str) -> str:
        """The callback's address; `iss` tells who answers (RFC 9207)."""
        iss = {"iss": emetteur} if emetteur else {}
        separateur = "&" if "?" in self.redirect_uri else "?"
        return f"{self.redirect_uri}{separateur}{urlencode({**reponse, 'state': self.state, **iss})}"


def lire(regles: Regles, clients: Mapping[str, ClientEnregistre], champs: Champs) -> Demande:
    """Raises `RefusPage` or `RefusRetour`."""
    lus = _bien_formes(regles, champs)
    client = clients.get(lus["client_id"])
    if client is None:
        raise RefusPage("Y04EA6EF", "client_id inconnu ou mal configuré")
    if lus["redirect_uri"] not in client.redirections:
        raise RefusPage("Y04C013C", "redirect_uri absente de celles que le service a déclarées")
    scopes = frozenset(lus["scope"].split())
    demande = Demande(
        client=client,
        redirect_uri=lus["redirect_uri"],
        state=lus["state"],
        nonce=lus["nonce"],
        # Scopes that do not exist (address and phone, since v2) are passed over.
        scopes=scopes & (regles.scopes.keys() | {"openid"}),
        prompts=frozenset(lus.get("prompt", "").split()),
        amr="amr" in scopes or bool(_amr_demande(lus.get("claims", "{}"))),
        idp=lus.get("idp_hint"),
        code_challenge=lus.get("code_challenge", ""),
    )
    for erreur, description in _refus(regles, lus):
        raise RefusRetour(demande, erreur, description)
    return demande


def _bien_formes(regles: Regles, champs: Champs) -> dict[str, str]:
    lus = dict(champs)
    faux = {nom for nom, _ in champs if nom not in regles.parametres or sum(nom == autre for autre, _ in champs) > 1}
    faux |= {nom for nom, longueur in regles.longueurs.items() if len(lus.get(nom, "")) < longueur or nom not in lus}
    if not regles.prompts.issuperset(lus.get("prompt", "login").split(" ")):
        faux.add("prompt")
    if faux:
        raise RefusPage(regles.code_requete, f"paramètres absents, répétés, mal formés ou inconnus : {', '.join(sorted(faux))}")
    return lus


def _refus(regles: Regles, lus: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    acr = set(lus.get("acr_values", "").split())
    if not lus["response_type"]:
        yield "invalid_request", "missing required parameter 'response_type'"
    if lus["response_type"] != "code":
        yield "unsupported_response_type", "unsupported response_type requested"
    if "openid" not in lus["scope"].split():
        yield "invalid_request", "openid scope must be requested when using the acr_values parameter"
    if acr and acr <= regles.acr_refuses:
        yield "invalid_acr", "acr_value is not valid"
    if "idp_hint" in lus and lus["idp_hint"] not in regles.fournisseurs:
        yield "invalid_idp_hint", "An idp_hint was provided but is not allowed"
    if _amr_demande(lus.get("claims", "{}")) is None:
        yield "invalid_request", "could not parse the claims parameter JSON"
    if bool(lus.get("code_challenge")) != (lus.get("code_challenge_method") == "S256"):
        yield "invalid_request", "not supported value of code_challenge_method"


class _IdToken(Struct):
    amr: dict[str, object] | UnsetType | None = UNSET


class _Claims(Struct):
    id_token: _IdToken | None = None


def _amr_demande(claims: str) -> bool | None:
    """Whether `claims` asks for `amr` in the id_token, `null` being a way to ask; None if it cannot be read."""
    try:
        lu = json.decode(claims, type=_Claims)
    except DecodeError:
        return None
    return lu.id_token is not None and lu.id_token.amr is not UNSET
