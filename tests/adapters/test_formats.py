"""What people type, and the one form it is kept in; what is refused, and with which code."""

from __future__ import annotations

import string

import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from adapters.formats import FrenchFormats
from domain.formulaire import ValeurInvalide
from domain.outils import Telephone

FORMATS = FrenchFormats()
OUTRE_MER = ("GP", "MQ", "GF", "RE", "YT")


def _lire(lecture: str, saisie: str, formats: FrenchFormats = FORMATS) -> Telephone | str | ValeurInvalide:
    """What is read, or the refusal; anything else raised fails the test."""
    try:
        lu: Telephone | str = getattr(formats, lecture)(saisie)
    except ValeurInvalide as refus:
        return refus
    return lu


def _code(lecture: str, saisie: str, formats: FrenchFormats = FORMATS) -> str:
    refus = _lire(lecture, saisie, formats)
    assert isinstance(refus, ValeurInvalide), refus
    return refus.code


@pytest.mark.parametrize(
    "saisie",
    [
        "0612345678", "06 12 34 56 78", "06.12.34.56.78", "06-12-34-56-78", "06/12/34/56/78", "(06) 12 34 56 78",
        "+33612345678",
        "+33 6 12 34 56 78", "+33 (0)6 12 34 56 78", "+33(0)612345678", "+33 0612345678", "0033612345678",
        "00 33 6 12 34 56 78",
        "06\u00a012\u00a034\u00a056\u00a078", "06\u202f12\u202f34\u202f56\u202f78", "+33 6‑12‑34‑56‑78",
    ],
)  # fmt: skip
def test_a_french_mobile_is_read_however_it_is_typed(saisie: str) -> None:
    assert FORMATS.telephone(saisie) == Telephone(e164="+33612345678", recoit_sms=True)


@pytest.mark.parametrize(
    ("saisie", "e164"),
    [
        ("0690 12 34 56", "+590690123456"),
        ("0691 22 34 56", "+590691223456"),
        ("0709 01 23 45", "+590709012345"),
        ("0694 20 12 34", "+594694201234"),
        ("0709 30 12 34", "+594709301234"),
        ("0696 20 12 34", "+596696201234"),
        ("0697 20 12 34", "+596697201234"),
        ("0709 11 23 45", "+596709112345"),
        ("0692 12 34 56", "+262692123456"),
        ("0693 10 12 34", "+262693101234"),
        ("0709 21 23 45", "+262709212345"),
        ("0639 01 23 45", "+262639012345"),
        ("0709 35 12 34", "+262709351234"),
        ("0708 41 23 45", "+508708412345"),
        ("0508 55 12 34", "+508551234"),
        ("+590 690 12 34 56", "+590690123456"),
        ("+590 0690 12 34 56", "+590690123456"),
        ("+262 (0)692 12 34 56", "+262692123456"),
        ("+508 55 12 34", "+508551234"),
        ("+687 75 12 34", "+687751234"),
        ("+689 87 12 34 56", "+68987123456"),
        ("+681 82 12 34", "+681821234"),
        # Overseas numbers behind +33: what they can only be.
        ("+33690123456", "+590690123456"),
        ("+33 6 96 20 12 34", "+596696201234"),
        ("0033 (0)692 12 34 56", "+262692123456"),
        ("+33 639 01 23 45", "+262639012345"),
        ("+33 5 08 55 12 34", "+508551234"),
        # ARCEP's range for fiction lies inside Mayotte's prefix.
        ("06 39 98 01 01", "+33639980101"),
        ("+33 6 39 98 01 01", "+33639980101"),
        # Blocks that phonenumbers does not know yet.
        ("07 12 34 56 78", "+33712345678"),
        ("+33 7 01 23 45 67", "+33701234567"),
        ("0639 41 23 45", "+262639412345"),
        ("0693 14 12 34", "+262693141234"),
    ],
)
def test_french_and_overseas_mobiles_receive_sms_under_their_own_country_code(saisie: str, e164: str) -> None:
    assert FORMATS.telephone(saisie) == Telephone(e164=e164, recoit_sms=True)


