"""focus-converter 1.0.0 in a virtual environment of its own, made once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REQUIREMENTS = ("focus-converter==1.0.0", "multimethod<1.10", "typer<0.10", "click<8.2")


class Absent(Exception):
    """The peer could not be installed; the text says why."""


def interpreter(folder: Path) -> Path:
    """The Python that has focus-converter; installs it on first use.  Raises Absent."""
    python = folder / "focus-converter" / "bin" / "python"
    if _works(python):
        return python
    try:
        subprocess.run(
            [sys.executable, "-m", "venv", str(python.parent.parent)], check=True, capture_output=True, text=True
        )
        subprocess.run(
            [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *REQUIREMENTS],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError) as error:
        words = getattr(error, "stderr", None) or str(error)
        raise Absent(f"focus-converter cannot be installed: {words.strip().splitlines()[-1]}") from error
    if not _works(python):
        raise Absent(
            "focus-converter is installed but cannot be imported; remove bench-data/focus-converter and try again"
        )
    return python


def _works(python: Path) -> bool:
    if not python.exists():
        return False
    return subprocess.run([str(python), "-c", "import focus_converter.converter"], capture_output=True).returncode == 0
