"""Which file a name stands for, and that its entry in the folder outlives a loss of power."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["identity_of", "sync_folder"]


def identity_of(path: Path) -> str:
    """Which file it is, whatever its name."""
    try:
        status = path.stat()
    except OSError:
        return "gone"
    return f"{status.st_dev}/{status.st_ino}"


def sync_folder(folder: Path) -> None:
    """Bring a folder to the disk: the names in it, which to sync a file does not bring there.

    Raises:
        OSError: it could not be done.
    """
    if os.name == "nt":  # where folders cannot be opened, and need not be
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
