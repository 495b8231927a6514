"""An export that its provider is still writing: the run ends as waiting, nothing fails, and a later run fetches it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from common.ingestion.connecting import Connection, connect
from costwire.cli import NOT_YET, main
from tests.support import Laptop, cur_line, cur_text, laptop

MONTH = "20260301-20260401"
MISSING = f"lists 2 files of which 1 are missing, among them cur/{MONTH}/cur-2.csv"


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Laptop]:
    with laptop(tmp_path / "home") as made:
        yield made


def export(folder: Path, parts: int, listed: int = 2) -> Path:
    """A CUR of which some of the listed parts are written."""
    place = folder / "cur" / MONTH
    place.mkdir(parents=True, exist_ok=True)
    keys = [f"cur/{MONTH}/cur-{number}.csv" for number in range(1, listed + 1)]
    manifest = {
        "assemblyId": "a1", "reportName": "cur", "reportKeys": keys,
        "billingPeriod": {"start": "20260301T000000.000Z", "end": "20260401T000000.000Z"},
    }  # fmt: skip
    (place / "cur-Manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    for number in range(parts):
        (folder / keys[number]).write_text(cur_text([cur_line(number, "1.25")]), encoding="utf-8")
    return folder


def typed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of a command."""
    monkeypatch.setattr(sys, "argv", ["costwire", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def run(rt: Laptop) -> dict[str, Any]:
    """The newest run."""
    return max((one for _, one in rt.documents.list("orgs/default/runs")), key=lambda one: one["started_at"])


def test_an_import_of_an_unfinished_export_says_so_at_once(
    rt: Laptop, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    began = rt.clock.moment
    status, _, said = typed(capsys, monkeypatch, "import", str(export(tmp_path / "bills", 1)), "--integration", "aws")
    assert (status, said.count("\n")) == (NOT_YET, 1) and MISSING in said
    assert (rt.clock.moment - began).total_seconds() < 1, "no backoff is waited out"
    assert rt.bus.pending() == 0 and rt.bus.dead_letters() == []


def test_a_run_that_waits_tells_why_and_the_next_sync_fetches_the_export(
    rt: Laptop, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bills = export(tmp_path / "bills", 1)
    connect(rt, Connection("default", "aws", str(bills)))
    assert typed(capsys, monkeypatch, "sync")[0] == NOT_YET
    assert (run(rt)["status"], run(rt)["ended_at"] is not None, MISSING in run(rt)["error"]) == ("waiting", True, True)
    (integration,) = json.loads(typed(capsys, monkeypatch, "integrations", "list", "--json")[1])
    assert (integration["status"], integration["error_message"]) == ("pending", None)
    assert MISSING in integration["waiting_for"]
    for words in (("runs",), ("integrations", "list"), ("integrations", "show", "aws")):
        assert "missing, among them" in " ".join(typed(capsys, monkeypatch, *words)[1].split()), words
    export(bills, 2)
    assert typed(capsys, monkeypatch, "sync")[0] == 0
    assert (run(rt)["status"], run(rt)["error"]) == ("succeeded", None)
    (integration,) = json.loads(typed(capsys, monkeypatch, "integrations", "list", "--json")[1])
    assert (integration["status"], integration["waiting_for"]) == ("active", None)
    assert rt.billed() == {"USD": Decimal("2.50")} and rt.bus.dead_letters() == []


def test_a_failure_beside_an_export_that_is_not_ready_is_exit_status_1(
    rt: Laptop, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(rt, Connection("default", "aws", str(export(tmp_path / "bills", 1))))
    gone = export(tmp_path / "gone", 2)
    connect(rt, Connection("default", "aws", str(gone), "gone"))
    gone.rename(tmp_path / "elsewhere")
    status, _, said = typed(capsys, monkeypatch, "sync")
    assert status == 1 and MISSING in said and str(gone) in said
