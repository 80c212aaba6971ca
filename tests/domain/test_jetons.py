"""Derived secrets: uniform, bound to what they prove, readable under the keys in service and no other."""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from typing import get_args
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from domain.activation import Canal, Jeton, Usage
from domain.jetons import Cle, CleRetiree, Trousseau, empreinte_rafraichissement, id_du_lien

ANCIENNE, NOUVELLE = Cle("2025", b"a" * 32), Cle("2026", b"n" * 32)
TROUSSEAU = Trousseau((NOUVELLE,))
ROTATION = Trousseau((NOUVELLE, ANCIENNE))
AVANT = Trousseau((ANCIENNE,))
INSCRIPTION = UUID("0192f0c4-5d3e-7a41-9c1b-2f6d8e0a4b77")


def _jeton(
    n: int = 1,
    canal: Canal = "sms",
    destination: str = "+33612345678",
    cle: Cle = NOUVELLE,
    usage: Usage = "activation",
) -> Jeton:
    return Jeton(id=UUID(int=n), compte_id=UUID(int=7), usage=usage, canal=canal, destination=destination, cle_id=cle.id)


AUTRES = [
    _jeton(2),
    _jeton(canal="email"),
    _jeton(destination="+33612345679"),
    _jeton(destination="+3361234567"),
    *(_jeton(usage=usage) for usage in get_args(Usage) if usage != "activation"),
]


