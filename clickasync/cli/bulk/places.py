"""Where the results of a run are, and its store beside them: for a new run, and for one that goes on."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from attrs import frozen

from clickasync.errors import ConfigurationError

__all__ = ["NAME", "Places", "new_places", "places_of"]

NAME: Final = "bulk"
"""The only campaign in the store of a run."""
_LOGS: Final = ("-wal", "-shm")


@frozen
class Places:
    """The files of a run."""

    shown: Path
    """The results, as the user names them."""
    results: Path
    """The file that this leads to, whatever links are on the way."""
    store: Path

    def is_taken(self) -> bool:
        """Whether an earlier run has left something here."""
        return self.store.exists() or (self.results.exists() and self.results.stat().st_size > 0)

    def refuse_if_taken(self) -> None:
        """Raise if an earlier run has left something here.

        Raises:
            ConfigurationError: it has.
        """
        if self.is_taken():
            there = self.results if self.results.exists() else self.store
            raise ConfigurationError(
                f"{there} exists: continue that run with --resume {self.shown}, or overwrite it with --force, which "
                "sends to everybody again"
            )

    def has_run(self) -> bool:
        """Whether there is a run in the store. It is looked into without a trace.

        Raises:
            ConfigurationError: it is no store of a run: it must be neither used nor overwritten.
        """
        if not self.store.exists():
            return False
        # To open a file without a log would make one, and that it is missing says something (`Store`).
        how = "mode=ro" if self._logs[0].exists() else "immutable=1"
        names = {NAME}
        try:
            with closing(sqlite3.connect(f"{self.store.as_uri()}?{how}", uri=True)) as connection:
                tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
                if not tables:
                    return False
                names = {name for (name,) in connection.execute("SELECT name FROM ca_campaigns")}
        except sqlite3.Error as error:
            raise ConfigurationError(f"{self.store} is not the store of a run: {error}") from None
        if names - {NAME}:
            raise ConfigurationError(f"{self.store} is not the store of a run: it has campaigns in it")
        return bool(names)

    def clear(self) -> None:
        """Take away what an earlier run has left."""
        for path in (self.results, self.store, *self._logs):
            path.unlink(missing_ok=True)

    @property
    def _logs(self) -> list[Path]:
        return [self.store.with_name(self.store.name + log) for log in _LOGS]


def new_places(output: Path | None, recipients: str) -> Places:
    """For a new run over recipients of this name.

    Raises:
        ConfigurationError: it is not clear where its results go, or they would overwrite the recipients.
    """
    if output is None:
        if recipients == "stdin":
            raise ConfigurationError("say where the results of stdin go: --output results.csv")
        output = Path(recipients).with_suffix(".results.csv")
    results = output.resolve()
    places = Places(output, results, results.with_suffix(".db"))
    if Path(recipients).resolve() in (places.results, places.store):
        raise ConfigurationError("--output is the file of recipients itself")
    return places


def places_of(results: Path, recipients: str) -> Places:
    """Of the run whose results these are, wherever they were moved to. The file itself may be gone: it is made anew.

    Raises:
        ConfigurationError: there is no run beside it.
    """
    target = results.resolve()
    if Path(recipients).resolve() == target:
        raise ConfigurationError("--resume takes the results of a run, and this is the file of recipients itself")
    beside = [target.with_suffix(".db"), results.absolute().with_suffix(".db")]
    for store in beside:
        places = Places(results, target, store.resolve())
        if places.has_run():
            return places
    raise ConfigurationError(
        f"there is nothing to resume: {beside[0]} does not exist, or has no run in it, and nothing else knows what was "
        "sent. Bring it back from where the run was; or start afresh with --force, which sends to everybody again"
    )
