"""A real browser: Chromium without a window, driven over the DevTools protocol through its own pipe."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from typing import Any, Self

# Empty where there is none.
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome") or ""
# Seconds: a loaded machine is slow, a hung one is worse.
PATIENCE = 120.0
_OPTIONS = (
    *("--headless", "--remote-debugging-pipe", "--no-first-run", "--no-default-browser-check", "--disable-gpu"),
    *("--disable-sync", "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
    # Only our own pages are opened; as root, which containers are, it does not start otherwise.
    "--no-sandbox",
)
# The nearest thing to a person: in the middle of what is shown, which must be what is aimed at.
_VISER = """(() => {
    const vise = document.querySelector(%s);
    if (!vise || document.readyState !== "complete" || !vise.checkVisibility()) return null;
    vise.scrollIntoView({block: "center"});
    const r = vise.getBoundingClientRect(), x = r.x + r.width / 2, y = r.y + r.height / 2;
    return vise.contains(document.elementFromPoint(x, y)) ? {x, y} : null;
})()"""


class Chromium:
    """One tab of a fresh profile. `console`: what pages complain of, errors and refusals of their security policy."""

    def __init__(self, commande: str) -> None:
        self._commande, self.console = commande, list[str]()
        self._recu, self._numero = b"", 0

    def __enter__(self) -> Self:
        self._profil = tempfile.mkdtemp(prefix="comptoir-chromium-")
        # It reads orders on descriptor 3, and answers on 4.
        self._processus = subprocess.Popen(
            [
                *("sh", "-c", 'exec "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1', "sh"),
                *(self._commande, *_OPTIONS, f"--user-data-dir={self._profil}", "about:blank"),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        try:
            self._ouvrir_onglet()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: Any) -> None:
        self._processus.terminate()
        self._processus.wait(PATIENCE)
        for tuyau in (self._processus.stdin, self._processus.stdout):
            assert tuyau
            tuyau.close()
        shutil.rmtree(self._profil, ignore_errors=True)

    def _ouvrir_onglet(self) -> None:
        self._session = ""
        cible = self.ordonner("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ordonner("Target.attachToTarget", targetId=cible, flatten=True)["sessionId"]
        for domaine in ("Page", "Runtime", "Log"):
            self.ordonner(f"{domaine}.enable")

    def ordonner(self, methode: str, **parametres: Any) -> dict[str, Any]:
        """One command of the DevTools protocol; its result."""
        self._numero += 1
        ordre = {"id": self._numero, "method": methode, "params": parametres}
        assert self._processus.stdin
        self._processus.stdin.write(
            json.dumps(ordre | ({"sessionId": self._session} if self._session else {})).encode() + b"\0"
        )
        self._processus.stdin.flush()
        while (recu := self._recevoir()).get("id") != self._numero:
            self._noter(recu)
        assert "error" not in recu, f"{methode}: {recu['error']}"
        resultat: dict[str, Any] = recu["result"]
        return resultat

    def _recevoir(self) -> dict[str, Any]:
        assert self._processus.stdout
        while b"\0" not in self._recu:
            assert select.select([self._processus.stdout], [], [], PATIENCE)[0], "the browser says nothing"
            lu = os.read(self._processus.stdout.fileno(), 65536)
            assert lu, "the browser is gone"
            self._recu += lu
        message, _, self._recu = self._recu.partition(b"\0")
        recu: dict[str, Any] = json.loads(message)
        return recu

    def _noter(self, recu: dict[str, Any]) -> None:
        parametres = recu.get("params", {})
        if recu["method"] == "Log.entryAdded" and parametres["entry"]["level"] in ("warning", "error"):
            self.console.append(f"{parametres['entry']['text']} ({parametres['entry'].get('url', '')})")
        if recu["method"] == "Runtime.exceptionThrown":
            self.console.append(json.dumps(parametres["exceptionDetails"]))
        if recu["method"] == "Runtime.consoleAPICalled":
            self.console.append(json.dumps(parametres["args"]))

    def evaluer(self, expression: str) -> Any:
        """A JSON value of the page; None while a page gives way to the next."""
        return self.ordonner("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def aller(self, url: str) -> None:
        assert not self.ordonner("Page.navigate", url=url).get("errorText"), url

    def attendre(self, quoi: str, condition: Callable[[], Any]) -> Any:
        fin = time.monotonic() + PATIENCE
        while time.monotonic() < fin:
            if valeur := condition():
                return valeur
            time.sleep(0.02)
        raise AssertionError(f"{quoi}: not in {PATIENCE:.0f} s, but\n{self.evaluer('document.body.innerText')}")

    def cliquer(self, selecteur: str) -> None:
        """A mouse's click, as soon as this is in sight."""
        point = self.attendre(selecteur, lambda: self.evaluer(_VISER % json.dumps(selecteur)))
        for genre in ("mousePressed", "mouseReleased"):
            self.ordonner("Input.dispatchMouseEvent", type=genre, button="left", clickCount=1, **point)

    def saisir(self, selecteur: str, texte: str) -> None:
        """Instead of what the field holds."""
        self.cliquer(selecteur)
        self.evaluer(f"document.querySelector({json.dumps(selecteur)}).select()")
        self.ordonner("Input.insertText", text=texte)

    def lire(self, selecteur: str) -> str:
        """The text in sight there."""
        return str(self.evaluer(f"document.querySelector({json.dumps(selecteur)})?.innerText ?? ''"))
