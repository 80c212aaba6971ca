"""The hasher against argon2-cffi, the reference implementation, and under a crowd."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator

import pytest
from argon2 import PasswordHasher, Type
from argon2.low_level import hash_secret

from adapters.passwords import Argon2Sodium, PasslibHasher, contexte
from domain.erreurs import Sature

# The least argon2 allows: what is tested here does not depend on the cost.
MEMOIRE, PASSES = 8, 1
MDP = "Vent-d'Ouest 47 marées"


@pytest.fixture
def hacheur() -> Iterator[PasslibHasher]:
    hacheur = PasslibHasher(2, memoire=MEMOIRE, passes=PASSES)
    yield hacheur
    hacheur.close()


def _reference(mdp: str, *, type: Type = Type.ID, p: int = 1, sel: int = 16, version: int = 19, taille: int = 32) -> str:
    return hash_secret(mdp.encode(), b"s" * sel, 2, 8 * p, p, taille, type, version).decode()


async def test_the_default_string_is_argon2id_with_19_mebibytes_two_passes_one_lane() -> None:
    hacheur = PasslibHasher(1)
    empreinte = await hacheur.hacher(MDP)
    hacheur.close()
    assert empreinte.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert PasswordHasher().verify(empreinte, MDP)


async def test_argon2_cffi_verifies_what_libsodium_made(hacheur: PasslibHasher) -> None:
    assert PasswordHasher().verify(await hacheur.hacher(MDP), MDP)


async def test_libsodium_verifies_what_argon2_cffi_made(hacheur: PasslibHasher) -> None:
    empreinte = PasswordHasher(time_cost=2, memory_cost=64, parallelism=1).hash(MDP)
    assert (await hacheur.verifier(MDP, empreinte)).juste
    assert not (await hacheur.verifier(MDP + " ", empreinte)).juste


@pytest.mark.parametrize(
    "empreinte",
    [
        _reference(MDP, p=4),
        _reference(MDP, sel=8),
        _reference(MDP, sel=32),
        _reference(MDP, type=Type.I),
        _reference(MDP, type=Type.D),
        _reference(MDP, version=16),
        _reference(MDP, taille=8),
    ],
    ids=["four lanes", "short salt", "long salt", "argon2i", "argon2d", "version 1.0", "short digest"],
)
async def test_what_libsodium_cannot_do_is_verified_by_argon2_cffi(hacheur: PasslibHasher, empreinte: str) -> None:
    assert (await hacheur.verifier(MDP, empreinte)).juste
    assert not (await hacheur.verifier("autre", empreinte)).juste


def test_a_string_of_the_other_library_needs_no_update() -> None:
    politique = contexte(64, 2)
    assert not politique.needs_update(politique.hash(MDP))
    assert not politique.needs_update(PasswordHasher(time_cost=2, memory_cost=64, parallelism=1).hash(MDP))


@pytest.mark.parametrize(
    "empreinte",
    [
        contexte(32, 2).hash(MDP),
        contexte(64, 1).hash(MDP),
        PasswordHasher(time_cost=2, memory_cost=64, parallelism=4).hash(MDP),
        _reference(MDP, type=Type.I),
    ],
    ids=["less memory", "fewer passes", "four lanes", "argon2i"],
)
def test_a_string_made_otherwise_is_renewed_when_verified(empreinte: str) -> None:
    politique = contexte(64, 2)
    assert politique.needs_update(empreinte)
    valide, nouvelle = politique.verify_and_update(MDP, empreinte)
    assert valide
    assert nouvelle is not None
    assert nouvelle.startswith("$argon2id$v=19$m=64,t=2,p=1$")
    assert politique.verify_and_update("autre", empreinte) == (False, None)


def test_passlib_computes_with_libsodium(monkeypatch: pytest.MonkeyPatch) -> None:
    appels: list[bytes] = []

    def espion(taille: int, mdp: bytes, *_: object) -> bytes:
        appels.append(mdp)
        return b"x" * taille

    monkeypatch.setattr("adapters.passwords.crypto_pwhash_alg", espion)
    empreinte = contexte(MEMOIRE, PASSES).hash(MDP)
    assert Argon2Sodium.verify("peu importe", empreinte)
    assert appels == [MDP.encode(), b"peu importe"]


async def test_two_hashes_of_one_password_differ(hacheur: PasslibHasher) -> None:
    assert await hacheur.hacher(MDP) != await hacheur.hacher(MDP)


async def test_the_same_accents_typed_on_another_keyboard_are_the_same_password(hacheur: PasslibHasher) -> None:
    nfc, nfd = "caf\u00e9 Bleu 7", "cafe\u0301 Bleu 7"
    assert (await hacheur.verifier(nfc, await hacheur.hacher(nfd))).juste
    assert (await hacheur.verifier(nfd, await hacheur.hacher(nfc))).juste
    assert PasswordHasher().verify(await hacheur.hacher(nfd), nfc)


@pytest.mark.parametrize("mdp", ["a\0b", "\0", "", "\ud800 seul", "é" * 128, "\U0001f511" * 128, "x" * 5000])
async def test_any_text_is_hashed_whole(hacheur: PasslibHasher, mdp: str) -> None:
    empreinte = await hacheur.hacher(mdp)
    assert (await hacheur.verifier(mdp, empreinte)).juste
    assert not (await hacheur.verifier(mdp[:-1] if mdp else "x", empreinte)).juste


@pytest.mark.parametrize(
    "empreinte",
    [
        "",
        "!",
        "None",
        "é",
        "$argon2id$",
        "$argon2id$v=19$m=8,t=1,p=1",
        "$argon2id$v=19$m=8,t=1,p=1$c3Nzc3Nzc3Nzc3Nzc3Nzcw",
        "$argon2id$v=19$m=8,t=1,p=1$*$*",
        "$argon2id$v=19$m=8,t=0,p=1$c3Nzc3Nzc3Nzc3Nzc3Nzcw$c3Nzc3Nzc3Nzc3Nzc3Nzcw",
        "$argon2id$v=99$m=8,t=1,p=1$c3Nzc3Nzc3Nzc3Nzc3Nzcw$c3Nzc3Nzc3Nzc3Nzc3Nzcw",
        "$argon2id$v=19$m=8,t=1,p=1,keyid=abc$c3Nzc3Nzc3Nzc3Nzc3Nzcw$c3Nzc3Nzc3Nzc3Nzc3Nzcw",
        "$argon2x$v=19$m=8,t=1,p=1$c3Nzc3Nzc3Nzc3Nzc3Nzcw$c3Nzc3Nzc3Nzc3Nzc3Nzcw",
        "$2b$12$abcdefghijklmnopqrstuuvwxyz",
        None,
    ],
)
async def test_what_is_not_a_hash_verifies_nothing_and_costs_as_much_as_a_hash(
    hacheur: PasslibHasher, empreinte: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    factices: list[None] = []
    vrai = hacheur._contexte.dummy_verify

    def compter() -> None:
        factices.append(None)
        vrai()

    monkeypatch.setattr(hacheur._contexte, "dummy_verify", compter)
    assert not (await hacheur.verifier(MDP, empreinte)).juste
    assert factices == [None]


async def test_only_a_right_password_is_hashed_anew_when_the_parameters_have_grown(hacheur: PasslibHasher) -> None:
    ancienne, presente = contexte(MEMOIRE, PASSES).hash(MDP), contexte(2 * MEMOIRE, PASSES)
    grandi = PasslibHasher(1, memoire=2 * MEMOIRE, passes=PASSES)
    juste, fausse = await grandi.verifier(MDP, ancienne), await grandi.verifier("autre", ancienne)
    grandi.close()
    assert juste.nouvelle is not None
    assert presente.verify(MDP, juste.nouvelle)
    assert not presente.needs_update(juste.nouvelle)
    assert (fausse.juste, fausse.nouvelle) == (False, None)
    assert (await hacheur.verifier(MDP, ancienne)).nouvelle is None
    assert "argon2" not in repr(juste)


class _Portes:
    """Stands where the computation is: each job announces itself, then waits to be let through."""

    def __init__(self, hacheur: PasslibHasher, monkeypatch: pytest.MonkeyPatch) -> None:
        _oisif(hacheur)
        self.commences = 0
        self._entrees = threading.Semaphore(0)
        self.ouverte = threading.Event()
        vrai: Callable[[bytes], str] = hacheur._contexte.hash

        def calcul(mdp: bytes) -> str:
            self.commences += 1
            self._entrees.release()
            assert self.ouverte.wait(60)
            return vrai(mdp)

        monkeypatch.setattr(hacheur._contexte, "hash", calcul)

    async def attendre_une_entree(self) -> None:
        assert await asyncio.to_thread(self._entrees.acquire, timeout=60)


def _oisif(hacheur: PasslibHasher) -> None:
    """Returns once it has made what a missing hash is compared with: all its threads meet, that of this first job too."""
    threads = hacheur._executor._max_workers
    rencontre = threading.Barrier(threads + 1)
    for _ in range(threads):
        hacheur._executor.submit(rencontre.wait, 60)
    rencontre.wait(60)


async def test_the_loop_goes_on_while_a_password_is_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    hacheur = PasslibHasher(1, memoire=MEMOIRE, passes=PASSES)
    portes = _Portes(hacheur, monkeypatch)
    tache = asyncio.create_task(hacheur.hacher(MDP))
    await portes.attendre_une_entree()
    for _ in range(100):
        await asyncio.sleep(0)
    assert not tache.done()
    portes.ouverte.set()
    assert (await tache).startswith("$argon2id$")
    hacheur.close()


async def test_the_one_too_many_is_refused_at_once_and_the_others_are_served(monkeypatch: pytest.MonkeyPatch) -> None:
    hacheur = PasslibHasher(2, 5, memoire=MEMOIRE, passes=PASSES)
    portes = _Portes(hacheur, monkeypatch)
    taches = [asyncio.create_task(hacheur.hacher(MDP)) for _ in range(5)]
    await portes.attendre_une_entree()
    await portes.attendre_une_entree()
    with pytest.raises(Sature) as refus:
        await hacheur.hacher(MDP)
    assert 1 <= refus.value.attendre <= 10
    with pytest.raises(Sature):
        await hacheur.verifier(MDP, "")
    assert portes.commences == 2
    portes.ouverte.set()
    assert len(set(await asyncio.gather(*taches))) == 5
    assert await hacheur.hacher(MDP)
    hacheur.close()


async def test_a_caller_who_gives_up_before_his_turn_leaves_his_place(monkeypatch: pytest.MonkeyPatch) -> None:
    hacheur = PasslibHasher(1, 2, memoire=MEMOIRE, passes=PASSES)
    portes = _Portes(hacheur, monkeypatch)
    premier = asyncio.create_task(hacheur.hacher(MDP))
    await portes.attendre_une_entree()
    await _abandonner(asyncio.create_task(hacheur.hacher(MDP)))
    suivant = asyncio.create_task(hacheur.hacher(MDP))
    portes.ouverte.set()
    await asyncio.gather(premier, suivant)
    assert portes.commences == 2
    hacheur.close()


async def test_a_caller_who_gives_up_during_his_turn_keeps_his_place_until_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    hacheur = PasslibHasher(1, 1, memoire=MEMOIRE, passes=PASSES)
    portes = _Portes(hacheur, monkeypatch)
    tache = asyncio.create_task(hacheur.hacher(MDP))
    await portes.attendre_une_entree()
    await _abandonner(tache)
    with pytest.raises(Sature):
        await hacheur.hacher(MDP)
    portes.ouverte.set()
    await _avec_patience(lambda: hacheur.hacher(MDP))
    hacheur.close()


async def test_no_place_is_lost_to_errors_nor_to_cancellations() -> None:
    hacheur = PasslibHasher(2, 8, memoire=MEMOIRE, passes=PASSES)
    for _ in range(20):
        taches = [asyncio.create_task(hacheur.verifier(MDP, "")) for _ in range(8)]
        await asyncio.sleep(0)
        for tache in taches[::2]:
            tache.cancel()
        await asyncio.gather(*taches, return_exceptions=True)
    await _avec_patience(lambda: asyncio.gather(*(hacheur.hacher(MDP) for _ in range(8))))
    hacheur.close()


def test_importing_the_adapter_warns_of_nothing() -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", "import adapters.passwords"], check=True)


async def _abandonner(tache: asyncio.Task[str]) -> None:
    await asyncio.sleep(0)
    tache.cancel()
    with pytest.raises(asyncio.CancelledError):
        await tache


async def _avec_patience(appel: Callable[[], Awaitable[object]]) -> None:
    """Until it is served: a job whose caller gave up ends in its own time."""
    async with asyncio.timeout(60):
        while True:
            try:
                await appel()
            except Sature:
                await asyncio.sleep(0)
            else:
                return
