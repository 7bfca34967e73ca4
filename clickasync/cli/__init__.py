"""The command line: ``clickasync --help``. It needs the extra: ``pip install 'clickasync[cli]'``.

The guide is README.md in this folder.
"""

from __future__ import annotations

import sys

__all__ = ["main"]

_NEEDED = ("rich", "typer")


def main() -> None:
    """Run the command line. Without typer or rich, say what to install and exit with 2."""
    try:
        from clickasync.cli.app import app
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _NEEDED:
            raise
        print(f"clickasync: the command line needs {package}: pip install 'clickasync[cli]'", file=sys.stderr)
        sys.exit(2)
    app(prog_name="clickasync")
