"""A connection on trio: a stream of anyio's. See `connection`."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Self

import anyio
from anyio import aclose_forcefully
from anyio.abc import SocketAttribute
from anyio.streams.tls import TLSAttribute, TLSStream

from clickasync.law import Lost
from clickasync.redaction import SecretBytes
from clickasync.transport.connection import EYEBALLS, MOMENT, NOT_WRITTEN, TOO_LATE, Limits, Poll, describe
from clickasync.transport.exchange import Incoming, Outcome

if TYPE_CHECKING:
    from anyio.abc import ByteStream

    from clickasync.background import Place
    from clickasync.transport.urls import BaseUrl

__all__ = ["StreamConnection"]


class StreamConnection:
    """A connection of anyio's."""

    def __init__(self, stream: ByteStream, place: Place) -> None:
        self._stream = stream
        self._now = place.now
        self._incoming = Incoming()
        self._has_input = Poll(stream.extra(SocketAttribute.raw_socket))
        self._tls = stream.extra(TLSAttribute.ssl_object, None)

    @classmethod
    async def open(cls, base: BaseUrl, tls: ssl.SSLContext | None, limits: Limits, place: Place, until: float) -> Self:
        stream: ByteStream | None = None
        try:
            with anyio.CancelScope(deadline=min(place.now() + limits.connect, until)) as scope:
                stream = await anyio.connect_tcp(base.host, base.port, happy_eyeballs_delay=EYEBALLS)
                if tls is not None:
                    scope.deadline = min(place.now() + limits.connect, until)
                    stream = await TLSStream.wrap(
                        stream, hostname=base.host, ssl_context=tls, standard_compatible=False
                    )
                return cls(stream, place)
        except BaseException:
            if stream is not None:
                await aclose_forcefully(stream)
            raise
        if stream is not None:
            await aclose_forcefully(stream)
        raise TimeoutError

    @property
    def is_clean(self) -> bool:
        return self._incoming.is_clean

    def is_quiet(self) -> bool:
        return not self._has_input() and not self._has_record()

    def _has_record(self) -> bool:
        """Whether more came with the last reply, in another record. anyio gives one at a time, and keeps the rest."""
        if self._tls is None:
            return False
        try:
            self._tls.read(1)
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLError:  # its end, or no TLS any more
            return True
        return True

    async def post(self, head: bytes, form: bytes, limits: Limits, until: float) -> Outcome:
        self._incoming.expect()
        late = NOT_WRITTEN
        with anyio.CancelScope(deadline=min(self._now() + limits.write, until)) as scope:
            try:
                await self._stream.send(SecretBytes(head + form))  # the sum is plain, and in the frames that write it
                late = TOO_LATE
                outcome: Outcome | None = None
                while outcome is None:
                    scope.deadline = min(self._now() + limits.read, until)
                    outcome = self._incoming.feed(await self._stream.receive())
            except anyio.EndOfStream:
                outcome = self._incoming.end()
            except (anyio.BrokenResourceError, anyio.ClosedResourceError, ssl.SSLError) as error:
                self._incoming.is_clean = False
                return Lost(describe("the connection broke", error))
            except BaseException:  # cancelled, by its deadline or by the caller
                self._incoming.is_clean = False
                raise
            return outcome or late
        return late if late is NOT_WRITTEN else await self._what_is_there() or late

    async def _what_is_there(self) -> Outcome | None:
        """The rest of a reply that came while the process was suspended."""
        with anyio.move_on_after(MOMENT):
            try:
                while (outcome := self._incoming.feed(await self._stream.receive())) is None:
                    pass
            except anyio.EndOfStream:
                return self._incoming.end()
            except (anyio.BrokenResourceError, anyio.ClosedResourceError, ssl.SSLError):
                return None
            return outcome
        return None

    async def aclose(self) -> None:
        await aclose_forcefully(self._stream)
