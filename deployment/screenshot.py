"""Write docs/demo.svg, what `costwire demo` prints in a terminal: python -m deployment.screenshot"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "docs" / "demo.svg"
_LAST = "6. "
"""The section that is not shown: it names paths of the machine."""
_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def shown() -> Iterator[Text]:
    """The lines of a run in an empty folder, with their styles."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "costwire", "demo"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "FORCE_COLOR": "1", "TERM": "xterm-256color"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            check=True,
        )
    for line in done.stdout.splitlines():
        text = Text.from_ansi(line)
        text.rstrip()
        if text.plain.startswith(_LAST):
            return
        yield text


def picture(lines: list[Text]) -> str:
    """The lines as an SVG as wide as the longest; fonts are the reader's own, so that nothing is fetched."""
    width = max(text.cell_len for text in lines)
    console = Console(record=True, width=width, file=io.StringIO(), color_system="truecolor", force_terminal=True)
    for text in lines:
        console.print(text, highlight=False, markup=False, no_wrap=True)
    return _FONTS.sub("", console.export_svg(title="costwire demo", unique_id="costwire"))


def main() -> None:
    """Run the demo and write the picture."""
    lines = list(shown())
    while not lines[-1].plain:
        lines.pop()
    TARGET.write_text(picture(lines[1:]), encoding="utf-8")


if __name__ == "__main__":
    main()
