"""The house as it is drawn: who may import whom, no code without its text, no door without its keeper, nothing unused."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from msgspec import UNSET, UnsetType, structs

from app.composition import litestar
from app.http import textes
from app.http.acces import Acces
from app.http.problemes import STATUTS
from app.settings import Settings
from domain.activite import Nature
from domain.erreurs import AvecReprise, Refus
from domain.modification import ModificationMoi
from domain.profils import Profil
from tests.openapi import operations

RACINE = Path(__file__).parents[1]
UNIONS = (Union, UnionType)
NOTRES = [f for etage in ("domain", "app", "adapters") for f in sorted((RACINE / etage).rglob("*.py"))]


def nos_arbres(*etages: str) -> Iterator[tuple[str, ast.Module]]:
    for fichier in NOTRES:
        nom = str(fichier.relative_to(RACINE))
        if nom.startswith(etages):
            yield nom, ast.parse(fichier.read_text(encoding="utf-8"))


def familles(classe: type[Refus] = Refus) -> set[type[Refus]]:
    """Every refusal, bases apart."""
    filles = set().union(*map(familles, classe.__subclasses__()))
    return filles | ({classe} - {Refus, AvecReprise})


def test_the_floors_import_only_downwards() -> None:
    # In a process of its own: it configures the logs of the one where it runs.
    programme = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    constat = subprocess.run([sys.executable, "-c", programme], cwd=RACINE, capture_output=True, text=True, check=False)
    assert constat.returncode == 0, constat.stdout


def test_the_folder_of_migrations_does_not_shadow_the_library() -> None:
    import alembic

    assert not (RACINE / "alembic" / "__init__.py").exists()
    assert "site-packages" in str(alembic.__file__)


def test_every_refusal_has_one_status_and_its_texts_and_no_text_is_orphan() -> None:
    codes = [famille.code for famille in familles()]
    assert familles() == STATUTS.keys()
    assert len(set(codes)) == len(codes)
    assert textes.PROBLEMES.keys() == set(codes)
    for texte in textes.PROBLEMES.values():
        assert texte.keys() == {"titre", "detail"}
        assert all(len(langues) == 2 and all(langues) for langues in texte.values())


def test_every_operation_has_its_texts_and_no_text_is_orphan() -> None:
    assert textes.OPERATIONS.keys() - {"document"} == {o["operationId"] for *_, o in operations()}
    for texte in textes.OPERATIONS.values():
        assert all(len(langues) == 2 and all(langues) and langues[0] != langues[1] for langues in texte.values())


def test_every_code_of_a_field_has_its_text_and_no_text_is_orphan() -> None:
    dits = {code for _, arbre in nos_arbres("domain", "app/usecases", "adapters/formats") for code in _codes_de_champ(arbre)}
    dits |= {f"identifiant_{motif}" for motif in _motifs_d_identifiant()}
    dits |= {f"mot_de_passe_{regle}" for regle in textes.REGLES}
    assert dits == textes.CHAMPS.keys()
    assert all(len(langues) == 2 and all(langues) for langues in (*textes.CHAMPS.values(), *textes.REGLES.values()))


def _codes_de_champ(arbre: ast.Module) -> Iterator[str]:
    """The codes written in the calls that make a fault, or a rule that makes one."""
    places = {"ErreurChamp": (), "ValeurInvalide": (0,), "_selon": (1,), "_Attendu": (1,)}
    for appel in (n for n in ast.walk(arbre) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)):
        assert isinstance(appel.func, ast.Name)
        if appel.func.id not in places:
            continue
        donnes = [appel.args[i] for i in places[appel.func.id]] + [m.value for m in appel.keywords if m.arg == "code"]
        for donne in donnes:
            for constante in ast.walk(donne):
                # The constants of an f-string are pieces of a code.
                if (
                    isinstance(constante, ast.Constant)
                    and isinstance(constante.value, str)
                    and not isinstance(donne, ast.JoinedStr)
                ):
                    yield constante.value


def _motifs_d_identifiant() -> set[str]:
    [(_, arbre)] = nos_arbres("domain/identifiant.py")
    appels = [n for n in ast.walk(arbre) if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "IdentifiantInvalide"]
    return {str(c.value) for appel in appels for c in ast.walk(appel) if isinstance(c, ast.Constant)}


def test_every_method_of_a_port_has_a_caller() -> None:
    appelees = {
        noeud.attr
        for _, arbre in nos_arbres("domain", "app")
        for noeud in ast.walk(arbre)
        if isinstance(noeud, ast.Attribute) and isinstance(noeud.ctx, ast.Load)
    }
    promises = {
        f"{classe.name}.{methode.name}"
        for _, arbre in nos_arbres("domain")
        for classe in arbre.body
        if isinstance(classe, ast.ClassDef) and any(getattr(base, "id", "") == "Protocol" for base in classe.bases)
        for methode in classe.body
        if isinstance(methode, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert len(promises) > 120
    assert {p for p in promises if p.partition(".")[2] not in appelees} == set()


def test_every_activity_has_its_text_and_no_text_is_orphan() -> None:
    assert textes.ACTIVITES.keys() == set(get_args(Nature))
    assert all(len(langues) == 2 and all(langues) and langues[0] != langues[1] for langues in textes.ACTIVITES.values())


def test_every_activity_is_written_somewhere() -> None:
    sources = "".join(f.read_text(encoding="utf-8") for f in NOTRES if f.name != "activite.py")
    assert {nature for nature in get_args(Nature) if f'"{nature}"' not in sources and f"'{nature}'" not in sources} == set()


def test_nothing_goes_round_the_door() -> None:
    """One that had a `before_request` of its own, a handler or its router, would not be kept by the application's."""
    for chemin, gestionnaire in les_portes():
        assert gestionnaire.resolve_before_request().__qualname__ == "_avant", chemin