@pytest.mark.parametrize(
    ("saisie", "e164"),
    [
        ("02.02.02.02.02", "+33202020202"),
        ("01.01.01.01.01", "+33101010101"),
        ("0139980101", "+33139980101"),
        ("09 12 34 56 78", "+33912345678"),
        ("0590 20 12 34", "+590590201234"),
        ("0594 10 12 34", "+594594101234"),
        ("0596 30 12 34", "+596596301234"),
        ("+33 5 96 30 12 34", "+596596301234"),
        ("0598 91 23 45", "+596598912345"),
        ("0262 16 12 34", "+262262161234"),
        ("0263 10 12 34", "+262263101234"),
        ("0269 60 12 34", "+262269601234"),
        ("+590 590 20 12 34", "+590590201234"),
        ("+225 07 08 09 10 11", "+2250708091011"),
        ("+1 (650) 253-0000", "+16502530000"),
        ("+44 (0)20 7946 0958", "+442079460958"),
        ("+39 06 698 12345", "+390669812345"),
        ("0049 151 23456789", "+4915123456789"),
        ("+1 809 555 12 34", "+18095551234"),
        ("+32 470 12 34 56", "+32470123456"),
    ],
)
def test_landlines_boxes_and_foreign_numbers_are_kept_as_contacts_without_sms(saisie: str, e164: str) -> None:
    assert FORMATS.telephone(saisie) == Telephone(e164=e164, recoit_sms=False)


@pytest.mark.parametrize(
    "saisie",
    [
        "0800 12 34 56", "0806 12 34 56", "0810 12 34 56", "0826 12 34 56", "0836 12 34 56", "0884 01 23 45", "0892 12 34 56",
        "+33 892 12 34 56", "+1 900 555 1234", "+1 800 253 0000", "+44 7012 345678", "+262 810 12 34 56", "+687 36 67 11",
        "+800 1234 5678", "+881 6 12 34 56 78", "+882 16 12 34 56 78", "+979 1 2345 6789",
    ],
)  # fmt: skip
def test_special_rate_numbers_and_satellites_are_refused(saisie: str) -> None:
    assert _code("telephone", saisie) == "telephone_surtaxe"


@pytest.mark.parametrize(
    "saisie",
    [
        "", " ", "+", "0", "00", "0000000000", "+33", "3631", "112", "06123456", "061234567", "06123456789", "612345678",
        "33612345678", "++33612345678", "000033612345678", "+3361234567890123", "+33 06 12 34 56 7", "1234567890123456",
        # Letters, extensions, URIs, other digits than ASCII's, what a list or a message could carry.
        "0612ABC678", "06 12 34 56 78 x5", "+33612345678;ext=5", "tel:0612345678", "tel:+33612345678",
        "0612345678;phone-context=+33",
        "٠٦١٢٣٤٥٦٧٨", "０６１２３４５６７８", "＋33612345678", "06123456７8", "0612345678,0698765432", "0612345678\n",
        "06\t12345678",
        # Machine numbers, long or short; 0709 without a territory; overseas landlines nobody was given.
        "0700123456", "+33700000000", "07001234567890", "0709 91 23 45", "0596 12 34 56", "0590 71 34 56",
        # A mainland or neighbour's mobile under an overseas code.
        "+262612345678", "+590696201234", "+262639980101", "+999123456789",
    ],
)  # fmt: skip
def test_what_is_no_number_of_a_person_is_refused(saisie: str) -> None:
    assert _code("telephone", saisie) == "telephone_invalide"


@pytest.mark.parametrize("region", OUTRE_MER)
@pytest.mark.parametrize("genre", [PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE])
def test_every_overseas_example_of_the_library_is_routed_from_its_national_form(region: str, genre: int) -> None:
    numero = phonenumbers.example_number_for_type(region, genre)
    assert numero is not None
    assert FORMATS.telephone(f"0{numero.national_number}") == Telephone(
        e164=phonenumbers.format_number(numero, PhoneNumberFormat.E164), recoit_sms=genre == PhoneNumberType.MOBILE
    )


