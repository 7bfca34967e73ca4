"""How a handset cuts a long text into parts."""

from __future__ import annotations

from itertools import pairwise

from clickasync.encoding import is_gsm, split

__all__ = ["cut"]


def cut(text: str, *, reference: int, parts: int | None = None) -> list[tuple[bytes, str]]:
    """The parts in which a handset sends `text`, each with its user data header; one alone has none.

    `reference` is one byte, common to the parts. `parts` asks for that many, however short the text is.

    Raises:
        ValueError: the text cannot be cut so, or would take more than 255 parts.
    """
    pieces = split(text, unicode=not is_gsm(text)) if parts is None else _equal_pieces(text, parts)
    if len(pieces) > 255:
        raise ValueError("a message has 255 parts at the most")
    if len(pieces) == 1:
        return [(b"", text)]
    total = len(pieces)
    return [(bytes((5, 0, 3, reference % 256, total, number)), piece) for number, piece in enumerate(pieces, 1)]


def _equal_pieces(text: str, parts: int) -> list[str]:
    if not 1 <= parts <= max(len(text), 1):
        raise ValueError(f"a text of {len(text)} characters cannot be cut into {parts} parts")
    bounds = [len(text) * number // parts for number in range(parts + 1)]
    return [text[start:end] for start, end in pairwise(bounds)]