def les_portes() -> Iterator[tuple[str, Any]]:
    """Path and handler of every route of ours."""
    app = litestar(Settings(database_url="postgresql://", secret_keys="a:" + "A" * 43 + "="))
    for route in app.routes:
        for gestionnaire in getattr(route, "route_handlers", ()):
            # The framework's own, which declare nothing: closed, and OPTIONS, which runs no handler of ours.
            if gestionnaire.opt.get("acces") is None:
                assert route.path.startswith("/_openapi") or gestionnaire.http_methods == {"OPTIONS"}
            else:
                yield route.path, gestionnaire


def test_every_door_says_who_may_pass() -> None:
    portes = [(chemin, gestionnaire.opt["acces"]) for chemin, gestionnaire in les_portes()]
    assert len(portes) > 60
    for chemin, acces in portes:
        assert acces in get_args(Acces)
        assert (acces == "inscription") is chemin.startswith("/v1/inscriptions/{id:uuid}"), chemin
        # Nothing of one's own is at a public address.
        assert not (
            acces in ("public", "facultatif") and chemin.startswith(("/v1/moi", "/v1/sessions/{", "/v1/sessions/courante"))
        ), chemin


def test_the_document_asks_at_each_door_for_what_the_door_asks_for() -> None:
    schemas: dict[str, Any] = {
        "public": [], "inscription": [{"secretInscription": []}], "session": [{"jetonAcces": []}],
        "facultatif": [{"jetonAcces": []}, {}],
    }  # fmt: skip
    dites = {operation["operationId"]: operation["security"] for *_, operation in operations()}
    assert dites == {g.operation_id: schemas[g.opt["acces"]] for _, g in les_portes() if g.operation_id}


# Who adds a door that asks for nothing adds it here, and says why it may stand open (R73).
PUBLIQUES = {
    # What the form needs before anybody is known.
    "lireConfiguration", "listerProfils", "lireProfil", "listerDocuments", "lireDocument", "lireVersionDocument",
    "proposerIdentifiant", "lireDisponibilite", "evaluerMotDePasse", "controlerInscription", "inscrire",
    # Asked before one has an account; the answers given are not kept.
    "listerFournisseurs", "conseillerFournisseur",
    # Their body bears the proof: a password, a refresh token, a link's token.
    "ouvrirSession", "rafraichirSession", "suivreLien", "reinitialiserMotDePasse", "annuler", "repondreAccordParental",
    "seDesinscrire",
    # Leaving for an identity provider; coming back, with the verifier that the caller alone holds.
    "autoriserPassage", "echangerCode",
    # A sign-up that is given up has no session, but what its identity left.
    "deconnecterPartout",
    # The same answer for everybody.
    "recupererMotDePasse", "recupererIdentifiant",
    # Nobody's in particular.
    "clesPubliques", "vivant", "pret",
}  # fmt: skip
PAGES = {
    "/openapi.json", "/docs", "/docs/{nom:str}", "/erreurs", "/erreurs/{code:str}", "/activation", "/mot-de-passe",
    "/annulation", "/accord-parental", "/desinscription/{listes:str}/{jeton:str}", "/dev/messages",
    "/dev/franceconnect", "/v1/franceconnect/retour",
}  # fmt: skip


def test_the_doors_that_ask_for_nothing_are_these_and_no_other() -> None:
    ouvertes = [(chemin, g.operation_id) for chemin, g in les_portes() if g.opt["acces"] in ("public", "facultatif")]
    assert {nom for _, nom in ouvertes if nom} == PUBLIQUES
    assert {chemin for chemin, nom in ouvertes if not nom} == PAGES


def test_a_change_of_profile_has_the_very_fields_of_the_profile_all_of_them_optional() -> None:
    profils = {p.__struct_config__.tag: p for p in get_args(Profil)}
    modifies = {p.__struct_config__.tag: p for p in get_args(get_type_hints(ModificationMoi)["profil"]) if p is not UnsetType}
    assert modifies.keys() == profils.keys()
    for nom, partiel in modifies.items():
        profil = profils[nom]
        entiers, partiels = get_type_hints(profil, include_extras=True), get_type_hints(partiel, include_extras=True)
        assert {nom: {*get_args(t)} for nom, t in partiels.items()} == {
            nom: {*(get_args(t) if get_origin(t) in UNIONS else (t,)), UnsetType} for nom, t in entiers.items()
        }
        assert all(champ.default is UNSET for champ in structs.fields(partiel))


def test_neither_the_domain_nor_the_use_cases_read_a_clock_or_throw_dice() -> None:
    interdits = {"now", "today", "utcnow", "uuid4", "token_bytes", "token_urlsafe", "randbelow", "urandom", "getrandbits"}
    for nom, arbre in nos_arbres("domain", "app/usecases"):
        pris = {getattr(n, "attr", getattr(n, "id", "")) for n in ast.walk(arbre) if isinstance(n, ast.Attribute | ast.Name)}
        assert not pris & interdits, nom


def test_no_module_outgrows_three_hundred_lines() -> None:
    lignes = {str(f.relative_to(RACINE)): f.read_text(encoding="utf-8").splitlines() for f in NOTRES}
    assert {nom for nom, lues in lignes.items() if sum(map(bool, lues)) > 300} == set()
