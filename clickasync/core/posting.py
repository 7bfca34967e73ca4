"""One post, interpreted: the value of its reply, or the failure that it was, without secrets."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cache, partial
from typing import Any, TypeVar

from attrs import evolve

from clickasync.errors import ApiError, ProtocolError
from clickasync.law import Believed, Failure, Lost, NotSent, Refused, Reply, Sending, Unreadable
from clickasync.protocol import Lines
from clickasync.redaction import SecretBytes, excerpt, redact
from clickasync.results import Coverage
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
            believed: Believed[Any] = read(reply)
        except ApiError as error:
            return Believed(Refused(_without_secrets(error, secrets)))
        except ProtocolError as error:
            shown = excerpt(reply.text, secrets, opaque=opaque)
            return Believed(Unreadable(ProtocolError(error.reason, shown)), in_step=False)
        value = _without_secrets(believed.value, secrets)
        if isinstance(value, ApiError):
            return Believed(Refused(value), believed.in_step)
        return believed if value is believed.value else Believed(value, believed.in_step)

    result = await transport.post(path, form, believe, sending or Sending())
    match result:
        case NotSent() | Lost():  # the status line may quote the request
            return evolve(result, reason=redact(result.reason, secrets))
        case Unreadable(error):
            return Unreadable(ProtocolError(error.reason, excerpt(error.reply, secrets, opaque=opaque)))
        case _:
            return result


def _without_secrets(value: Any, secrets: Collection[str]) -> Any:
    """What a reply says, without secrets where it gives the gateway's own words."""
    match value:
        case Lines(each, stop) if stop is not None or set(map(type, each)) != {str}:
            words = cache(partial(redact, secrets=secrets))  # most errors of a reply say the same
            clean = [_redacted(line, words) if isinstance(line, ApiError) else line for line in each]
            return Lines(clean, stop and _redacted(stop, words))
        case ApiError():
            return _redacted(value, partial(redact, secrets=secrets))
        case Coverage(message=message):
            return evolve(value, message=redact(message, secrets))
    return value


def _redacted(error: ApiError, words: Callable[[str], str]) -> ApiError:
    return type(error)(error.code, words(error.description), error.to)
