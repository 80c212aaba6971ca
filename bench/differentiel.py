"""`python -m bench.differentiel`: does signing in, or asking to get back in, tell whether an account exists, by its answer or
by its time? It exits with 1 when it does.

Each class of account is tried as often as the others, in an order drawn anew at each round, one request at a time, each of an
account of its own, from an address of its own: limits are on, and none is met but by the class that is about them.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import random
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from itertools import count, islice
from pathlib import Path
from statistics import median, quantiles
from types import TracebackType
from typing import Any, Self

import msgspec
from msgspec import Struct

from adapters.embedded_postgres import EmbeddedPostgres
from bench.load import ADDRESS, address, name, post
from bench.people import PASSWORD, settle
from bench.services import Services
from domain.limites import Reglage, Regulateur

_MALFORMED = "malformed"
# G-11 of the security figures: how far a class may stand from the first one, in milliseconds and as a share of its time.
_MILLISECONDS, _SHARE = 5.0, 0.05
# Below this probability, a difference is not the machine's doing.
_CHANCE = 0.01
# Rounds that count for nothing: connections open, statements are prepared.
_WARM_UP = 20
_WRONG = "Tulipe!73orages"
_HEAD = """| class | status | answer | median ms | p95 ms | difference | | Mann-Whitney p | |
|---|--:|---|--:|--:|--:|--:|--:|---|"""

# As twenty-five failures of somebody else in the last half hour leave them.
_THROTTLED = """
    insert into limites (cle, instants, expire_le)
    select cle, array(select horloge() - make_interval(mins => i) from generate_series(25, 1, -1) i),
           horloge() + interval '1 day'
      from unnest($1::bytea[]) cle
