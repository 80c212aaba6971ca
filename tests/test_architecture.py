"""The house as it is drawn: who may import whom, no code without its text, no door without its keeper, nothing unused."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

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
        for _, arbre in nos_arbres("domain/ports.py", "domain/outils.py")
        for classe in arbre.body
        if isinstance(classe, ast.ClassDef) and any(getattr(base, "id", "") == "Protocol" for base in classe.bases)
        for methode in classe.body
        if isinstance(methode, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert len(promises) > 40
    # Signing in comes next; what it will verify is already tested with what hashes it.
    assert {p for p in promises if p.partition(".")[2] not in appelees} == {"Hacheur.verifier"}


def test_every_door_says_who_may_pass() -> None:
    app = litestar(Settings(database_url="postgresql://", secret_keys="a:" + "A" * 43 + "="))
    ouvertes = set()
    for route in app.routes:
        for gestionnaire in getattr(route, "route_handlers", ()):
            acces = gestionnaire.opt.get("acces")
            # The framework's own, which declare nothing: closed, and OPTIONS, which runs no handler of ours.
            if acces is None:
                assert route.path.startswith("/_openapi") or gestionnaire.http_methods == {"OPTIONS"}
                continue
            assert (acces == "inscription") is ("{id:uuid}" in route.path), route.path
            ouvertes.add(route.path)
    assert len(ouvertes) > 20


def test_neither_the_domain_nor_the_use_cases_read_a_clock_or_throw_dice() -> None:
    interdits = {"now", "today", "utcnow", "uuid4", "token_bytes", "token_urlsafe", "randbelow", "urandom", "getrandbits"}
    for nom, arbre in nos_arbres("domain", "app/usecases"):
        pris = {getattr(n, "attr", getattr(n, "id", "")) for n in ast.walk(arbre) if isinstance(n, ast.Attribute | ast.Name)}
        assert not pris & interdits, nom


def test_no_module_outgrows_three_hundred_lines() -> None:
    lignes = {str(f.relative_to(RACINE)): f.read_text(encoding="utf-8").splitlines() for f in NOTRES}
    assert {nom for nom, lues in lignes.items() if sum(map(bool, lues)) > 300} == set()
