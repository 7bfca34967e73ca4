"""Keeping secrets out of what is shown.

A secret travels as a `Secret` or as `SecretBytes`: its `repr` hides it, so that no debugger, crash report or
``pytest -l`` that prints the variables of a frame can show it. What others send us may quote a secret too: a page that
repeats the request, say. `redact` strikes it out before such a text is shown.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final, TypeVar, cast

__all__ = ["Secret", "SecretBytes", "excerpt", "hidden", "redact"]

T = TypeVar("T")

_HIDDEN: Final = "[hidden]"
_SHORTEST_SECRET: Final = 4  # anything shorter occurs in any text
_SHOWN: Final = 200
_XML: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;", "\r": "&#13;"})


class Secret(str):
    """A `str` that does not show itself: a password, a session ID, a voucher, a token.

    >>> Secret("corr3ct horse")
    [hidden]
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return _HIDDEN


class SecretBytes(bytes):
    """A form that holds a secret, on its way out."""

    __slots__ = ()

    def __repr__(self) -> str:
        return _HIDDEN


def hidden(value: T) -> T:
    """The same value, but one that does not show itself where it is a `str`, or a tuple of them.

    The first statement of each public function that takes a secret: from then on no variable of ours shows it.
    """
    if isinstance(value, str):
        return cast("T", Secret(value))
    return cast("T", tuple(map(hidden, value))) if isinstance(value, tuple) else value


def redact(text: str, secrets: Collection[str]) -> str:
    """`text` without the `secrets`: as they are, as they stand in a request or a page, or cut off by the text's end."""
    import html  # nobody needs them who is not refused anything
    from urllib.parse import quote_plus

    for secret in secrets:
        if len(secret) < _SHORTEST_SECRET:
            continue
        plain = {secret, html.escape(secret), secret.translate(_XML)}
        for spelling in [*plain, *map(quote_plus, plain)]:
            text = text.replace(spelling, _HIDDEN)
            cut = (n for n in range(len(spelling) - 1, _SHORTEST_SECRET - 1, -1) if text.endswith(spelling[:n]))
            for length in cut:
                text = text[:-length] + _HIDDEN
    return text


def excerpt(text: str, secrets: Collection[str], *, opaque: bool = False) -> str:
    """The beginning of a reply that cannot be read. Cut last, or a secret might be cut in two and pass unseen.

    Args:
        text: the whole reply.
        secrets: what must not be shown.
        opaque: hide every long word, too: one of them may be a secret that nobody knows yet (a session ID).
    """
    text = redact(text, secrets)
    if opaque:
        text = re.sub(r"\S{12,}", "…", text)
    return text.strip()[:_SHOWN]
