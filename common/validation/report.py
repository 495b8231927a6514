"""The findings of a validation, for programs and for users."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from common.domain.legible import one_line
from common.focus import VERSION

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


@dataclass(frozen=True)
class Failure:
    """One broken rule.  count: rows (or keys, columns, lines) that break it.  example: the first one."""

    rule_id: str
    keyword: str
    column: str
    text: str
    count: int
    example: str


@dataclass(frozen=True)
class Report:
    """What a validation found.

    checked: kind of check (row, dataset, schema) -> rules checked.  skipped: rules that could not be told for lack
    of a column that they look at.  hints: what may explain the failures, one sentence each.
    """

    file: str
    rows: int
    failures: tuple[Failure, ...]
    checked: Mapping[str, int]
    skipped: tuple[str, ...] = ()
    hints: tuple[str, ...] = field(default=())

    @property
    def errors(self) -> tuple[Failure, ...]:
        """The broken MUST rules."""
        return tuple(failure for failure in self.failures if failure.keyword == "MUST")

    @property
    def warnings(self) -> tuple[Failure, ...]:
        """The broken SHOULD rules."""
        return tuple(failure for failure in self.failures if failure.keyword != "MUST")

    @property
    def valid(self) -> bool:
        """Whether no MUST rule is broken."""
        return not self.errors

    def to_json(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {
            "file": self.file,
            "focus_version": VERSION,
            "valid": self.valid,
            "rows": self.rows,
            "checked": dict(self.checked),
            "failures": [
                {
                    "rule_id": failure.rule_id,
                    "keyword": failure.keyword,
                    "column": failure.column,
                    "text": failure.text,
                    "count": failure.count,
                    "example": failure.example,
                }
                for failure in self.failures
            ],
            "skipped": list(self.skipped),
            "hints": list(self.hints),
        }

    def print(self, console: Console) -> None:
        """Show the report to a person: broken rules as a table, then one line that sums up."""
        if self.failures:
            console.print(self._table())
        for hint in self.hints:
            console.print(one_line(f"Note: {hint}"), markup=False)
        console.print(one_line(self.summary()), markup=False)

    def summary(self) -> str:
        """One line: valid or not, how much was checked, how many rules were broken."""
        verdict = f"valid FOCUS {VERSION}" if self.valid else f"not valid FOCUS {VERSION}"
        told = sum(self.checked.values())
        said = f"{self.file}: {verdict}; {self.rows:,} rows, {told} rules checked, {len(self.errors)} MUST broken"
        said += f", {len(self.warnings)} SHOULD broken"
        if self.skipped:
            said += f"; {len(self.skipped)} rules not checked because columns are missing"
        return said

    def _table(self) -> Table:
        from rich.table import Table  # only people need it: functions start without
        from rich.text import Text

        table = Table(box=None, pad_edge=False, header_style="dim")
        table.add_column("Rule", overflow="fold", ratio=3)
        table.add_column("Level", no_wrap=True)
        table.add_column("Count", justify="right", no_wrap=True)
        table.add_column("What must hold", overflow="fold", ratio=3)
        table.add_column("Example", overflow="fold", ratio=4)
        for failure in self.failures:
            style = "red" if failure.keyword == "MUST" else "yellow"
            said = f"{failure.column}: {failure.text}" if failure.column else failure.text
            cells = (failure.rule_id, failure.keyword, f"{failure.count:,}", said, failure.example)
            table.add_row(*(Text(one_line(cell)) for cell in cells), style=style)
        return table
