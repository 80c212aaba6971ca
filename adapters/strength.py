"""How hard a password is to guess, by zxcvbn (its Rust port: some 0.1 ms, and bounded on any text)."""

from __future__ import annotations

from collections.abc import Sequence

from zxcvbn_rs_py import zxcvbn

from domain.outils import Estimateur


class ZxcvbnEstimateur(Estimateur):
    def log10_essais(self, mot_de_passe: str, mots: Sequence[str]) -> float:
        return float(zxcvbn(mot_de_passe, list(mots)).guesses_log10)
