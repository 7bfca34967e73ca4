"""Users' code in ``tests/users``, as mypy and pyright see it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MYPY = [sys.executable, "-m", "mypy", "tests/users"]
PYRIGHT = [sys.executable, "-m", "basedpyright", "--warnings", "--pythonpath", sys.executable]


@pytest.mark.parametrize("checker", [MYPY, PYRIGHT], ids=["mypy", "pyright"])
def test_a_checker_understands_users_code(checker: list[str]) -> None:
    """It refuses what must be refused, line by line, and nothing else."""
    done = subprocess.run(checker, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
