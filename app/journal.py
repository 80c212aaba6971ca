"""Logs: one JSON line an event, UTC, on standard error. Traces give places and types, never texts: those quote data (R90)."""

from __future__ import annotations

import logging
import time
import traceback
from contextvars import ContextVar
from typing import Any

from pythonjsonlogger.msgspec import MsgspecFormatter

# The request that is being answered: each line that it causes bears `trace`, our own id of it, which the ledger keeps;
# beside it `request_id`, the caller's, where they gave one.
REQUETE: ContextVar[dict[str, str]] = ContextVar("requete")


class Formateur(MsgspecFormatter):
    def __init__(self) -> None:
        super().__init__(
            "{asctime}{levelname}{name}{message}",
            style="{",
            rename_fields={"asctime": "instant", "levelname": "niveau", "name": "source"},
            datefmt="%Y-%m-%dT%H:%M:%SZ",
        )
        self.converter = time.gmtime

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        super().add_fields(log_data, record, message_dict)
        log_data.update(REQUETE.get({}))

    def formatException(self, ei: Any) -> str:  # noqa: N802
        """The chain of types, and the frames of the last: ours, and the three innermost."""
        chaine, erreur = [], ei[1]
        while erreur is not None:
            chaine.append(type(erreur).__qualname__)
            erreur = erreur.__cause__ or erreur.__context__
        cadres = traceback.extract_tb(ei[2])
        lus = [c for rang, c in enumerate(cadres, 3) if rang >= len(cadres) or "site-packages" not in c.filename]
        return "\n".join([" < ".join(chaine), *(f"{c.filename}:{c.lineno} {c.name}" for c in lus)])


CONFIGURATION: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "app.journal.Formateur"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"level": "WARNING", "handlers": ["stderr"]},
    "loggers": {
        "comptoir": {"level": "INFO"},
        # The server's own access log would write paths.
        "_granian": {"level": "WARNING", "handlers": ["stderr"], "propagate": False},
        "granian.access": {"level": "CRITICAL", "handlers": [], "propagate": False},
    },
}
