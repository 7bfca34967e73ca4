"""`Client`: the commands of the HTTP API as awaitable methods."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, Unpack

import anyio

from clickasync import protocol
from clickasync.core.delivery import DeliveryWatch, Report
from clickasync.core.executor import Executor, new_climsgid
from clickasync.core.rate import RateLimit
from clickasync.core.session import Session
from clickasync.core.watching import Watch
from clickasync.errors import (
    AuthenticationError,
    ClickatellError,
    InvalidOptionError,
    OutcomeUnknownError,
)
from clickasync.law import Sending
from clickasync.numbers import normalise
from clickasync.options import DESCRIBED, Message, MessageOptions, SendOptions, compile_message, listed
from clickasync.protocol import Command, SiAction
from clickasync.redaction import hidden
from clickasync.results import (
    Accepted,
    Coverage,
    MessageCharge,
    MessageState,
    Rejected,
    SendResult,
    Skipped,
)
from clickasync.settings import check_count, check_positive, find_base_url, find_credentials, within_a_second
from clickasync.transport import BaseUrl, Transport

if TYPE_CHECKING:
    import httpx

    from clickasync.batch import Batch
    from clickasync.bulk import Bulk, Source
    from clickasync.observe import Observer

__all__ = ["Client"]

_MOST_RECIPIENTS: Final = 600  # of one POST


class Client:
    """The Clickatell HTTP API.

    One client serves the whole application: all who use it share one session and its connections.

    >>> async with Client(api_id="1", user="demo", password="demo") as client:
    ...     sent = await client.send("27821234567", "Your code is 4711")

    Opening it does nothing; the first call authenticates. Without ``async with``, call `aclose` at the end. It works on
    asyncio and on trio, and may be opened in one task and closed in another. At one time it belongs to one event loop.

    Args:
        api_id: the API's ID; by default CLICKATELL_API_ID of the environment.
        user: the account's user name; by default CLICKATELL_USER.
        password: its password; by default CLICKATELL_PASSWORD.
        base_url: by default CLICKATELL_BASE_URL, else ``https://api.clickatell.com``. ``http://`` is refused,
            except for loopback, unless `allow_insecure`.
        http_client: your own `httpx.AsyncClient` (proxies, instrumentation, tests). It is used as it is, except that
            redirects are never followed. It is not closed.
        timeout: seconds for each of connecting, writing and reading, or an `httpx.Timeout`.
        retries: how often a call is repeated, at most, where a repeat cannot send twice.
        max_connections: requests at once, at most. Idle connections are closed after 4 s.
        batch_size: recipients in one call, at most: 1 to 600.
        rate_limit: recipients a second, at most, for everything this client sends (the vendor's guidance is about 100).
        resend_unknown: send again, under the same climsgid, what the gateway twice said it does not know.
        keep_session_alive: ping in the background.
        ping_interval: seconds of silence (no successful call) after which to ping.
        session_lifetime: seconds of silence after which a session is renewed before it is used.
        allow_insecure: permit a plain ``http://`` base that is not loopback.
        observer: sees every attempt of every call, and what became of each send: see `clickasync.Observer`.

    Raises:
        ConfigurationError: credentials are missing (the message names them and their variables), or a setting is
            wrong.

    Without an `http_client` the client makes its own connections. respx, pytest-httpx and instrumentation of httpx do
    not see them. Give an `http_client` to have these, or test against `clickasync.simulator`.
    """

    def __init__(
        self,
        *,
        api_id: str | int | None = None,
        user: str | None = None,
        password: str | None = None,
        base_url: str | None = None,
        http_client: httpx.AsyncClient | None = None,
        timeout: float | httpx.Timeout = 30.0,
        retries: int = 2,
        max_connections: int = 8,
        batch_size: int = 300,
        rate_limit: float | None = None,
        resend_unknown: bool = False,
        keep_session_alive: bool = True,
        ping_interval: float = 600.0,
        session_lifetime: float = 900.0,
        allow_insecure: bool = False,
        observer: Observer | None = None,
    ) -> None:
        password = hidden(password)
        credentials = find_credentials(api_id, user, password)
        check_count("retries", retries, 0)
        check_count("max_connections", max_connections, 1)
        check_count("batch_size", batch_size, 1, _MOST_RECIPIENTS)
        for name, seconds in {"ping_interval": ping_interval, "session_lifetime": session_lifetime}.items():
            check_positive(name, seconds)
        self._base = find_base_url(base_url, allow_insecure=allow_insecure)
        self._max_connections = max_connections
        self._batch_size = batch_size
        self._rate_limit = rate_limit
        self._resend_unknown = resend_unknown
        self._transport = Transport(
            self._base, http_client=http_client, timeout=timeout, max_connections=max_connections
        )
        watch = Watch(observer, self._base.authority)
        self._session = Session(
            self._transport,
            credentials,
            retries=retries,
            lifetime=session_lifetime,
            ping_interval=ping_interval if keep_session_alive else None,
            watch=watch,
        )
        rates = [] if rate_limit is None else [RateLimit(check_positive("rate_limit", rate_limit))]
        self.executor = Executor(self._transport, self._session, retries=retries, rates=rates, watch=watch)
        """Carries out commands; for the rooms of this package that build on the client."""
        self.account = (self._base.url, credentials.api_id, credentials.user)
        """Whose messages it sends: base URL, api_id and user name."""
        self._watch = DeliveryWatch()

    _base: BaseUrl | None = None  # of one whose constructor failed, which a debugger may want to show

    def __repr__(self) -> str:
        return f"Client({self._base.url!r})" if self._base else "Client()"

    @property
    def batch_size(self) -> int:
        """Recipients in one call, at most."""
        return self._batch_size

    @property
    def longest_request(self) -> float:
        """Seconds after which nothing of a request can be under way any more."""
        return self._transport.longest

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End the background ping and close the connections. Nothing of the client runs after it."""
        try:
            await self._session.aclose()
        finally:
            await self._transport.aclose()

    # -- sending

    async def send(self, to: str, text: str | None = None, **options: Unpack[SendOptions]) -> Accepted:
        """Send one message to one recipient (``sendmsg``).

        >>> sent = await client.send("+27 82 123 4567", "Your code is 4711", callback=Callback.FINAL)
        >>> sent.id
        '…'

        Args:
            to: the recipient, as people write a number.
            text: a plain `str`, which need not be encoded; None with ``data``.
            {options}

        Raises:
            InvalidNumberError: `to` is not a number; nothing was sent.
            InvalidOptionError: the text or an option is wrong; nothing was sent.
            ApiError: the gateway refused it; nothing was sent.
            TransportError: the gateway was not reached; nothing was sent.
            OutcomeUnknownError: it may have been sent. It says what the gateway answered when it was asked.
        """
        number = normalise(to)
        message = compile_message(text, options, time.time())
        climsgid = message.climsgid or new_climsgid()
        sending = Sending()
        send = self.executor.send([number], message, climsgid, resend_unknown=self._resend_unknown, sending=sending)
        try:
            lines = await self.executor.watch.settling(send, 1, sending)
        except ClickatellError as error:
            raise error.about(to=to, climsgid=climsgid) from None
        [line] = lines.each
        if line is None:
            raise OutcomeUnknownError("no line of the reply is about the recipient", to, climsgid)
        assert isinstance(line, str)  # an error of the only recipient is the whole call's
        return Accepted(to, line, climsgid)

    async def send_many(
        self,
        to: Iterable[str | Message],
        text: str | None = None,
        *,
        into: list[SendResult] | None = None,
        **options: Unpack[MessageOptions],
    ) -> list[SendResult]:
        """Send to many recipients (``sendmsg``), in concurrent calls; a result each, in the order given.

        What happens to recipients is in their results and never raised.

        >>> results = await client.send_many(["27821234567", "27827654321"], "Doors open at 8")
        >>> [result.to for result in results if not result.ok]
        []

        Args:
            to: numbers, or `Message`s with their own texts and options.
            text: for those that have none.
            into: a list that is filled as results come. When the call ends, also by a cancellation, it has one for
                each recipient, in the order given: what was out then is `Uncertain`, what was not tried `Skipped`.
            {options}

        Raises:
            InvalidOptionError: the text or an option is wrong; nothing was sent.
            AuthenticationError: the credentials are refused before anything was sent.
        """
        recipients = listed(to)
        if text is None and options.get("data") is None and any(isinstance(recipient, str) for recipient in recipients):
            raise InvalidOptionError("no text was given; give a text (or data, for a raw payload)")
        if not isinstance(into, list | None):
            raise InvalidOptionError(f"into must be a list, not {type(into).__name__}")
        from clickasync.bulk import gather

        run = self._new_run(recipients, text, dict(options), patience=None)
        results = await gather(run, recipients, into)
        if isinstance(run.stopped_by, AuthenticationError) and all(
            isinstance(result, Rejected | Skipped) for result in results
        ):
            raise run.stopped_by
        return results

    def bulk(
        self,
        source: Source,
        text: str | None = None,
        *,
        batch_size: int | None = None,
        rate_limit: float | None = None,
        max_in_flight: int | None = None,
        patience: float = 60.0,
        total: int | None = None,
        **options: Unpack[MessageOptions],
    ) -> Bulk:
        """Send to any number of recipients in constant memory (``sendmsg``); results come as they come in.

        >>> async with client.bulk(numbers, "Doors open at 8") as run:
        ...     async for result in run:
        ...         if not result.ok:
        ...             print(result)
        >>> run.progress.accepted
        1000

        Args:
            source: an iterable or async iterable of numbers, or of `Message`s with their own texts and options. Equal
                texts and options travel together.
            text: for the items that have none.
            batch_size: recipients in one call, at most; by default the client's.
            rate_limit: recipients a second, at most, for this run; the client's limit holds too.
            max_in_flight: calls at once, at most; by default the client's `max_connections`.
            patience: seconds without success after which a gateway that cannot be reached ends the run.
            total: how many there will be, for `Bulk.progress`, where the source has no length.
            {options}

        Raises:
            InvalidOptionError: the text or an option is wrong; nothing is sent.

        Refused credentials, no credit (301, 302), a spent quota (130) and lost patience end the run: what was not tried
        is `Skipped`. When the source raises, calls under way finish and their results come out, then the exception
        comes out of the iteration.
        """
        check_positive("patience", patience, InvalidOptionError)
        return self._new_run(
            source,
            text,
            dict(options),
            batch_size=batch_size,
            rate_limit=rate_limit,
            max_in_flight=max_in_flight,
            patience=patience,
            total=total,
        )

    def _new_run(
        self,
        source: Source,
        text: str | None,
        options: dict[str, Any],
        *,
        patience: float | None,
        batch_size: int | None = None,
        rate_limit: float | None = None,
        max_in_flight: int | None = None,
        total: int | None = None,
    ) -> Bulk:
        """A run: see `bulk`; `patience` is that of `Sender`."""
        from clickasync.bulk import new_run  # it takes 10 ms to import, and who sends to one does not need it

        size = self._batch_size if batch_size is None else batch_size
        check_count("batch_size", size, 1, _MOST_RECIPIENTS, InvalidOptionError)
        in_flight = self._max_connections if max_in_flight is None else max_in_flight
        check_count("max_in_flight", in_flight, 1, None, InvalidOptionError)
        executor = self.executor
        if rate_limit is not None:
            executor = executor.limited(RateLimit(check_positive("rate_limit", rate_limit, InvalidOptionError)))
            size = within_a_second(size, rate_limit)
        size = within_a_second(size, self._rate_limit)
        return new_run(
            executor,
            source,
            text,
            options,
            batch_size=size,
            max_in_flight=in_flight,
            patience=patience,
            total=total,
            resend_unknown=self._resend_unknown,
        )

    def batch(self, template: str, **options: Unpack[MessageOptions]) -> Batch:
        """A template kept by the gateway, filled for each recipient (``startbatch`` … ``endbatch``).

        >>> async with client.batch("Dear #field1#, your balance is #field2#") as batch:
        ...     sent = await batch.send("27821234567", "Ann", "R 12")

        Args:
            template: the text, with holes ``#field1#`` … ``#fieldN#``, or none for `Batch.send_many`.
            {options}

        Raises:
            InvalidOptionError: the template or an option is wrong, such as a Unicode template with holes.
        """
        given = {name for name, value in options.items() if value is not None}
        if not isinstance(template, str) or {"climsgid", "data", "udh"} & given:
            raise InvalidOptionError("a batch takes a template, a str, and neither climsgid nor data")
        from clickasync.batch import Batch

        return Batch(self.executor, template, options, within_a_second(self._batch_size, self._rate_limit))

    async def push_mms(
        self, to: str, *, mms_subject: str, mms_class: int, mms_expire: int, mms_from: str, mms_url: str
    ) -> Accepted:
        """Notify a handset of an MMS (``ind_push``).

        Args:
            to: the recipient.
            mms_subject: its subject.
            mms_class: 80 personal, 81 advertisement, 82 informational, 83 auto.
            mms_expire: seconds until the notification expires.
            mms_from: the sender shown.
            mms_url: where the MMS is fetched, as ``http(s)://``.

        Raises:
            as `send`; an unknown outcome cannot be asked about.
        """
        command = protocol.ind_push(
            normalise(to),
            mms_subject=mms_subject,
            mms_class=mms_class,
            mms_expire=mms_expire,
            mms_from=mms_from,
            mms_url=mms_url,
        )
        return await self._push(to, command)

    async def push_wap(
        self,
        to: str,
        *,
        si_id: str,
        si_url: str,
        si_text: str,
        si_created: datetime | None = None,
        si_expires: datetime | None = None,
        si_action: SiAction | None = None,
    ) -> Accepted:
        """Send a WAP service indication (``si_push``).

        Args:
            to: the recipient.
            si_id: your unique ID of the indication.
            si_url: what it opens, as ``http(s)://``.
            si_text: what it shows.
            si_created: aware datetime.
            si_expires: aware datetime.
            si_action: signal-none, signal-low, signal-medium (the gateway's default), signal-high or delete.

        Raises:
            as `send`; an unknown outcome cannot be asked about.
        """
        command = protocol.si_push(
            normalise(to),
            si_id=si_id,
            si_url=si_url,
            si_text=si_text,
            si_created=si_created,
            si_expires=si_expires,
            si_action=si_action,
        )
        return await self._push(to, command)

    async def _push(self, to: str, command: Command[str]) -> Accepted:
        sending = Sending()
        push = self.executor.execute(command, sending=sending)
        try:
            return Accepted(to, await self.executor.watch.settling(push, 1, sending), "")
        except ClickatellError as error:
            raise error.about(to=to) from None

    # -- asking

    async def status(self, id: str | None = None, *, climsgid: str | None = None) -> MessageState:
        """The status of a message, by the gateway's `id` or your `climsgid` (``querymsg``).

        Raises:
            UnknownMessageError: the gateway knows no such message.
            TransportError, ProtocolError, ApiError: it could not be asked.
        """
        return await self.executor.execute(protocol.querymsg(id, climsgid=climsgid))

    async def charge(self, id: str | None = None, *, climsgid: str | None = None) -> MessageCharge:
        """What a message cost, in credits, and its status (``getmsgcharge``); for 15 days after it was sent.

        Raises: as `status`.
        """
        return await self.executor.execute(protocol.getmsgcharge(id, climsgid=climsgid))

    async def cancel(self, id: str | None = None, *, climsgid: str | None = None) -> MessageState:
        """Stop a message that is still queued, deferred or scheduled (``delmsg``).

        Returns:
            its status: 006 when it was stopped.

        Raises: as `status`.
        """
        return await self.executor.execute(protocol.delmsg(id, climsgid=climsgid))

    async def wait_for_delivery(self, id: str, *, timeout: float | None = None) -> MessageState:
        """Wait until the status of a message is final.

        The gateway is asked at once and then with growing pauses, up to 30 s (``querymsg``). Where a receiver hands its
        reports to this client (`deliver_report`), they make it sooner.

        Args:
            id: the gateway's ID of the message.
            timeout: seconds, at most; None: as long as it takes.

        Raises:
            TimeoutError: no final status within `timeout`.
            UnknownMessageError: the gateway knows no such message.
        """
        with anyio.fail_after(timeout):
            return await self._watch.wait(id, lambda: self.status(id))

    def deliver_report(self, report: Report) -> None:
        """Hand over a delivery report, for those who `wait_for_delivery`. A `clickasync.callbacks.receiver` does so."""
        self._watch.report(report)

    async def balance(self) -> Decimal:
        """The account's credits (``getbalance``)."""
        return await self.executor.execute(protocol.getbalance())

    async def redeem(self, token: str) -> str:
        """Redeem a voucher of 16 digits for credits (``token_pay``).

        Returns:
            the gateway's answer, ``"605"``.

        Raises:
            InvalidOptionError: not 16 digits; nothing was redeemed.
            ApiError: the gateway refused it.
            OutcomeUnknownError: it may have been redeemed; look at the `balance`.
        """
        token = hidden(token)
        command = protocol.token_pay(token)
        return await self.executor.execute(command)

    async def coverage(self, msisdn: str) -> Coverage:
        """Whether the gateway routes to the prefix of a number, and at what charge (``routeCoverage``).

        Not covered is an answer, not an error.
        """
        return await self.executor.execute(protocol.route_coverage(normalise(msisdn)))

    async def ping(self) -> None:
        """Keep the session alive for another 15 minutes (``ping``). The client does so by itself."""
        await self.executor.execute(protocol.ping())

    async def authenticate(self) -> None:
        """Authenticate now (``auth``), whether there is a session or not. Calls do so by themselves.

        Raises:
            AuthenticationError: the credentials are refused, now or less than 60 s ago.
        """
        await self._session.renew()


def _list_options(method: Callable[..., object], options: str) -> None:
    """Let ``help`` list the options, from their one table, where the docstring of `method` says ``{options}``."""
    if method.__doc__:  # there is none with python -OO
        before, mark, after = method.__doc__.partition("{options}")
        assert mark
        margin = before[before.rindex("\n") :]
        method.__doc__ = before + options.replace("\n", margin) + after


_list_options(Client.send, DESCRIBED[SendOptions])
_list_options(Client.send_many, DESCRIBED[MessageOptions])
_list_options(Client.bulk, DESCRIBED[MessageOptions])
_list_options(Client.batch, DESCRIBED[MessageOptions])
