"""What may be asked how often: sliding windows over keyed digests of addresses. The store keeps the instants and decides."""

from __future__ import annotations

from msgspec import Struct

from domain.activation import Canal

MINUTE, HEURE, JOUR = 60, 3600, 86_400


class Fenetre(Struct, frozen=True):
    """No more than `nombre` in any `secondes`."""

    nombre: int
    secondes: int


class Limite(Struct, frozen=True):
    """A counted thing and its windows, all of which must hold."""

    cle: str
    fenetres: tuple[Fenetre, ...]


# G-04 and G-05 of the security figures: per number or address, per account, per client address.
SMS_PAR_NUMERO = (Fenetre(1, MINUTE), Fenetre(3, 10 * MINUTE), Fenetre(5, HEURE), Fenetre(10, JOUR))
SMS_PAR_COMPTE = (Fenetre(5, HEURE),)
SMS_PAR_CLIENT = (Fenetre(10, HEURE),)
EMAIL_PAR_ADRESSE = (Fenetre(1, MINUTE), Fenetre(5, 15 * MINUTE), Fenetre(10, JOUR))
ENVOIS_PAR_DESTINATION: dict[Canal, tuple[Fenetre, ...]] = {"sms": SMS_PAR_NUMERO, "email": EMAIL_PAR_ADRESSE}
# Five codes of five tries a day keep the odds of a guess at 2.5 × 10⁻⁵ per account and day (G-03).
CODES_PAR_COMPTE = (Fenetre(5, JOUR),)
# G-08: live availability, and a wider door for the sign-ups that meet a taken identifiant: they tell as much.
DISPONIBILITE_PAR_CLIENT = (Fenetre(20, MINUTE), Fenetre(100, HEURE))
CONFLITS_PAR_CLIENT = (Fenetre(100, HEURE),)
