"""How far long work is: what is reported, and the line that shows it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from common import progress
from common.progress import ADDING_UP, COPYING, MAPPING, VALIDATING
from costwire.progress_line import ProgressLine


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def line(clock: Clock) -> ProgressLine:
    return ProgressLine("looking for the bill", clock)


def test_words_are_shown_until_something_is_reported_and_after_it(line: ProgressLine) -> None:
    assert line.text() == "looking for the bill"
    line.advance(ADDING_UP, 5)
    assert line.text() == "adding up, 5 lines"
    line.say("budgets and alerts")
    assert line.text() == "budgets and alerts"


def test_copying_shows_percent_bytes_rate_and_time_left(line: ProgressLine, clock: Clock) -> None:
    line.expect("run", "aws-1", {COPYING: 2 << 30})
    line.advance(COPYING, 0)
    clock.now = 4
    line.advance(COPYING, 512 << 20)
    assert line.text() == "copying aws-1, 25 %, 512.0 MiB of 2.0 GiB, 128.0 MiB/s, 0:12 left"


def test_mapping_shows_lines_per_second(line: ProgressLine, clock: Clock) -> None:
    line.expect("delivery", "aws-1 2026-03", {MAPPING: 4_000_000})
    with line.part(MAPPING, 2_000_000):
        clock.now = 10
        assert line.text() == "mapping aws-1 2026-03, 0 %, 0 of 4,000,000 lines"
        line.advance(MAPPING, 1_000_000)
        assert line.text() == "mapping aws-1 2026-03, 25 %, 1,000,000 of 4,000,000 lines, 100,000 lines/s, 0:30 left"
        line.advance(MAPPING, 9_000_000)
        assert "50 %, 2,000,000 of 4,000,000 lines" in line.text(), "no more than the part has"
    assert "50 %, 2,000,000 of 4,000,000 lines" in line.text()


def test_the_parts_of_a_delivery_add_up_also_with_other_work_between(line: ProgressLine, clock: Clock) -> None:
    for number in range(1, 4):
        line.expect("delivery", "aws-1 2026-03", {MAPPING: 3_000})
        with line.part(MAPPING, 1_000):
            pass
        assert f"{number},000 of 3,000 lines" in line.text()
        line.expect("other", "gcp-1 2026-03", {MAPPING: 10})
        with line.part(MAPPING, 1):
            pass
        line.say("validating")


def test_a_part_that_fails_does_not_count(line: ProgressLine) -> None:
    line.expect("delivery", "aws-1", {MAPPING: 100})
    with pytest.raises(ValueError, match="broken"), line.part(MAPPING, 50):
        line.advance(MAPPING, 30)
        raise ValueError("broken")
    assert "0 of 100 lines" in line.text()


def test_reports_reach_a_listener_and_nobody_else(line: ProgressLine) -> None:
    def unwanted() -> tuple[str, str, dict[str, int]]:
        pytest.fail("nobody listens")

    progress.expect(unwanted)
    progress.advance(COPYING, 1)
    with progress.part(VALIDATING, 7):
        assert not progress.is_listened_to()
    with progress.listening(line):
        progress.expect(lambda: ("run", "aws-1", {COPYING: 10}))
        progress.advance(COPYING, 4)
        assert line.text() == "copying aws-1, 40 %, 4 B of 10 B"
    progress.advance(COPYING, 4)
    assert "40 %" in line.text()
