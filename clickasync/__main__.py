"""``python -m clickasync``: the command line."""

from __future__ import annotations

from clickasync.cli import main

if __name__ == "__main__":
    main()
