"""Files of recipients, strictly read: who is sent what, row by row. Nothing is sent here, and nothing is shown.

`open_recipients` looks at the beginning of a file and finds out how it is to be read; what it found is said in
`Recipients.header_notice`. To iterate over the `Recipients` yields a `Row` for each recipient, or a `BadRow` that says
what is wrong with it::

    recipients = open_recipients("customers.csv", "Hi {name}")
    seen = Seen()
    for item in recipients:
        match item:
            case Row(number=number) if seen.add(number):
                send(number, recipients.text_of(item))
            case BadRow(line=line, error=error):
                print(f"line {line}: {error}")
    print(seen.repeats, "numbers stood there before")

What is wrong with one row is a `BadRow`, and the others go on. What makes it doubtful who stands where is an
`InvalidOptionError` that names the line, raised by `open_recipients` or while iterating: a quote that is not closed, a
line break in a cell that goes into a text, two columns of one name, a first line that is neither a header nor a
recipient, the wrong encoding. So a sender iterates once to the end before anything leaves.

`Seen` remembers numbers in 4.5 bytes each. A `Template` is a text with holes, and can be used by itself. Reading costs
about 1.5 µs a row, `Seen` half of one more, and no memory that grows with the file.

The guide is README.md in this folder.
"""

from __future__ import annotations

from clickasync.recipients.files import Source
from clickasync.recipients.rows import BadRow, Item, PlainRows, Recipients, Row, open_recipients
from clickasync.recipients.seen import Seen
from clickasync.recipients.template import Template

__all__ = ["BadRow", "Item", "PlainRows", "Recipients", "Row", "Seen", "Source", "Template", "open_recipients"]
