"""What the service logs, as it would be written."""

from __future__ import annotations

import logging

from app.journal import Formateur


class Recueil(logging.Handler):
    """Every record of every logger, but the tests' own client's."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(Formateur())
        self.lignes: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith(("httpx", "httpcore")):
            self.lignes.append(self.format(record))
