"""Usernames: `prenom.nom` letter by letter, one canonical form, the names nobody may take."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import identifiant
from domain.identifiant import IdentifiantInvalide, base, canonique, designation, sans_numero, variantes, voisins
from tests.builders import des_outils

TRANSLITTERER = des_outils().formats.translitterer
TEXTES = st.text(max_size=90)
# Texts that have a fair chance of being canonical, or almost.
PRESQUE = st.text("abnoqu.-_019AÉ ", max_size=70) | st.from_regex(identifiant._FORME, fullmatch=True)

NOMS = [
    ("Jean", "Dupont", "jean.dupont"),
    ("Inès", "Le Goff", "ines.le-goff"),
    ("Lætitia", "Sœur", "laetitia.soeur"),
    ("Ylan", "ŒUVRARD", "ylan.oeuvrard"),
    ("Jean-François", "d’Arçon", "jean-francois.d-arcon"),
    ("Jean  Paul", "Martin", "jean-paul.martin"),
    ("Anne", "de La Tour du Pin", "anne.de-la-tour-du-pin"),
    ("Marie", "de l'Épine", "marie.de-l-epine"),
    ("Zoë", "O’Connor-D'Arc", "zoe.o-connor-d-arc"),
    ("Zoe", "OʼBrien", "zoe.o-brien"),
    ("ʻOlu", "Kamakawiwoʻole", "olu.kamakawiwo-ole"),
    ("Ÿ", "Ÿ", "y.y"),
    ("JOSÉ", "ÉTIENNE", "jose.etienne"),
    ("Noël", "Nuñez", "noel.nunez"),
    ("Mª José", "García", "ma-jose.garcia"),
    ("Gal·la", "Puig", "gal-la.puig"),
    ("João", "Conceição", "joao.conceicao"),
    ("Thị Hương", "Nguyễn", "thi-huong.nguyen"),
    ("Ngọc", "Đặng", "ngoc.dang"),
    ("Groß", "Weiß", "gross.weiss"),
    ("STRAẞE", "Müller", "strasse.muller"),
    ("Łukasz", "Wałęsa", "lukasz.walesa"),
    ("Đorđe", "Žižić", "dorde.zizic"),
    ("Søren", "Ørsted", "soren.orsted"),
    ("Åsa", "Ångström", "asa.angstrom"),
    ("Þóra", "Guðmundsdóttir", "thora.gudmundsdottir"),
    ("Ægir", "Ǽ", "aegir.ae"),
    ("İbrahim", "Işık", "ibrahim.isik"),
    ("Aysel", "Əliyeva", "aysel.eliyeva"),
    ("Ħamza", "Għarb", "hamza.gharb"),
    ("Ștefan", "Țepeș", "stefan.tepes"),
    ("Řehoř", "Dvořák", "rehor.dvorak"),
    ("Ģirts", "Ķestutis", "girts.kestutis"),
    ("Ĳsbrand", "van ’t Hoff", "ijsbrand.van-t-hoff"),
    ("Ɛdem", "Kɔfi", "edem.kofi"),
    ("Ŋarra", "Ɖogbé", "narra.dogbe"),
    ("Ｊｅａｎ", "Ｄｕｐｏｎｔ", "jean.dupont"),
    # One letter each: short, and still a name of one's own.
    ("X", "Æ", "x.ae"),
    ("A", "B", "a.b"),
    # Mononyms.
    (None, "Suharto", "suharto"),
    ("", "Suharto", "suharto"),
    (None, "X", "usager.x"),
    (None, "Li", "usager.li"),
    # Other scripts go through the transliteration, a syllable or a vowel sign at a time.
    ("Σίσυφος", "ΠΑΠΑΔΌΠΟΥΛΟΣ", "sisyfos.papadopoylos"),
    ("Иван", "Ильин", "ivan.ilin"),
    ("Юлия", "Щербакова", "yuliya.shcherbakova"),
    ("小明", "李", "xiaoming.li"),
    ("민수", "김", "minsu.gim"),
    ("ガク", "ヤマダ", "gaku.yamada"),
    ("ゆうた", "さとう", "yuuta.satou"),
    ("গীতা", "রহমান", "gita.rhman"),
    ("सीता", "राम", "sita.ram"),
    ("محمد", "السيد", "mhmd.lsyd"),
    ("גיל", "כהן", "gyl.khhn"),
    ("Արամ", "Խաչատրյան", "aram.khachatryan"),
    ("გიორგი", "ბერიძე", "giorgi.beridze"),
    # No letter at all.
    ("😀", "🎉", "usager.portail"),
    (None, "", "usager.portail"),
    ("--", "'", "usager.portail"),
    # Reserved as it stands, a person's all the same.
    (None, "Admin", "usager.admin"),
    ("Ad", "Min", "usager.ad.min"),
    ("Service", "Public", "usager.service.public"),
    ("Jean", "Connard", "usager.portail"),
    # Words that hold an offensive one, and do not offend.
    ("Dominique", "Tardieu", "dominique.tardieu"),
    ("Monique", "Lambert", "monique.lambert"),
    ("Ignazio", "Nazir", "ignazio.nazir"),
    ("Falcon", "Nardini", "falcon.nardini"),
    ("Agent", "Maire", "agent.maire"),
    ("Null", "Undefined", "null.undefined"),
    # Names that people bear, and that stand before or in those of administrations.
    ("Jean", "Mairie", "jean.mairie"),
    ("France", "Justice", "france.justice"),
    ("Justice", "Santé", "justice.sante"),
    ("Améli", "Prefet", "ameli.prefet"),
    ("Marie", "Police", "marie.police"),
    ("Paul", "Contact", "paul.contact"),
    ("Jean", "Urssaf", "usager.portail"),
]


@pytest.mark.parametrize(("prenom", "nom", "attendu"), NOMS)
def test_names_give_their_letter_true_identifiant(prenom: str | None, nom: str, attendu: str) -> None:
    assert base(prenom, nom, TRANSLITTERER) == attendu


@pytest.mark.parametrize(("prenom", "nom", "attendu"), NOMS)
def test_composed_and_decomposed_names_give_the_same_identifiant(prenom: str | None, nom: str, attendu: str) -> None:
    def decompose(texte: str | None) -> str:
        return unicodedata.normalize("NFD", texte or "")

    assert base(decompose(prenom), decompose(nom), TRANSLITTERER) == attendu


def test_the_latin_alphabet_needs_no_transliteration() -> None:
    def aucune(_: str) -> str:
        raise AssertionError

    assert base("Lætitia-Đặng", "Sœur-Ørsted Wałęsa Weiß", aucune) == "laetitia-dang.soeur-orsted-walesa-weiss"


@pytest.mark.parametrize(
    ("prenom", "nom", "attendu"),
    [
        ("A" * 80, "B" * 80, "a" * 27 + "." + "b" * 28),
        ("Marie " * 13, "Dupont", "marie-marie-marie-marie-marie-marie-marie-marie-m.dupont"),
        ("Ana", "B" * 80, "ana." + "b" * 52),
        ("A-" * 40, "B" * 80, "a-" * 13 + "a." + "b" * 28),
        (None, "C" * 80, "c" * 55),
    ],
)
def test_long_names_are_cut_so_that_both_remain(prenom: str | None, nom: str, attendu: str) -> None:
    assert base(prenom, nom, TRANSLITTERER) == attendu


@given(TEXTES, TEXTES, st.integers(2, 9_999_999))
def test_whatever_the_names_their_identifiant_is_canonical_and_so_is_any_homonym(prenom: str, nom: str, numero: int) -> None:
    obtenu = base(prenom, nom, TRANSLITTERER)
    assert canonique(obtenu) == obtenu
    assert len(obtenu) <= identifiant.LONGUEUR_BASE
    assert canonique(f"{obtenu}{numero}") == f"{obtenu}{numero}"


@given(TEXTES, TEXTES)
def test_variants_are_canonical_distinct_and_not_the_first_choice(prenom: str, nom: str) -> None:
    proposes = list(variantes(prenom, nom, TRANSLITTERER))
    assert len({base(prenom, nom, TRANSLITTERER), *proposes}) == len(proposes) + 1
    assert all(canonique(v) == v and len(v) <= identifiant.LONGUEUR_BASE for v in proposes)


@pytest.mark.parametrize(
    ("prenom", "nom", "attendus"),
    [
        ("Inès", "Le Goff", ["i.le-goff", "le-goff.ines", "ines-le-goff", "ines.l"]),
        (None, "Suharto", ["suharto.perso", "suharto-perso"]),
        (None, "X", ["x.perso", "x-perso"]),
        (None, "😀", []),
    ],
)
def test_variants_come_from_the_same_names_the_most_natural_first(prenom: str | None, nom: str, attendus: list[str]) -> None:
    assert list(variantes(prenom, nom, TRANSLITTERER)) == attendus


@pytest.mark.parametrize(
    "saisie", ["jean.dupont", "a.b", "a-b_c.d", "r2d2", "x" * 64, "le-goff.ines75", "dominique", "1a2", "null.x"]
)
def test_a_canonical_identifiant_stays_as_it_is(saisie: str) -> None:
    assert canonique(saisie) == saisie


def test_capitals_are_folded() -> None:
    assert canonique("Jean.DUPONT") == "jean.dupont"


@pytest.mark.parametrize(
    "saisie",
    [
        "", "-", "ab", "x" * 65, "a..b", ".ab", "ab.", "a.-b", "a__b", "-abc", "jean dupont", "jean.dupont\n",
        "jean.dupont ", "\tjean",
        "jean.dupont%00", "jean\x00dupont", "../x", "jean/dupont", "jean+x", "jean,dupont", "jean@x.fr", "victim@x.fr",
        # Folds of another alphabet into ours: Kelvin sign, dotted I, full width, ligature, decomposed, zero-width, soft hyphen.
        "\u212aelvin", "İbrahim", "ıbrahim", "ｊean", "ﬁona", "zoé", "zoe\u0301", "jean\u200bdupont",
        "jean\u00addupont", "jean․dupont",
        # Telephone numbers and other figures, Arabic and full-width digits.
        "0612345678", "06.12.34.56.78", "06-12-34-56-78", "06_12_34_56_78", "33612345678", "+33612345678", "12345", "123",
        "73282932000074", "١٢٣٤٥٦", "１２３４５６", "jean١",
    ],
)  # fmt: skip
def test_what_has_not_the_form_of_an_identifiant_is_refused(saisie: str) -> None:
    with pytest.raises(IdentifiantInvalide) as refus:
        canonique(saisie)
    assert refus.value.motif == "invalide"


@pytest.mark.parametrize(
    "saisie",
    [
        "admin", "ADMIN", "ad.min", "a-d-m-i-n", "a.d_m-in", "admin1", "ad.min.2026", "root", "support", "postmaster", "agent",
        "ministere", "france-connect", "franceconnect", "service.public", "no-reply", "ne-pas-repondre", "comptoir", "portail",
        "usager", "usager75", "mairie", "www",
        # With something around.
        "impots.gouv.fr", "service-public.fr", "urssaf.fr", "mairie-de-paris", "prefecture.police", "support-comptoir",
        "ameli.fr", "www.ines", "ines.urssaf", "urssaf75", "contact-impots2", "police.nationale", "mairie.paris",
        "france-connect.aide",
        "connard", "c.o.n.n.a.r.d", "jean.connard", "supercOnnard", "nazi", "n-a-z-i", "nazi88", "nique.ta-mere", "jean.putain",
    ],
)  # fmt: skip
def test_reserved_and_offensive_names_are_refused_separators_removed(saisie: str) -> None:
    with pytest.raises(IdentifiantInvalide) as refus:
        canonique(saisie)
    assert refus.value.motif == "reserve"


@given(TEXTES | PRESQUE)
def test_the_canonical_form_is_idempotent_and_keeps_its_promises(saisie: str) -> None:
    try:
        obtenu = canonique(saisie)
    except IdentifiantInvalide:
        return
    assert canonique(obtenu) == obtenu == saisie.lower()
    assert canonique(saisie.upper()) == obtenu
    assert obtenu.isascii()
    assert 3 <= len(obtenu) <= 64
    assert any(c.isalpha() for c in obtenu)


@pytest.mark.parametrize(
    ("choisi", "attendu"),
    [
        ("jean.martin", "jean.martin"),
        ("jean.martin75", "jean.martin"),
        ("jean.martin.75", "jean.martin"),
        ("jean.martin_007", "jean.martin"),
        ("r2d2", "r2d"),
        ("ab12", "ab12"),
        ("1a2", "1a2"),
        ("usager.portail3", "usager.portail"),
        ("x" * 63 + "7", "x" * 56),
        ("x" * 55 + ".yyyyyyy", "x" * 55),
        ("1" * 60 + "a", "usager.portail"),
    ],
)
def test_a_chosen_identifiant_is_a_homonym_of_its_name_without_number(choisi: str, attendu: str) -> None:
    assert sans_numero(choisi) == attendu


@given(PRESQUE, st.integers(2, 9_999_999))
def test_the_base_of_any_identifiant_can_be_numbered(saisie: str, numero: int) -> None:
    try:
        obtenu = sans_numero(canonique(saisie))
    except IdentifiantInvalide:
        return
    assert canonique(f"{obtenu}{numero}") == f"{obtenu}{numero}"
    assert obtenu[-1].isdigit() or sans_numero(f"{obtenu}{numero}") == obtenu


@pytest.mark.parametrize(
    ("pris", "attendus"),
    [
        ("ines.dupont", ["ines.dupont", "dupont.ines", "ines-dupont", "ines_dupont"]),
        ("jean.martin75", ["jean.martin", "martin.jean", "jean-martin", "jean_martin"]),
        ("suharto", ["suharto"]),
    ],
)
def test_neighbours_of_a_taken_name_begin_with_its_own_series(pris: str, attendus: list[str]) -> None:
    assert list(voisins(pris)) == attendus


@pytest.mark.parametrize(
    ("saisie", "designe"),
    [
        ("INES.Dupont", "ines.dupont"),
        ("Ines@Exemple.FR", "ines@exemple.fr"),
        ("ines@exämple.fr", "ines@xn--exmple-cua.fr"),
        # What can name nobody: no address, or letters that no identifiant has.
        ("@@exemple", ""),
        ("inès@exemple.fr", ""),
        ("inès.dupont", ""),
        # A full-width @ is none.
        ("ines＠exemple.fr", ""),
    ],
)
def test_what_is_typed_to_name_an_account_is_folded_one_way(saisie: str, designe: str) -> None:
    assert designation(saisie, des_outils().formats) == designe