def test_no_prefix_that_the_library_knows_for_overseas_stays_on_the_mainland() -> None:
    egares = []
    for prefixe in range(10000, 80000):
        national = f"{prefixe}2345"
        numeros = [phonenumbers.PhoneNumber(country_code=cc, national_number=int(national)) for cc in (590, 594, 596, 262)]
        connus = [n.country_code for n in numeros if phonenumbers.is_valid_number(n)]
        if connus and FORMATS.telephone(f"0{national}").e164 != f"+{connus[0]}{national}":
            egares.append(national)
    assert egares == []


def _exemples() -> list[str]:
    genres = (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.VOIP)
    numeros = [phonenumbers.example_number_for_type(r, g) for r in sorted(phonenumbers.SUPPORTED_REGIONS) for g in genres]
    return [phonenumbers.format_number(n, PhoneNumberFormat.E164) for n in numeros if n is not None]


CHIFFRES = st.text(string.digits, min_size=2, max_size=13)


@given(
    st.builds(str.__add__, st.sampled_from(["0", "06", "07", "069", "0639", "0709", "+", "+33", "+262", "+59", "00"]), CHIFFRES)
    | st.sampled_from(_exemples())
    | st.text(string.digits + "+ .-()", max_size=32)
)
@example("+33508551234")
def test_reading_a_number_again_changes_nothing(saisie: str) -> None:
    lu = _lire("telephone", saisie)
    if not isinstance(lu, Telephone):
        return
    assert FORMATS.telephone(lu.e164) == lu
    assert lu.e164[0] == "+"
    assert lu.e164[1:].isascii()
    assert lu.e164[1:].isdecimal()
    assert len(lu.e164) <= 16


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_with_a_code(saisie: str) -> None:
    for lecture in ("telephone", "email", "siret"):
        lu = _lire(lecture, saisie)
        assert not isinstance(lu, ValeurInvalide) or lu.code.startswith(lecture)
    assert FORMATS.translitterer(saisie).isascii()


@pytest.mark.parametrize(
    ("saisie", "attendu"),
    [
        ("ines@exemple.fr", "ines@exemple.fr"),
        ("Ines.Le-Goff+portail@Exemple.FR", "Ines.Le-Goff+portail@exemple.fr"),
        # Mailboxes of RFC 2142, which the library would lower-case.
        ("Contact@exemple.fr", "Contact@exemple.fr"),
        ("Info@exemple.fr", "Info@exemple.fr"),
        ("o'brien@exemple.fr", "o'brien@exemple.fr"),
        ("ines@hôtel-de-ville.fr", "ines@xn--htel-de-ville-plb.fr"),
        ("ines@xn--htel-de-ville-plb.fr", "ines@xn--htel-de-ville-plb.fr"),
        ("ines@ＥＸＥＭＰＬＥ.fr", "ines@exemple.fr"),
        ("a" * 64 + "@exemple.fr", "a" * 64 + "@exemple.fr"),
        (
            "a@" + ".".join("b" * n for n in (63, 63, 63, 57)) + ".fr",
            "a@" + ".".join("b" * n for n in (63, 63, 63, 57)) + ".fr",
        ),
    ],
)
def test_an_address_keeps_its_local_part_and_gets_an_ascii_domain(saisie: str, attendu: str) -> None:
    assert FORMATS.email(saisie) == attendu
    assert FORMATS.email(attendu) == attendu


def test_addresses_that_differ_by_a_dot_or_a_tag_stay_distinct() -> None:
    assert len({FORMATS.email(f"{local}@gmail.com") for local in ("inesgoff", "ines.goff", "InesGoff", "inesgoff+a")}) == 4


