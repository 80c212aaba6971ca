"""The house as it is drawn: who may import whom, no code without its text, no door without its keeper, nothing unused."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.composition import litestar
from app.http import textes
from app.http.problemes import STATUTS
from app.settings import Settings
from domain.erreurs import AvecReprise, Refus
from tests.openapi import operations

RACINE = Path(__file__).parents[1]
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


def test_the_floors_import_only_downwards(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlinter.cli import lint_imports

    monkeypatch.chdir(RACINE)
    assert lint_imports(no_cache=True, no_logo=True) == 0


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
    dits = {code for _, arbre in nos_arbres("domain", "adapters/formats") for code in _codes_de_champ(arbre)}
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
    return {c.value for appel in appels for c in ast.walk(appel) if isinstance(c, ast.Constant)}


def test_every_method_of_a_port_has_a_caller() -> None:
    appelees = {
        noeud.attr
        for _, arbre in nos_arbres("domain", "app")
        for noeud in ast.walk(arbre)
        if isinstance(noeud, ast.Attribute) and isinstance(noeud.ctx, ast.Load)
    }
    promises = {
        f"{classe.name}.{methode.name}"
        for _, arbre in nos_arbres("domain/ports.py", "domain/outils.py")
        for classe in arbre.body
        if isinstance(classe, ast.ClassDef) and any(getattr(base, "id", "") == "Protocol" for base in classe.bases)
        for methode in classe.body
        if isinstance(methode, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert len(promises) > 40
    assert {p for p in promises if p.partition(".")[2] not in appelees} == set()


def test_every_door_says_who_may_pass() -> None:
    app = litestar(Settings(database_url="postgresql://", secret_keys="a:" + "A" * 44))
    gestionnaires: list[Any] = [h for route in app.routes for h in getattr(route, "route_handlers", ())]
    for gestionnaire in gestionnaires:
        # OPTIONS is the framework's own.
        if gestionnaire.http_methods != {"OPTIONS"}:
            assert gestionnaire.opt.get("acces") in ("public", "inscription"), gestionnaire.paths
            tenue = any("/inscriptions/{id:" in chemin for chemin in gestionnaire.paths)
            assert (gestionnaire.opt["acces"] == "inscription") is tenue, gestionnaire.paths
    assert len(gestionnaires) > 25


def test_neither_the_domain_nor_the_use_cases_read_a_clock_or_throw_dice() -> None:
    interdits = {"now", "today", "utcnow", "uuid4", "token_bytes", "token_urlsafe", "randbelow", "urandom", "getrandbits"}
    for nom, arbre in nos_arbres("domain", "app/usecases"):
        pris = {getattr(n, "attr", getattr(n, "id", "")) for n in ast.walk(arbre) if isinstance(n, ast.Attribute | ast.Name)}
        assert not pris & interdits, nom


def test_no_module_outgrows_three_hundred_lines() -> None:
    longs = {str(f.relative_to(RACINE)): n for f in NOTRES if (n := sum(bool(ligne.strip()) for ligne in f.open())) > 300}
    assert longs == {}
