"""What is compared, against which goal. Rounds are interleaved, and a ratio is that of two measures of one round."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import count
from statistics import median
from typing import Any

from msgspec import Struct, structs

from bench.load import NAME, ROUND, Plan, Result, Running, get, post, run
from bench.people import PASSWORD, Person
from bench.services import Service, Services

# Simultaneous sign-ups and reads of the throughput scenes.
_CALLERS = 32
# Availability requests a second while sign-ups arrive: far below what saturates.
_RATE = 200
# People who are signed in, and the access tokens of each: together more than the service remembers having verified.
_PEOPLE, _TOKENS = 1000, 10
_NAME = NAME.decode()
_ACCORD = {"accepte": True, "version": "2026-11"}
_OUR_SIGN_UP = {
    "profil": {
        "type": "citoyen",
        "civilite": "madame",
        "nom_naissance": _NAME,
        "nom_usage": "Le Goff",
        "prenom": "Inès",
        "date_naissance": "2000-01-01",
    },
    "email": f"{_NAME}@exemple.fr",
    "telephone_fixe": "0139980101",
    "telephone_mobile": "0639980001",
    "identifiant": None,
    "mot_de_passe": PASSWORD,
    "reglementation": {"cgu": _ACCORD, "rgpd": _ACCORD},
    "diffusion": {"email": False, "sms": False, "lettre_actualite": False, "alertes": False},
}
_BARE_SIGN_UP = {"identifiant": _NAME, "email": f"{_NAME}@exemple.fr", "mot_de_passe": PASSWORD}

Planner = Callable[[], Plan]
Measure = Callable[[], Result]


class Comparison(Struct, frozen=True, kw_only=True):
    """One line of the report: a ratio a round, the goal it is held to, and absolute figures for the curious."""

    name: str
    ratios: list[float]
    at_least: float | None = None
    at_most: float | None = None
    details: list[str]


class Size(Struct, frozen=True, kw_only=True):
    """`seconds` of one measure. The large database has `accounts`, `homonyms` of them called Jean Martin."""

    rounds: int
    seconds: float
    accounts: int
    homonyms: int


WHOLE = Size(rounds=9, seconds=3, accounts=1_000_000, homonyms=200_000)
QUICK = Size(rounds=2, seconds=1.5, accounts=50_000, homonyms=10_000)
_FEW_ACCOUNTS, _FEW_HOMONYMS = 10_000, 10


class Scenes:
    NAMES = ("start", "memory", "sign-up", "sign-in", "moi", "refresh", "availability", "burst", "growth")

    def __init__(self, services: Services, size: Size) -> None:
        self._services, self._size = services, size
        self._firsts = count(0, ROUND)

    def all(self) -> dict[str, Callable[[], Iterator[Comparison]]]:
        return {name: getattr(self, name.replace("-", "_")) for name in self.NAMES}

    def start(self) -> Iterator[Comparison]:
        times: dict[str, list[float]] = {"bare": [], "ours": [], "in development, where the start migrates": []}
        for _ in range(self._size.rounds):
            with self._services.bare() as service:
                times["bare"].append(service.started)
            with self._services.comptoir() as service:
                times["ours"].append(service.started)
            with self._services.comptoir(production=False) as service:
                times["in development, where the start migrates"].append(service.started)
        details = [f"{name}: {median(values):.2f} s" for name, values in times.items()]
        yield Comparison(name="cold start / bare", ratios=_ratios(times["ours"], times["bare"]), at_most=1.5, details=details)

    def memory(self) -> Iterator[Comparison]:
        """While people sign up: each process then holds the memory of one hash. One service at a time, for what they share
        would otherwise be divided among both."""
        sizes: dict[str, list[float]] = {"bare": [], "ours": []}
        for _ in range(max(2, self._size.rounds // 3)):
            with self._services.bare() as service:
                sizes["bare"].append(_memory(service, self._bare_sign_ups(service)))
            with self._services.comptoir() as service:
                sizes["ours"].append(_memory(service, self._sign_ups(service, "email")))
        details = [f"{name}: {median(values):.0f} MiB (PSS)" for name, values in sizes.items()]
        yield Comparison(
            name="memory while signing up / bare", ratios=_ratios(sizes["ours"], sizes["bare"]), at_most=1.3, details=details
        )

    def sign_up(self) -> Iterator[Comparison]:
        with self._services.bare() as bare, self._services.comptoir() as ours:
            found = self._rounds(
                {
                    "bare": _alone(self._bare_sign_ups(bare)),
                    "ours": _alone(self._sign_ups(ours, None)),
                    "ours, e-mail": _alone(self._sign_ups(ours, "email")),
                }
            )
        yield _throughput("sign-up / bare sign-up", found, "ours", at_least=0.85)
        yield _throughput("sign-up with its e-mail / bare sign-up", found, "ours, e-mail", at_least=0.85)

    @cached_property
    def _people(self) -> tuple[list[Person], list[Person]]:
        return self._services.people("habitee", _PEOPLE, _TOKENS)

    def sign_in(self) -> Iterator[Comparison]:
        """Each from an address of their own, limits on."""
        bare_people, people = self._people
        with self._services.bare() as bare, self._services.comptoir("habitee") as ours:
            found = self._rounds(
                {
                    "bare": _alone(self._plan(bare, _credentials("/sessions", bare_people), _CALLERS, expected=201)),
                    "ours": _alone(self._plan(ours, _credentials("/v1/sessions", people), _CALLERS, expected=201)),
                }
            )
        yield _throughput("sign-in / bare sign-in", found, "ours", at_least=0.90)

    def moi(self) -> Iterator[Comparison]:
        """With tokens never seen before, and with those of people who come back within ten minutes."""
        bare_people, people = self._people
        with self._services.bare() as bare, self._services.comptoir("habitee") as ours:
            found = self._rounds(
                {
                    "bare": _alone(self._plan(bare, _mine("/moi", bare_people, _TOKENS), _CALLERS)),
                    "new tokens": _alone(self._plan(ours, _mine("/v1/moi", people, _TOKENS), _CALLERS)),
                    "known tokens": _alone(self._plan(ours, _mine("/v1/moi", people, 1), _CALLERS)),
                }
            )
        yield _throughput("/v1/moi, new tokens / bare", found, "new tokens", at_least=0.70)
        yield _throughput("/v1/moi, known tokens / bare", found, "known tokens", at_least=0.70)

    def refresh(self) -> Iterator[Comparison]:
        """Each caller goes on from the token just received."""
        bare_people, people = self._people
        with self._services.bare() as bare, self._services.comptoir("habitee") as ours:
            found = self._rounds(
                {
                    "bare": _alone(self._refreshes(bare, "/sessions/rafraichissements", iter(bare_people))),
                    "ours": _alone(self._refreshes(ours, "/v1/sessions/rafraichissements", iter(people))),
                }
            )
        yield _throughput("refresh / bare compare-and-set", found, "ours")

    def availability(self) -> Iterator[Comparison]:
        """Of free names, each asked once, by a client of its own: no limit is ever met."""
        with (
            self._services.bare() as bare,
            self._services.comptoir(limits=False) as unlimited,
            self._services.comptoir() as limited,
        ):
            found = self._rounds(
                {
                    "bare": _alone(self._reads(bare, "/identifiants/")),
                    "limits off": _alone(self._reads(unlimited, "/v1/identifiants/")),
                    "limits on": _alone(self._reads(limited, "/v1/identifiants/")),
                }
            )
        yield _throughput("availability, limits off / bare", found, "limits off", at_least=0.80)
        yield _throughput("availability, limits on / bare", found, "limits on", at_least=0.55)

    def burst(self) -> Iterator[Comparison]:
        """The bare service too, for the curious: it hashes in as many threads."""
        paced = {"rate": _RATE, "connections": 128, "seconds": 2 * self._size.seconds}
        with self._services.bare() as bare, self._services.comptoir() as ours:
            reads, bare_reads = self._reads(ours, "/v1/identifiants/", **paced), self._reads(bare, "/identifiants/", **paced)
            found = self._rounds(
                {
                    "idle": _alone(reads),
                    "burst": _during(self._sign_ups(ours, "email"), reads),
                    "bare, idle": _alone(bare_reads),
                    "bare, burst": _during(self._bare_sign_ups(bare), bare_reads),
                }
            )
        yield _p99("p99 of availability in a burst of sign-ups / idle", found, "burst", "idle", at_most=3.0)
        yield _p99("the same of the bare service", found, "bare, burst", "bare, idle")

    def growth(self) -> Iterator[Comparison]:
        size = self._size
        self._services.populate("petite", _FEW_ACCOUNTS, _FEW_HOMONYMS)
        self._services.populate("grande", size.accounts, size.homonyms)
        with (
            self._services.comptoir("petite", limits=False) as small,
            self._services.comptoir("grande", limits=False) as large,
        ):
            proposal = [post("/v1/identifiants/propositions", {"prenom": "Jean", "nom": "Martin"})]
            few, many = f"{_FEW_HOMONYMS}", _thousands(size.homonyms)
            proposals = self._rounds(
                {few: _alone(self._plan(small, proposal, 8)), many: _alone(self._plan(large, proposal, 8))}
            )
            yield _times(f"proposals, {many} homonyms / {few}", proposals, many, few, at_most=1.2)
            few, many = _thousands(_FEW_ACCOUNTS), _thousands(size.accounts)
            reads = self._rounds(
                {
                    few: _alone(self._plan(small, _known(_FEW_HOMONYMS, _FEW_ACCOUNTS), 8)),
                    many: _alone(self._plan(large, _known(size.homonyms, size.accounts), 8)),
                }
            )
            yield _times(f"availability, {many} accounts / {few}", reads, many, few, at_most=1.2)

    def _bare_sign_ups(self, service: Service) -> Planner:
        return self._plan(service, [post("/comptes", _BARE_SIGN_UP)], _CALLERS, expected=201)

    def _sign_ups(self, service: Service, channel: str | None) -> Planner:
        body = _OUR_SIGN_UP | {"activer_par": channel}
        return self._plan(service, [post("/v1/inscriptions", body)], _CALLERS, expected=201)

    def _refreshes(self, service: Service, path: str, people: Iterator[Person]) -> Planner:
        """From sessions of people of its own, each time."""

        def plan() -> Plan:
            callers = [next(people) for _ in range(_CALLERS)]
            template = [post(path, {"jeton_rafraichissement": p.rafraichissement}) for p in callers]
            return self._plan(service, template, _CALLERS, chain="jeton_rafraichissement")()

        return plan

    def _reads(self, service: Service, path: str, **changes: Any) -> Planner:
        return self._plan(service, [get(path + _NAME)], **{"connections": _CALLERS} | changes)

    def _plan(self, service: Service, template: list[bytes], connections: int, **changes: Any) -> Planner:
        """Each plan it makes has names of its own."""
        values: dict[str, Any] = {"template": template, "connections": connections, "seconds": self._size.seconds} | changes
        return lambda: Plan(port=service.port, first=next(self._firsts), **values)

    def _rounds(self, measures: dict[str, Measure]) -> dict[str, list[Result]]:
        """A B A B …, after one round that counts for nothing: pools fill, caches warm."""
        found: dict[str, list[Result]] = {name: [] for name in measures}
        for _ in range(1 + self._size.rounds):
            for name, measure in measures.items():
                found[name].append(measure())
        return {name: results[1:] for name, results in found.items()}


def _memory(service: Service, sign_ups: Planner) -> float:
    plan = sign_ups()
    with Running(plan) as running:
        # The second half: pools are full, and what is loaded at the first request is there.
        time.sleep(plan.warm_up + plan.seconds / 2)
        found = [service.memory() for _ in range(5)]
        running.result()
    return median(found)


def _alone(planner: Planner) -> Measure:
    return lambda: run(planner())


def _during(crowd: Planner, planner: Planner) -> Measure:
    """Measured while another generator works, which starts before and ends after."""

    def measure() -> Result:
        plan = planner()
        longer = structs.replace(crowd(), seconds=plan.warm_up + plan.seconds + 2)
        with Running(longer) as running:
            time.sleep(0.5)
            result = run(plan)
            others = running.result()
        return structs.replace(result, faults=result.faults | others.faults, crowd=others.per_second)

    return measure


def _known(homonyms: int, accounts: int) -> list[bytes]:
    """Names taken, from all over the table, and as many free ones."""
    others = accounts - homonyms
    taken = [get(f"/v1/identifiants/compte.{1 + i * others // 1000}") for i in range(1000)]
    return [request for pair in zip(taken, [get(f"/v1/identifiants/{_NAME}")] * 1000, strict=True) for request in pair]


def _credentials(path: str, people: list[Person]) -> list[bytes]:
    return [post(path, {"identifiant": p.identifiant, "mot_de_passe": PASSWORD}) for p in people]


def _mine(path: str, people: list[Person], tokens: int) -> list[bytes]:
    return [get(path, p.acces[i]) for i in range(tokens) for p in people]


def _throughput(name: str, found: dict[str, list[Result]], ours: str, *, at_least: float | None = None) -> Comparison:
    ratios = _ratios([r.per_second for r in found[ours]], [r.per_second for r in found["bare"]])
    return Comparison(name=name, ratios=ratios, at_least=at_least, details=[_told(n, found[n]) for n in ("bare", ours)])


def _times(name: str, found: dict[str, list[Result]], many: str, few: str, *, at_most: float) -> Comparison:
    """Of the time one answer takes, hence the other way round."""
    ratios = _ratios([r.per_second for r in found[few]], [r.per_second for r in found[many]])
    return Comparison(name=name, ratios=ratios, at_most=at_most, details=[_told(n, found[n]) for n in (few, many)])


def _p99(name: str, found: dict[str, list[Result]], burst: str, idle: str, *, at_most: float | None = None) -> Comparison:
    ratios = _ratios([r.p99 for r in found[burst]], [r.p99 for r in found[idle]])
    return Comparison(name=name, ratios=ratios, at_most=at_most, details=[_told(n, found[n]) for n in (idle, burst)])


def _ratios(some: list[float], others: list[float]) -> list[float]:
    return [a / b for a, b in zip(some, others, strict=True)]


def _told(name: str, results: list[Result]) -> str:
    p50, p99, worst = (1000 * median(getattr(r, which) for r in results) for which in ("p50", "p99", "worst"))
    told = f"{name}: {median(r.per_second for r in results):.0f}/s; ms: p50 {p50:.1f}, p99 {p99:.1f}, worst {worst:.0f}"
    if results[0].crowd is not None:
        told += f"; beside {median(r.crowd or 0 for r in results):.0f} sign-ups/s"
    faults = sum((Counter(r.faults) for r in results), Counter[str]())
    return told + (f"; NOT AS EXPECTED: {dict(faults)}" if faults else "")


def _thousands(number: int) -> str:
    return f"{number:,}".replace(",", " ")
