"""Many recipients: grouping, concurrency, backpressure, progress, and one result for every item of the source.

The guide is README.md in this folder.
"""

from __future__ import annotations

from clickasync.bulk.reader import Source
from clickasync.bulk.run import Bulk, gather
from clickasync.bulk.setup import new_run

__all__ = ["Bulk", "Source", "gather", "new_run"]
