"""Every command as a person and a program meet it: exit status, one line on stderr, help, and JSON with exact decimals."""

from __future__ import annotations

import json
import os
import re
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests import commands
from tests.support import cur_line, cur_text

ROOT = Path(__file__).parents[2]
COMMANDS = [
    ["import"], ["connect"], ["apply"], ["sync"], ["costs"], ["export"], ["deliveries"], ["runs"], ["quarantine"], ["restatements"],
    ["budgets"], ["budgets", "add"], ["budgets", "list"], ["budgets", "remove"],
    ["channels"], *(["channels", one] for one in ("add", "list", "test", "remove")),
    ["alerts"], ["alerts", "list"], ["alerts", "show"], ["alerts", "ack"], ["alerts", "snooze"], ["validate"], ["replay"], ["doctor"],
    ["schedule"], ["watch"], ["keys"], ["keys", "rotate"], ["keys", "reencrypt"], ["rates"], ["rates", "set"], ["rates", "list"],
    ["tenants"], *(["tenants", one] for one in ("add", "list", "suspend", "resume", "remove", "restore")),
]  # fmt: skip
DIGITS = "0.123456789012345678901234"


def costwire(home: Path, *words: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COSTWIRE_HOME": str(home), "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    done = commands.run(*words, env=environment, cwd=home.parent)
    assert done.returncode == status, f"{words}: {done.stdout}{done.stderr}"
    assert "Traceback" not in done.stderr
    return done


def parsed(home: Path, *words: str) -> Any:
    """What a command prints as JSON; no amount in it is a binary float."""

    def refuse(text: str) -> None:
        raise AssertionError(f"{words}: {text} is no exact decimal")

    return json.loads(costwire(home, *words, "--json").stdout, parse_float=refuse)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder with a bill of which one line is in quarantine, its restatement, and a budget that it breaks."""
    folder = tmp_path_factory.mktemp("cli")
    home = folder / "home"
    lines = [cur_line(1, DIGITS), cur_line(2, "3.5", CurrencyCode="EUR"), cur_line(3, "5", CurrencyCode="ZZZ")]
    bill = folder / "bill.csv"
    budget = ["--amount", "0.5", "--currency", "USD"]
    costwire(home, "budgets", "add", "cloud", *budget)
    for number, cost in ((1, "0.2"), (2, DIGITS)):
        bill.write_text(cur_text([cur_line(1, cost), cur_line(9, "1"), *lines[1:]]))
        costwire(home, "import", str(bill), "--integration", "aws", "--delivered-at", f"2026-04-0{number}")
    return home


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_says_what_a_command_does(tmp_path: Path, words: list[str]) -> None:
    text = costwire(tmp_path / "home", *words, "--help").stdout
    assert f"costwire {' '.join(words)}" in text
    described = [line for line in text.splitlines()[1:] if line.strip() and not line.strip().startswith("Usage")]
    assert (described and described[0].strip().endswith((".", ":"))) or len(described) > 3
    for option in re.findall(r"^  (--[a-z-]+)(.*)$", text, re.MULTILINE):
        assert option[1].strip(), f"{option[0]} is not explained"
    assert not (tmp_path / "home").exists(), "help made a state folder"


def test_no_words_teach_the_commands(tmp_path: Path) -> None:
    done = costwire(tmp_path / "home", status=2)
    text = done.stdout + done.stderr
    assert "Start with: costwire import YOUR-BILL.csv" in " ".join(text.split())
    for words in COMMANDS:
        assert re.search(rf"^\s+{words[0]}\b", text, re.MULTILINE)


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["costs", "--nonsense"],
        ["import"],
        ["export"],
        ["connect", "aws"],
        ["costs", "--by", "colour"],
        ["costs", "--from", "soon"],
        ["export", "out.xlsx"],
        ["export", "out.csv", "--period", "2026-13"],
        ["deliveries", "--period", "March"],
        ["sync", "--period", "2026-3"],
        ["import", "bill.csv", "--provider", "acme"],
        ["import", "bill.csv", "--delivered-at", "soon"],
        ["connect", "acme", "--location", "."],
        ["validate", "."],
        ["validate", "no-such-file.csv"],
        ["sync", "--provider", "acme"],
        ["budgets", "add", "name", "--amount", "much"],
    ],
    ids=" ".join,
)
def test_words_that_are_off_end_with_2_and_say_what_is_expected(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "bill.csv").write_text(cur_text([cur_line(1, "1")]))
    done = costwire(tmp_path / "home", *words, status=2)
    assert done.stderr.strip() and done.stdout == ""


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["import", "no-such-file.csv"], "no-such-file.csv does not exist"),
        (["import", "bill.csv", "--org", "a-b"], "organization is 'a-b', expected 3 to 50 letters"),
        (["import", "bill.csv", "--integration", "A B"], "integration id is 'A B', expected lower-case letters"),
        (["import", "bill.csv", "--provider", "gcp"], "is a bill of AWS"),
        (["import", "empty.csv"], "is empty (0 bytes)"),
        (["import", "words.csv"], "no known format"),
        (["connect", "aws", "--location", "/no/such/folder"], "does not exist"),
        (["connect", "aws", "--location", "ftp://bucket/x"], "has the scheme ftp://"),
        (["connect", "aws", "--location", ".", "--credential", "no-key.json"], "no-key.json does not exist"),
        (["sync"], "there is nothing to sync"),
        (["sync", "--integration", "nobody"], "there is no integration nobody"),
        (["replay", "--delivery", "nothing"], "there is no delivery nothing"),
        (["export", "no/such/folder/out.csv"], "no/such/folder"),
        (["validate", "words.csv"], ""),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_work_that_fails_ends_with_1_and_one_line(tmp_path: Path, words: list[str], expected: str) -> None:
    (tmp_path / "bill.csv").write_text(cur_text([cur_line(1, "1")]))
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "a.csv").write_text("just,words\nsecret,line\n")
    (tmp_path / "words.csv").write_text("just,words\nsecret,line\n")
    done = costwire(tmp_path / "home", *words, status=1)
    if done.stderr:
        assert len(done.stderr.splitlines()) == 1 and done.stderr.startswith("costwire: ")
    assert expected in done.stderr and "secret" not in done.stderr
    assert done.stderr or expected == ""


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    done = costwire(tmp_path / "home", "doctor", status=1)
    assert len(done.stderr.splitlines()) == 1 and str(tmp_path / "home") in done.stderr


def test_json_holds_exact_decimals_as_text(home: Path) -> None:
    costs = {one["currency"]: one["total"] for one in parsed(home, "costs")["currencies"]}
    assert costs == {"EUR": "3.5", "USD": str(Decimal(DIGITS) + 1)}
    states = {one["state"]: one for one in parsed(home, "deliveries")}
    assert set(states) == {"current", "replaced"}
    proofs = {proof["currency"]: proof for proof in states["current"]["proof"]}
    assert proofs["USD"]["written"] == str(Decimal(DIGITS) + 1) and proofs["ZZZ"]["quarantined"] == "5"
    (line,) = parsed(home, "quarantine")
    assert (line["amount"], line["currency"]) == ("5", "ZZZ") and "source_row" not in line
    assert {row["billed_cost_delta"] for row in parsed(home, "restatements")} == {str(Decimal(DIGITS) - Decimal("0.2"))}
    assert [run["status"] for run in parsed(home, "runs")] == ["succeeded", "succeeded"]
    (budget,) = parsed(home, "budgets", "list")
    assert Decimal(budget["amount"]) == Decimal("0.5") and isinstance(budget["amount"], str)
    assert parsed(home, "alerts", "list")
    assert all(finding["well"] for finding in parsed(home, "doctor") if finding["what"] != "state folder")


def test_import_sync_replay_and_export_speak_json(home: Path, tmp_path: Path) -> None:
    bill = home.parent / "bill.csv"
    words = ["import", str(bill), "--integration", "aws", "--delivered-at", "2026-04-02"]
    assert [run["status"] for run in parsed(home, *words)["runs"]] == ["succeeded"]
    again = parsed(home, "sync")
    assert (again["deliveries"], [run["unchanged"] for run in again["runs"]]) == ([], [True])
    assert parsed(home, "replay") == {"replayed": 0, "notifications": 0, "failed": []}
    assert parsed(home, "export", str(tmp_path / "out.parquet"))["rows"] == 3
    parsed(home, "tenants", "add", "Other", "--slug", "other")
    assert parsed(home, "connect", "gcp", "--location", str(tmp_path), "--org", "other")["status"] == "validating"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["costs"], "total"),
        (["costs", "--by", "month"], "2026-03"),
        (["deliveries"], "proved"),
        (["runs"], "succeeded"),
        (["quarantine"], "1 line in quarantine"),
        (["restatements"], "replaced"),
        (["budgets", "list"], "cloud"),
        (["alerts", "list"], "cloud"),
        (["replay"], "there is nothing to replay"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_tables_tell_the_story(home: Path, words: list[str], expected: str) -> None:
    done = costwire(home, *words)
    assert expected in done.stdout and done.stderr == ""
    assert "BoxUsage" not in done.stdout, "a line of the bill is shown"


def test_a_broken_bill_is_told_by_every_command_afterwards(home: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.csv"
    broken.write_bytes(cur_text([cur_line(1, "1")]).encode("utf-16"))
    words = ["import", str(broken), "--integration", "broken", "--provider", "aws"]
    reason = "broken.csv is UTF-16 text, expected UTF-8; save it as UTF-8"
    assert costwire(home, *words, status=1).stderr == f"costwire: {reason}\n"
    told = costwire(home, "deliveries", "--integration", "broken").stdout
    assert "rejected" in told and "(no month)" in told and reason in told
    assert reason in costwire(home, "runs", "--integration", "broken").stdout
    assert parsed_doctor(home, "broken") == reason
    assert parsed(home, "costs", "--by", "month")["currencies"]


def parsed_doctor(home: Path, integration: str) -> str:
    done = costwire(home, "doctor", "--integration", integration, "--json", status=1)
    (finding,) = json.loads(done.stdout)
    return str(finding["found"])
