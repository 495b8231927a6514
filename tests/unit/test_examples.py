"""The help of every command ends with examples, and each example is one that the command line understands."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from costwire.cli import app
from costwire.examples import EXAMPLES


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, (*path, name))


ALL = dict(commands(typer.main.get_command(app)))


def test_there_is_an_example_for_each_command_and_for_nothing_else() -> None:
    assert {" ".join(path) for path in ALL} == set(EXAMPLES)


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_the_help_of_a_command_shows_its_examples_on_lines_of_their_own(path: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "200", "TERMINAL_WIDTH": "200"})
    assert done.exit_code == 0
    lines = [line.strip() for line in done.stdout.splitlines()]
    for example in EXAMPLES[" ".join(path)]:
        assert example in lines


@pytest.mark.parametrize(("name", "example"), [(name, one) for name, found in EXAMPLES.items() for one in found])
def test_an_example_can_be_typed(name: str, example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is parsed as far as the function that it would call, which is not called."""
    for file in ("focus.csv", "webhook.txt"):
        (tmp_path / file).touch()  # those that must exist by then
    monkeypatch.chdir(tmp_path)
    program, *words = shlex.split(example)
    assert program == "costwire"
    command, path = ALL[()], name.split()
    assert words[: len(path)] == path
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    with command.make_context(example, words) as context:
        assert context.command is command