"""
_ERASED = "select effacer_compte(id, interval '1 year') from comptes where identifiant = any ($1)"

Accounts = Mapping[str, list[str]]


class Answer(Struct, frozen=True):
    """All of an answer but its date and its random ids: what must not vary."""

    status: int
    headers: tuple[str, ...]
    body: bytes


class Family(Struct, frozen=True):
    """Classes that nothing may tell apart, the first one being the reference: the requests of each, one a round."""

    title: str
    classes: dict[str, list[bytes]]


class Found(Struct, frozen=True):
    """Of one class; times in milliseconds."""

    times: list[float]
    answers: set[Answer]


def main() -> int:
    options = _options()
    folder = Path(tempfile.mkdtemp(prefix="comptoir-bench-"))
    # The database server runs as another user when we run as root.
    folder.chmod(0o755)
    try:
        with EmbeddedPostgres(folder / "postgresql") as postgres:
            services = Services(folder, postgres)
            services.prepare()
            accounts = asyncio.run(_accounts(services, _WARM_UP + options.n))
            return _control(services, accounts) if options.controle else _measure(services, accounts)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.differentiel", description="What answers and their times tell of accounts.")
    parser.add_argument("--n", type=int, default=500, help="tries of each class (default: %(default)s)")
    parser.add_argument(
        "--controle",
        action="store_true",
        help="measure a service at fault instead, which must be seen: exits with 1 if it is not",
    )
    return parser.parse_args()


def _measure(services: Services, accounts: Accounts) -> int:
    families = [*_sign_ins(accounts), *_recoveries(accounts)]
    with services.comptoir(production=False, worker=True) as service, Client(service.port) as client:
        alike = [_alike(family, _tried(client, family)) for family in families]
        _check(client, accounts)
    asyncio.run(_check_recoveries(services))
    return 0 if all(alike) else 1


def _control(services: Services, accounts: Accounts) -> int:
    family = _sign_ins(accounts)[0]
    with services.leaky() as service, Client(service.port) as client:
        alike = _alike(family, _tried(client, family))
    print(f"\nA service that hashes only what it can compare: {'NOT SEEN' if alike else 'seen, as it must be'}.")
    return 1 if alike else 0


async def _accounts(services: Services, n: int) -> Accounts:
    """Names, `n` a class; all have one length."""
    names = (f"compte.{name(i).decode()}" for i in count())
    found = {"unknown": list(islice(names, n)), "forgotten": list(islice(names, n))}
    states: dict[str, dict[str, Any]] = {
        "active": {},
        "pending": {"state": "en_attente"},
        "suspended": {"state": "suspendu"},
        "erased": {},
        "federated": {"hash_": None},
        "throttled": {},
        "unproven": {"proven": False},
        "shared": {},
    }
    async with services.owner("comptoir") as base:
        for kind, state in states.items():
            found[kind] = list(islice(names, n))
            ids = await settle(base, found[kind], **state)
            if kind == "throttled":
                regulateur = Regulateur(services.trousseau, Reglage())
                await base.execute(_THROTTLED, [regulateur.frein(id_, "", None) for id_ in ids])
        await settle(base, list(islice(names, n)), emails=[_email(shared) for shared in found["shared"]])
        await base.execute(_ERASED, found["erased"])
        await base.execute("vacuum analyze comptes, contacts, actes_juridiques, limites")
    return found


def _email(account: str) -> str:
    return f"{account}@exemple.fr"


def _emails(accounts: list[str]) -> list[str]:
    return [_email(account) for account in accounts]


def _sign_ins(of: Accounts) -> list[Family]:
    """With the right password wherever it must not help."""
    return [
        Family(
            "sign-in by identifiant",
            {
                "unknown": _passwords(of["unknown"], _WRONG),
                "wrong password": _passwords(of["active"], _WRONG),
                "not activated": _passwords(of["pending"], _WRONG),
                "suspended": _passwords(of["suspended"], PASSWORD),
                "erased": _passwords(of["erased"], PASSWORD),
                "without password (FranceConnect)": _passwords(of["federated"], PASSWORD),
                "throttled by others": _passwords(of["throttled"], PASSWORD),
            },
        ),
        Family(
            "sign-in by e-mail",
            {
                "unknown": _passwords(_emails(of["unknown"]), _WRONG),
                "wrong password": _passwords(_emails(of["active"]), _WRONG),
                "unverified": _passwords(_emails(of["unproven"]), PASSWORD),
                "of two accounts": _passwords(_emails(of["shared"]), PASSWORD),
            },
        ),
    ]


def _recoveries(of: Accounts) -> list[Family]:
    return [
        Family(
            "forgotten password, by identifiant",
            {
                "unknown": _forgotten(of["forgotten"]),
                "known": _forgotten(of["active"]),
                "pending": _forgotten(of["pending"]),
                "unverified e-mail": _forgotten(of["unproven"]),
                "suspended": _forgotten(of["suspended"]),
                _MALFORMED: _forgotten([f"-{account[1:-1]} !" for account in of["forgotten"]]),
            },
        ),
        Family(
            "forgotten password, by e-mail",
            {
                "unknown": _forgotten(_emails(of["forgotten"])),
                "known": _forgotten(_emails(of["active"])),
                "pending": _forgotten(_emails(of["pending"])),
                "unverified e-mail": _forgotten(_emails(of["unproven"])),
                "suspended": _forgotten(_emails(of["suspended"])),
                "of two accounts": _forgotten(_emails(of["shared"])),
                _MALFORMED: _forgotten([f"{account}@exemple,fr" for account in of["forgotten"]]),
            },
        ),
        Family(
            "forgotten identifiant",
            {
                kind: [post("/v1/recuperations/identifiant", {"email": email}) for email in _emails(of[accounts])]
                for kind, accounts in {
                    "unknown": "forgotten",
                    "known": "active",
                    "pending": "pending",
                    "unverified e-mail": "unproven",
                    "suspended": "suspended",
                    "of two accounts": "shared",
                }.items()
            },
        ),
    ]


def _passwords(typed: list[str], password: str) -> list[bytes]:
    return [post("/v1/sessions", {"identifiant": one, "mot_de_passe": password}) for one in typed]


def _forgotten(typed: list[str]) -> list[bytes]:
    return [post("/v1/recuperations/mot-de-passe", {"identifiant": one}) for one in typed]


class Client:
    """One connection, kept; each request from an address of its own."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._addresses = map(address, count())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._socket.close()

    def ask(self, template: bytes) -> tuple[float, Answer]:
        """Milliseconds from the first octet sent to the last one received, and what it was."""
        request = template.replace(ADDRESS, next(self._addresses))
        sent, received = time.perf_counter(), b""
        self._socket.sendall(request)
        while not _whole(received):
            if not (some := self._socket.recv(65536)):
                raise RuntimeError("the service closed the connection")
            received += some
        return 1000 * (time.perf_counter() - sent), _answer(received)


