"""The documents say what is there: commands, topics, targets, links."""

import re
from pathlib import Path

import typer.main

from common.messages import MESSAGES
from common.messages.subscriptions import SUBSCRIPTIONS
from costwire.cli import app

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
COMMANDS = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def test_the_readme_names_every_command_and_no_other() -> None:
    shown = re.findall(r"costwire ([a-z]+)", README) + re.findall(
        r"`([a-z]+)`", README.split("## Commands")[1].split("## ")[0]
    )
    assert COMMANDS - {"demo"} <= set(shown)
    assert set(re.findall(r"(?:bin/)?costwire ([a-z]+)", README)) <= COMMANDS


def test_every_topic_and_message_is_described() -> None:
    for kind in MESSAGES:
        assert f"`{kind.__name__}`" in ARCHITECTURE
    for topic in SUBSCRIPTIONS:
        assert topic in ARCHITECTURE


def test_the_readme_names_make_targets_that_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"make ([a-z-]+)", README)) <= targets


def test_links_between_documents_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_function_says_what_it_is() -> None:
    for main in sorted((ROOT / "functions").glob("*/main.py")):
        assert main.read_text(encoding="utf-8").startswith(f'"""{main.parent.name}: '), main
