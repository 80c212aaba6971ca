"""What is compared, against which goal. Rounds are interleaved, and a ratio is that of one round."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import count
from statistics import median
from typing import Any

from msgspec import Struct

from bench.load import NAME, ROUND, Plan, Result, Running, get, post, run
from bench.services import Service, Services

# Those of the legal texts the migrations bring.
_VERSION = "2026-11"
_NAME = NAME.decode()
_BARE_SIGN_UP = {"identifiant": _NAME, "email": f"{_NAME}@exemple.fr", "mot_de_passe": "Tulipe!73orage"}
# Availability requests a second while sign-ups arrive: far below what saturates.
_RATE = 200


class Comparison(Struct, frozen=True, kw_only=True):
    """One line of the report: a ratio a round, the goal it is held to, and absolute figures for the curious."""

    name: str
    ratios: list[float]
    at_least: float | None = None
    at_most: float | None = None
    details: list[str]

    @property
    def ratio(self) -> float:
        return median(self.ratios)

    @property
    def goal(self) -> str:
        if self.at_least is not None:
            return f"≥ {self.at_least:.2f}"
        return f"≤ {self.at_most:.2f}" if self.at_most is not None else "–"

    @property
    def reached(self) -> bool | None:
        if self.at_least is not None:
            return self.ratio >= self.at_least
        return self.ratio <= self.at_most if self.at_most is not None else None


class Size(Struct, frozen=True, kw_only=True):
    """How long a scene lasts: rounds, seconds of one measure; and the accounts and homonyms of the large database."""

    rounds: int
    seconds: float
    accounts: int
    homonyms: int


WHOLE = Size(rounds=7, seconds=4, accounts=1_000_000, homonyms=200_000)
QUICK = Size(rounds=2, seconds=1.5, accounts=50_000, homonyms=10_000)
_SMALL = Size(rounds=0, seconds=0, accounts=10_000, homonyms=10)


class Scenes:
    def __init__(self, services: Services, size: Size) -> None:
        self._services, self._size = services, size
        self._firsts = count(0, ROUND)

    def all(self) -> dict[str, Callable[[], Iterator[Comparison]]]:
        return {
            "start": self.start,
            "memory": self.memory,
            "sign-up": self.sign_up,
            "availability": self.availability,
            "burst": self.burst,
            "growth": self.growth,
        }

    def sign_up(self) -> Iterator[Comparison]:
        with self._services.bare() as bare, self._services.comptoir() as ours:
            plans = {
                "bare": self._sign_ups(bare, "/comptes", _BARE_SIGN_UP),
                "null": self._sign_ups(ours, "/v1/inscriptions", _sign_up(None)),
                "email": self._sign_ups(ours, "/v1/inscriptions", _sign_up("email")),
            }
            results = self._rounds(plans)
        for channel, name in (("null", "sign-up / bare sign-up"), ("email", "sign-up with its e-mail / bare sign-up")):
            yield _throughput(name, results[channel], results["bare"], 0.85)

    def availability(self) -> Iterator[Comparison]:
        with (
            self._services.bare() as bare,
            self._services.comptoir(limits=False) as free,
            self._services.comptoir() as limited,
        ):
            results = self._rounds(
                {
                    "bare": self._plan(bare, [get(f"/identifiants/{_NAME}")], 32),
                    "off": self._plan(free, [get(f"/v1/identifiants/{_NAME}")], 32),
                    "on": self._plan(limited, [get(f"/v1/identifiants/{_NAME}")], 32),
                }
            )
        yield _throughput("availability, limits off / bare", results["off"], results["bare"], 0.80)
        yield _throughput("availability, limits on / bare", results["on"], results["bare"], 0.55)

    def burst(self) -> Iterator[Comparison]:
        """Bare too, for the curious: it hashes in as many threads."""
        with self._services.bare() as bare, self._services.comptoir() as ours:
            reads = {"ours": (ours, "/v1/identifiants/"), "bare": (bare, "/identifiants/")}
            signs = {
                "ours": lambda: self._sign_ups(ours, "/v1/inscriptions", _sign_up("email")),
                "bare": lambda: self._sign_ups(bare, "/comptes", _BARE_SIGN_UP),
            }
            found: dict[str, list[Result]] = {f"{who} {when}": [] for who in reads for when in ("idle", "burst")}
            for who in reads:
                self._at_rate(*reads[who])
            for _ in range(self._size.rounds):
                for who in reads:
                    found[f"{who} idle"].append(self._at_rate(*reads[who]))
                    found[f"{who} burst"].append(self._during(signs[who](), *reads[who]))
        for who, goal in (("ours", 3.0), ("bare", None)):
            idle, burst = found[f"{who} idle"], found[f"{who} burst"]
            yield Comparison(
                name=f"p99 of availability in a burst / idle{'' if who == 'ours' else ' (bare)'}",
                ratios=[b.p99 / i.p99 for b, i in zip(burst, idle, strict=True)],
                at_most=goal,
                details=[_latencies("idle", idle), _latencies("burst", burst)],
            )

    def growth(self) -> Iterator[Comparison]:
        size = self._size
        self._services.populate("petite", _SMALL.accounts, _SMALL.homonyms)
        self._services.populate("grande", size.accounts, size.homonyms)
        with (
            self._services.comptoir("petite", limits=False) as small,
            self._services.comptoir("grande", limits=False) as large,
        ):
            proposal = [post("/v1/identifiants/propositions", {"prenom": "Jean", "nom": "Martin"})]
            proposals = self._rounds({"small": self._plan(small, proposal, 8), "large": self._plan(large, proposal, 8)})
            reads = self._rounds(
                {
                    "small": self._plan(small, _known(_SMALL), 8),
                    "large": self._plan(large, _known(size), 8),
                }
            )
        yield _times(f"proposals, {_thousands(size.homonyms)} homonyms / {_SMALL.homonyms}", proposals, 1.2)
        yield _times(f"availability, {_thousands(size.accounts)} accounts / {_thousands(_SMALL.accounts)}", reads, 1.2)

    def memory(self) -> Iterator[Comparison]:
        """One service at a time: what they share would otherwise be divided among both."""
        bare, ours = [], []
        for _ in range(max(2, self._size.rounds // 3)):
            with self._services.bare() as service:
                self._answered(self._sign_ups(service, "/comptes", _BARE_SIGN_UP))
                bare.append(service.memory())
            with self._services.comptoir() as service:
                self._answered(self._sign_ups(service, "/v1/inscriptions", _sign_up("email")))
                ours.append(service.memory())
        ratios = [o / b for o, b in zip(ours, bare, strict=True)]
        details = [f"bare {median(bare):.0f} MiB, ours {median(ours):.0f} MiB (PSS)"]
        yield Comparison(name="memory / bare", ratios=ratios, at_most=1.3, details=details)

    def start(self) -> Iterator[Comparison]:
        bare, ours, migrating = [], [], []
        for _ in range(self._size.rounds):
            with self._services.bare() as service:
                bare.append(service.started)
            with self._services.comptoir() as service:
                ours.append(service.started)
            with self._services.comptoir(production=False) as service:
                migrating.append(service.started)
        ratios = [o / b for o, b in zip(ours, bare, strict=True)]
        details = [f"bare {median(bare):.2f} s, ours {median(ours):.2f} s; in development, where the start migrates, {median(migrating):.2f} s"]
        yield Comparison(name="cold start / bare", ratios=ratios, at_most=1.5, details=details)

    def _plan(self, service: Service, template: list[bytes], connections: int, **changes: Any) -> Callable[[], Plan]:
        def plan() -> Plan:
            values = {"seconds": self._size.seconds, "first": next(self._firsts)} | changes
            return Plan(port=service.port, template=template, connections=connections, **values)

        return plan

    def _sign_ups(self, service: Service, path: str, body: object) -> Callable[[], Plan]:
        return self._plan(service, [post(path, body)], 32, expected=201)

    def _rounds(self, plans: dict[str, Callable[[], Plan]]) -> dict[str, list[Result]]:
        """A B A B …, after one round that counts for nothing: pools fill, caches warm."""
        results: dict[str, list[Result]] = {name: [] for name in plans}
        for plan in plans.values():
            run(plan())
        for _ in range(self._size.rounds):
            for name, plan in plans.items():
                results[name].append(run(plan()))
        return results
