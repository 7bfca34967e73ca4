"""A user's code, read by mypy and by pyright: options are typed, and what is wrong is seen before it runs.

A line that must be refused ends in ``type: ignore``. Both checkers complain about one that is not needed.
"""

from __future__ import annotations

from collections.abc import Callable as Function
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal, assert_type

from clickasync import (
    Callback,
    Client,
    Feature,
    Message,
    MessageOptions,
    MessageType,
    Queue,
    SendOptions,
    TextInfo,
    inspect_text,
)
from clickasync.numbers import normalise
from clickasync.recipients import BadRow, Row, open_recipients


async def options_of_a_message(client: Client, at: datetime) -> None:
    await client.send("27821234567", "Hi", from_="Acme", callback=Callback.FINAL, climsgid="a1", unicode=None)
    await client.send("27821234567", "Hi", deliv_time=timedelta(hours=1), validity=60, queue=Queue.HIGH, mo=True)
    await client.send("27821234567", "Hi", scheduled_time=at, max_credits=Decimal("1.5"), req_feat=Feature.TEXT | 4)
    await client.send("27821234567", data=b"\x01", udh="0605", binary=True, msg_type=MessageType.SMS_FLASH)
    await client.send("27821234567", "Hi", deliv_tim=60)  # type: ignore
    await client.send("27821234567", "Hi", deliv_time="60")  # type: ignore
    await client.send("27821234567", "Hi", at)  # type: ignore
    await client.send_many(["27821234567"], "Hi", climsgid="a1")  # type: ignore
    Message("27821234567", "Hi", escalate=False, climsgid="a1")
    Message("27821234567", "Hi", escalade=False)  # type: ignore


def options_by_themselves() -> None:
    many: MessageOptions = {"from_": "Acme", "concat": 2}
    one: SendOptions = {**many, "climsgid": "a1"}
    assert_type(one["concat"], int | None)
    wrong: MessageOptions = {"climsgid": "a1"}  # type: ignore
    assert wrong


def texts_numbers_and_files() -> None:
    info = inspect_text("Hi")
    assert_type(info, TextInfo)
    assert_type(info.alphabet, Literal["GSM", "Unicode"])
    assert_type(normalise("27821234567"), str)
    recipients = open_recipients("customers.csv", "Hi {name}")
    for item in recipients:
        match item:
            case Row(number=number):
                assert_type(number, str)
                assert_type(recipients.text_of(item), str | None)
            case BadRow(line=line):
                assert_type(line, int)


READY: list[Function[..., object]] = [options_of_a_message, options_by_themselves, texts_numbers_and_files]
