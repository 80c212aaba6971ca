"""The service with a classic fault, which a measure of leaks must see: no hash is computed where there is none to compare."""

from __future__ import annotations

import os

from granian import Granian
from granian.constants import Interfaces, Loops
from litestar.types import ASGIApp

from adapters.passwords import PasslibHasher
from app.composition import litestar
from app.http.bordure import Bordure
from app.settings import charger
from domain.ports import Verification


class Hasty(PasslibHasher):
    async def verifier(self, mot_de_passe: str, empreinte: str | None) -> Verification:
        return Verification(juste=False) if empreinte is None else await super().verifier(mot_de_passe, empreinte)


def application() -> ASGIApp:
    return Bordure(litestar(charger(os.environ), hacheur=Hasty(threads=1)))


if __name__ == "__main__":
    Granian(
        "bench.leaky:application",
        factory=True,
        address="127.0.0.1",
        port=int(os.environ["COMPTOIR_PORT"]),
        interface=Interfaces.ASGI,
        workers=int(os.environ["COMPTOIR_PROCESSES"]),
        loop=Loops.uvloop,
        websockets=False,
    ).serve()
