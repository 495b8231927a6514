"""docs/json.md names the keys that every command with `--json` prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.json_page import COMMANDS, PAGE, page
from tests.unit.test_examples import ALL


def test_the_page_is_what_the_commands_print(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert page(tmp_path) == PAGE.read_text(encoding="utf-8"), "run python -m tests.e2e.json_page"


def test_the_page_has_every_command_that_prints_json() -> None:
    speaks = {
        " ".join(path) for path, command in ALL.items() if any("--json" in option.opts for option in command.params)
    }
    speaks.remove("channels test")  # it prints what the other side of a channel answered
    assert speaks == {
        next(name for name in sorted(speaks, key=len, reverse=True) if one.startswith(name)) for one in COMMANDS
    }
