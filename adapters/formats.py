"""Texts as people type them, read by the libraries that know them: telephone numbers, e-mail addresses, SIRET, scripts."""

from __future__ import annotations

import re

import phonenumbers
from anyascii import anyascii
from email_validator import EmailNotValidError, validate_email
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, PhoneNumberType
from stdnum.exceptions import InvalidChecksum, ValidationError
from stdnum.fr import siret

from domain.formulaire import ValeurInvalide
from domain.outils import Formats, Telephone

# Ordinary, non-breaking and thin spaces: numbers are pasted from typeset pages.
_ESPACES = " \u00a0\u2009\u202f"
_SEPARATEURS = re.compile(rf"[{_ESPACES}./()‐‑–-]")
_INTERNATIONAL = re.compile(r"\+[0-9]{4,}")
# Ten digits of the French plan, national or behind +33 (with or without the zero that people write in parentheses).
_FRANCAIS = re.compile(r"(?:0|\+330?)([1-9][0-9]{8})")

# Overseas prefixes of the French plan, by country code. The plan is one: a prefix belongs to one territory, whatever is typed
# before it. phonenumbers does not know that (it holds 0596 and 0269 for valid numbers of the mainland, and 0690 for none).
_OUTREMER = {
    "590": re.compile(r"590|5987|69[01]|7090"),
    "594": re.compile(r"594|5988|694|7093[0-3]"),
    "596": re.compile(r"596|5989|69[67]|7091"),
    # 06 39 98 is the mainland's: ARCEP keeps it for fiction and samples.
    "262": re.compile(r"26[239]|268[89]|69[23]|639(?!98)|709(?:2|3[5-7])"),
    "508": re.compile(r"508|708[45]"),
}
# 06 and 07, in blocks that the library's data may not know yet; 0700 is for machines, what is left of 0709 for overseas.
_MOBILE = re.compile(r"(?:6[0-9]|7(?!0[09])[0-9])[0-9]{7}")

_LIGNES = {
    PhoneNumberType.MOBILE,
    PhoneNumberType.FIXED_LINE,
    PhoneNumberType.FIXED_LINE_OR_MOBILE,
    PhoneNumberType.VOIP,
}
_MOBILES = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}
# France and overseas: where this service sends SMS.
_PAYS_SMS = {33, 262, 508, 590, 594, 596, 681, 687, 689}
_SANS_PAYS = "001"


class FrenchFormats(Formats):
    def __init__(self, *, domaines_d_essai: bool = False) -> None:
        """`domaines_d_essai` admits addresses in `.test`: for development."""
        self._domaines_d_essai = domaines_d_essai

    def telephone(self, saisie: str) -> Telephone:
        numero = _analyser(_composer(saisie))
        genre = PhoneNumberType.MOBILE if _est_mobile_francais(numero) else phonenumbers.number_type(numero)
        if genre == PhoneNumberType.UNKNOWN:
            raise ValeurInvalide("telephone_invalide")
        # Toll-free numbers are nobody's line, satellites have no country: calling either back costs or fails.
        if genre not in _LIGNES or phonenumbers.region_code_for_number(numero) == _SANS_PAYS:
            raise ValeurInvalide("telephone_surtaxe")
        return Telephone(
            e164=phonenumbers.format_number(numero, PhoneNumberFormat.E164),
            recoit_sms=genre in _MOBILES and numero.country_code in _PAYS_SMS,
        )

    def email(self, saisie: str) -> str:
        try:
            adresse = validate_email(
                saisie,
                allow_smtputf8=False,
                allow_quoted_local=False,
                allow_domain_literal=False,
                allow_display_name=False,
                strict=True,
                check_deliverability=False,
                test_environment=self._domaines_d_essai,
            )
        except EmailNotValidError:
            raise ValeurInvalide("email_invalide") from None
        # Not the library's local part: it lower-cases "Contact" and other names of RFC 2142.
        return f"{saisie.rpartition('@')[0]}@{adresse.ascii_domain}"

    def siret(self, saisie: str) -> str:
        chiffres = re.sub(rf"[{_ESPACES}.]", "", saisie)
        if not (chiffres.isascii() and chiffres.isdigit()):
            raise ValeurInvalide("siret_invalide")
        try:
            return str(siret.validate(chiffres))
        except InvalidChecksum:
            raise ValeurInvalide("siret_cle_invalide") from None
        except ValidationError:
            raise ValeurInvalide("siret_invalide") from None

    def translitterer(self, texte: str) -> str:
        return anyascii(texte)


def _composer(saisie: str) -> str:
    """The number as one would dial it from anywhere: `+`, country code, digits."""
    compact = _SEPARATEURS.sub("", saisie)
    if compact.startswith("00"):
        compact = f"+{compact[2:]}"
    if francais := _FRANCAIS.fullmatch(compact):
        national = francais[1]
        indicatif = _indicatif(national)
        # Saint-Pierre-et-Miquelon is dialled 05 08 from the rest of France, and has six digits of its own.
        return f"+{indicatif}{national.removeprefix('508') if indicatif == '508' else national}"
    if not _INTERNATIONAL.fullmatch(compact):
        raise ValeurInvalide("telephone_invalide")
    return compact


def _indicatif(national: str) -> str:
    return next((indicatif for indicatif, prefixes in _OUTREMER.items() if prefixes.match(national)), "33")


def _analyser(international: str) -> PhoneNumber:
    try:
        return phonenumbers.parse(international)
    except NumberParseException:
        raise ValeurInvalide("telephone_invalide") from None


def _est_mobile_francais(numero: PhoneNumber) -> bool:
    national = str(numero.national_number)
    return bool(_MOBILE.fullmatch(national)) and _indicatif(national) == str(numero.country_code)
