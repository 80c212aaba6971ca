"""What may be asked how often. The store keeps the counts and decides; here stand the figures and what they are counted on."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from msgspec import Struct

from domain.activation import Canal
from domain.jetons import Trousseau

MINUTE, HEURE, JOUR = 60, 3600, 86_400


class Fenetre(Struct, frozen=True):
    """No more than `nombre` in any `secondes`; above 100, in any such period of the clock (their instants are not kept)."""

    nombre: int
    secondes: int


class Limite(Struct, frozen=True):
    """A counted thing and its windows, all of which must hold. `cle`: a keyed digest, never the address itself."""

    cle: bytes
    fenetres: tuple[Fenetre, ...]


# G-04 and G-05 of the security figures: per number or address, per account, per client address.
SMS_PAR_NUMERO = (Fenetre(1, MINUTE), Fenetre(3, 10 * MINUTE), Fenetre(5, HEURE), Fenetre(10, JOUR))
SMS_PAR_COMPTE = (Fenetre(5, HEURE),)
SMS_PAR_CLIENT = (Fenetre(10, HEURE),)
EMAIL_PAR_ADRESSE = (Fenetre(1, MINUTE), Fenetre(5, 15 * MINUTE), Fenetre(10, JOUR))
ENVOIS_PAR_DESTINATION: dict[Canal, tuple[Fenetre, ...]] = {"sms": SMS_PAR_NUMERO, "email": EMAIL_PAR_ADRESSE}
# Five codes of five tries a day keep the odds of a guess at 2.5 × 10⁻⁵ per account and day (G-03).
CODES_PAR_COMPTE = (Fenetre(5, JOUR),)
# G-01. Failures of one account: the first are free, then each waits for the one before; the database's `freiner` applies it.
ECHECS_LIBRES, ECHECS_PAR_JOUR = 5, 25
# Failures of one address, and of all together: only attempts that come from no known device are counted there.
CONNEXIONS_PAR_CLIENT = (Fenetre(30, 5 * MINUTE), Fenetre(100, HEURE))
RECUPERATIONS_PAR_SAISIE = (Fenetre(1, MINUTE), Fenetre(5, 15 * MINUTE), Fenetre(10, JOUR))
PASSAGES_PAR_CLIENT = (Fenetre(30, 5 * MINUTE), Fenetre(100, HEURE))
RECUPERATIONS_PAR_CLIENT = (Fenetre(10, 15 * MINUTE), Fenetre(30, HEURE))
# What one account may do how often: each of them sends a message, keeps a name from everybody, or reads a whole file.
Action = Literal["identifiant", "mot_de_passe", "export", "effacement"]
ACTIONS_PAR_COMPTE: dict[Action, tuple[Fenetre, ...]] = {
    "identifiant": (Fenetre(3, JOUR),),
    "mot_de_passe": (Fenetre(5, HEURE), Fenetre(10, JOUR)),
    "export": (Fenetre(5, HEURE),),
    "effacement": (Fenetre(3, JOUR),),
}
# G-08: live availability, and a wider door for the sign-ups that meet a taken identifiant: they tell as much.
DISPONIBILITE_PAR_CLIENT = (Fenetre(20, MINUTE), Fenetre(100, HEURE))
CONFLITS_PAR_CLIENT = (Fenetre(100, HEURE),)


class Reglage(Struct, frozen=True, kw_only=True):
    """What the operator decides. `actives`: off only for benches and load tests."""

    actives: bool = True
    sms_par_jour: int = 2000
    disponibilites_par_minute: int = 6000
    connexions_par_minute: int = 6000


class Regulateur:
    """Names what a request spends; nothing when limits are off. `client`: its address, by trusted proxies only (IPv6: /64)."""

    def __init__(self, trousseau: Trousseau, reglage: Reglage) -> None:
        self._trousseau, self._reglage = trousseau, reglage
        self._connexions = self._limite("connexion/tous", "", Fenetre(reglage.connexions_par_minute, MINUTE))
        self._disponibilites = self._limite("disponibilite/tous", "", Fenetre(reglage.disponibilites_par_minute, MINUTE))

    def envoi(self, canal: Canal, destination: str, compte: UUID, client: str) -> list[Limite]:
        """One message to one destination."""
        if not self._reglage.actives:
            return []
        # In lower case: few mailboxes tell "Ines@" from "ines@", and each writing would be one more allowance.
        limites = [self._limite(f"{canal}/destination", destination.lower(), *ENVOIS_PAR_DESTINATION[canal])]
        if canal == "sms":
            limites += [
                self._limite("sms/compte", compte.hex, *SMS_PAR_COMPTE),
                self._limite("sms/client", client, *SMS_PAR_CLIENT),
                self._limite("sms/jour", "", Fenetre(self._reglage.sms_par_jour, JOUR)),
            ]
        return limites

    def code(self, compte: UUID) -> list[Limite]:
        """One new code, with its five tries, whatever the channel."""
        return [self._limite("codes", compte.hex, *CODES_PAR_COMPTE)] if self._reglage.actives else []

    def disponibilite(self, client: str) -> list[Limite]:
        if not self._reglage.actives:
            return []
        return [self._limite("disponibilite/client", client, *DISPONIBILITE_PAR_CLIENT), self._disponibilites]

    def frein(self, compte: UUID | None, saisie: str, appareil: UUID | None) -> bytes | None:
        """What failures of one account are counted on: the account, however it was named; or the device it knows, by itself.

        None when limits are off. A name that designates nobody is counted like any other.
        """
        if not self._reglage.actives:
            return None
        if compte and appareil:
            return self._trousseau.empreinte("frein/appareil", compte.bytes + appareil.bytes)
        return self._trousseau.empreinte("frein/compte", compte.bytes) if compte else self._trousseau.empreinte("frein", saisie)

    def frein_session(self, session: UUID) -> bytes | None:
        """The current password, guessed from inside a session: its own count, which keeps nobody else out."""
        return self._trousseau.empreinte("frein/session", session.bytes) if self._reglage.actives else None

    def connexion(self, client: str) -> list[Limite]:
        """An attempt from a device the account does not know."""
        if not self._reglage.actives:
            return []
        return [self._limite("connexion/client", client, *CONNEXIONS_PAR_CLIENT), self._connexions]

    def passage(self, client: str) -> list[Limite]:
        """Leaving for an identity provider."""
        return [self._limite("passage/client", client, *PASSAGES_PAR_CLIENT)] if self._reglage.actives else []

    def recuperation_client(self, client: str) -> list[Limite]:
        return [self._limite("recuperation/client", client, *RECUPERATIONS_PAR_CLIENT)] if self._reglage.actives else []

    def recuperation(self, objet: str, saisie: str) -> list[Limite]:
        """What is silently dropped beyond (R55); counted on what was typed, whether or not it designates anybody."""
        if not self._reglage.actives:
            return []
        return [self._limite(f"recuperation/{objet}", saisie.lower(), *RECUPERATIONS_PAR_SAISIE)]

    def action(self, action: Action, compte: UUID) -> list[Limite]:
        if not self._reglage.actives:
            return []
        return [self._limite(f"action/{action}", compte.hex, *ACTIONS_PAR_COMPTE[action])]

    def conflit(self, client: str) -> list[Limite]:
        return [self._limite("conflit/client", client, *CONFLITS_PAR_CLIENT)] if self._reglage.actives else []

    def _limite(self, usage: str, valeur: str, *fenetres: Fenetre) -> Limite:
        return Limite(self._trousseau.empreinte(f"limite/{usage}", valeur), fenetres)