class TestCodes:
    CODES = [TROUSSEAU.code(_jeton(n)) for n in range(10_000)]

    def test_are_six_ascii_digits_leading_zeros_kept(self) -> None:
        assert all(re.fullmatch("[0-9]{6}", code) for code in self.CODES)
        assert 900 <= sum(code[0] == "0" for code in self.CODES) <= 1100

    @pytest.mark.parametrize("rang", range(6))
    def test_are_uniform_digit_by_digit(self, rang: int) -> None:
        # Chi-square of nine degrees of freedom: above 33 once in ten thousand.
        assert _chi2(Counter(code[rang] for code in self.CODES), 10) < 33

    def test_are_uniform_as_numbers(self) -> None:
        assert _chi2(Counter(int(code) // 10_000 for code in self.CODES), 100) < 160
        # Of 10 000 draws among a million, some 50 meet again.
        assert len(set(self.CODES)) > 9_900

    def test_are_the_same_each_time(self) -> None:
        assert TROUSSEAU.code(_jeton()) == Trousseau((Cle("2026", b"n" * 32),)).code(_jeton())

    @pytest.mark.parametrize("autre", AUTRES)
    def test_are_bound_to_proof_purpose_channel_and_destination(self, autre: Jeton) -> None:
        assert TROUSSEAU.code(autre) != TROUSSEAU.code(_jeton())
        assert not TROUSSEAU.est_code(autre, TROUSSEAU.code(_jeton()))

    def test_are_compared_as_strings(self) -> None:
        zero = next(_jeton(n) for n, code in enumerate(self.CODES) if code[0] == "0")
        code = TROUSSEAU.code(zero)
        assert TROUSSEAU.est_code(zero, code)
        arabes = code.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
        assert not any(TROUSSEAU.est_code(zero, faux) for faux in (code[1:], f"0{code}", f" {code}", f"{code}\n", "", arabes))


def _chi2(effectifs: Counter[str] | Counter[int], cases: int) -> float:
    attendu = effectifs.total() / cases
    absentes = cases - len(effectifs)
    return sum((n - attendu) ** 2 for n in effectifs.values()) / attendu + absentes * attendu


class TestLiens:
    def test_are_64_characters_fit_for_a_fragment_and_name_their_proof(self) -> None:
        lien = TROUSSEAU.lien(_jeton(42))
        assert re.fullmatch("[A-Za-z0-9_-]{64}", lien)
        assert id_du_lien(lien) == UUID(int=42)

    def test_are_theirs_alone(self) -> None:
        lien = TROUSSEAU.lien(_jeton())
        assert TROUSSEAU.est_lien(_jeton(), lien)
        assert not any(TROUSSEAU.est_lien(autre, lien) for autre in AUTRES)

    def test_altered_anywhere_are_not_ours(self) -> None:
        lien = TROUSSEAU.lien(_jeton())
        assert not any(TROUSSEAU.est_lien(_jeton(), faux) for faux in _alterations(lien))

    def test_do_not_hold_the_code(self) -> None:
        assert TROUSSEAU.code(_jeton()) not in TROUSSEAU.lien(_jeton())


class TestSecrets:
    def test_are_read_back(self) -> None:
        secret = TROUSSEAU.secret_inscription(INSCRIPTION)
        assert re.fullmatch("[A-Za-z0-9_-]{64}", secret)
        assert TROUSSEAU.lire_secret(secret) == INSCRIPTION

    def test_altered_anywhere_are_not_ours(self) -> None:
        assert not any(TROUSSEAU.lire_secret(faux) for faux in _alterations(TROUSSEAU.secret_inscription(INSCRIPTION)))

    @pytest.mark.parametrize(
        "faux",
        ["", "A", "A" * 63, "A" * 64, "A" * 65, "A" * 68, "=" * 64, "!" * 64, "é" * 64, "A" * 62 + "==",
        "A" * 63 + "\n", "\x00" * 64,
         " " + "A" * 63, "+" * 64, "/" * 64, "٣" * 64, "\ud800" * 64, "A" * 1_000_000],
    )  # fmt: skip
    def test_of_another_make_are_no_secret_and_no_link(self, faux: str) -> None:
        assert TROUSSEAU.lire_secret(faux) is None
        assert faux == "A" * 64 or id_du_lien(faux) is None

    @given(st.text(max_size=80) | st.binary(min_size=48, max_size=48).map(lambda b: base64.urlsafe_b64encode(b).decode()))
    def test_nobody_makes_one_by_chance(self, faux: str) -> None:
        assert TROUSSEAU.lire_secret(faux) is None
        nomme = id_du_lien(faux)
        assert nomme is None or base64.urlsafe_b64decode(faux)[:16] == nomme.bytes

    def test_one_purpose_does_not_serve_another(self) -> None:
        jeton = structs.replace(_jeton(), id=INSCRIPTION)
        assert TROUSSEAU.lire_secret(TROUSSEAU.lien(jeton)) is None
        assert not TROUSSEAU.est_lien(jeton, TROUSSEAU.secret_inscription(INSCRIPTION))


SESSION, COMPTE, APPAREIL = UUID(int=11), UUID(int=12), UUID(int=13)


class TestRafraichissements:
    @given(st.uuids(), st.integers(0, 2**24 - 1))
    def test_name_their_session_and_their_rank(self, session: UUID, rang: int) -> None:
        jeton = TROUSSEAU.rafraichissement(session, rang)
        assert re.fullmatch("[A-Za-z0-9_-]{68}", jeton)
        assert TROUSSEAU.lire_rafraichissement(jeton) == (session, rang)

    def test_altered_anywhere_are_not_ours(self) -> None:
        jeton = TROUSSEAU.rafraichissement(SESSION, 7)
        assert not any(TROUSSEAU.lire_rafraichissement(faux) for faux in _alterations(jeton))

    def test_another_rank_or_another_session_is_another_token(self) -> None:
        jetons = {TROUSSEAU.rafraichissement(UUID(int=s), rang) for s in range(20) for rang in range(20)}
        assert len({jeton[-43:] for jeton in jetons}) == 400
        # Nobody makes the next one out of this one.
        octets = base64.urlsafe_b64decode(TROUSSEAU.rafraichissement(SESSION, 7))
        suivant = octets[:16] + (8).to_bytes(3) + octets[19:]
        assert TROUSSEAU.lire_rafraichissement(base64.urlsafe_b64encode(suivant).decode()) is None

    @given(st.text(max_size=80) | st.binary(min_size=51, max_size=51).map(lambda b: base64.urlsafe_b64encode(b).decode()))
    def test_nobody_makes_one_by_chance(self, faux: str) -> None:
        assert TROUSSEAU.lire_rafraichissement(faux) is None

    def test_what_is_stored_of_one_is_its_digest_and_finds_it_again(self) -> None:
        empreinte = empreinte_rafraichissement(TROUSSEAU.rafraichissement(SESSION, 7))
        assert empreinte == sha256(TROUSSEAU.rafraichissement(SESSION, 7).encode()).digest()
        assert TROUSSEAU.rafraichissement_donne(SESSION, 7, empreinte) == TROUSSEAU.rafraichissement(SESSION, 7)
        assert TROUSSEAU.rafraichissement_donne(SESSION, 8, empreinte) is None
        assert TROUSSEAU.rafraichissement_donne(UUID(int=0), 7, empreinte) is None

    def test_outlive_the_key_that_signs_as_long_as_theirs_is_held(self) -> None:
        ancien = AVANT.rafraichissement(SESSION, 7)
        assert ROTATION.rafraichissement(SESSION, 7) == TROUSSEAU.rafraichissement(SESSION, 7) != ancien
        assert ROTATION.lire_rafraichissement(ancien) == (SESSION, 7)
        # The answer that was lost is given again as it was, not under the new key.
        assert ROTATION.rafraichissement_donne(SESSION, 7, empreinte_rafraichissement(ancien)) == ancien
        assert TROUSSEAU.lire_rafraichissement(ancien) is None
        assert TROUSSEAU.rafraichissement_donne(SESSION, 7, empreinte_rafraichissement(ancien)) is None


class TestAppareils:
    def test_are_known_again_by_one_account_alone(self) -> None:
        jeton = TROUSSEAU.appareil(COMPTE, 3, APPAREIL)
        assert re.fullmatch("[A-Za-z0-9_-]{64}", jeton)
        assert TROUSSEAU.lire_appareil(COMPTE, 3, jeton) == APPAREIL
        assert TROUSSEAU.lire_appareil(UUID(int=99), 3, jeton) is None

    def test_are_strangers_again_once_the_password_has_changed(self) -> None:
        assert TROUSSEAU.lire_appareil(COMPTE, 4, TROUSSEAU.appareil(COMPTE, 3, APPAREIL)) is None

    def test_altered_anywhere_are_not_ours(self) -> None:
        jeton = TROUSSEAU.appareil(COMPTE, 3, APPAREIL)
        assert not any(TROUSSEAU.lire_appareil(COMPTE, 3, faux) for faux in _alterations(jeton))

    def test_are_accepted_under_the_former_key_and_not_under_a_retired_one(self) -> None:
        jeton = AVANT.appareil(COMPTE, 3, APPAREIL)
        assert ROTATION.lire_appareil(COMPTE, 3, jeton) == APPAREIL
        assert TROUSSEAU.lire_appareil(COMPTE, 3, jeton) is None


class TestDesinscriptions:
    def test_leave_the_lists_they_were_made_for_and_no_other(self) -> None:
        jeton = TROUSSEAU.desinscription(COMPTE, "email")
        assert TROUSSEAU.lire_desinscription(jeton, "email") == COMPTE
        for listes in ("toutes", "sms", "lettre_actualite", "", "emai", "email "):
            assert TROUSSEAU.lire_desinscription(jeton, listes) is None

    def test_of_another_account_are_another_token(self) -> None:
        octets = base64.urlsafe_b64decode(TROUSSEAU.desinscription(COMPTE, "email"))
        autre = base64.urlsafe_b64encode(UUID(int=99).bytes + octets[16:]).decode()
        assert TROUSSEAU.lire_desinscription(autre, "email") is None

    def test_altered_anywhere_are_not_ours(self) -> None:
        jeton = TROUSSEAU.desinscription(COMPTE, "email")
        assert not any(TROUSSEAU.lire_desinscription(faux, "email") for faux in _alterations(jeton))

    def test_are_accepted_under_the_former_key_and_not_under_a_retired_one(self) -> None:
        jeton = AVANT.desinscription(COMPTE, "toutes")
        assert ROTATION.lire_desinscription(jeton, "toutes") == COMPTE
        assert TROUSSEAU.lire_desinscription(jeton, "toutes") is None


def test_what_is_made_for_one_use_opens_no_other() -> None:
    """Every secret of 64 or 68 characters, made of the same id, tried at every door."""
    jeton = structs.replace(_jeton(), id=COMPTE)
    portes: dict[str, Callable[[str], object]] = {
        "secret": TROUSSEAU.lire_secret,
        "rafraichissement": TROUSSEAU.lire_rafraichissement,
        "appareil": lambda recu: TROUSSEAU.lire_appareil(COMPTE, 3, recu),
        "desinscription": lambda recu: TROUSSEAU.lire_desinscription(recu, "toutes"),
        "lien": lambda recu: TROUSSEAU.est_lien(jeton, recu),
    }
    cles = {
        "secret": TROUSSEAU.secret_inscription(COMPTE),
        "rafraichissement": TROUSSEAU.rafraichissement(COMPTE, 0),
        "appareil": TROUSSEAU.appareil(COMPTE, 3, COMPTE),
        "desinscription": TROUSSEAU.desinscription(COMPTE, "toutes"),
        "lien": TROUSSEAU.lien(jeton),
    }
    assert {(c, p) for c, cle in cles.items() for p, ouvre in portes.items() if ouvre(cle)} == {(n, n) for n in portes}


def test_the_seeds_of_the_signing_keys_are_one_a_key_in_their_order_and_one_a_use() -> None:
    assert ROTATION.graines("jws") == TROUSSEAU.graines("jws") + AVANT.graines("jws")
    assert len({*ROTATION.graines("jws"), *ROTATION.graines("autre")}) == 4
    assert {len(graine) for graine in ROTATION.graines("jws")} == {32}


class TestRotation:
    def test_the_first_key_signs(self) -> None:
        assert ROTATION.cle_id == "2026"
        assert ROTATION.secret_inscription(INSCRIPTION) == TROUSSEAU.secret_inscription(INSCRIPTION)

    def test_what_the_former_key_made_is_still_accepted(self) -> None:
        ancien = _jeton(cle=ANCIENNE)
        assert ROTATION.est_code(ancien, AVANT.code(ancien))
        assert ROTATION.est_lien(ancien, AVANT.lien(ancien))
        assert ROTATION.lire_secret(AVANT.secret_inscription(INSCRIPTION)) == INSCRIPTION

    def test_a_retired_key_opens_nothing(self) -> None:
        ancien = _jeton(cle=ANCIENNE)
        for derive in (TROUSSEAU.code, TROUSSEAU.lien):
            with pytest.raises(CleRetiree):
                derive(ancien)
        assert TROUSSEAU.lire_secret(AVANT.secret_inscription(INSCRIPTION)) is None

    def test_the_keys_make_different_secrets(self) -> None:
        renomme = _jeton(cle=ANCIENNE)
        assert AVANT.code(renomme) != TROUSSEAU.code(_jeton())
        assert AVANT.lien(renomme) != TROUSSEAU.lien(_jeton())


class TestEmpreintes:
    def test_stand_for_a_value_under_one_use_and_one_key(self) -> None:
        empreinte = TROUSSEAU.empreinte("adresse", "ines@exemple.fr")
        assert len(empreinte) == 32
        assert empreinte == TROUSSEAU.empreinte("adresse", b"ines@exemple.fr")
        autres = [
            TROUSSEAU.empreinte("corps", "ines@exemple.fr"),
            TROUSSEAU.empreinte("adresse", "ines@exemple.com"),
            AVANT.empreinte("adresse", "ines@exemple.fr"),
        ]
        assert empreinte not in autres


def test_a_key_does_not_print_its_bytes() -> None:
    assert repr(NOUVELLE) == "Cle('2026')"
    assert "nnnn" not in f"{[NOUVELLE]} {TROUSSEAU!r} {CleRetiree('2025')!r}"


def _alterations(secret: str) -> list[str]:
    return [secret[:i] + ("A" if c != "A" else "B") + secret[i + 1 :] for i, c in enumerate(secret)] + [
        secret[:-1], f"{secret}A", f"{secret}=", f" {secret}", secret.swapcase(), secret[::-1],
    ]  # fmt: skip
