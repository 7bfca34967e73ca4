"""What comes in on a connection, without I/O: bytes in, and the reply to the request that is out, or why there is none.

Theory of operation. The parser is llhttp's (httptools). It says what the bytes mean; what they are worth is decided
here, because a parser answers neither "is this the reply to that request?" nor "is anything left over?".

=============  ========================================  ==========================================
stage          the bytes are                             it ends with
=============  ========================================  ==========================================
`IDLE`         what nobody asked for: never again clean  `expect`, when the next request leaves
`HEAD`         a status line and headers                 an empty line; after a 1xx comes another
`LENGTH`       so many bytes of body                     the last of them
`CHUNKS`       chunks                                    the last chunk and its trailer
`UNTIL_END`    body                                      the end of the connection
=============  ========================================  ==========================================

Each piece that the parser is fed ends where the reply can end: at the end of a line, or of the length. So whatever is
left over when the reply is complete was not part of it. `is_clean` says whether the connection can be used again.
"""

from __future__ import annotations

import re
import time
from enum import Enum, auto
from typing import Final, TypeAlias

import httptools

from clickasync.errors import ProtocolError
from clickasync.law import Lost, NotSent, Reply, Unreadable

__all__ = ["MAX_REPLY", "Incoming", "Outcome", "failure_of_status", "retry_after"]

MAX_REPLY: Final = 1 << 20
"""Bytes of one reply, its head included. The longest one that the gateway has a reason to send, a line for each of 600
recipients, has about 60 KiB."""

_ELSEWHERE: Final = frozenset({301, 302, 303, 307, 308, 404})
_READ: Final = frozenset({b"content-encoding", b"content-length", b"retry-after", b"transfer-encoding"})
_END_OF_HEAD: Final = re.compile(rb"\n\r?\n")
_SHOWN: Final = 4096

Outcome: TypeAlias = Reply | NotSent | Lost | Unreadable


class _Stage(Enum):
    IDLE = auto()
    HEAD = auto()
    LENGTH = auto()
    CHUNKS = auto()
    UNTIL_END = auto()


# As globals they are found faster than as members: 0.1 µs each, and a reply takes ten looks.
_IDLE, _HEAD, _LENGTH, _CHUNKS, _UNTIL_END = _Stage


class Incoming:
    """What comes in on one connection."""

    def __init__(self) -> None:
        self.is_clean = True
        """Whether nothing came that was not part of the reply to a request, and the next reply may come here."""
        self._parser = httptools.HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=True)  # bare LF, as every client takes it
        self._headers: dict[bytes, bytes] = {}  # those of `_READ`
        self._left = 0
        self.expect()
        self._stage = _IDLE

    def expect(self) -> None:
        """A request leaves: what comes now is its reply."""
        self._stage = _HEAD
        self._outcome: Outcome | None = None
        self._size = 0
        self._is_head_cut = False
        self._headers.clear()
        self._body: list[bytes] = []
        self._reason = b""

    def feed(self, data: bytes) -> Outcome | None:
        """Take bytes in; gives the outcome of the request once it is known."""
        self._size += len(data)
        if self._stage is _IDLE:
            self.is_clean = False
            return None
        if self._size > MAX_REPLY:
            return self._unreadable(f"the reply is longer than {MAX_REPLY} bytes")
        start = 0
        try:
            while start < len(data) and self._outcome is None:
                end = self._end_of_piece(data, start)
                self._parser.feed_data(data[start:end])
                start = end
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if self._outcome is None:
                return self._unreadable("the reply is not HTTP/1.1")
        if start < len(data):  # also after an error behind the outcome: its piece does not count as taken
            self.is_clean = False
        outcome, self._outcome = self._outcome, None
        return outcome

    def end(self) -> Outcome | None:
        """The gateway has closed its side; gives the outcome of the request that is out."""
        self.is_clean = False
        if self._stage is _UNTIL_END:
            return self._settle(Reply(b"".join(self._body), is_framed=False))
        if self._stage is _IDLE:
            return None
        return self._settle(Lost("the connection was closed before the reply was complete"))

    def _end_of_piece(self, data: bytes, start: int) -> int:
        """Where the reply, or its head, may end in `data`, after `start`."""
        stage = self._stage
        if stage is _LENGTH:
            return start + self._left
        if stage is _UNTIL_END:
            return len(data)
        if stage is _HEAD and not self._is_head_cut:
            if (found := _END_OF_HEAD.search(data, start)) is not None:
                return found.end()
            self._is_head_cut = True  # its end may lie across two pieces of data
        return data.find(b"\n", start) + 1 or len(data)

    def _settle(self, outcome: Outcome) -> Outcome:
        if not isinstance(outcome, Reply):
            self.is_clean = False
        self._stage = _IDLE
        self._outcome = outcome
        return outcome

    def _unreadable(self, reason: str) -> Outcome:
        beginning = b"".join(self._body)[:_SHOWN].decode("utf-8", "replace")
        return self._settle(Unreadable(ProtocolError(reason, beginning)))

    # -- what the parser calls

    def on_status(self, status: bytes) -> None:
        """A piece of the words behind the status."""
        self._reason = (self._reason + status)[:80]

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        name = name.lower()
        if name in _READ:
            value = value.strip()
            self._headers[name] = value if name not in self._headers else b"%b, %b" % (self._headers[name], value)

    def on_headers_complete(self) -> None:
        """The head is complete: how long is the body, and can it be believed?"""
        status = self._parser.get_status_code()
        headers = self._headers
        if status == 101:
            self._unreadable("the gateway wants to switch protocols")
        elif 100 <= status < 200:
            pass
        elif status != 200:
            words = self._reason.decode("ascii", "ignore")
            self._settle(failure_of_status(status, words, headers.get(b"retry-after", b"").decode("latin-1")))
        elif headers.get(b"content-encoding", b"identity").lower() != b"identity":
            self._unreadable("the reply is compressed, and was asked not to be")
        elif coding := headers.get(b"transfer-encoding"):
            self._stage = _CHUNKS
            if coding.lower() != b"chunked":
                self._unreadable("the reply has a transfer coding, and was asked to have none")
        elif length := headers.get(b"content-length"):
            self._stage = _LENGTH
            self._left = int(length)
        else:
            self._stage = _UNTIL_END

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        if self._stage is _HEAD:
            self._unreadable("an informational reply has a body, which it must not have")
        self._left -= len(data)
        self._body.append(data)

    def on_message_complete(self) -> None:
        """The reply is complete, or an informational one before it."""
        if self._outcome is not None:
            return
        if self._parser.get_status_code() != 200:
            self._headers.clear()
            self._reason = b""
            return
        if not self._parser.should_keep_alive():
            self.is_clean = False
        self._settle(Reply(b"".join(self._body)))


def failure_of_status(status: int, words: str, wait: str) -> NotSent | Lost:
    """What an HTTP status other than 200 means: the infrastructure speaks, not the gateway.

    Args:
        status: the status.
        words: what stands behind it.
        wait: the value of Retry-After, or nothing.
    """
    reason = f"HTTP {status} {words}".rstrip()
    if status in _ELSEWHERE:
        reason += " (is base_url right?)"
    return (NotSent if status == 429 else Lost)(reason, retry_after(wait))


def retry_after(value: str) -> float | None:
    """Seconds, from either form of Retry-After."""
    if not value:
        return None
    if value.isascii() and value.isdigit():
        return float(value[:9])
    import email.utils  # which takes milliseconds to import

    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
