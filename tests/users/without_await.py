"""A user's code without an event loop, and with hooks, read by mypy and by pyright."""

from __future__ import annotations

from collections.abc import Callable as Function
from collections.abc import Iterator
from decimal import Decimal
from typing import assert_type

from clickasync import (
    Accepted,
    CallEnded,
    CallStarted,
    Client,
    Message,
    MessageState,
    Observer,
    Progress,
    Rejected,
    SendResult,
    Skipped,
    Uncertain,
    blocking,
)
from clickasync.callbacks import receiver
from clickasync.otel import observer


def sends(client: blocking.Client) -> None:
    assert_type(client.send("27821234567", "Hi", from_="Acme"), Accepted)
    assert_type(client.send_many(["27821234567"], "Hi"), list[SendResult])
    assert_type(client.status(climsgid="mine"), MessageState)
    assert_type(client.balance(), Decimal)
    client.send("27821234567", "Hi", deliv_tim=60)  # type: ignore
    client.send_many(["27821234567"], "Hi", climsgid="mine")  # type: ignore
    with client.batch("Hi #field1#") as batch:
        assert_type(batch.send("27821234567", "Ann"), Accepted)


def numbers() -> Iterator[str | Message]:
    yield "27821234567"
    yield Message("27827654321", "Hi", tag=1)


def sends_to_many(client: blocking.Client) -> None:
    with client.bulk(numbers(), "Hi") as run:
        for result in run:
            assert_type(result, SendResult)
            match result:
                case Accepted(id=id):
                    assert_type(id, str)
                case Rejected() | Uncertain() | Skipped():
                    pass
    assert_type(run.progress, Progress)
    assert_type(run.unfinished, list[Uncertain])


class Audit:
    def start(self, call: CallStarted) -> Function[[CallEnded], None] | None:
        return lambda ended: print(call.command, ended.outcome)

    def settled(self, accepted: int, rejected: int, uncertain: int) -> None:
        print(accepted, rejected, uncertain)


class Deaf:
    def hear(self) -> None: ...


def observes() -> None:
    watching: Observer = Audit()
    Client(observer=watching)
    Client(observer=observer())
    blocking.Client(observer=Audit())
    receiver(observer=Audit())
    Client(observer=Deaf())  # type: ignore


READY: list[Function[..., object]] = [sends, sends_to_many, observes]
