"""Which identity provider suits a person: all the conditions met, on that day; every fact with its source and its date."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from msgspec import structs

from app.simulateur.regles import FRANCECONNECT
from domain.fiches import FICHES, Fiche
from domain.formulaire import lire
from domain.fournisseurs import CONDITIONS, PRECONDITION, SANS_NIR, Conseils, DemandeConseils, Reponses, conseiller, proposees
from tests.builders import AUJOURDHUI, des_outils

AVANT_2021 = date(2020, 12, 31)
CONNUES = [fiche for fiche in FICHES if fiche.conditions is not None]
# The table that people are handed: every box ticked by yes, and one may choose this provider.
TABLEAU = {
    "impots": {"numero_fiscal", "revenu_fiscal_reference", "numero_acces_en_ligne"},
    "ameli": {"numero_securite_sociale", "carte_vitale", "coordonnees_bancaires"},
    "la_poste": {"piece_identite_francaise", "verification_piece", "smartphone"},
    "mobile_connect": {"abonnement_orange_sosh", "piece_identite", "smartphone"},
    "msa": {"affiliation_msa"},
}
PAR_CODE = {fiche.code: fiche for fiche in FICHES}


def des_reponses(*oui: str, non: tuple[str, ...] = ()) -> Reponses:
    return Reponses(**dict.fromkeys(oui, True), **dict.fromkeys(non, False))


def un_jour(fiche: Fiche) -> date:
    """A day when it is offered: the last one, or today."""
    return fiche.jusqu_a or AUJOURDHUI


def conseilles(conseils: Conseils) -> set[str]:
    return {fiche.code for fiche in conseils.conseilles}


def test_the_table_handed_to_people_is_the_one_applied_but_for_what_la_poste_added() -> None:
    for code, cases in TABLEAU.items():
        ajoutees = {"nationalite_francaise", "majeur"} if code == "la_poste" else set()
        assert set(PAR_CODE[code].conditions or ()) == cases | ajoutees, code


@pytest.mark.parametrize("fiche", CONNUES, ids=lambda f: f.code)
def test_all_the_boxes_ticked_by_yes_and_that_provider_is_advised(fiche: Fiche) -> None:
    assert fiche.conditions
    conseils = conseiller(des_reponses(PRECONDITION, *fiche.conditions), un_jour(fiche))
    assert fiche.code in conseilles(conseils)
    assert fiche not in [e.fiche for e in conseils.possibles]


@pytest.mark.parametrize("fiche", CONNUES, ids=lambda f: f.code)
def test_one_box_ticked_by_no_or_left_empty_and_it_is_not_advised_but_told_with_that_box(fiche: Fiche) -> None:
    toutes = (PRECONDITION, *(fiche.conditions or ()))
    for case in toutes:
        autres = tuple(c for c in toutes if c != case)
        vide = conseiller(des_reponses(*autres), un_jour(fiche))
        [examen] = [e for e in vide.possibles if e.fiche is fiche]
        assert (examen.manquent, examen.a_preciser) == ((), (case,))
        assert fiche.code not in conseilles(vide)
        if case != PRECONDITION:
            refusee = conseiller(des_reponses(*autres, non=(case,)), un_jour(fiche))
            [examen] = [e for e in refusee.possibles if e.fiche is fiche]
            assert (examen.manquent, examen.a_preciser) == ((case,), ())
            assert fiche.code not in conseilles(refusee)


def test_whom_franceconnect_cannot_know_is_advised_nobody_but_the_local_sign_up() -> None:
    conseils = conseiller(des_reponses(*CONDITIONS.keys() - {PRECONDITION}, non=(PRECONDITION,)), AUJOURDHUI)
    assert (conseils.conseilles, conseils.sans_franceconnect) == ((), SANS_NIR)
    # What keeps each away is told all the same: that, and nothing else.
    assert {e.fiche for e in conseils.possibles} == set(proposees(AUJOURDHUI))
    assert {(e.manquent, e.a_preciser) for e in conseils.possibles} == {((PRECONDITION,), ())}


def test_without_any_answer_nobody_is_advised_and_everybody_offered_is_told() -> None:
    conseils = conseiller(Reponses(), AUJOURDHUI)
    assert conseils.conseilles == ()
    assert {e.fiche for e in conseils.possibles} == set(proposees(AUJOURDHUI))
    assert conseils.sans_franceconnect != SANS_NIR


def test_everything_answered_by_yes_leaves_aside_only_what_nobody_knows_and_what_has_ended() -> None:
    conseils = conseiller(des_reponses(*CONDITIONS), AUJOURDHUI)
    offertes = proposees(AUJOURDHUI)
    assert set(conseils.conseilles) == {f for f in offertes if f.conditions is not None}
    assert (
        {e.fiche for e in conseils.possibles}
        == {f for f in offertes if f.conditions is None}
        == {PAR_CODE["trustme"], PAR_CODE["yris"]}
    )


def test_the_nearest_comes_first() -> None:
    reponses = des_reponses(PRECONDITION, "numero_fiscal", "revenu_fiscal_reference", "carte_vitale", non=("affiliation_msa",))
    codes = [e.fiche.code for e in conseiller(reponses, AUJOURDHUI).possibles]
    # One box to tell, then two, …, then one that is a no, then those of which nothing is known.
    assert (codes.index("impots"), codes[-3:]) == (0, ["msa", "trustme", "yris"])
    assert codes.index("ameli") < codes.index("la_poste")


@pytest.mark.parametrize("fiche", FICHES, ids=lambda f: f.code)
def test_a_provider_is_offered_from_its_first_day_to_its_last_both_included(fiche: Fiche) -> None:
    veille, un = fiche.depuis - timedelta(days=1), timedelta(days=1)
    assert (fiche in proposees(veille), fiche in proposees(fiche.depuis)) == (False, True)
    if fiche.jusqu_a:
        assert fiche.depuis < fiche.jusqu_a
        assert (fiche in proposees(fiche.jusqu_a), fiche in proposees(fiche.jusqu_a + un)) == (True, False)
    else:
        assert fiche in proposees(date.max)


def test_what_has_ended_was_advised_then_and_is_not_any_more() -> None:
    reponses = des_reponses(*CONDITIONS)
    assert {"mobile_connect", "alicem"} <= conseilles(conseiller(reponses, AVANT_2021))
    assert not {"mobile_connect", "alicem", "yris"} & conseilles(conseiller(reponses, AUJOURDHUI))
    assert "france_identite" not in conseilles(conseiller(reponses, AVANT_2021))
    assert {f.code for f in proposees(AUJOURDHUI)} == {
        "impots", "ameli", "la_poste", "msa", "france_identite", "trustme", "yris", "aidants_connect"
    }  # fmt: skip
    # The very days that texts and lists give.
    assert PAR_CODE["alicem"].jusqu_a == date(2022, 4, 27)


def test_the_simulator_offers_the_same_ones() -> None:
    assert {idp.nom for idp in FRANCECONNECT.fournisseurs.values()} == {
        {"ameli": "Ameli.fr"}.get(f.code, f.nom) for f in proposees(AUJOURDHUI)
    }


def test_every_provider_has_its_sources_and_the_day_until_which_they_hold() -> None:
    for fiche in FICHES:
        assert fiche.sources, fiche.code
        assert all(source.titre and source.reference for source in fiche.sources), fiche.code
        assert fiche.depuis <= fiche.verifie_le <= AUJOURDHUI, fiche.code
        # An end that no source tells of would be a guess.
        assert fiche.jusqu_a is None or fiche.remarque, fiche.code
    assert len(PAR_CODE) == len(FICHES)


def test_every_condition_is_asked_by_somebody_and_every_sentence_is_in_both_languages() -> None:
    assert {code for fiche in FICHES for code in fiche.conditions or ()} | {PRECONDITION} == CONDITIONS.keys()
    textes = [*CONDITIONS.values(), *(f.obtention for f in FICHES), *(f.remarque for f in FICHES if f.remarque)]
    assert all(texte.fr and texte.en and texte.fr != texte.en for texte in textes)
    # Ending by a full stop or not alike, so that a translation is not half a sentence.
    assert all(texte.fr.endswith(".") is texte.en.endswith(".") for texte in textes)


def test_only_two_providers_reach_the_higher_level_and_helpers_are_no_account_of_ones_own() -> None:
    assert {f.code for f in FICHES if "franceconnect_plus" in f.niveaux} == {"la_poste", "france_identite"}
    assert {f.code for f in FICHES if f.genre == "aidant"} == {"aidants_connect"}


def test_the_answers_are_the_very_conditions_and_never_printed() -> None:
    assert {champ.name for champ in structs.fields(Reponses)} == CONDITIONS.keys()
    demande = lire({"reponses": {PRECONDITION: False, "majeur": None}}, DemandeConseils, des_outils())
    assert (demande.reponses.nir_1_ou_2, demande.reponses.majeur, demande.reponses.smartphone) == (False, None, None)
    assert (repr(demande), repr(demande.reponses)) == ("DemandeConseils(…)", "Reponses(…)")
