"""What can be wrong with the database, in words that name no secret."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clickasync.errors import ClickatellError, ConfigurationError

__all__ = ["DatabaseAwayError", "DatabaseForgotError", "DatabaseFullError", "OtherCampaignError"]


class OtherCampaignError(ConfigurationError):
    """There is a campaign of that name already, and it is another one."""

    def __init__(self, name: str, differences: Sequence[str]) -> None:
        super().__init__(f"there is a campaign {name!r} already, with {' and '.join(differences)}")
        self.name = name
        self.differences = tuple(differences)
        """What is different, in words."""

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.name, self.differences)


class DatabaseAwayError(ClickatellError):
    """The database cannot be reached, or does not take what is written; it may come back."""


class DatabaseFullError(DatabaseAwayError):
    """There is no space left for the database."""


class DatabaseForgotError(ClickatellError):
    """The database does not remember what it confirmed: a failover, a restored backup, a file without its log."""
