"""Where the results of a run are, and its store beside them: for a new run, and for one that goes on."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from clickasync.errors import ConfigurationError

__all__ = ["Places", "new_places", "places_of"]

_LOGS = ("-wal", "-shm")


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

    def clear(self) -> None:
        """Take away what an earlier run has left."""
        for path in (self.results, self.store, *(self.store.with_name(self.store.name + log) for log in _LOGS)):
            path.unlink(missing_ok=True)


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
        ConfigurationError: there is no store beside it.
    """
    target = results.resolve()
    if Path(recipients).resolve() == target:
        raise ConfigurationError("--resume takes the results of a run, and this is the file of recipients itself")
    beside = [target.with_suffix(".db"), results.absolute().with_suffix(".db")]
    for store in beside:
        if store.exists():
            return Places(results, target, store.resolve())
    raise ConfigurationError(
        f"there is nothing to resume: {beside[0]} does not exist, and nothing else knows what was sent. Bring it back "
        "from where the run was; or start afresh with --force, which sends to everybody again"
    )
