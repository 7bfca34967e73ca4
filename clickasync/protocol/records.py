"""The records of a reply, one a line, before anybody asks what they mean for a recipient.

A record is an ``ID``, an ``ERR``, or junk. Junk decides for nobody: to read an ``ERR`` off a page of junk is to say
"failed" of what nobody can know.
"""

from __future__ import annotations

import re
from typing import Final

from attrs import frozen

from clickasync.errors import ApiError, api_error
from clickasync.law import Reply

__all__ = ["ERROR_TAIL", "ID_TAIL", "Record", "lines_of", "read_record"]

ID_TAIL: Final = r"(?i)ID:[ \t]*[0-9a-f]{32}"
"""A line without an end that cannot have been cut: an ID is documented as 32 hexadecimal digits."""
ERROR_TAIL: Final = r"(?i)ERR:[ \t]*[0-9]{3}[ \t]*,.*"
"""A line without an end that may have lost words, but not its code."""

_LINE_END: Final = re.compile(r"\r\n|[\n\r]")
_BREAKS_AT_END: Final = r"(?i)(?:<br\s*/?>\s*)+\Z"

_ID: Final = re.compile(r"ID[ \t]*:[ \t]*([^\s:]+)(?:[ \t]+(.*))?", re.IGNORECASE)
_ERR: Final = re.compile(r"ERR[ \t]*:(.*)", re.IGNORECASE)
_MARK: Final = re.compile(r"(?:(?:^|\s)(?i:ID|ERR|To)|ID|ERR)[ \t]*:")
"""A record begins, or names a number. ``ID:`` and ``ERR:``, written so, count within a word, too: where a line was cut,
the next one follows without a blank."""
_TO: Final = re.compile(r"(?:^|\s)To[ \t]*:\s*(\+?[0-9]+)(?=\s|$)", re.IGNORECASE)
_TO_DIGIT: Final = re.compile(r"\sTo[ \t]*:\s*\+?[0-9]", re.IGNORECASE)
_VALUES: Final = re.compile(r"(?:\s*[A-Za-z]+:[ \t]*\S+)*\s*")
_CODE: Final = re.compile(r"[ \t]*([0-9]{3})[ \t]*(?:,|$)")


@frozen
class Record:
    """An ``ID`` or an ``ERR``, and the number that it names."""

    line: str | ApiError
    to: str | None


def lines_of(reply: Reply, *tails: str) -> tuple[list[str], bool]:
    """The lines of a reply, without the empty ones, and whether the last one may have been cut and was left out.

    Lines end in LF, CRLF, CR, or a trailing ``<br>``. The last line of a reply that is not framed may be half of one,
    which can mean another than the whole. It counts if it has an end, or if one of `tails` knows it.
    """
    text = reply.text.removeprefix("\ufeff")
    raw = _LINE_END.split(text)
    last = raw[-1].strip()
    is_cut = False
    if last and not reply.is_framed and not re.search(_BREAKS_AT_END, last):
        is_cut = not any(re.fullmatch(tail, last) for tail in tails)
        if is_cut:
            raw.pop()
    lines = [_without_break(line.strip()) for line in raw]
    return [line for line in lines if line], is_cut


def _without_break(line: str) -> str:
    return re.sub(_BREAKS_AT_END, "", line).rstrip() if line.endswith(">") else line


def read_record(line: str) -> Record | None:
    """The record that a line is; None: junk, which is no record, or more than one."""
    found = _ID.fullmatch(line)
    if found is not None:
        id, rest = found.groups()
        return Record(id, None) if rest is None else _identified(id, rest)
    found = _ERR.fullmatch(line)
    return None if found is None else _refused(found[1])


def _identified(id: str, rest: str) -> Record | None:
    """What stands behind an ID: its number, and perhaps more values. Other words are the rest of another record."""
    marks = _MARK.findall(rest)
    to = _TO.search(rest)
    if len(marks) != (to is not None):
        return None
    values = rest if to is None else rest[: to.start()]
    if not _VALUES.fullmatch(values) or "status" in values.lower():  # the answer to querymsg has a status
        return None
    return Record(id, None if to is None else to[1])


def _refused(rest: str) -> Record | None:
    """What stands behind ``ERR:``. The description may hold commas, colons, and a ``To:`` without a number."""
    marks = _MARK.findall(rest)
    if marks and (len(marks) > 1 or "TO" not in marks[0].upper()):
        return None  # two records in one line
    to = _TO.search(rest) if marks else None
    if to is not None:
        rest = rest[: to.start()] + rest[to.end() :]
    elif marks and _TO_DIGIT.search(rest):
        return None  # half a number, or something between its digits
    code = _CODE.match(rest)
    description = rest[code.end() :] if code else rest
    error = api_error(code[1] if code else None, description.strip())
    return Record(error, None if to is None else to[1])
