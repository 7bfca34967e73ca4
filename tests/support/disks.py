"""Disks that are full, and folders that cannot be written: real ones where the tests may mount them.

As root, a small file system in memory is mounted. Otherwise the processes that are to find the disk full get a limit on
the size of their files, and a folder loses its permission to be written.
"""

from __future__ import annotations

import os
import resource
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import define

_NO_LIMIT = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


def _mount(folder: Path, options: str) -> bool:
    """Mount a file system in memory, or mount it anew; gives whether that is permitted."""
    if os.geteuid() != 0:
        return False
    command = ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)]
    return subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode == 0


def _unmount(folder: Path) -> None:
    command = ["umount", "-l", str(folder)]
    subprocess.run(command, check=True)


@define
class SmallDisk:
    """A disk on which there is little room."""

    folder: Path
    kibibytes: int
    is_mounted: bool

    def options(self) -> dict[str, Any]:
        """For whoever starts a process that is to find it full."""
        if self.is_mounted:
            return {}
        size = self.kibibytes * 1024
        return {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))}

    def grow(self, process: subprocess.Popen[Any] | None = None) -> None:
        """Make room, also for a process that runs."""
        if self.is_mounted:
            assert _mount(self.folder, "remount,size=64m")
        elif process is not None:
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, _NO_LIMIT)


@contextmanager
def small_disk(folder: Path, kibibytes: int) -> Iterator[SmallDisk]:
    """A folder that is a small disk, or seems to be one."""
    folder.mkdir()
    is_mounted = _mount(folder, f"size={kibibytes}k")
    try:
        yield SmallDisk(folder, kibibytes, is_mounted)
    finally:
        if is_mounted:
            _unmount(folder)


@contextmanager
def unwritable(folder: Path, *files: Path) -> Iterator[Path]:
    """A folder with copies of files, in which nothing can be written."""
    folder.mkdir()
    is_mounted = _mount(folder, "size=8m")
    for file in files:
        shutil.copy(file, folder)
    try:
        if is_mounted:
            assert _mount(folder, "remount,ro")
        else:
            folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
        yield folder
    finally:
        if is_mounted:
            _unmount(folder)
        else:
            folder.chmod(stat.S_IRWXU)
