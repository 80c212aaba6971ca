"""Every refusal the service knows, each with its stable code. What the user reads, and the HTTP status, live at the edge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from msgspec import Struct


class ErreurChamp(Struct, frozen=True, kw_only=True):
    """One faulty field: where (JSON pointer, RFC 6901), what (stable code), and the figures of its message."""

    pointer: str
    code: str
    params: dict[str, Any] = {}

    def sous(self, prefixe: str) -> ErreurChamp:
        return ErreurChamp(pointer=prefixe + self.pointer, code=self.code, params=self.params)


class Refus(Exception):
    """A request the rules refuse. `details` is what a client may read beside the code; never personal data."""

    code: ClassVar[str]

    def details(self) -> dict[str, Any]:
        return {}


class AvecReprise(Refus):
    """A refusal that says when to come back, in whole seconds."""

    def __init__(self, attendre: float) -> None:
        self.attendre = max(1, round(attendre + 0.5))


class ChampsInvalides(Refus):
    """One or more fields are wrong: all of them are listed."""

    code = "champs_invalides"

    def __init__(self, erreurs: Sequence[ErreurChamp]) -> None:
        self.erreurs = tuple(erreurs)


class DocumentPerime(Refus):
    """The version accepted is not the one in force."""

    code = "document_perime"

    def __init__(self, document: str, version_en_vigueur: str) -> None:
        self.document, self.version_en_vigueur = document, version_en_vigueur

    def details(self) -> dict[str, Any]:
        return {
            "document": self.document,
            "version_en_vigueur": self.version_en_vigueur,
            "lien": f"/v1/documents-legaux/{self.document}/versions/{self.version_en_vigueur}",
        }


class DocumentInconnu(Refus):
    """No legal document bears this code or version."""

    code = "document_inconnu"


class ProfilInconnu(Refus):
    """No profile bears this name."""

    code = "profil_inconnu"


class IdentifiantIndisponible(Refus):
    """The chosen identifiant is taken; `suggestions` were free at that instant."""

    code = "identifiant_indisponible"

    def __init__(self, suggestions: Sequence[str] = ()) -> None:
        self.suggestions = tuple(suggestions)

    def details(self) -> dict[str, Any]:
        return {"suggestions": list(self.suggestions)}


class SecretInvalide(Refus):
    """No sign-up secret in the Authorization header, or not one of ours."""

    code = "secret_invalide"


class JetonInvalide(Refus):
    """No access token in the Authorization header, or not one that this service gave and still honours."""

    code = "jeton_invalide"


class IdentifiantsIncorrects(Refus):
    """The one answer to a sign-in that fails, whatever made it fail (R39)."""

    code = "identifiants_incorrects"


class CompteNonActive(Refus):
    """The password is right, and the account has not been activated yet: what its author needs to go on, lost or not.

    By name alone, so that no trace of the exception holds the secret.
    """

    code = "compte_non_active"

    def __init__(self, *, inscription: str, secret: str) -> None:
        self.inscription, self.secret = inscription, secret

    def details(self) -> dict[str, Any]:
        return {"inscription": self.inscription, "secret": self.secret}


class EffacementEnCours(Refus):
    """The password is right, and the account is about to be erased: the link sent, and sent again now, undoes it."""

    code = "effacement_en_cours"


class SessionFinie(Refus):
    """The session has ended: signed out, expired, revoked, or its account is no longer active."""

    code = "session_finie"


class SessionInconnue(Refus):
    """No live session of this account with this id."""

    code = "session_inconnue"


class OrigineRefusee(Refus):
    """A cookie came from a page of another origin, or of none that is said."""

    code = "origine_refusee"


class SessionDejaRemise(Refus):
    """The sign-up secret has already been exchanged for a session, or may not be any more."""

    code = "session_deja_remise"


class PasEncoreActif(Refus):
    """The account is not active yet."""

    code = "pas_encore_actif"


class MotDePasseIncorrect(Refus):
    """The current password is not that one: counted."""

    code = "mot_de_passe_incorrect"


class MotDePasseAbsent(Refus):
    """The account has no password to be given: it is entered by an identity provider alone."""

    code = "mot_de_passe_absent"


class ReauthentificationRequise(Refus):
    """A sensitive operation, on too old a sign-in."""

    code = "reauthentification_requise"


class RecuperationRefusee(Refus):
    """The one answer to a link or a code that does not reset a password, whatever the reason (R60)."""

    code = "recuperation_refusee"


class CguAReaccepter(Refus):
    """A newer version of the CGU is in force: writes wait for it."""

    code = "cgu_a_reaccepter"

    def __init__(self, version: str) -> None:
        self.version = version

    def details(self) -> dict[str, Any]:
        return {"version_en_vigueur": self.version, "lien": f"/v1/documents-legaux/cgu/versions/{self.version}"}


class PreconditionRequise(Refus):
    """A change without If-Match: it could undo somebody else's unseen."""

    code = "precondition_requise"


class VersionPerimee(Refus):
    """The account has changed since it was read."""

    code = "version_perimee"


