"""`Client`: the methods of `clickasync.Client`, without ``await``."""

from __future__ import annotations

from collections.abc import Iterable, Sized
from datetime import datetime
from decimal import Decimal
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Self, Unpack

from clickasync.blocking.batch import Batch
from clickasync.blocking.bulk import Bulk
from clickasync.blocking.loop import call
from clickasync.client import Client as AsyncClient
from clickasync.core.delivery import Report
from clickasync.options import Message, MessageOptions, SendOptions
from clickasync.protocol import SiAction
from clickasync.redaction import hidden
from clickasync.results import Accepted, Coverage, MessageCharge, MessageState, SendResult

if TYPE_CHECKING:
    import httpx

    from clickasync.observe import Observer

__all__ = ["Client"]


class Client:
    """`clickasync.Client` for code without an event loop: the same settings, methods, results and errors.

    One client for the whole program: any thread may use it, at any time, and all share one session.

    >>> from clickasync.blocking import Client
    >>> with Client(api_id=1, user="demo", password="demo") as client:
    ...     with client.bulk(["27821234567", "27827654321"], "Doors open at 8") as run:
    ...         print(sum(result.ok for result in run), "accepted")
    2 accepted

    Making one does nothing; the first call authenticates. Without ``with``, call `close` at the end. A client that was
    made before a fork may be used after it, by parent and child.

    A call blocks its thread, so it does not belong into async code. Ctrl-C ends it like a cancellation: a `send` may
    then have gone out, and nobody is told.

    Raises: as `clickasync.Client`.
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
        self.wrapped = AsyncClient(
            api_id=api_id,
            user=user,
            password=password,
            base_url=base_url,
            http_client=http_client,
            timeout=timeout,
            retries=retries,
            max_connections=max_connections,
            batch_size=batch_size,
            rate_limit=rate_limit,
            resend_unknown=resend_unknown,
            keep_session_alive=keep_session_alive,
            ping_interval=ping_interval,
            session_lifetime=session_lifetime,
            allow_insecure=allow_insecure,
            observer=observer,
        )
        """The client in the event loop of the background, for what is built on it; not to be called from here."""

    def __repr__(self) -> str:
        return f"blocking.{self.wrapped!r}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the background ping and close the connections. May be called twice, and from any thread."""
        call(self.wrapped.aclose)

    # -- sending

    def send(self, to: str, text: str | None = None, **options: Unpack[SendOptions]) -> Accepted:
        """Send one message to one recipient: see `clickasync.Client.send`."""
        return call(partial(self.wrapped.send, to, text, **options))

    def send_many(
        self,
        to: Iterable[str | Message],
        text: str | None = None,
        *,
        into: list[SendResult] | None = None,
        **options: Unpack[MessageOptions],
    ) -> list[SendResult]:
        """Send to many recipients, a result each, in the order given: see `clickasync.Client.send_many`."""
        recipients = to if isinstance(to, str | bytes) or not isinstance(to, Iterable) else list(to)
        return call(partial(self.wrapped.send_many, recipients, text, into=into, **options))

    def bulk(
        self,
        source: Iterable[str | Message],
        text: str | None = None,
        *,
        batch_size: int | None = None,
        rate_limit: float | None = None,
        max_in_flight: int | None = None,
        patience: float = 60.0,
        total: int | None = None,
        **options: Unpack[MessageOptions],
    ) -> Bulk:
        """Send to any number of recipients in constant memory: see `clickasync.Client.bulk`.

        The `source`, a plain iterable, is read by the thread that loops over the results.
        """
        if total is None and isinstance(source, Sized):
            total = len(source)
        start = partial(
            self.wrapped.bulk,
            text=text,
            batch_size=batch_size,
            rate_limit=rate_limit,
            max_in_flight=max_in_flight,
            patience=patience,
            total=total,
            **options,
        )
        return Bulk(source, start)

    def batch(self, template: str, **options: Unpack[MessageOptions]) -> Batch:
        """A template kept by the gateway, filled for each recipient: see `clickasync.Client.batch`."""
        return Batch(self.wrapped.batch(template, **options))

    def push_mms(
        self, to: str, *, mms_subject: str, mms_class: int, mms_expire: int, mms_from: str, mms_url: str
    ) -> Accepted:
        """Notify a handset of an MMS: see `clickasync.Client.push_mms`."""
        return call(
            partial(
                self.wrapped.push_mms,
                to,
                mms_subject=mms_subject,
                mms_class=mms_class,
                mms_expire=mms_expire,
                mms_from=mms_from,
                mms_url=mms_url,
            )
        )

    def push_wap(
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
        """Send a WAP service indication: see `clickasync.Client.push_wap`."""
        return call(
            partial(
                self.wrapped.push_wap,
                to,
                si_id=si_id,
                si_url=si_url,
                si_text=si_text,
                si_created=si_created,
                si_expires=si_expires,
                si_action=si_action,
            )
        )

    # -- asking

    def status(self, id: str | None = None, *, climsgid: str | None = None) -> MessageState:
        """The status of a message: see `clickasync.Client.status`."""
        return call(partial(self.wrapped.status, id, climsgid=climsgid))

    def charge(self, id: str | None = None, *, climsgid: str | None = None) -> MessageCharge:
        """What a message cost, in credits, and its status: see `clickasync.Client.charge`."""
        return call(partial(self.wrapped.charge, id, climsgid=climsgid))

    def cancel(self, id: str | None = None, *, climsgid: str | None = None) -> MessageState:
        """Stop a message that is still queued: see `clickasync.Client.cancel`."""
        return call(partial(self.wrapped.cancel, id, climsgid=climsgid))

    def wait_for_delivery(self, id: str, *, timeout: float | None = None) -> MessageState:
        """Wait until the status of a message is final: see `clickasync.Client.wait_for_delivery`."""
        return call(partial(self.wrapped.wait_for_delivery, id, timeout=timeout))

    def deliver_report(self, report: Report) -> None:
        """Hand over a delivery report, for those who `wait_for_delivery`: see `clickasync.Client.deliver_report`."""

        async def deliver() -> None:
            self.wrapped.deliver_report(report)

        call(deliver)

    def balance(self) -> Decimal:
        """The account's credits: see `clickasync.Client.balance`."""
        return call(self.wrapped.balance)

    def redeem(self, token: str) -> str:
        """Redeem a voucher of 16 digits for credits: see `clickasync.Client.redeem`."""
        token = hidden(token)
        return call(partial(self.wrapped.redeem, token))

    def coverage(self, msisdn: str) -> Coverage:
        """Whether the gateway routes to the prefix of a number: see `clickasync.Client.coverage`."""
        return call(partial(self.wrapped.coverage, msisdn))

    def ping(self) -> None:
        """Keep the session alive for another 15 minutes: see `clickasync.Client.ping`."""
        call(self.wrapped.ping)

    def authenticate(self) -> None:
        """Authenticate now, whether there is a session or not: see `clickasync.Client.authenticate`."""
        call(self.wrapped.authenticate)
