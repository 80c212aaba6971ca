"""The misbehaviour switch: how the simulator is told to break the protocol, and how often it was called."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Literal, get_args

from msgspec import Struct

Appel = Literal["discovery", "jwks", "token", "userinfo"]
Usage = Literal["id_token", "userinfo"]


class Pannes(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What goes wrong from now on. The first group befalls the token that `sur` names, the id_token unless told.

    `hs256`: signed with the client's secret. `rsa`: with our own published key, of the algorithm that the client did not
    register. `autre_cle`: a stranger's key under our `kid`. `kid_inconnu`: a key that we never publish.
    `sans_revendications`: the claims left out of userinfo. `decalage_horloge`: seconds by which the stamps of tokens are ahead.
    `lenteur`: seconds before each answer to a service. `erreur_500`: which answer becomes a 500.
    `erreur_retour`: the `error` with which people are sent back at once.
    """

    sur: Usage = "id_token"
    mauvais_iss: bool = False
    mauvais_aud: bool = False
    expire: bool = False
    alg_none: bool = False
    hs256: bool = False
    rsa: bool = False
    autre_cle: bool = False
    kid_inconnu: bool = False

    mauvais_nonce: bool = False
    mauvais_acr: bool = False
    autre_sub: bool = False
    userinfo_non_signe: bool = False
    sans_revendications: tuple[str, ...] = ()
    sans_iss: bool = False
    decalage_horloge: float = 0
    lenteur: float = 0
    erreur_500: Appel | None = None
    erreur_retour: str | None = None


SAINES = Pannes()


class Erreur500(Exception):
    """The failure that was ordered."""


class Banc:
    """Both issuers' bench: the faults in force, and the count of calls."""

    def __init__(self) -> None:
        self.pannes = SAINES
        self.appels: Counter[str] = Counter(dict.fromkeys(get_args(Appel), 0))

    def pannes_de(self, usage: Usage) -> Pannes:
        return self.pannes if self.pannes.sur == usage else SAINES

    async def appel(self, nom: Appel) -> None:
        """Counts, waits, fails, as told."""
        self.appels[nom] += 1
        if self.pannes.lenteur:
            await asyncio.sleep(self.pannes.lenteur)
        if self.pannes.erreur_500 == nom:
            raise Erreur500
