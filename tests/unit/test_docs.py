"""The documents name what exists: commands, topics, targets, links, files."""

import re
from pathlib import Path

import pytest
import typer.main

from common.messages import MESSAGES
from common.messages.subscriptions import SUBSCRIPTIONS
from common.records.organizations import limits_of, plans
from costwire.cli import app

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
COMMANDS = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
FOLDERS = ("benchmarks", "common", "costwire", "deployment", "docs", "functions", "terraform", "tests", "web")
DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "terraform" / "README.md",
    *sorted((ROOT / "functions").rglob("*.md")),
    *sorted((ROOT / "common").rglob("*.md")),
]


def test_the_readme_names_every_command_and_no_other() -> None:
    shown = re.findall(r"costwire ([a-z]+(?:-[a-z]+)*)", README) + re.findall(
        r"`([a-z-]+)`", README.split("## Commands")[1].split("## ")[0]
    )
    assert COMMANDS - {"demo"} <= set(shown)
    assert set(re.findall(r"(?:bin/)?costwire ([a-z]+(?:-[a-z]+)*)", README)) <= COMMANDS


def test_every_topic_and_message_is_described() -> None:
    for kind in MESSAGES:
        assert f"`{kind.__name__}`" in ARCHITECTURE
    for topic in SUBSCRIPTIONS:
        assert topic in ARCHITECTURE


def test_the_readme_names_make_targets_that_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"make ([a-z-]+)", README)) <= targets


def headings(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    lines = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", line.lower()).replace(" ", "-") for line in lines}


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#:]+)(?:#([^)]+))?\)", page.read_text(encoding="utf-8")):
        found = page.parent / target
        assert found.exists(), target
        assert not anchor or anchor in headings(found), f"{target}#{anchor}"


def paths(text: str) -> set[str]:
    """Every file and folder of the repository that a text names in backticks; `<name>` becomes `*`."""
    found: set[str] = set()
    for quoted in re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
        for word in re.sub(r"<\w+>", "*", quoted).split():
            before, brace, after = word.partition("{")
            choices = after.partition("}")[0].split(",") if brace else [""]
            found.update(before + choice + after.partition("}")[2] for choice in choices)
    found -= {"my.tfvars"}  # an operator's own file
    source = re.compile(r"[\w*./-]+\.(?:py|sql|tf|tfvars|tftpl)")
    return {one for one in found if (one.partition("/")[0] in FOLDERS and "/" in one) or source.fullmatch(one)}


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_document_names_exists(page: Path) -> None:
    named = paths(page.read_text(encoding="utf-8"))
    # a path is one from the root, or from the document's own folder; a bare name may be of any folder
    missing = {one for one in named if not any(ROOT.glob(one.rstrip("/"))) and not any(page.parent.glob(one))}
    assert not {one for one in missing if "/" in one or not any(any((ROOT / top).rglob(one)) for top in FOLDERS)}


def test_every_function_says_what_it_is() -> None:
    for main in sorted((ROOT / "functions").glob("*/main.py")):
        assert main.read_text(encoding="utf-8").startswith(f'"""{main.parent.name}: '), main


@pytest.mark.parametrize(
    "folder", sorted(one.parent for one in (ROOT / "functions").glob("*/main.py")), ids=lambda one: one.name
)
def test_every_function_has_a_page_with_its_topics(folder: Path) -> None:
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {folder.name}\n")
    trigger = next(line for line in text.splitlines() if line.startswith("| trigger |"))
    for subscription in (one for several in SUBSCRIPTIONS.values() for one in several if one.function == folder.name):
        assert f"`{subscription.topic}`" in trigger
    for row in ("reads", "writes", "publishes"):
        assert f"| {row} |" in text


def test_the_index_lists_every_document_and_decision() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    for page in sorted((ROOT / "docs").rglob("*.md")):
        name = str(page.relative_to(ROOT / "docs"))
        assert name == "README.md" or f"]({name})" in index, name
    for page in sorted((ROOT / "functions").glob("*/README.md")):
        assert f"](../{page.relative_to(ROOT)})" in index, page


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 100


def test_the_page_of_plans_has_the_limits_of_the_data() -> None:
    page = (ROOT / "docs" / "plans.md").read_text(encoding="utf-8")
    for name, plan in plans().items():
        limits = limits_of(name)
        figures = [plan["price_usd"], *(limits[one] for one in ("runs_per_day", "runs_per_month", "concurrent_runs"))]
        cells = [name, *figures, limits["seats"], limits["providers"]]
        assert f"| {' | '.join(map(str, cells))} |" in page
