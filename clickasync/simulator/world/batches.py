"""The gateway's own batches: a template, and the messages that are made from it.

=======  =======  ==================================================
a batch  becomes  by
=======  =======  ==================================================
open     ended    ``endbatch``, or 24 hours
=======  =======  ==================================================
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Final

from attrs import frozen

from clickasync.encoding import ucs2_decode
from clickasync.simulator.world.refusals import Refusal

__all__ = ["Batch", "Batches"]

MOST: Final = 1000
"""Batches that are open at one time; beyond that the oldest ends."""
MOST_TEMPLATE: Final = 40_000
"""Characters; 255 parts of Unicode take more than the half."""
LIFETIME: Final = 24 * 3600.0
_HOLE: Final = re.compile(r"#(field[1-9]\d*)#", re.ASCII)
_OF_THE_CALL: Final = frozenset({"api_id", "user", "password", "session_id", "to", "text", "template"})


@frozen
class Batch:
    """A template and the parameters that all its messages share."""

    id: str
    api_id: str
    template: str
    shared: Mapping[str, str]
    ends_at: float
    """When it dies by itself, on the gateway's clock."""

    def message(self, item: Mapping[str, str]) -> dict[str, str]:
        """The parameters of one message. A hole without its field is left empty."""
        return {**self.shared, "text": _HOLE.sub(lambda hole: item.get(hole[1], ""), self.template)}


class Batches:
    """The open batches. They all live equally long, so the first to die stands first."""

    def __init__(self) -> None:
        self._batches: dict[str, Batch] = {}

    def start(self, api_id: str, fields: Mapping[str, str], now: float) -> Batch:
        """Begin a batch: 202 without a template, 116 for a Unicode template that has holes or is not hex."""
        template = fields.get("template", "")
        if not template:
            raise Refusal("202")
        if fields.get("unicode") == "1":
            _check_unicode(template)
        if len(template) > MOST_TEMPLATE:
            raise Refusal("113")
        shared = {name: value[:MOST_TEMPLATE] for name, value in fields.items() if name not in _OF_THE_CALL}
        self._bury(now)
        if len(self._batches) >= MOST:
            del self._batches[next(iter(self._batches))]
        batch = Batch(secrets.token_hex(16), api_id, template, shared, now + LIFETIME)
        self._batches[batch.id] = batch
        return batch

    def find(self, api_id: str, fields: Mapping[str, str], now: float) -> Batch:
        """The batch of this account that a command names, if it is open; else 201."""
        self._bury(now)
        batch = self._batches.get(fields.get("batch_id", ""))
        if batch is None or batch.api_id != api_id:
            raise Refusal("201")
        return batch

    def end(self, batch: Batch) -> None:
        """End a batch before its time."""
        del self._batches[batch.id]

    def open(self, now: float) -> list[Batch]:
        """The open batches, the oldest first."""
        self._bury(now)
        return list(self._batches.values())

    def clear(self) -> None:
        """End all batches."""
        self._batches.clear()

    def _bury(self, now: float) -> None:
        while self._batches:
            oldest = next(iter(self._batches.values()))
            if now < oldest.ends_at:
                return
            del self._batches[oldest.id]


def _check_unicode(template: str) -> None:
    try:
        text = ucs2_decode(template)
    except ValueError:
        raise Refusal("116") from None
    if _HOLE.search(text):
        raise Refusal("116")
