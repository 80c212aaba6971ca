"""FranceConnect in a real browser: `python -m tests.e2e.navigateur` starts the service, Chromium, and tells what it does."""

from __future__ import annotations

import sys

from tests.e2e.navigateur.chromium import CHROMIUM, Chromium
from tests.e2e.navigateur.parcours import jouer
from tests.e2e.processus import Comptoir, dossier_jetable, port_libre


def main() -> int:
    if not CHROMIUM:
        print("Chromium is not installed here.", file=sys.stderr)
        return 1
    with (
        dossier_jetable() as dossier,
        Comptoir("serve", dossier, simulator="on", simulator_port=port_libre()) as serve,
        Chromium(CHROMIUM) as navigateur,
    ):
        jouer(navigateur, serve.url, lambda etape: print("✓", etape, flush=True))
        for ligne in navigateur.console:
            print("✗", ligne)
        return 1 if navigateur.console else 0


if __name__ == "__main__":
    sys.exit(main())
