"""Keeping secrets out of what is shown: a page that quotes what it was sent would bring them into our messages."""

from __future__ import annotations

import html
import re
from collections.abc import Collection
from typing import Final
from urllib.parse import quote_plus

__all__ = ["excerpt", "redact"]

_HIDDEN: Final = "[hidden]"
_SHORTEST_SECRET: Final = 4  # what is shorter stands in any text
_SHOWN: Final = 200
_XML: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;", "\r": "&#13;"})


def redact(text: str, secrets: Collection[str]) -> str:
    """`text` without the `secrets`, be they plain, as they stand in a request or a page, or cut off by its end."""
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
        opaque: hide all that is long, too: it may hold a secret that nobody knows yet (a session ID).
    """
    text = redact(text, secrets)
    if opaque:
        text = re.sub(r"\S{12,}", "…", text)
    return text.strip()[:_SHOWN]
