"""The real calendar, ids and chance."""

from __future__ import annotations

import secrets
import time
from datetime import date, datetime
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from domain.ports import Systeme

_PARIS = ZoneInfo("Europe/Paris")


class RealSystem(Systeme):
    def aujourdhui(self) -> date:
        return datetime.now(_PARIS).date()

    def nouvel_id(self) -> UUID:
        return uuid4()

    def instant(self) -> int:
        return int(time.time())

    def alea(self) -> float:
        return secrets.randbelow(2**53) / 2**53