@pytest.mark.parametrize(
    "saisie",
    [
        "", "ines", "ines@", "@exemple.fr", "ines@exemple", "ines@localhost", "ines@exemple.fr.", "ines@.fr",
        "ines@exemple..fr",
        "ines@-exemple.fr", "ines@exemple_x.fr", "ines@[127.0.0.1]", "ines@1.2.3.4", "ines@xn--", "ines@exemple.invalid",
        "ines@exemple.local", "ines@b.test", ".ines@exemple.fr", "ines.@exemple.fr", "in..es@exemple.fr", "a@b@exemple.fr",
        # More than one address, a name, quotes, comments, a header.
        "a@b.fr, evil@x.fr", "a@b.fr;c@d.fr", "a@b.fr c@d.fr", "<a@b.fr>", "Ines <a@b.fr>", '"a b"@exemple.fr',
        '"ines"@exemple.fr',
        "ines(moi)@exemple.fr", "a@b.fr\n", "a@b.fr\r\nBcc: x@y.fr", " a@b.fr", "a@b.fr ", "a b@exemple.fr",
        # Local parts that fold into another's, at signs that are not one.
        "mıke@exemple.fr", "ınes@exemple.fr", "ａ@exemple.fr", "é@exemple.fr", "a＠b.fr", "a\u200b@exemple.fr",
        "a@exem\u00adple\u200b.fr",
        # One character too many: local part, whole address.
        "a" * 65 + "@exemple.fr", "a@" + ".".join("b" * n for n in (63, 63, 63, 58)) + ".fr",
    ],
)  # fmt: skip
def test_what_is_not_one_plain_address_is_refused(saisie: str) -> None:
    assert _code("email", saisie) == "email_invalide"


def test_test_domains_are_admitted_in_development_only() -> None:
    essai = FrenchFormats(domaines_d_essai=True)
    assert essai.email("a@b.test") == "a@b.test"
    assert _code("email", "a@b.test") == "email_invalide"
    assert _code("email", "a b@b.test", essai) == "email_invalide"


@pytest.mark.parametrize(
    ("saisie", "attendu"),
    [
        ("73282932000074", "73282932000074"),
        ("732 829 320 00074", "73282932000074"),
        ("732.829.320.00074", "73282932000074"),
        ("732\u00a0829\u202f320\u00a000074", "73282932000074"),
        # La Poste: sum of digits a multiple of five, save the head office, which keeps Luhn's key.
        ("35600000049837", "35600000049837"),
        ("356 000 000 49837", "35600000049837"),
        ("35600000000048", "35600000000048"),
    ],
)
def test_a_siret_is_fourteen_digits_with_their_key(saisie: str, attendu: str) -> None:
    assert FORMATS.siret(saisie) == attendu


@pytest.mark.parametrize(
    ("saisie", "code"),
    [
        ("73282932000075", "siret_cle_invalide"),
        ("88974287600009", "siret_cle_invalide"),
        ("35600000049838", "siret_cle_invalide"),
        ("35600000000049", "siret_cle_invalide"),
        ("", "siret_invalide"),
        ("732829320", "siret_invalide"),
        ("7328293200007", "siret_invalide"),
        ("732829320000740", "siret_invalide"),
        ("7328293200007A", "siret_invalide"),
        ("732-829-320-00074", "siret_invalide"),
        ("٧٣٢٨٢٩٣٢٠٠٠٠٧٤", "siret_invalide"),
        ("７３２８２９３２００００７４", "siret_invalide"),
        ("7328293200007４", "siret_invalide"),
        ("73282932000074\n", "siret_invalide"),
    ],
)
def test_a_siret_of_another_form_or_key_is_refused(saisie: str, code: str) -> None:
    assert _code("siret", saisie) == code


@pytest.mark.parametrize(("texte", "attendu"), [("李", "Li"), ("Иванов", "Ivanov"), ("Œuf", "Oeuf"), ("", "")])
def test_any_script_is_read_in_ascii(texte: str, attendu: str) -> None:
    assert FORMATS.translitterer(texte) == attendu
