"""`Prepared`: a statement of the hot path, compiled once and then handed to the driver itself.

SQLAlchemy writes the statement, in the words of either database. To execute it by SQLAlchemy, too, would cost three
times what the driver takes: 0.25 ms for each of the three steps of a call, where sending the call takes 0.4 ms.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from attrs import frozen
from sqlalchemy import Delete, Dialect, Insert, Select, Update
from sqlalchemy.exc import InvalidRequestError

__all__ = ["Prepared", "Ready"]


@frozen
class Ready:
    """A statement as a driver takes it."""

    sql: str
    _constants: Mapping[str, Any]
    _order: Callable[[Mapping[str, Any]], Any]
    row: Callable[[Iterable[Any]], Any]
    """Makes a row, with the names of its columns as attributes, of the driver's."""

    def values(self, given: Mapping[str, Any]) -> Sequence[Any]:
        """The parameters, in the order in which the SQL has them."""
        values: Sequence[Any] = self._order({**self._constants, **given})
        return values


class Prepared:
    """A statement that is built once.

    Its lists of values must be literal: what is expanded when it is executed is not prepared.
    """

    def __init__(self, statement: Select[Any] | Update | Insert | Delete) -> None:
        self.statement = statement
        self._ready: dict[tuple[str, tuple[str, ...]], Ready] = {}

    def ready(self, dialect: Dialect, names: tuple[str, ...]) -> Ready:
        """As the driver of a dialect takes it, for parameters of these names."""
        key = (dialect.name, names)
        if (ready := self._ready.get(key)) is None:
            ready = self._ready[key] = self._make(dialect, names)
        return ready

    def _make(self, dialect: Dialect, names: tuple[str, ...]) -> Ready:
        compiled: Any = self.statement.compile(dialect=dialect, column_keys=list(names))
        sql = str(compiled)
        if "POSTCOMPILE" in sql:
            raise InvalidRequestError("a prepared statement cannot have lists that are expanded when it is executed")
        order = list(compiled.positiontup or ())
        pick: Callable[[Mapping[str, Any]], Any] = itemgetter(*order) if len(order) > 1 else _one(order)
        names = tuple(map(str, self.statement.exported_columns.keys()))
        columns: Any = namedtuple("Columns", names, rename=True)  # type: ignore[misc]
        return Ready(sql, dict(compiled.params), pick, columns._make)


def _one(order: Sequence[str]) -> Callable[[Mapping[str, Any]], Any]:
    return lambda values: [values[name] for name in order]
