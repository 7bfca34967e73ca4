"""A file that one run has to itself; and whether anybody else may still be sending from it.

Who has it to itself holds a lock on the file, which the system takes away when its holder dies. The lock is on what the
file is, not on its name: whoever opens it by another name, or by a link, finds it. A copy is another file, with a lock
of its own. So a file notes where it was last used, and a copy looks there:

============================================  =====================================================================
what is there                                 what that means
============================================  =====================================================================
the original, and its lock is held            a run is under way: the copy is refused
the original, and its lock is free            nobody is alive; it is told that its copy goes on, so that whoever
                                              resumes it later asks the gateway first
nothing, or another file; no process that     nobody is alive
the file knows of runs any more
it was used on another machine, or such a     nobody can know
process runs
============================================  =====================================================================

The lock belongs to the descriptor of a program that opens the file once. To close any other descriptor of the file
would take SQLite's own locks away, so none is opened here.
"""

from __future__ import annotations

import json
import os
import socket
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, delete, null, select, update
from sqlalchemy.dialects.sqlite import insert

from clickasync.campaigns.files import identity_of
from clickasync.campaigns.functions import identity
from clickasync.campaigns.schema import campaigns, meta, workers
from clickasync.errors import ConfigurationError

try:
    import fcntl
except ImportError:  # Windows has none; there nobody watches over two runs on one file
    fcntl = None  # type: ignore[assignment]

__all__ = ["Hold", "first_name", "settle_in"]

_COPIED: Final = "a copy of it goes on"


class Hold:
    """The lock of one run on a file.

    Raises:
        ConfigurationError: another run has it.
        OSError: the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR)
        if fcntl is None:
            return
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._descriptor)
            raise ConfigurationError(f"another run is under way on {path}") from None

    def release(self) -> None:
        """Let another run have it."""
        os.close(self._descriptor)


def first_name(path: Path) -> Path:
    """The name under which a file of several names was used before, if it is still there: its log stands beside it."""
    if path.stat().st_nlink < 2:
        return path
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as connection:
        for (value,) in connection.execute("SELECT value FROM ca_meta WHERE key = 'place'"):
            host, name = json.loads(value)
            if host == socket.gethostname() and identity_of(Path(name)) == identity_of(path):
                return Path(name)
    return path


def settle_in(connection: Connection, path: Path) -> str | None:
    """Take over a file whose lock is held: forget those who died, and note where it is used now.

    Gives:
        where somebody else may still be sending from it, in words; None: nobody can be.

    Raises:
        ConfigurationError: somebody is.
    """
    _bury(connection)
    connection.execute(update(campaigns).where(campaigns.c.state == "loading").values(loader_beat=null()))
    values = {row.key: row.value for row in connection.execute(select(meta))}
    here = json.dumps([socket.gethostname(), str(path)])
    doubt = None
    if values["identity"] != connection.execute(select(identity())).scalar_one():
        doubt = _look_for_others(connection, values["identity"], values.get("place"))
    place = insert(meta).values(key="place", value=here)
    connection.execute(place.on_conflict_do_update(index_elements=["key"], set_={"value": here}))
    return doubt


def _bury(connection: Connection) -> None:
    """Workers of this machine whose process is gone need not be waited for."""
    mine = select(workers.c.id, workers.c.pid).where(workers.c.host == socket.gethostname())
    dead = [id for id, pid in connection.execute(mine) if not _is_alive(pid)]
    connection.execute(delete(workers).where(workers.c.id.in_(dead)))


def _is_alive(pid: int) -> bool:
    if pid == os.getpid():
        return False  # an earlier run of this program: it has the file to itself now
    if os.name == "nt":  # where to ask is to interrupt
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _look_for_others(connection: Connection, known_as: str, place: str | None) -> str | None:
    if place is None:
        return "nobody knows where it was used before"
    host, name = json.loads(place)
    if host != socket.gethostname():
        return f"it was used on {host} before"
    original = Path(name)
    if identity_of(original) == known_as:
        _take_from(original)
        return None
    if connection.execute(select(workers.c.pid).where(workers.c.host == host)).first() is not None:
        return "a process that was sending from it still runs"
    return None


def _take_from(original: Path) -> None:
    """Nobody sends from the original now, and whoever resumes it later asks the gateway first."""
    try:
        hold = Hold(original)
    except OSError:
        return  # it cannot be written, so nobody can resume it
    try:
        with suppress(sqlite3.Error), closing(sqlite3.connect(original, timeout=1.0)) as connection, connection:
            connection.execute("UPDATE ca_meta SET value = ? WHERE key = 'identity'", (_COPIED,))
    finally:
        hold.release()
