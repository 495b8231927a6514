"""docs/operations.md names commands, targets, files and alert policies that exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main

from common.config import Settings
from costwire.cli import app

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
ROOT_COMMAND = typer.main.get_command(app)


def commands(program: str) -> list[str]:
    """Every command of a program in the page: in blocks, and between backticks with at least one word behind it."""
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)).replace("\\\n", " ")
    lines = [line.split("  #")[0].strip() for line in blocks.splitlines()]
    spoken = re.findall(r"`([^`\n]+)`", re.sub(r"```sh\n.*?```", "", PAGE, flags=re.DOTALL))
    found = [one for one in [*lines, *spoken] if re.match(rf"{program} [a-z]", one)]
    return sorted({*found, *re.findall(rf"\$\(({program} [^)]+)\)", blocks)})


@pytest.mark.parametrize("line", commands("costwire"))
def test_every_costwire_command_exists_with_its_options(line: str) -> None:
    words = shlex.split(line)[1:]
    command: Any = ROOT_COMMAND
    while hasattr(command, "commands"):
        if command.invoke_without_command and (not words or words[0].startswith("-")):
            break
        assert words and words[0] in command.commands, f"there is no {line}"
        command = command.commands[words.pop(0)]
    known = {option for one in command.params for option in one.opts if option.startswith("--")}
    given = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert given <= known, f"{line}: {given - known}"


@pytest.mark.parametrize("line", commands("make"))
def test_every_make_target_exists(line: str) -> None:
    (target,) = [word for word in shlex.split(line)[1:] if not word.startswith("-") and "=" not in word]
    assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), f"there is no {line}"
    for variable in re.findall(r"([A-Z_]+)=", line):
        assert f"$({variable})" in MAKEFILE, f"{line}: the Makefile does not read {variable}"


def test_the_page_has_commands_of_both_kinds() -> None:
    assert len(commands("costwire")) > 20 and len(commands("make")) > 4


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([a-z]+_[a-z_]+)`", PAGE))))
def test_a_variable_that_is_named_is_one_of_terraform(name: str) -> None:
    declared = (ROOT / "terraform" / "variables.tf").read_text(encoding="utf-8")
    assert f'variable "{name}"' in declared, f"`{name}` is no variable of terraform/"


def test_every_alert_policy_is_explained_and_no_other() -> None:
    declared = set(
        re.findall(r'display_name\s+= "(Costwire: [^"]+)"', (ROOT / "terraform" / "monitoring.tf").read_text())
    )
    told = set(re.findall(r"^\| (Costwire: [^|]+?) \|", PAGE, re.MULTILINE))
    assert declared and told == declared


def test_settings_and_files_that_are_named_exist() -> None:
    for variable in set(re.findall(r"COSTWIRE_[A-Z_]+", PAGE)):
        assert variable.removeprefix("COSTWIRE_").lower() in Settings.model_fields, variable
    for file in set(re.findall(r"terraform/[a-z_]+\.tfvars", PAGE)):
        assert (ROOT / file).is_file(), file
    for target in set(re.findall(r"\]\(([a-z_]+\.md)\)", PAGE)):
        assert (ROOT / "docs" / target).is_file(), target
    secrets = set(re.findall(r"costwire-[a-z-]+(?=`| --data-file)", PAGE))
    assert {"costwire-slack-webhook-url", "costwire-smtp-password"} <= secrets
