"""What a user who waits reads while another process, or a deployment's functions, do the work."""

from __future__ import annotations

from pathlib import Path

import pytest

from common import progress
from common.ingestion.importing import BillOnDisk, import_bills
from common.records.organizations import ensure_default
from common.reporting.steps import current_step
from costwire import waiting
from costwire.output import errors
from costwire.output import progress as progress_shown
from costwire.progress_line import ProgressLine
from costwire.worker import ELSEWHERE, deliver, subscribe_all
from tests.support import Laptop, cur_line, cur_text, laptop


def write_parts(folder: Path) -> Path:
    folder.mkdir()
    for number in range(2):
        (folder / f"part-{number}.csv").write_text(cur_text([cur_line(number, "2.50"), cur_line(number + 5, "1")]))
    return folder


def begun(rt: Laptop, bill: Path) -> tuple[str, ...]:
    ensure_default(rt.documents, rt.clock.now())
    subscribe_all(rt)
    return import_bills(rt, [BillOnDisk(bill, "default")])[0].run_ids


def test_the_step_of_a_run_is_read_from_its_documents(tmp_path: Path) -> None:
    with laptop(tmp_path / "home") as rt:
        run_ids = begun(rt, write_parts(tmp_path / "bill"))
        steps = [current_step(rt, "default", run_ids)]
        while (delivery := rt.bus.pull()) is not None:
            deliver(rt, delivery)
            steps.append(current_step(rt, "default", run_ids))
    name = "aws-111122223333"
    assert list(dict.fromkeys(steps)) == [
        f"{name} is queued, 0 of 1 runs have ended",
        f"mapping {name} 2026-03, 0 of 2 files, 0 of 1 runs have ended",
        f"mapping {name} 2026-03, 1 of 2 files, 0 of 1 runs have ended",
        f"proving {name} 2026-03, 0 of 1 runs have ended",
        "budgets and alerts, 1 of 1 runs have ended",
    ]


def test_waiting_for_another_process_says_what_it_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with laptop(tmp_path / "home") as rt:
        run_ids = begun(rt, write_parts(tmp_path / "bill"))

        def held_elsewhere(rt: Laptop, sleep: object, waiting: object) -> list[None]:
            waiting(ELSEWHERE)  # type: ignore[operator]
            return []

        said: list[str] = []
        monkeypatch.setattr(waiting, "work", held_elsewhere)
        assert list(waiting.advance(rt, "default", run_ids, waiting=said.append)) == []
    assert said == ["another process works on what is left: aws-111122223333 is queued, 0 of 1 runs have ended"]


def test_the_work_of_this_process_reports_its_bytes_and_lines(tmp_path: Path) -> None:
    class Noting(ProgressLine):
        def advance(self, step: str, amount: int) -> None:
            super().advance(step, amount)
            noted.append(self.text().partition(", ")[0])
            totals[step] = totals.get(step, 0) + amount

    noted: list[str] = []
    totals: dict[str, int] = {}
    bill = write_parts(tmp_path / "bill")
    with laptop(tmp_path / "home") as rt, progress.listening(Noting("")):
        begun(rt, bill)
        while (delivery := rt.bus.pull()) is not None:
            deliver(rt, delivery)
        assert rt.billed() == {"USD": 7}
    assert list(dict.fromkeys(noted)) == [
        "copying aws-111122223333",
        "adding up aws-111122223333",
        "mapping aws-111122223333 2026-03",
    ]
    size = sum(file.stat().st_size for file in bill.iterdir())
    assert totals == {progress.COPYING: size, progress.ADDING_UP: 4, progress.MAPPING: 4}


def test_nothing_is_drawn_and_nobody_listens_where_stderr_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert not errors.is_terminal
    with progress_shown("working") as say:
        assert not progress.is_listened_to()
        say("still working")
    assert capsys.readouterr() == ("", "")
