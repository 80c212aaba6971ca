"""The service as an operator runs it: processes, their environment, their logs, their end."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx

T = TypeVar("T")

COMPTOIR = Path(sys.executable).with_name("comptoir")
# Seconds: a loaded machine is slow, a hung one is worse.
PATIENCE = 120.0


def attendre(condition: Callable[[], T], delai: float = PATIENCE, pas: float = 0.02) -> T:
    """The first true value of `condition`; fails when `delai` seconds did not bring it."""
    fin = time.monotonic() + delai
    while time.monotonic() < fin:
        if valeur := condition():
            return valeur
        time.sleep(pas)
    raise AssertionError(f"{delai} s without {condition}")


@contextmanager
def dossier_jetable(parent: Path | None = None) -> Iterator[Path]:
    """A folder the embedded server may live in, in memory where the machine offers enough of it."""
    memoire = Path("/dev/shm")
    # Of all the tests together, the server's journal alone takes one.
    assez = memoire.is_dir() and shutil.disk_usage(memoire).free > 2 * 2**30
    chemin = Path(tempfile.mkdtemp(prefix="comptoir-", dir=parent or (memoire if assez else None)))
    # The database server runs as another user when the tests run as root.
    chemin.chmod(0o755)
    try:
        yield chemin
    finally:
        shutil.rmtree(chemin, ignore_errors=True)


def environnement(dossier: Path, **reglages: object) -> dict[str, str]:
    """This process's environment with these settings of ours, and no other."""
    autres = {nom: valeur for nom, valeur in os.environ.items() if not nom.startswith("COMPTOIR_")}
    return autres | {
        f"COMPTOIR_{nom.upper()}": str(v) for nom, v in {"data_dir": dossier, "simulator": "off", **reglages}.items()
    }


def executer(*arguments: str, env: dict[str, str], delai: float = PATIENCE) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself."""
    return subprocess.run([COMPTOIR, *arguments], env=env, capture_output=True, text=True, timeout=delai, check=False)


class Comptoir:
    """A `comptoir` command that lasts; `serve` listens on a port of its own. Leaving the block stops it."""

    def __init__(self, commande: str, dossier: Path, **reglages: object) -> None:
        self.commande, self.dossier = commande, dossier
        self.port = port_libre()
        self.url = f"http://127.0.0.1:{self.port}"
        self.env = environnement(dossier, **{"port": self.port, "public_url": self.url, **reglages})
        self._journal = Path(tempfile.mkdtemp(prefix=f"{commande}-", dir=dossier)) / "journal"

    def __enter__(self) -> Self:
        self.lancer()
        try:
            if self.commande == "serve":
                attendre(self.pret)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: Any) -> None:
        if self.vivant():
            try:
                self.arreter()
            except subprocess.TimeoutExpired:
                self.processus.kill()
                self.processus.wait()
                raise

    def lancer(self) -> None:
        with self._journal.open("a") as journal:
            # Inherited by every process it starts, hence free only when the last of them is gone.
            fcntl.flock(journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.processus = subprocess.Popen([COMPTOIR, self.commande], env=self.env, stdout=journal, stderr=journal)

    def vivant(self) -> bool:
        return self.processus.poll() is None

    def pret(self) -> bool:
        assert self.vivant(), self.journal()
        try:
            return httpx.get(f"{self.url}/sante/pret", timeout=10).status_code == 200
        except httpx.TransportError:
            return False

    def arreter(self, delai: float = PATIENCE) -> int:
        """Asked politely; its exit code."""
        self.processus.send_signal(signal.SIGTERM)
        return self.processus.wait(delai)

    def disparu(self) -> bool:
        """Whether every process it started is gone, its embedded database included."""
        base = self.dossier / "postgresql/postgres.log"
        return libre(self._journal) and (not base.exists() or libre(base))

    def journal(self) -> str:
        return self._journal.read_text(errors="replace")

    def evenements(self) -> list[dict[str, Any]]:
        """The lines of the log that are events."""
        return [json.loads(ligne) for ligne in self.journal().splitlines() if ligne.startswith("{") and ligne.endswith("}")]

    def fautes(self) -> list[dict[str, Any]]:
        """The events that a service in good health does not log."""
        return [e for e in self.evenements() if e["niveau"] in ("ERROR", "CRITICAL") or "exc_info" in e]

    def processus_api(self) -> list[int]:
        """The API processes, as the server tells them in its log: the latest of each number."""
        lances = re.findall(r"Spawning (worker-\d+) with PID: (\d+)", self.journal())
        return [int(pid) for pid in dict(lances).values()]


def port_libre() -> int:
    """Never the same twice, nor anybody else's before it serves or from one start to the next: held until the tests end."""
    with socket.socket() as prise:
        # Held without listening, it may be listened on by whoever sets either option: on Linux only.
        prise.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        prise.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        prise.bind(("127.0.0.1", 0))
        port: int = prise.getsockname()[1]
        if sys.platform == "linux":
            prise.detach()
        return port


def libre(fichier: Path) -> bool:
    """Whether nobody holds the lock of this file."""
    with fichier.open() as ouvert:
        try:
            fcntl.flock(ouvert, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
