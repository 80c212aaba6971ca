"""How hard a password is to guess, by zxcvbn (its Rust port: some 0.1 ms; it holds the interpreter meanwhile)."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from zxcvbn_rs_py import zxcvbn

from domain.outils import Estimateur

# The letters that zxcvbn reads in several signs: it goes through the text once for each way to choose one sign a letter.
_SIGNES = ("4@", "({[<", "69", "1!|", "1|7", "$5", "+7")
# Beyond this many ways, the signs of one letter are made one, digits left alone for the dates they make: the words that the
# text hides are still found, in this many ways at most. Ordinary passwords have two or three.
_LECTURES_MAX = 16
_UN_SIGNE_PAR_LETTRE = str.maketrans("@{[<|$", "4(((15")


class ZxcvbnEstimateur(Estimateur):
    def log10_essais(self, mot_de_passe: str, mots: Sequence[str]) -> float:
        if _lectures(mot_de_passe) > _LECTURES_MAX:
            mot_de_passe = mot_de_passe.translate(_UN_SIGNE_PAR_LETTRE)
        return float(zxcvbn(mot_de_passe, list(mots)).guesses_log10)


def _lectures(texte: str) -> int:
    presents = set(texte)
    return prod(max(1, len(presents.intersection(signes))) for signes in _SIGNES)
