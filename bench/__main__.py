"""`python -m bench`: every scene, or one; then a table for the README. It prints and never judges: machines differ."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from adapters.embedded_postgres import EmbeddedPostgres
from bench.scenes import QUICK, WHOLE, Comparison, Scenes
from bench.services import PROCESSES, Services


def main() -> int:
    options = _options()
    began, used = time.monotonic(), _used_by_others()
    folder = Path(tempfile.mkdtemp(prefix="comptoir-bench-"))
    # The database server runs as another user when we run as root.
    folder.chmod(0o755)
    try:
        with EmbeddedPostgres(folder / "postgresql") as postgres:
            services = Services(folder, postgres)
            services.prepare()
            scenes = Scenes(services, QUICK if options.quick else WHOLE).all()
            done, broken = _play({n: s for n, s in scenes.items() if options.only in (None, n)}, services.log)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    lasted = time.monotonic() - began
    others = (_used_by_others() - used) / lasted
    print(f"\n{_machine()}. {lasted:.0f} s, during which others kept {others:.1f} cores busy.\n\n{_table(done)}")
    return 1 if broken else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description="Ratios against a bare service, in one interleaved run.")
    parser.add_argument("--quick", action="store_true", help="short rounds and small tables: to try, not to quote")
    parser.add_argument("--only", metavar="NAME", choices=Scenes.NAMES, help=f"one scene: {', '.join(Scenes.NAMES)}")
    return parser.parse_args()


def _play(scenes: dict[str, Callable[[], Iterator[Comparison]]], log: Path) -> tuple[list[Comparison], bool]:
    """A scene that breaks says so, and the others go on."""
    done, broken = [], False
    for name, scene in scenes.items():
        try:
            for comparison in scene():
                done.append(comparison)
                print(_line(comparison), *(f"    {detail}" for detail in comparison.details), sep="\n", flush=True)
        except Exception:
            broken = True
            print(f"{name}: BROKEN", flush=True)
            traceback.print_exc()
            print(*log.read_text(errors="replace").splitlines()[-20:], sep="\n", file=sys.stderr)
    return done, broken


def _line(comparison: Comparison) -> str:
    return f"{comparison.name:<52} {_ratio(comparison):<22} {_goal(comparison):<12} {_verdict(comparison)}".rstrip()


def _table(done: list[Comparison]) -> str:
    lines = ["| measure | ratio (lowest–highest round) | goal | |", "|---|--:|--:|---|"]
    return "\n".join(lines + [f"| {c.name} | {_ratio(c)} | {_goal(c)} | {_verdict(c)} |" for c in done])


def _ratio(comparison: Comparison) -> str:
    ratios = comparison.ratios
    return f"{median(ratios):.2f}  ({min(ratios):.2f}–{max(ratios):.2f})"


def _goal(c: Comparison) -> str:
    if c.at_least is not None:
        return f"≥ {c.at_least:.2f}"
    return f"≤ {c.at_most:.2f}" if c.at_most is not None else ""


def _verdict(c: Comparison) -> str:
    if c.at_least is None and c.at_most is None:
        return ""
    low, high = c.at_least or 0, c.at_most or float("inf")
    return "reached" if low <= median(c.ratios) <= high else "missed"


def _used_by_others() -> float:
    """Seconds of processor, since the machine started, of all but us and our ended children; 0 where it cannot be known."""
    statistics = Path("/proc/stat")
    if not statistics.exists():
        return 0
    user, nice, system, _, _, *others = statistics.read_text().split("\n", 1)[0].split()[1:9]
    return sum(map(int, (user, nice, system, *others))) / os.sysconf("SC_CLK_TCK") - sum(os.times()[:4])


def _machine() -> str:
    return f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}, {PROCESSES} processes"


if __name__ == "__main__":
    sys.exit(main())