def _whole(received: bytes) -> bool:
    head, separator, body = received.partition(b"\r\n\r\n")
    return bool(separator) and len(body) >= int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])


def _answer(received: bytes) -> Answer:
    head, _, body = received.partition(b"\r\n\r\n")
    status, *headers = head.decode("latin-1").split("\r\n")
    members = {n: v for n, v in msgspec.json.decode(body, type=dict[str, Any]).items() if n not in ("request_id", "id")}
    kept = tuple(h for h in headers if not h.lower().startswith(("date:", "x-request-id:")))
    return Answer(int(status.split()[1]), kept, msgspec.json.encode(members))


# Seconds: longer than the worker takes to look at one request and to send what follows.
_REST = 0.025


def _tried(client: Client, family: Family) -> dict[str, Found]:
    found = {kind: Found([], set()) for kind in family.classes}
    for i in range(len(next(iter(family.classes.values())))):
        for kind in random.sample(list(family.classes), len(family.classes)):
            milliseconds, answer = client.ask(family.classes[kind][i])
            # What the worker then does for some classes must not be counted on the next try.
            time.sleep(_REST)
            found[kind].answers.add(answer)
            if i >= _WARM_UP:
                found[kind].times.append(milliseconds)
    return found


def _alike(family: Family, found: Mapping[str, Found]) -> bool:
    """Prints what was found; whether nothing tells the classes apart."""
    reference, *others = found
    print(f"\n{family.title}: {len(found[reference].times)} tries of each class, interleaved\n\n{_HEAD}")
    print(_line(reference, found[reference], "reference", "", "", "", ""))
    # All of them, whatever the first one says.
    return not [kind for kind in others if not _compared(kind, found[kind], found[reference])]


def _compared(kind: str, found: Found, reference: Found) -> bool:
    usual = median(reference.times)
    difference = median(found.times) - usual
    same = len(found.answers | reference.answers) == 1
    # Whoever typed what designates nobody knows it: its time tells nothing of any account.
    near = kind == _MALFORMED or abs(difference) < min(_MILLISECONDS, _SHARE * usual)
    p = _mann_whitney(found.times, reference.times)
    verdict = "ok" if same and near else "TOLD APART" if not same or p < _CHANCE else "over, perhaps by chance: try again"
    told = f"{difference:+.2f} ms", f"{difference / usual:+.1%}", f"{p:.3f}", verdict
    print(_line(kind, found, "same" if same else "OTHER", *told), flush=True)
    return same and near


def _line(kind: str, found: Found, answer: str, *told: str) -> str:
    statuses = "/".join(sorted({str(a.status) for a in found.answers}))
    times = f"{median(found.times):.2f}", f"{quantiles(found.times, n=20)[-1]:.2f}"
    return f"| {' | '.join((kind, statuses, answer, *times, *told))} |"


def _mann_whitney(some: Sequence[float], others: Sequence[float]) -> float:
    """Two-sided, by the normal approximation; clock readings this fine do not tie."""
    n, m = len(some), len(others)
    ranks = sum(
        rank for rank, (_, mine) in enumerate(sorted([(t, True) for t in some] + [(t, False) for t in others]), 1) if mine
    )
    z = (ranks - n * (n + m + 1) / 2) / math.sqrt(n * m * (n + m + 1) / 12)
    return math.erfc(abs(z) / math.sqrt(2))


def _check(client: Client, of: Accounts) -> None:
    """That the accounts are what their class says: their own password, where it must help, does."""
    for typed, status in ((of["active"][0], 201), (_email(of["active"][0]), 201), (of["pending"][0], 403)):
        answer = client.ask(_passwords([typed], PASSWORD)[0])[1]
        assert answer.status == status, answer


async def _check_recoveries(services: Services) -> None:
    """That the requests were worked on: messages are there for those who may have one, and for nobody else."""
    async with services.owner("comptoir") as base:
        assert await base.fetchval("select count(*) from jetons where usage = 'mot_de_passe'") > 0


if __name__ == "__main__":
    sys.exit(main())
