"""The methods of `clickasync.blocking.Client` are those of `clickasync.Client`, parameter by parameter."""

from __future__ import annotations

import inspect
from typing import Final

import pytest

import clickasync
from clickasync import blocking, pins

CHANGED: Final = {"aclose"}
"""What a client without an event loop has under another name, or not at all."""


PAIRS: Final[list[tuple[type, type]]] = [
    (clickasync.Client, blocking.Client),
    (clickasync.Batch, blocking.Batch),
    (pins.PinSender, blocking.PinSender),
]


def public(kind: type) -> list[str]:
    return [name for name in vars(kind) if not name.startswith("_") and inspect.isfunction(vars(kind)[name])]


def test_every_method_is_there() -> None:
    assert set(public(blocking.Client)) == set(public(clickasync.Client)) - CHANGED | {"close"}
    assert set(public(blocking.Batch)) == set(public(clickasync.Batch))
    assert set(public(blocking.PinSender)) == set(public(pins.PinSender)) - {"aclose"} | {"close"}


@pytest.mark.parametrize(
    ("there", "here"),
    [
        pytest.param(vars(there)[name], vars(here)[name], id=f"{here.__name__}.{name}")
        for there, here in PAIRS
        for name in ["__init__", *public(there)]
        if name in vars(here) and (there is not clickasync.Batch or name != "__init__")
    ],
)
def test_a_method_takes_and_gives_the_same(there: object, here: object) -> None:
    assert inspect.isfunction(there)
    assert inspect.isfunction(here)
    wanted, given = inspect.signature(there), inspect.signature(here)
    assert [(each.name, each.kind, each.default) for each in given.parameters.values()] == [
        (each.name, each.kind, each.default) for each in wanted.parameters.values()
    ]
    types = {name: each.annotation for name, each in given.parameters.items()}
    expected = {name: each.annotation for name, each in wanted.parameters.items()}
    if "source" in types:  # which may be async there
        assert types.pop("source") == "Iterable[str | Message]"
        assert expected.pop("source") == "Source"
    assert types == expected
    assert given.return_annotation == wanted.return_annotation
    assert not inspect.iscoroutinefunction(here)


def test_a_run_shows_the_same() -> None:
    def shown(kind: type) -> set[str]:
        return {name for name, value in vars(kind).items() if isinstance(value, property)}

    assert shown(blocking.Bulk) == shown(clickasync.Bulk) - {"position"}
