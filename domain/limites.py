"""What may be asked how often. The store keeps the counts and decides; here stand the figures and what they are counted on."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Network
from typing import Literal
from uuid import UUID

from msgspec import Struct

from domain.activation import Canal, Jeton
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
EMAIL_PAR_CLIENT = (Fenetre(100, HEURE),)
# Of a hundred SMS of the day, what sign-ups by strangers may spend: the others are for holders and recovery.
SMS_DES_INSCRIPTIONS = 75
ENVOIS_PAR_DESTINATION: dict[Canal, tuple[Fenetre, ...]] = {"sms": SMS_PAR_NUMERO, "email": EMAIL_PAR_ADRESSE}
# Five codes of five tries a day keep the odds of a guess at 2.5 × 10⁻⁵ per account and day (G-03).
CODES_PAR_COMPTE = (Fenetre(5, JOUR),)
# A guardian's link has no code to guess: it takes none of those.
ACCORDS_PAR_COMPTE = (Fenetre(5, JOUR),)
# G-01. Failures of one account: the first are free, then each waits for the one before; the database's `freiner` applies it.
ECHECS_LIBRES, ECHECS_PAR_JOUR = 5, 25
# Failures of one address, and of all together: only attempts that come from no known device are counted there.
CONNEXIONS_PAR_CLIENT = (Fenetre(30, 5 * MINUTE), Fenetre(100, HEURE))
RECUPERATIONS_PAR_SAISIE = (Fenetre(1, MINUTE), Fenetre(5, 15 * MINUTE), Fenetre(10, JOUR))
PASSAGES_PAR_CLIENT = (Fenetre(30, 5 * MINUTE), Fenetre(100, HEURE))
RECUPERATIONS_PAR_CLIENT = (Fenetre(10, 15 * MINUTE), Fenetre(30, HEURE))
# What one account may do how often: each of them sends a message, keeps a name from everybody, reads a whole file, or adds to
# a history that is kept. Of the mailing lists, only what is added counts: leaving them is never refused.
Action = Literal["identifiant", "mot_de_passe", "export", "effacement", "profil", "diffusion"]
ACTIONS_PAR_COMPTE: dict[Action, tuple[Fenetre, ...]] = {
    "identifiant": (Fenetre(3, JOUR),),
    "mot_de_passe": (Fenetre(5, HEURE), Fenetre(10, JOUR)),
    "export": (Fenetre(5, HEURE),),
    "effacement": (Fenetre(3, JOUR),),
    "profil": (Fenetre(30, HEURE), Fenetre(60, JOUR)),
    "diffusion": (Fenetre(10, HEURE), Fenetre(20, JOUR)),
}
# G-08: live availability; and sign-ups, each of which tells as much, hashes and writes. Forty people of one classroom may sign
# up at once; both together, trying a million names takes an address five thousand hours (T05).
DISPONIBILITE_PAR_CLIENT = (Fenetre(20, MINUTE), Fenetre(100, HEURE))
INSCRIPTIONS_PAR_CLIENT = (Fenetre(40, 5 * MINUTE), Fenetre(100, HEURE))
# IPv6 is handed out by whole networks. A client is a /64; the networks around it may do so many times what it may in its
# longest window: a /56 is one household, or 256 telephones of a mobile operator; a /48 is one site, or 65 536 of them.
RESEAUX_IPV6 = {56: 2, 48: 4}


class Reglage(Struct, frozen=True, kw_only=True):
    """What the operator decides. `actives`: off only for benches and load tests."""

    actives: bool = True
    sms_par_jour: int = 2000
    disponibilites_par_minute: int = 6000
    connexions_par_minute: int = 6000


class Regulateur:
    """Names what a request spends; nothing when limits are off. `client`: its address, by trusted proxies only (IPv6: /64).

    What is spent by saying that a destination is one's own is not taken from those who have proven theirs, neither of the
    destination nor of the address they share with strangers: each has its count.
    """

    def __init__(self, trousseau: Trousseau, reglage: Reglage) -> None:
        self._trousseau, self._reglage = trousseau, reglage
        self._connexions = self._limite("connexion/tous", "", Fenetre(reglage.connexions_par_minute, MINUTE))
        self._disponibilites = self._limite("disponibilite/tous", "", Fenetre(reglage.disponibilites_par_minute, MINUTE))

    def envoi(self, jeton: Jeton, client: str) -> list[Limite]:
        """One message to a destination that somebody says is theirs, or their guardian's."""
        if not self._reglage.actives:
            return []
        limites = self._message("pretendue", jeton.canal, jeton.destination, jeton.compte_id, client)
        if jeton.canal == "email":
            limites += self._client("email/client", client, EMAIL_PAR_CLIENT)
        elif jeton.usage == "activation":
            part = max(1, self._reglage.sms_par_jour * SMS_DES_INSCRIPTIONS // 100)
            limites.append(self._limite("sms/jour/inscriptions", "", Fenetre(part, JOUR)))
        return limites

    def ouverture(self, jeton: Jeton, client: str) -> list[Limite]:
        """A new proof and its message."""
        if not self._reglage.actives:
            return []
        if jeton.usage == "accord_parental":
            return [*self.envoi(jeton, client), self._limite("accords", jeton.compte_id.hex, *ACCORDS_PAR_COMPTE)]
        return [*self.envoi(jeton, client), *self.code(jeton.compte_id)]

    def envoi_au_titulaire(self, canal: Canal, destination: str, compte: UUID, client: str) -> list[Limite]:
        """One message to a destination that its holder has proven."""
        return self._message("prouvee", canal, destination, compte, client) if self._reglage.actives else []

    def _message(self, vue: str, canal: Canal, destination: str, compte: UUID, client: str) -> list[Limite]:
        limites = [self._limite(f"{canal}/{vue}", boite(destination), *ENVOIS_PAR_DESTINATION[canal])]
        if canal == "sms":
            limites += [
                self._limite("sms/compte", compte.hex, *SMS_PAR_COMPTE),
                *self._client(f"sms/client/{vue}", client, SMS_PAR_CLIENT),
                self._limite("sms/jour", "", Fenetre(self._reglage.sms_par_jour, JOUR)),
            ]
        return limites

    def code(self, compte: UUID) -> list[Limite]:
        """One new code, with its five tries, whatever the channel."""
        return [self._limite("codes", compte.hex, *CODES_PAR_COMPTE)] if self._reglage.actives else []

    def inscription(self, client: str) -> list[Limite]:
        """One sign-up, whatever becomes of it: it is given back to nobody."""
        return self._client("inscription/client", client, INSCRIPTIONS_PAR_CLIENT) if self._reglage.actives else []

    def disponibilite(self, client: str) -> list[Limite]:
        if not self._reglage.actives:
            return []
        return [*self._client("disponibilite/client", client, DISPONIBILITE_PAR_CLIENT), self._disponibilites]

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
        return [*self._client("connexion/client", client, CONNEXIONS_PAR_CLIENT), self._connexions]

    def passage(self, client: str) -> list[Limite]:
        """Leaving for an identity provider."""
        return self._client("passage/client", client, PASSAGES_PAR_CLIENT) if self._reglage.actives else []

    def recuperation_client(self, client: str) -> list[Limite]:
        return self._client("recuperation/client", client, RECUPERATIONS_PAR_CLIENT) if self._reglage.actives else []

    def recuperation(self, objet: str, saisie: str) -> list[Limite]:
        """What is silently dropped beyond (R55); counted on what was typed, whether or not it designates anybody."""
        if not self._reglage.actives:
            return []
        return [self._limite(f"recuperation/{objet}", saisie.lower(), *RECUPERATIONS_PAR_SAISIE)]

    def action(self, action: Action, compte: UUID) -> list[Limite]:
        if not self._reglage.actives:
            return []
        return [self._limite(f"action/{action}", compte.hex, *ACTIONS_PAR_COMPTE[action])]

    def _client(self, usage: str, client: str, fenetres: tuple[Fenetre, ...]) -> list[Limite]:
        longue = fenetres[-1]
        return [self._limite(usage, client, *fenetres)] + [
            self._limite(usage, reseau, Fenetre(fois * longue.nombre, longue.secondes)) for reseau, fois in _autour(client)
        ]

    def _limite(self, usage: str, valeur: str, *fenetres: Fenetre) -> Limite:
        return Limite(self._trousseau.empreinte(f"limite/{usage}", valeur), fenetres)


def boite(destination: str) -> str:
    """The mailbox behind an address, for limits alone: `Ines+impots@` is `ines@`, or each writing would be one more allowance.

    Where a mail service takes them for two mailboxes, the two share one count. A number is itself.
    """
    locale, arobase, domaine = destination.lower().rpartition("@")
    return f"{locale.partition('+')[0] or locale}@{domaine}" if arobase else destination


@lru_cache(4096)
def _autour(client: str) -> tuple[tuple[str, int], ...]:
    """The networks around an IPv6 client, and how many clients each counts for."""
    if ":" not in client:
        return ()
    reseau = IPv6Network(client)
    return tuple((str(reseau.supernet(new_prefix=taille)), fois) for taille, fois in RESEAUX_IPV6.items())
