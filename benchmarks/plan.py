"""What a whole benchmark run works with."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp

from benchmarks.cur import Bill, generate
from benchmarks.measure import Run

MEBIBYTE = 2**20


@dataclass
class Plan:
    """Sizes, and where files go.  runs: the first is a warm-up and does not count.  say: tells what is being done."""

    data: Path
    rows: int
    small_rows: int
    focus_rows: int
    peer_rows: int
    runs: int
    threads: int
    say: Callable[[str], None]
    counted: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.counted = list(range(1 if self.runs > 1 else 0, self.runs))

    def bill(self, rows: int) -> Bill:
        """A generated bill, kept for the next time."""
        self.say(f"bill of {rows:,} lines")
        return generate(self.data, rows)

    def repeat(self, what: str, once: Callable[[], dict[str, Run]]) -> list[dict[str, Run]]:
        """Run side by side as often as planned; returns the runs that count."""
        done = []
        for number in range(self.runs):
            kind = "run" if number in self.counted else "warm-up"
            self.say(f"{what}: {kind} {number + 1} of {self.runs}")
            done.append(once())
        return [done[number] for number in self.counted]

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A folder that is gone afterwards."""
        self.data.mkdir(parents=True, exist_ok=True)
        made = Path(mkdtemp(prefix="work-", dir=self.data))
        try:
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)
