"""How a call of the Connect API is made: checked, written, sent by the law of sending, read."""

from __future__ import annotations

import os
import re
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar
from urllib.parse import urlencode

from attrs import evolve

from clickasync.calls import perform
from clickasync.connect.actions import ACTIONS, SECRET, check
from clickasync.connect.codec import read_reply, write_request
from clickasync.errors import ConfigurationError, InvalidOptionError, ProtocolError
from clickasync.law import Effect, Failure, Unreadable
from clickasync.redaction import excerpt, redact
from clickasync.transport import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from clickasync.connect.readers import Values
    from clickasync.transport import Transport

__all__ = ["Caller", "SolvedCaptcha", "usable_token"]

T = TypeVar("T")

SolvedCaptcha: TypeAlias = tuple[str, str]
"""``(captcha_id, captcha_code)``: the ID from `ConnectClient.get_captcha`, and what a person read in its image."""

_TOKEN_VARIABLE: Final = "CLICKATELL_CONNECT_TOKEN"  # noqa: S105 - the name of a variable, not a token


class Caller:
    """Makes calls to the URL that `token` is a part of."""

    def __init__(self, token: str, transport: Transport, retries: int) -> None:
        self._path = f"/{token}"
        self._token = token
        self._transport = transport
        self._retries = retries

    async def call(
        self,
        action: str,
        read: Callable[[Values], T],
        captcha: SolvedCaptcha | None = None,
        **given: object,
    ) -> T:
        """Call `action` with what was `given`, and give what `read` makes of the Values that come back.

        Raises:
            ClickatellError: see `ConnectClient`.
        """
        given["captcha_id"], given["captcha_code"] = _pair(captcha)
        parameters = check(action, given)
        body = urlencode({"XML": write_request(action, parameters)}).encode()
        secrets = (self._token, *(text for name, text in parameters if name in SECRET))
        effect = Effect.NONE if ACTIONS[action].repeatable else Effect.SPENDS
        return await perform(partial(self._attempt, body, secrets, read), effect, self._retries)

    async def _attempt(self, body: bytes, secrets: Collection[str], read: Callable[[Values], T]) -> T | Failure:
        outcome = await self._transport.exchange(self._path, body)
        if isinstance(outcome, Reply):
            try:
                return read(read_reply(outcome.body, secrets))
            except ProtocolError as error:
                return Unreadable(error.with_traceback(None))
        # Whoever wrote the status line, or a reply without end, may have quoted the URL in it.
        if isinstance(outcome, Unreadable):
            return Unreadable(ProtocolError(outcome.error.reason, excerpt(outcome.error.reply, secrets)))
        return evolve(outcome, reason=redact(outcome.reason, secrets))


def usable_token(token: str | None) -> str:
    """`token`, or the one of the environment.

    Raises:
        ConfigurationError: there is none, or it cannot be a part of a URL. It is not repeated.
    """
    token = token or os.environ.get(_TOKEN_VARIABLE)
    if not token:
        raise ConfigurationError(f"token is missing: give it, or set {_TOKEN_VARIABLE}")
    if not re.fullmatch(r"[A-Za-z0-9._~-]+", token):
        raise ConfigurationError("token holds a character that no token has; check for blanks and line ends")
    return token


def _pair(captcha: SolvedCaptcha | None) -> tuple[object, object]:
    if captcha is None:
        return None, None
    if not isinstance(captcha, tuple | list) or len(captcha) != 2:
        raise InvalidOptionError("captcha must be a pair: (captcha_id, captcha_code)")
    return captcha
