"""The load: one process, keep-alive HTTP/1.1, requests made from a template, answers parsed just enough.

Closed loop (a connection sends as soon as it is answered) for throughput; open loop, at a fixed rate, for latencies: requests
leave when they are due, however late the former ones are, and a stall counts for every request it delays.

A chain, where each request carries what the answer before it brought: one a connection, which is its own template throughout.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from functools import partial
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import msgspec
import uvloop
from msgspec import Struct

ROOT = Path(__file__).parents[1]
# In a template: eight letters, and a client's address, both of their own for each request. Their lengths do not vary.
NAME, ADDRESS = b"@@@@@@@@", b"##.##.##.##"
# A request number counts from the round it belongs to, so that no two rounds share a name.
ROUND = 1_000_000


class Plan(Struct, frozen=True, kw_only=True):
    """`template`: whole requests, sent in turn. `rate`: requests a second, all connections together; None: closed loop.

    `chain`: the JSON text that each request takes over from the answer before it; there is then a template for each connection.
    """

    port: int
    template: list[bytes]
    connections: int
    seconds: float
    warm_up: float = 0.5
    first: int = 0
    rate: float | None = None
    expected: int = 200
    chain: str | None = None


class Result(Struct, frozen=True, kw_only=True):
    """What was answered during `seconds`, the warm-up left out; latencies in seconds. `faults`: statuses other than
    expected. `crowd`: what the generator at work meanwhile was answered, a second."""

    answered: int
    seconds: float
    p50: float
    p99: float
    worst: float
    faults: dict[str, int]
    crowd: float | None = None

    @property
    def per_second(self) -> float:
        return self.answered / self.seconds


class Running:
    """A generator at work in its own process."""

    def __init__(self, plan: Plan) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.load"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdin
        self._process.stdin.write(msgspec.json.encode(plan))
        self._process.stdin.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait()

    def result(self) -> Result:
        assert self._process.stdout
        return msgspec.json.decode(self._process.stdout.read(), type=Result)


def run(plan: Plan) -> Result:
    with Running(plan) as running:
        return running.result()


def get(path: str, token: str | None = None) -> bytes:
    bearer = f"Authorization: Bearer {token}\r\n" if token else ""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{bearer}X-Forwarded-For: ".encode() + ADDRESS + b"\r\n\r\n"


def post(path: str, body: object) -> bytes:
    octets = msgspec.json.encode(body)
    entetes = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(octets)}\r\n"
    return entetes.encode() + b"X-Forwarded-For: " + ADDRESS + b"\r\n\r\n" + octets


def name(number: int) -> bytes:
    """`number` in base 26, lower-case letters: names of persons take no digit."""
    letters = bytearray(len(NAME))
    for i in range(len(NAME)):
        number, rest = divmod(number, 26)
        letters[-1 - i] = 97 + rest
    return bytes(letters)


def address(number: int) -> bytes:
    """Four groups of two digits, from 10 to 99: 65 million addresses of one length."""
    groups = []
    for _ in range(4):
        number, rest = divmod(number, 90)
        groups.append(b"%d" % (10 + rest))
    return b".".join(groups)


class _Connection(asyncio.Protocol):
    """`own`: the request of its chain, which each answer makes the next one."""

    def __init__(self, load: _Load, own: bytes | None) -> None:
        self._load, self.own = load, own
        self._received = b""
        self._since = 0.0
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's is one without saying so.
        self._transport = cast("asyncio.Transport", transport)

    def send(self, since: float) -> None:
        self._since = since
        self._transport.write(self._load.next_request(self.own))

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if separator and len(body) >= int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]):
            self._received = b""
            self._load.answered(self, int(head[9:12]), body, self._since)

    def connection_lost(self, exc: Exception | None) -> None:
        self._load.lost()


class _Load:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._numbers = count(plan.first)
        self._latencies: list[float] = []
        self._faults: Counter[str] = Counter()
        self._free: list[_Connection] = []
        self._overdue: deque[float] = deque()
        self._over = False
        self._chain = re.compile(b'"%s":"[\\w-]+"' % plan.chain.encode()) if plan.chain else None

    async def run(self) -> Result:
        loop = asyncio.get_running_loop()
        for i in range(self._plan.connections):
            new = partial(_Connection, self, self._plan.template[i] if self._plan.chain else None)
            self._free.append((await loop.create_connection(new, "127.0.0.1", self._plan.port))[1])
        self._from = time.perf_counter() + self._plan.warm_up
        self._until = self._from + self._plan.seconds
        if self._plan.rate is None:
            while self._free:
                self._free.pop().send(time.perf_counter())
        else:
            threading.Thread(target=self._pace, args=(loop, self._plan.rate), daemon=True).start()
        await asyncio.sleep(self._plan.warm_up + self._plan.seconds)
        if self._plan.rate is not None:
            await self._all_answered()
        self._over = True
        return self._result(sorted(self._latencies))

    async def _all_answered(self) -> None:
        """The slowest come last, and must be counted."""
        for _ in range(100):
            if len(self._free) == self._plan.connections:
                return
            await asyncio.sleep(0.1)
        self._faults["no answer"] = self._plan.connections - len(self._free) + len(self._overdue)

    def _pace(self, loop: asyncio.AbstractEventLoop, rate: float) -> None:
        """In a thread: the loop's own timers are a millisecond wide."""
        start = time.perf_counter()
        for i in count():
            due = start + i / rate
            if due >= self._until:
                return
            time.sleep(max(0.0, due - time.perf_counter()))
            loop.call_soon_threadsafe(self._due, due)

    def _due(self, due: float) -> None:
        if self._free:
            self._free.pop().send(due)
        else:
            self._overdue.append(due)

    def next_request(self, own: bytes | None) -> bytes:
        number = next(self._numbers)
        template = own or self._plan.template[number % len(self._plan.template)]
        return template.replace(NAME, name(number)).replace(ADDRESS, address(number))

    def answered(self, connection: _Connection, status: int, body: bytes, since: float) -> None:
        now = time.perf_counter()
        if self._chain and connection.own and (brought := self._chain.search(body)):
            connection.own = self._chain.sub(brought[0], connection.own)
        # A closed loop is counted by its answers, an open one by what was due.
        if self._from <= (now if self._plan.rate is None else since) < self._until:
            if status == self._plan.expected:
                self._latencies.append(now - since)
            else:
                self._faults[str(status)] += 1
        if self._over:
            return
        if self._plan.rate is None:
            connection.send(now)
        elif self._overdue:
            connection.send(self._overdue.popleft())
        else:
            self._free.append(connection)

    def lost(self) -> None:
        if not self._over:
            self._faults["lost connection"] += 1

    def _result(self, latencies: list[float]) -> Result:
        return Result(
            answered=len(self._latencies),
            seconds=self._plan.seconds,
            p50=_percentile(latencies, 0.50),
            p99=_percentile(latencies, 0.99),
            worst=_percentile(latencies, 1),
            faults=dict(self._faults),
        )


def _percentile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


if __name__ == "__main__":
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(_Load(plan).run())))
    sys.stdout.flush()
