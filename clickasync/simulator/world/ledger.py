"""The ledger: the messages that were accepted, the newest `keep` of them, and the statuses that are to come."""

from __future__ import annotations

from collections.abc import Mapping

from clickasync.codes import MessageStatus
from clickasync.simulator.world.agenda import Agenda
from clickasync.simulator.world.messages import Message
from clickasync.simulator.world.refusals import Refusal

__all__ = ["Ledger"]


class Ledger:
    """The messages in the order of acceptance, found by either of their IDs.

    Args:
        keep: how many; beyond that the oldest go.
    """

    def __init__(self, keep: int) -> None:
        self.messages: list[Message] = []
        self.changes: Agenda[tuple[Message, MessageStatus]] = Agenda()
        """The statuses of which something follows: a report, a refund, an event."""
        self._keep = keep
        self._by_id: dict[str, Message] = {}
        self._by_climsgid: dict[tuple[str, str], Message] = {}

    def add(self, message: Message) -> None:
        """Enter a message."""
        self.messages.append(message)
        self._by_id[message.id] = message
        if message.climsgid:
            self._by_climsgid[message.api_id, message.climsgid] = message
        if len(self.messages) > self._keep:
            self._unlist(self.messages.pop(0))

    def find(self, api_id: str, fields: Mapping[str, str]) -> Message:
        """The message of this account that a command asks about, by apimsgid or else climsgid.

        A climsgid need not be unique: the latest message with it answers.
        """
        if apimsgid := fields.get("apimsgid"):
            message = self._by_id.get(apimsgid)
            if message is None or message.api_id != api_id:
                raise Refusal("103")
            return message
        if climsgid := fields.get("climsgid"):
            message = self._by_climsgid.get((api_id, climsgid))
            if message is None:
                raise Refusal("104")
            return message
        raise Refusal("109")

    def get(self, id: str) -> Message | None:
        """The message with that apimsgid, of any account."""
        return self._by_id.get(id)

    def remove(self, message: Message) -> None:
        """Forget a message. Nothing more follows from it."""
        message.ended = "deleted"
        self.messages.remove(message)
        self._unlist(message)

    def clear(self) -> None:
        """Forget all messages. Nothing more follows from them."""
        self.changes.clear()
        self.messages.clear()
        self._by_id.clear()
        self._by_climsgid.clear()

    def _unlist(self, message: Message) -> None:
        self._by_id.pop(message.id, None)
        key = message.api_id, message.climsgid
        if self._by_climsgid.get(key) is message:
            del self._by_climsgid[key]
