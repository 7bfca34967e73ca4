"""One post, interpreted: the value of its reply, or the failure that it was, without secrets."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeVar

from attrs import evolve

from clickasync.errors import ApiError, ProtocolError
from clickasync.law import Believed, Failure, Lost, NotSent, Refused, Reply, Sending, Unreadable
from clickasync.redaction import SecretBytes, excerpt, redact
from clickasync.transport import Transport

__all__ = ["post"]

T = TypeVar("T")


async def post(
    transport: Transport,
    path: str,
    form: SecretBytes,
    read: Callable[[Reply], Believed[T | ApiError]],
    secrets: Collection[str],
    *,
    sending: Sending | None = None,
    opaque: bool = False,
) -> T | Failure:
    """POST a form and read its reply.

    Args:
        transport: what posts to the gateway.
        path: of the command.
        form: of the command.
        read: reads the reply; gives or raises an `ApiError`, and raises `ProtocolError`.
        secrets: what must not be shown, of all that the request held.
        sending: marked right before the request leaves.
        opaque: the reply may hold a secret that nobody knows yet; see `redaction.excerpt`.
    """

    def believe(reply: Reply) -> Believed[T | Failure]:
        try:
            believed = read(reply)
        except ApiError as error:
            return Believed(Refused(_redacted(error, secrets)))
        except ProtocolError as error:
            shown = excerpt(reply.text, secrets, opaque=opaque)
            return Believed(Unreadable(ProtocolError(error.reason, shown)), in_step=False)
        if isinstance(believed.value, ApiError):
            return Believed(Refused(_redacted(believed.value, secrets)), believed.in_step)
        return believed  # type: ignore[return-value] # the value is no ApiError

    result = await transport.post(path, form, believe, sending or Sending())
    match result:
        case NotSent() | Lost():  # the status line may quote the request
            return evolve(result, reason=redact(result.reason, secrets))
        case Unreadable(error):
            return Unreadable(ProtocolError(error.reason, excerpt(error.reply, secrets, opaque=opaque)))
        case _:
            return result


def _redacted(error: ApiError, secrets: Collection[str]) -> ApiError:
    return type(error)(error.code, redact(error.description, secrets), error.to)
