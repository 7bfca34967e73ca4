"""How an action of the Connect API is carried out: checked, written, posted by the law of sending, read."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar
from urllib.parse import urlencode

from clickasync.connect.actions import ACTIONS, SECRET, check
from clickasync.connect.codec import read_reply, write_request
from clickasync.core.posting import post
from clickasync.core.retrying import retry
from clickasync.core.watching import Watch
from clickasync.errors import ConfigurationError, InvalidOptionError
from clickasync.law import Believed, Effect, Failure, Reply
from clickasync.redaction import Secret, SecretBytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from clickasync.connect.readers import Values
    from clickasync.core.attempts import Note
    from clickasync.transport import Transport

__all__ = ["ConnectExecutor", "SolvedCaptcha", "usable_token"]

T = TypeVar("T")

SolvedCaptcha: TypeAlias = tuple[str, str]
"""``(captcha_id, captcha_code)``: the ID from `ConnectClient.get_captcha`, and what a person read in its image."""

_TOKEN_VARIABLE: Final = "CLICKATELL_CONNECT_TOKEN"  # noqa: S105 - the name of a variable, not a token


class ConnectExecutor:
    """Carries out actions at the URL that `token` is a part of, and lets `watch` see each attempt."""

    def __init__(self, token: Secret, transport: Transport, retries: int, watch: Watch) -> None:
        self._token = token
        self._transport = transport
        self._retries = retries
        self._watch = watch

    async def execute(
        self,
        action: str,
        read: Callable[[Values], T],
        captcha: SolvedCaptcha | None = None,
        **given: object,
    ) -> T:
        """Carry out `action` with what was `given`, and give what `read` makes of the Values that come back.

        Raises:
            ClickatellError: see `ConnectClient`.
        """
        given["captcha_id"], given["captcha_code"] = _pair(captcha)
        parameters = check(action, given)
        form = SecretBytes(urlencode({"XML": write_request(action, parameters)}).encode())
        secrets = (self._token, *(text for name, text in parameters if name in SECRET))
        effect = Effect.NONE if ACTIONS[action].repeatable else Effect.SPENDS

        def read_values(reply: Reply) -> Believed[T]:
            return Believed(read(read_reply(reply.body, secrets)))

        async def attempt(_note: Note | None = None) -> T | Failure:
            return await post(self._transport, Secret(f"/{self._token}"), form, read_values, secrets)

        return await retry(self._watch.over(attempt, action, effect), effect, self._retries, name=action)


def usable_token(token: str | None) -> Secret:
    """`token`, or the one of the environment.

    Raises:
        ConfigurationError: there is none, or it cannot be a part of a URL. It is not repeated.
    """
    token = Secret(token or os.environ.get(_TOKEN_VARIABLE) or "")
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
