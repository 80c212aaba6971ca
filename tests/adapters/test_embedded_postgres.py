"""Real servers in throw-away folders, in memory where the system allows it."""

from __future__ import annotations

import asyncio
import os
import pwd
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from adapters import embedded_postgres
from adapters.embedded_postgres import EmbeddedPostgres

ROOT = Path(__file__).parents[2]
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root is refused by PostgreSQL")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")

# Starts in the folder given, says where the server is, stops when its input ends.
OTHER_PROCESS = """
import sys
from pathlib import Path
from adapters.embedded_postgres import EmbeddedPostgres
sys.platform = sys.argv[2]
with EmbeddedPostgres(Path(sys.argv[1]), fast=True) as server:
    print(server.url_owner(), flush=True)
    sys.stdin.read()
"""


@contextmanager
def throw_away() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="comptoir-test-", dir=MEMORY)).resolve()
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path)


@pytest.fixture
def place() -> Iterator[Path]:
    with throw_away() as path:
        yield path


@pytest.fixture(autouse=True)
def shared(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with throw_away() as path:
        monkeypatch.setattr(embedded_postgres, "SHARED", path / "shared")
        yield path / "shared"


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    with throw_away() as path:
        EmbeddedPostgres(path / "data", fast=True).start().stop()
        yield path / "data"


def started_once(made: Path, place: Path) -> Path:
    """A folder of data: copying it is ten times as fast as a first start."""
    subprocess.run(["cp", "-a", made, place], check=True)
    return place / "data"


@pytest.fixture
def data(made: Path, place: Path) -> Path:
    return started_once(made, place)


@pytest.fixture(scope="module")
def server(made: Path) -> Iterator[EmbeddedPostgres]:
    with throw_away() as path, EmbeddedPostgres(started_once(made, path), fast=True) as server:
        yield server


def sql(url: str, *statements: str) -> Any:
    """The value that the last statement returns."""

    async def run() -> Any:
        connection = await asyncpg.connect(url)
        try:
            return [await connection.fetchval(statement) for statement in statements][-1]
        finally:
            await connection.close()

    return asyncio.run(run())


@contextmanager
def other_process(data: Path, system: str = sys.platform) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", OTHER_PROCESS, data, system], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        yield process


def answer(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_data_outlive_the_server(place: Path) -> None:
    with EmbeddedPostgres(place / "data") as server:
        assert sql(server.url_owner(), "CREATE TABLE t AS SELECT 'é' AS v", "SHOW fsync") == "on"
    with EmbeddedPostgres(place / "data") as server:
        assert sql(server.url_owner(), "SELECT v FROM t") == "é"


def test_a_stopped_server_is_gone_and_may_be_stopped_again(data: Path) -> None:
    server = EmbeddedPostgres(data, fast=True)
    server.stop()
    server.start().stop()
    server.stop()
    with pytest.raises(OSError):
        sql(server.url())


def test_a_server_not_started_has_no_url(place: Path) -> None:
    with pytest.raises(RuntimeError):
        EmbeddedPostgres(place / "data").url()


def test_the_service_role_has_no_right_of_its_own(server: EmbeddedPostgres) -> None:
    rights = (
        "SELECT concat(rolsuper, rolcreatedb, rolcreaterole, rolbypassrls, rolreplication) FROM pg_roles WHERE rolname = user"
    )
    assert sql(server.url(), rights) == "fffff"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        sql(server.url(), "CREATE TABLE public.t ()")


def test_the_owner_reaches_any_database(server: EmbeddedPostgres) -> None:
    assert sql(server.url_owner("template1"), "SELECT concat(current_database(), ' ', user)") == "template1 postgres"


def test_letters_and_times_are_the_same_on_every_machine(server: EmbeddedPostgres) -> None:
    assert sql(server.url(), "SELECT lower('ÉCOLE ŒUVRE') || current_setting('timezone')") == "école œuvreUTC"


def test_personal_data_in_a_faulty_statement_do_not_reach_the_log(server: EmbeddedPostgres) -> None:
    for fault in ("SELECT 'jeanne@example.fr'::int", "DO $$ BEGIN RAISE WARNING 'jeanne@example.fr'; END $$", "SELECT jeanne"):
        with pytest.raises(asyncpg.PostgresError):
            sql(server.url(), fault, "SELECT 1/0")
    log = (server._folder / "postgres.log").read_text()
    assert "ready to accept connections" in log
    assert "jeanne" not in log


def test_other_users_cannot_reach_the_server(server: EmbeddedPostgres) -> None:
    assert Path(server._socket_dir).stat().st_mode & 0o077 == 0
    assert sql(server.url(), "SHOW listen_addresses") == ""


def test_the_environment_changes_nothing(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "PGPORT": "1",
        "PGDATA": "/nowhere",
        "PGOPTIONS": "-c nothing=1",
        "LC_ALL": "xx_XX",
        "TZ": "Mars",
    }.items():
        monkeypatch.setenv(name, value)
    server = EmbeddedPostgres(place / "data", fast=True).start()
    monkeypatch.delenv("PGOPTIONS")  # asyncpg sends it
    assert sql(server.url(), "SHOW log_timezone") != "Mars"
    server.stop()


def test_a_second_start_attaches_and_its_stop_leaves_the_owner_s_server_running(data: Path) -> None:
    with EmbeddedPostgres(data, fast=True) as owner:
        with EmbeddedPostgres(data, fast=True) as second:
            assert second.url() == owner.url()
        assert sql(owner.url(), "SELECT 1") == 1


def test_of_two_simultaneous_first_starts_one_owns_and_the_other_attaches(place: Path) -> None:
    with other_process(place / "data") as one, other_process(place / "data") as two:
        urls = answer(one), answer(two)
        assert sql(urls[0], "SELECT pg_postmaster_start_time()") == sql(urls[1], "SELECT pg_postmaster_start_time()")
    assert (one.returncode, two.returncode) == (0, 0)


def test_a_stale_pid_file_does_not_fool_a_start(data: Path) -> None:
    with EmbeddedPostgres(data, fast=True) as server:
        stale = server._pid_file()
    # Numbers are dealt again: this one is alive, belongs to the server's user, and is no server.
    with subprocess.Popen(["sleep", "60"], **server._identity) as innocent:
        (data / "pgdata/postmaster.pid").write_text("\n".join([str(innocent.pid), *stale[1:]]) + "\n")
        with EmbeddedPostgres(data, fast=True) as server:
            assert sql(server.url(), "SELECT 1") == 1
        assert innocent.poll() is None
        innocent.kill()


@on_linux
def test_the_server_ends_when_its_owner_is_killed(data: Path) -> None:
    with other_process(data) as owner:
        answer(owner)
        watched = os.pidfd_open(int((data / "pgdata/postmaster.pid").read_text().split()[0]))
        owner.kill()
    assert select.select([watched], [], [], 60)[0]
    os.close(watched)


@pytest.mark.parametrize("system", [sys.platform, "one that does not tell the server"])
def test_when_the_owner_was_killed_the_next_start_works(data: Path, system: str) -> None:
    with other_process(data, system) as owner:
        sql(answer(owner), "CREATE TABLE t AS SELECT 1 AS v")
        owner.kill()
    with EmbeddedPostgres(data, fast=True) as server:
        assert server._owner is not None
        assert sql(server.url_owner(), "SELECT v FROM t") == 1


def test_a_killed_server_starts_again_with_its_data(data: Path) -> None:
    with EmbeddedPostgres(data) as server:
        sql(server.url_owner(), "CREATE TABLE t AS SELECT 1 AS v")
        os.kill(int(server._pid_file()[0]), signal.SIGKILL)
    with EmbeddedPostgres(data) as server:
        assert sql(server.url_owner(), "SELECT v FROM t") == 1


def test_a_forked_worker_neither_stops_the_server_nor_holds_its_folder(data: Path) -> None:
    waiting, over = os.pipe()
    with EmbeddedPostgres(data, fast=True) as server:
        if (worker := os.fork()) == 0:
            os.close(over)
            os.read(waiting, 1)
            os._exit(0)
        if (leaving := os.fork()) == 0:
            server.stop()
            os._exit(0)
        os.waitpid(leaving, 0)
        assert sql(server.url(), "SELECT 1") == 1
    with server:
        assert sql(server.url(), "SELECT 1") == 1
    os.close(over)
    os.waitpid(worker, 0)
    os.close(waiting)


@pytest.mark.parametrize("folder", ["données à 100%25 & plus", "un, deux", "x" * 100])
def test_any_path_works(place: Path, folder: str) -> None:
    with EmbeddedPostgres(place / folder, fast=True) as server, EmbeddedPostgres(place / folder, fast=True) as second:
        assert sql(second.url(), "SELECT 1") == 1
        directory = Path(server._socket_dir)
        assert directory.stat().st_mode & 0o777 == 0o700
    if not directory.is_relative_to(place):
        directory.rmdir()


def test_a_socket_directory_prepared_by_somebody_is_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_postgres, "SOCKETS", place)
    server = EmbeddedPostgres(place / ("x" * 100), fast=True)
    server.start().stop()
    directory = Path(server._socket_dir)
    directory.rename(place / "elsewhere")
    directory.symlink_to(place / "elsewhere")
    with pytest.raises(RuntimeError, match="must be a directory of user"):
        server.start()


def test_a_server_that_cannot_start_says_why_and_lets_the_next_one_try(data: Path, place: Path) -> None:
    server = EmbeddedPostgres(data, fast=True)
    server.start().stop()
    control = data / "pgdata/global/pg_control"
    control.rename(place / "away")
    with pytest.raises(RuntimeError, match="could not find the database system"):
        server.start()
    (place / "away").rename(control)
    with server:
        assert sql(server.url(), "SELECT 1") == 1


@as_root
def test_root_s_server_runs_as_nobody_in_a_new_folder(place: Path, shared: Path) -> None:
    (place / "data").mkdir(mode=0o700)
    with EmbeddedPostgres(place / "data", fast=True):
        assert (place / "data/pgdata").lstat().st_uid == pwd.getpwnam("nobody").pw_uid
    assert not shared.exists()


@as_root
def test_data_under_a_closed_home_are_kept_elsewhere_and_the_home_stays_closed(place: Path, shared: Path) -> None:
    home = place / "home"
    home.mkdir(mode=0o700)
    with EmbeddedPostgres(home / "data", fast=True) as server:
        sql(server.url_owner(), "CREATE TABLE t AS SELECT 1 AS v")
    with EmbeddedPostgres(home / "data", fast=True) as server:
        assert sql(server.url_owner(), "SELECT v FROM t") == 1
    assert home.stat().st_mode & 0o777 == 0o700
    assert (home / "data/pgdata").readlink().parent == shared


@as_root
def test_binaries_under_a_closed_home_are_copied_for_nobody(place: Path, shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = embedded_postgres._binaries(as_root=False).parents[2]
    home = place / "home"
    home.mkdir(mode=0o700)
    for part in installed.glob("embedded_postgres*"):
        shutil.copytree(part, home / part.name, symlinks=True)
    monkeypatch.syspath_prepend(str(home))
    with EmbeddedPostgres(place / "data", fast=True) as server:
        assert sql(server.url(), "SELECT 1") == 1
        (copy,) = shared.iterdir()
        assert os.readlink(f"/proc/{server._pid_file()[0]}/exe").startswith(f"{copy}/")


@as_root
@pytest.mark.parametrize("plant", ["somebody else's", "open to all", "link"])
def test_a_prepared_shared_directory_is_refused(place: Path, shared: Path, plant: str) -> None:
    (place / "home").mkdir(mode=0o700)
    if plant == "link":
        shared.symlink_to(place / "home")
    else:
        shared.mkdir()
        shared.chmod(0o777 if plant == "open to all" else 0o755)
        os.chown(shared, 12345 if plant == "somebody else's" else 0, -1)
    with pytest.raises(RuntimeError, match="must be a directory of user 0"):
        EmbeddedPostgres(place / "home/data", fast=True).start()


@as_root
def test_data_of_somebody_else_are_refused(data: Path) -> None:
    server = EmbeddedPostgres(data, fast=True)
    server.start().stop()
    os.chown(data / "pgdata", 12345, -1)
    with pytest.raises(RuntimeError, match="must be a directory of user"):
        server.start()