class ContactDejaVerifie(Refus):
    """This very address or number is already proven on the account."""

    code = "contact_deja_verifie"


class DernierContact(Refus):
    """Without the mobile, no proven contact would be left to come back by."""

    code = "dernier_contact"


class ContactInconnu(Refus):
    """No such proof asked for on this account."""

    code = "contact_inconnu"


class ReferenceMalformee(Refus):
    """Not a reference of ours: its form, or its check letter, which catches a typing mistake."""

    code = "reference_malformee"


class ActiviteInconnue(Refus):
    """No line of this account bears this reference."""

    code = "activite_inconnue"


class FournisseurInactif(Refus):
    """This identity provider is not configured here."""

    code = "fournisseur_inactif"


class FournisseurIndisponible(AvecReprise):
    """The identity provider does not answer; everything else goes on."""

    code = "fournisseur_indisponible"


class RetourRefuse(Refus):
    """An address to come back to that is not one of those declared (R84)."""

    code = "retour_refuse"


class PassageInconnu(Exception):
    """No such passage: never begun, already used, too old. Told on a page: it is a browser that comes back."""


class CodeEchangeInvalide(Refus):
    """Our code is not one of ours, was used, is older than a minute, or its verifier is not the caller's."""

    code = "code_echange_invalide"


class JetonIdentiteInvalide(Refus):
    """The identity a sign-up brings is not one of ours, was used, or is too old."""

    code = "jeton_identite_invalide"


class CompteIndisponible(Refus):
    """The identity is that of an account that cannot be entered now."""

    code = "compte_indisponible"


class IdentiteDejaRattachee(Refus):
    """The identity already belongs to another account."""

    code = "identite_deja_rattachee"


class IdentiteNonRattachee(Refus):
    """Not an identity of this account: none of that provider, or that came back, or with that id."""

    code = "identite_non_rattachee"


class IdentiteDifferente(Refus):
    """The account already bears the certified civil status of somebody else."""

    code = "identite_differente"


class IdentiteInadaptee(Refus):
    """FranceConnect says who a person is: it opens their own account, not that of an organisation they sign for."""

    code = "identite_inadaptee"


class DernierMoyenDeConnexion(Refus):
    """Detaching would leave no way in: a password must be chosen first (R80)."""

    code = "dernier_moyen_de_connexion"


class InscriptionInconnue(Refus):
    """No sign-up with this id, or somebody else's."""

    code = "inscription_inconnue"


class InscriptionExpiree(Refus):
    """The sign-up was not activated in time."""

    code = "inscription_expiree"


class InscriptionTerminee(Refus):
    """The account is active and the sign-up's time is over, or its secret spent: its holder signs in."""

    code = "inscription_terminee"


class DejaActive(Refus):
    """The account is already active: nothing is left to activate, correct or cancel here."""

    code = "deja_active"


class CanalImpossible(Refus):
    """This channel cannot reach the person: no number, or one that cannot receive an SMS."""

    code = "canal_impossible"

    def __init__(self, canal: str) -> None:
        self.canal = canal

    def details(self) -> dict[str, Any]:
        return {"canal": self.canal}


class ActivationInconnue(Refus):
    """No such activation on this sign-up."""

    code = "activation_inconnue"


class ActivationRemplacee(Refus):
    """A newer activation, or a corrected contact, has voided this one."""

    code = "activation_remplacee"


class CodeIncorrect(Refus):
    """A wrong code: counted."""

    code = "code_incorrect"

    def __init__(self, essais_restants: int) -> None:
        self.essais_restants = essais_restants

    def details(self) -> dict[str, Any]:
        return {"essais_restants": self.essais_restants}


class CodeNonEnvoye(Refus):
    """No message has left yet, a limit held it back: there is nothing to try, and nothing to guess."""

    code = "code_non_envoye"


class EssaisEpuises(Refus):
    """The tries of this activation are spent: even the right code is refused."""

    code = "essais_epuises"

    def details(self) -> dict[str, Any]:
        return {"essais_restants": 0}


class CodeExpire(Refus):
    """The code is too old."""

    code = "code_expire"


class LienInvalide(Refus):
    """Not a link of ours."""

    code = "lien_invalide"


class LienExpire(Refus):
    """The link is too old, or was replaced by a newer one."""

    code = "lien_expire"


class EnvoisEpuises(Refus):
    """This activation was sent as often as it may be."""

    code = "envois_epuises"


class TropDeDemandes(AvecReprise):
    """A limit was reached; which one is not said (R09)."""

    code = "trop_de_demandes"


class Sature(AvecReprise):
    """Too much work is queued; the request was not begun."""

    code = "service_sature"


class Indisponible(AvecReprise):
    """The database does not answer."""

    code = "service_indisponible"


class CleIdempotenceInvalide(Refus):
    """An Idempotency-Key is 1 to 255 printable ASCII characters."""

    code = "cle_idempotence_invalide"


class CleIdempotenceReutilisee(Refus):
    """The key already served for another body."""

    code = "cle_idempotence_reutilisee"


class RequeteEnCours(AvecReprise):
    """A request with the same key is still being served."""

    code = "requete_en_cours"
