"""An ASGI app that receives callbacks, to be mounted in FastAPI or Starlette or served alone."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

import anyio
from attrs import Factory, define, evolve

from clickasync.callbacks.asgi import (
    Answer,
    ASGIApp,
    Credentials,
    Disconnected,
    Receive,
    Scope,
    Send,
    read_params,
)
from clickasync.callbacks.models import DeliveryReport, InboundMessage
from clickasync.callbacks.parsing import MAX_SIZE, parse
from clickasync.callbacks.store import HandledStore, MemoryStore
from clickasync.errors import CallbackError

if TYPE_CHECKING:
    from clickasync.observe import Observer

__all__ = ["ReportSink", "receiver"]

logger = logging.getLogger("clickasync.callbacks")

OnReport: TypeAlias = Callable[[DeliveryReport], Awaitable[object]]
OnMessage: TypeAlias = Callable[[InboundMessage], Awaitable[object]]

_OK: Final = Answer(200, "OK")
_UNAUTHORIZED: Final = Answer(
    401,
    "the user name or the password is missing or wrong",
    ((b"www-authenticate", b'Basic realm="callbacks", charset="UTF-8"'),),
)
_NOT_ALLOWED: Final = Answer(405, "callbacks come by GET or POST", ((b"allow", b"GET, POST"),))
_TOO_LARGE: Final = Answer(413, f"larger than {MAX_SIZE // 1024} KiB")
_FAILED: Final = Answer(500, "it could not be handled; please try again later")
_BUSY: Final = Answer(503, "it is being handled; please try again later", ((b"retry-after", b"60"),))

# A cancellation must not keep the store from learning what became of an event, and the store must not hold it up.
_LAST_WORDS: Final = 5.0  # seconds


class ReportSink(Protocol):
    """What wants to know of delivery reports: a `Client`, for `Client.wait_for_delivery`."""

    def deliver_report(self, report: DeliveryReport) -> None:
        """Take note of a report; quick, and never failing."""
        ...


def receiver(
    *,
    on_report: OnReport | None = None,
    on_message: OnMessage | None = None,
    auth: tuple[str, str] | None = None,
    keywords: Iterable[str] = (),
    store: HandledStore | None = None,
    client: ReportSink | None = None,
    observer: Observer | None = None,
) -> ASGIApp:
    """An ASGI app that takes the gateway's callbacks on any path, by GET or POST, in all seven transports.

    Mounted at ``/hooks``, give the gateway the address with the slash, ``/hooks/``: Starlette and FastAPI redirect the
    other one. One app belongs to one event loop.

    The gateway repeats what is not answered with 2xx, so the answer waits for your handler. Hand long work to a queue.

    ======  ========================================================================================
    200     handled, now or before; or there is no handler for its kind
    400     it cannot be read; the body says why, without repeating what was sent
    401     wrong credentials
    405     neither GET nor POST
    413     over 64 KiB
    500     the handler raised (the exception is logged and not shown); the gateway comes again
    503     another process is handling it, says `store`; the gateway comes again
    ======  ========================================================================================

    A report (ID and status) or an inbound message (ID) that was handled already is acknowledged and not handled
    again. One that comes while its twin is being handled waits for the twin and gets the same answer.

    Args:
        on_report: ``async def save(report: DeliveryReport) -> None``.
        on_message: ``async def reply(message: InboundMessage) -> None``; called for each part of a long one, see
            `Assembler`.
        auth: user name and password that callbacks must have (HTTP Basic), as you set them at the gateway.
        keywords: yours on shared short codes, for `InboundMessage.opt_out`.
        store: remembers what was handled; by default this process's memory (`MemoryStore`).
        client: a `Client`: each new report goes to its `wait_for_delivery` once `on_report` is done.
        observer: sees every callback, and how it was answered: see `clickasync.Observer`.

    Raises:
        ConfigurationError: the user name of `auth` holds a colon, or `observer` is none.

    >>> async def save(report: DeliveryReport) -> None:
    ...     print(report.id, report.status.description)
    >>> app = receiver(on_report=save, auth=("hook", "secret"))
    """
    if observer is not None:
        from clickasync.observe import check

        check(observer)
    return _Receiver(
        on_report=on_report,
        on_message=on_message,
        credentials=Credentials(*auth) if auth is not None else None,
        keywords=(keywords,) if isinstance(keywords, str) else tuple(keywords),
        store=MemoryStore() if store is None else store,
        client=client,
        observer=observer,
    )


@define(eq=False)
class _UnderWay:
    """An event that is being handled, for its twins to wait for."""

    answer: Answer = _BUSY  # as long as nothing better is known: its task may be cancelled
    finished: anyio.Event = Factory(anyio.Event)


@define(eq=False, kw_only=True)
class _Receiver:
    on_report: OnReport | None
    on_message: OnMessage | None
    credentials: Credentials | None
    keywords: tuple[str, ...]
    store: HandledStore
    client: ReportSink | None
    observer: Observer | None
    under_way: dict[str, _UnderWay] = Factory(dict)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "http":
                try:
                    answer = await self._answer(scope, receive)
                except Disconnected:
                    return
                await answer.send(send)
            case "lifespan":
                await _live(receive, send)
            case "websocket":
                await send({"type": "websocket.close", "code": 1003})
            case unknown:
                raise NotImplementedError(f"a callback receiver does not speak ASGI's {unknown}")

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        event = await self._read(scope, receive)
        if self.observer is None:
            return await self._handle(event)
        from clickasync.callbacks.observing import observed

        return await observed(self.observer, event, self._handle)

    async def _read(self, scope: Scope, receive: Receive) -> DeliveryReport | InboundMessage | Answer:
        """The event that a callback brings, or the answer to one that brings none."""
        if self.credentials is not None and not self.credentials.admit(scope):
            return _UNAUTHORIZED
        if scope["method"] not in ("GET", "POST"):
            return _NOT_ALLOWED
        params = await read_params(scope, receive)
        if params is None:
            return _TOO_LARGE
        try:
            return parse(params, keywords=self.keywords)
        except CallbackError as error:
            return Answer(400, f"this callback cannot be read: {error}", error=CallbackError)

    async def _handle(self, event: DeliveryReport | InboundMessage | Answer) -> Answer:
        match event:
            case Answer():
                return event
            case DeliveryReport(id=id, status=status) if self.on_report is not None or self.client is not None:
                return await self._once(f"report:{id}:{status.value}", partial(self._report, event))
            case InboundMessage(id=id) if self.on_message is not None:
                return await self._once(f"message:{id}", partial(self.on_message, event))
        return _OK

    async def _report(self, report: DeliveryReport) -> None:
        if self.on_report is not None:
            await self.on_report(report)
        if self.client is not None:
            try:
                self.client.deliver_report(report)
            except Exception:
                # The report was handled: failing now would have it handled twice.
                logger.exception("the client failed to take note of a report")

    async def _once(self, key: str, handle: Callable[[], Awaitable[object]]) -> Answer:
        twin = self.under_way.get(key)
        if twin is not None:
            await twin.finished.wait()
            return twin.answer
        mine = self.under_way[key] = _UnderWay()
        try:
            mine.answer = await self._claim_and_handle(key, handle)
        finally:
            del self.under_way[key]
            mine.finished.set()
        return mine.answer

    async def _claim_and_handle(self, key: str, handle: Callable[[], Awaitable[object]]) -> Answer:
        try:
            claim = await self.store.claim(key)
        except Exception as error:
            logger.exception("the store of handled callbacks failed to claim %a", key)
            return evolve(_FAILED, error=type(error))
        if claim != "new":
            return _OK if claim == "done" else _BUSY
        answer = _FAILED
        try:
            await handle()
            answer = _OK
        except Exception as error:
            logger.exception("the handler of %a failed", key)
            answer = evolve(_FAILED, error=type(error))
        finally:
            await self._settle(key, handled=answer is _OK)
        return answer

    async def _settle(self, key: str, *, handled: bool) -> None:
        # A store that fails here changes nothing about what the handler did, so it does not change the answer.
        with anyio.move_on_after(_LAST_WORDS, shield=True):
            try:
                await (self.store.done(key) if handled else self.store.release(key))
            except Exception:
                logger.exception("the store of handled callbacks failed to settle %a", key)


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
