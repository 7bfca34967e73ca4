"""What can be wrong with the database, in words that name no secret."""

from __future__ import annotations

from clickasync.errors import ClickatellError

__all__ = ["DatabaseAwayError", "DatabaseForgotError", "DatabaseFullError"]


class DatabaseAwayError(ClickatellError):
    """The database cannot be reached, or does not take what is written; it may come back."""


class DatabaseFullError(DatabaseAwayError):
    """There is no space left for the database."""


class DatabaseForgotError(ClickatellError):
    """The database does not remember what it confirmed: a failover, a restored backup, a file without its log."""
