"""What makes a provider's tokens its own, meant for us, and about the person who just signed in (R75, R77, R83)."""

from __future__ import annotations

import re
from secrets import compare_digest
from typing import Any, Literal, TypeVar

from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry, deserialize_compact
from joserfc.util import urlsafe_b64decode
from msgspec import Struct, json

from adapters.oidc_cles import Publication
from adapters.oidc_config import ConfigOidc
from domain.federation import IdentiteRefusee
from domain.ports import Systeme

T = TypeVar("T")
Genre = Literal["jeton", "identite"]

# Seconds by which the provider's clock may differ from ours (R83); its id_tokens live 60.
_TOLERANCE = 30
# Characters. FranceConnect's id_tokens have some 800; they travel in an address at sign-out.
_TAILLE_MAX = {"jeton": 4096, "identite": 16384}
_NOMBRE_MAX = 64
_SUB = re.compile(r"[!-~]{1,255}")
_PROTOCOLE = frozenset(
    "iss sub aud azp exp iat nbf jti nonce acr amr sid at_hash c_hash s_hash auth_time _claim_names _claim_sources".split()
)


class _Entete(Struct, frozen=True, forbid_unknown_fields=True):
    """All that a header may hold: nothing critical, no key, nowhere to fetch one (`crit`, `jwk`, `jku`, `x5u`, `x5c`)."""

    alg: str
    kid: str
    typ: str = "JWT"


class Jeton(Struct, frozen=True):
    """The claims of an id_token. What is missing is as wrong as what is different, but for `auth_time`."""

    iss: str = ""
    sub: str = ""
    aud: str | list[str] = ""
    azp: str | None = None
    exp: int = 0
    iat: int = 0
    nonce: str = ""
    acr: str = ""
    auth_time: int | None = None

    def __repr__(self) -> str:
        return "Jeton(…)"


class _Identite(Struct, frozen=True):
    """The claims of a signed userinfo that are not about the person."""

    iss: str | None = None
    sub: str = ""
    aud: str | list[str] | None = None
    azp: str | None = None
    exp: int | None = None

    def __repr__(self) -> str:
        return "_Identite(…)"


class Verificateur:
    """Reasons of `IdentiteRefusee`: `jeton_` or `identite_` and what is wrong.

    `taille`, `entete`, `algorithme`, `cle_inconnue`, `signature`, `illisible`, `emetteur`, `audience`, `horloge` (the
    provider's clock or ours is wrong), `expire`, `nonce`, `acr`, `sub`, `revendications`.
    """

    def __init__(self, config: ConfigOidc, systeme: Systeme, publication: Publication) -> None:
        self._config, self._systeme, self._publication = config, systeme, publication
        self._registre = JWSRegistry(algorithms=[config.algorithme])

    async def jeton(self, texte: str, nonce: str) -> Jeton:
        lu = _lire("jeton", await self._ouvrir("jeton", texte), Jeton)
        config, instant = self._config, self._systeme.instant()
        _exiger(
            "jeton",
            emetteur=lu.iss == config.emetteur,
            audience=lu.azp in (None, config.client_id) and self._pour_nous(lu.aud),
            # It is issued in answer to our code: just now.
            horloge=abs(instant - lu.iat) <= _TOLERANCE and 0 <= (lu.auth_time or 0) <= lu.iat + _TOLERANCE,
            expire=instant < lu.exp + _TOLERANCE,
            nonce=compare_digest(lu.nonce.encode(), nonce.encode()),
            acr=config.suffit(lu.acr),
            sub=_SUB.fullmatch(lu.sub) is not None,
        )
        return lu

    async def identite(self, texte: str, sub: str) -> dict[str, Any]:
        """The claims about the person `sub`, of plain types only; those of the protocol left out."""
        corps = await self._ouvrir("identite", texte)
        lu, toutes = _lire("identite", corps, _Identite), _lire("identite", corps, dict[str, Any])
        # FranceConnect always names them; OpenID Connect Core §5.3.2 lets others do without.
        absent_permis = self._config.nom != "franceconnect"
        _exiger(
            "identite",
            emetteur=lu.iss == self._config.emetteur or (lu.iss is None and absent_permis),
            audience=lu.azp in (None, self._config.client_id)
            and (self._pour_nous(lu.aud) or (lu.aud is None and absent_permis)),
            expire=lu.exp is None or self._systeme.instant() < lu.exp + _TOLERANCE,
            sub=lu.sub == sub,
            # PostgreSQL stores no NUL.
            revendications=len(toutes) <= _NOMBRE_MAX and b"\\u0000" not in corps,
        )
        return {nom: valeur for nom, valeur in toutes.items() if nom not in _PROTOCOLE and _simple(valeur)}

    async def _ouvrir(self, genre: Genre, texte: str) -> bytes:
        """The payload, once its signature is verified by the key that the provider publishes under its `kid`."""
        _exiger(genre, taille=len(texte) <= _TAILLE_MAX[genre])
        entete = _entete(genre, texte)
        _exiger(genre, algorithme=entete.alg == self._config.algorithme, entete=entete.typ.upper() == "JWT")
        cle = await self._publication.cle(entete.kid)
        if cle is None:
            raise IdentiteRefusee(f"{genre}_cle_inconnue")
        try:
            return deserialize_compact(texte, cle, registry=self._registre).payload
        except (JoseError, ValueError):
            raise IdentiteRefusee(f"{genre}_signature") from None

    def _pour_nous(self, aud: str | list[str] | None) -> bool:
        """To us alone: a token that others accept too could have been given to them first."""
        return aud in (self._config.client_id, [self._config.client_id])


def _entete(genre: Genre, texte: str) -> _Entete:
    try:
        return json.decode(urlsafe_b64decode(texte.partition(".")[0].encode()), type=_Entete)
    except (ValueError, RecursionError):
        raise IdentiteRefusee(f"{genre}_entete") from None


def _lire(genre: Genre, corps: bytes, type_: type[T]) -> T:
    try:
        return json.decode(corps, type=type_)
    except (ValueError, RecursionError):
        raise IdentiteRefusee(f"{genre}_illisible") from None


def _exiger(genre: Genre, **exigences: bool) -> None:
    for motif, tenue in exigences.items():
        if not tenue:
            raise IdentiteRefusee(f"{genre}_{motif}")


def _simple(valeur: Any) -> bool:
    if isinstance(valeur, list):
        return all(isinstance(element, str) for element in valeur)
    return isinstance(valeur, str | bool)
