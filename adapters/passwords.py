"""Passwords: argon2id through passlib's policy and libsodium's computation, off the event loop, in a pool with a bound."""

from __future__ import annotations

import asyncio
import hmac
import os
import sys
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from threading import BoundedSemaphore
from typing import Any, ParamSpec, TypeVar

from nacl.bindings import (
    crypto_pwhash_alg,
    crypto_pwhash_ALG_ARGON2ID13,
    crypto_pwhash_BYTES_MIN,
    crypto_pwhash_SALTBYTES,
)

from domain.erreurs import Sature
from domain.mot_de_passe import normaliser
from domain.ports import Hacheur, Verification

with warnings.catch_warnings():
    # passlib 1.7.4 is the last of its line: it imports `crypt` on Python 3.11 and 3.12, and asks argon2-cffi for its version.
    warnings.filterwarnings("ignore", "'crypt' is deprecated", DeprecationWarning)
    warnings.filterwarnings("ignore", r"Accessing argon2\.__version__", DeprecationWarning)
    from passlib.context import CryptContext
    from passlib.handlers.argon2 import argon2

    # Loaded now: the lazy loading rewrites the class's bases, which two threads must not do at once.
    argon2.set_backend("argon2_cffi")

P = ParamSpec("P")
T = TypeVar("T")

# One computation with the default parameters, in seconds: what an estimate of the queue is made of.
_DUREE = 0.01


class Argon2Sodium(argon2):
    """passlib's argon2 computed by libsodium: the same strings, faster, for it picks its SIMD code at run time."""

    @classmethod
    def hash(cls, secret: str | bytes) -> str:  # type: ignore[override]
        neuf: Any = cls(use_defaults=True)
        neuf.checksum = _calculer(neuf, secret, cls.checksum_size)
        return str(neuf.to_string())

    @classmethod
    def verify(cls, secret: str | bytes, hash: str | bytes) -> bool:  # type: ignore[override]
        lue: Any = cls.from_string(hash)
        if not _calculable(lue):
            return bool(super().verify(secret, hash))  # type: ignore[no-untyped-call]
        return hmac.compare_digest(_calculer(lue, secret, len(lue.checksum)), lue.checksum)


def _calculable(lue: Any) -> bool:
    """What libsodium can do: argon2id, version 1.3, one lane, its own salt size."""
    return (
        (lue.type, lue.version, lue.parallelism, lue.data) == ("id", 0x13, 1, None)
        and len(lue.salt or b"") == crypto_pwhash_SALTBYTES
        and len(lue.checksum or b"") >= crypto_pwhash_BYTES_MIN
    )


def _calculer(phc: Any, secret: str | bytes, taille: int) -> bytes:
    octets = secret.encode() if isinstance(secret, str) else secret
    return crypto_pwhash_alg(taille, octets, phc.salt, phc.rounds, phc.memory_cost * 1024, crypto_pwhash_ALG_ARGON2ID13)


def contexte(memoire: int, passes: int) -> CryptContext:
    """The policy: argon2id with one lane; `memoire` in KiB. It verifies any argon2 string and updates those made otherwise."""
    return CryptContext(
        schemes=[Argon2Sodium],
        argon2__type="ID",
        argon2__memory_cost=memoire,
        argon2__time_cost=passes,
        argon2__parallelism=1,
    )


class PasslibHasher(Hacheur):
    """`threads`: the cores this process may use; `file`: how many jobs may wait or run before the next one is refused.

    More threads than cores give no more hashes, cost 19 MiB each and ruin the latency of the cheap calls.
    """

    def __init__(self, threads: int, file: int = 256, *, memoire: int = 19456, passes: int = 2) -> None:
        self._contexte = contexte(memoire, passes)
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="argon2", initializer=_ceder_le_pas)
        self._places = BoundedSemaphore(file)
        self._attente = _DUREE * file / threads
        # What a missing hash is compared with is made once: the first to fail so would wait for it.
        self._executor.submit(self._contexte.dummy_verify)

    async def hacher(self, mot_de_passe: str) -> str:
        return await self._executer(self._contexte.hash, _octets(mot_de_passe))

    async def verifier(self, mot_de_passe: str, empreinte: str | None) -> Verification:
        return await self._executer(self._verifier, _octets(mot_de_passe), empreinte)

    def close(self) -> None:
        """Drops what waits, and returns when what runs is done."""
        self._executor.shutdown(cancel_futures=True)

    def _verifier(self, mot_de_passe: bytes, empreinte: str | None) -> Verification:
        try:
            return Verification(*self._contexte.verify_and_update(mot_de_passe, empreinte))
        except (ValueError, TypeError, NotImplementedError):
            # Not a PHC string: an account without a password must neither fail nor answer sooner than another.
            self._contexte.dummy_verify()
            return Verification(juste=False)

    async def _executer(self, travail: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if not self._places.acquire(blocking=False):
            raise Sature(self._attente)
        job = self._executor.submit(travail, *args, **kwargs)
        # On the job, not on its caller: a caller who gives up does not stop a computation that has begun.
        job.add_done_callback(self._rendre_la_place)
        return await asyncio.wrap_future(job)

    def _rendre_la_place(self, _: Future[Any]) -> None:
        self._places.release()


def _ceder_le_pas() -> None:
    """On Linux a thread has its own priority: a hash in progress lets the event loop, and the database, go first."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)


def _octets(mot_de_passe: str) -> bytes:
    # Lone surrogates are refused at the border; one that came here must be a wrong password, not a fault.
    return normaliser(mot_de_passe).encode("utf-8", "surrogatepass")
