"""Text that users and engineers read is standard English: the words below have a plainer one, and appear nowhere in it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from common import errors
from costwire.cli import app

ROOT = Path(__file__).parents[2]

WORDS = {
    r"\btold (?:by|from)\b|\btells\b": "detected from, computed by, shows",
    # "there is no" is standard, and so are "is no longer" and "is no more than"
    r"(?<!there )\b(?:is|are) no (?!longer\b|more\b|less\b|fewer\b)\w": "is not a valid ...",
    r"\b(?:is|are) none\b": "is not one of ...",
    r"\bmend(?:s|ed|ing)?\b": "fix, resolve",
    r"\bbears? (?:repeats?|being)\b|\b(?:is|are) borne\b": "is idempotent",
    r"\bwords are off\b|\bwrong words\b": "usage error",
    r"\b(?:one|an?) (?:\w+ )?an? (?:tenant|chunk|function|slice|month|format|message|delivery|port|service)\b": "one per ...",
    r"\bkept out\b": "ignored, not recognized",
    r"\b(?:keeps|kept)\b": "stores, stored",
    r"\bin hand\b": "acknowledged by",
    r"\bat hand\b|\bto be had\b": "available",
    r"\bdearest\b": "most expensive",
    r"\blet(?:s|ting)? (?:\w+ ){0,2}in\b(?! \w+ing)": "authenticates, accepts",
    r"\banew\b|\bseal(?:s|ed|ing)?\b": "re-encrypted, encrypted",
    r"\b(?:there|paid) anyway\b": "fixed cost",
    r"\ba person\b|\bpeople\b": "user, operator, budget owner",
    r"\bcom(?:es?|ing) into being\b|\bthere is an? \w": "is created, exists",
    r"\bwhat (?:\w+ ){1,2}brought\b|\bhow much it brought\b|\bwho asked\b": "a noun: Source, Requested by",
}
"""Regular expression, whatever the case -> what to write instead."""

IN_CODE = {r"\blaptop\b": "embedded"}
"""The same, for text in code: a document may say where something runs."""

DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "terraform/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "functions").glob("*/README.md")),
    *sorted((ROOT / "common").rglob("README.md")),
    *sorted((ROOT / "common").rglob("introduction.md")),
]
MODULES = [
    path for folder in ("common", "functions", "costwire", "web") for path in sorted((ROOT / folder).rglob("*.py"))
]


def found(text: str, words: dict[str, str]) -> list[str]:
    """What is to be written otherwise, line breaks notwithstanding; code is not looked at."""
    prose = " ".join(re.sub(r"```.*?```|`[^`\n]*`|https?://\S+", "``", text, flags=re.DOTALL).split())
    return [
        f"'{prose[max(0, hit.start() - 30) : hit.end() + 20]}': say {instead}"
        for pattern, instead in words.items()
        for hit in re.finditer(pattern, prose, re.IGNORECASE)
    ]


def helps(command: Any, name: str) -> Iterator[tuple[str, str]]:
    """(command, all that its --help says), and those of its commands."""
    texts = [command.help or "", command.short_help or "", command.epilog or ""]
    texts += [getattr(one, "help", None) or "" for one in command.params]
    yield name, "\n".join(texts)
    for word, below in getattr(command, "commands", {}).items():
        yield from helps(below, f"{name} {word}")


SAYING = {
    "print",
    "add_row",
    "table",
    "fault",
    "ok",
    "unchecked",
    "Finding",
    "Undeliverable",
    "progress",
    "say",
    "BadParameter",
}
"""Functions whose text users read, besides errors, which some functions return instead of raising them."""

ERRORS = {name for name, one in vars(errors).items() if isinstance(one, type) and issubclass(one, errors.CostError)}


def messages(module: ast.Module) -> Iterator[str]:
    """Every text of a module that users read: in exceptions, in what is printed, in findings, and in the constants of a module.

    A value that is filled in stands as ``, as code does in a document.
    """
    for node in ast.walk(module):
        if isinstance(node, ast.Raise) and node.exc is not None:
            yield from texts(node.exc)
        elif isinstance(node, ast.Call) and _name(node.func) in SAYING | ERRORS:
            yield from texts(node)
    for statement in module.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
            yield from texts(statement.value)


def texts(node: ast.AST) -> Iterator[str]:
    """The text literals of an expression; an f-string is one."""
    if isinstance(node, ast.JoinedStr):
        yield "".join(str(one.value) if isinstance(one, ast.Constant) else "``" for one in node.values)
        below: list[ast.AST] = [one.value for one in node.values if isinstance(one, ast.FormattedValue)]
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            yield node.value
        below = []
    else:
        below = list(ast.iter_child_nodes(node))
    for one in below:
        yield from texts(one)


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


HELPS = dict(helps(typer.main.get_command(app), "costwire"))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_document_is_in_plain_english(path: Path) -> None:
    assert not found(path.read_text(encoding="utf-8"), WORDS)


@pytest.mark.parametrize("name", HELPS)
def test_the_help_of_a_command_is_in_plain_english(name: str) -> None:
    assert HELPS[name].strip(), f"{name} has no help"
    assert not found(HELPS[name], WORDS | IN_CODE)


@pytest.mark.parametrize("path", sorted((ROOT / "common").rglob("*.sql")), ids=lambda path: path.name)
def test_the_reasons_that_a_query_gives_are_in_plain_english(path: Path) -> None:
    code = re.sub(r"--.*", "", path.read_text(encoding="utf-8"))
    assert not found("\n".join(re.findall(r"'((?:[^']|'')*)'", code)), WORDS | IN_CODE)


@pytest.mark.parametrize(
    "path", sorted((ROOT / "terraform").rglob("*.tf")), ids=lambda path: str(path.relative_to(ROOT))
)
def test_what_a_deployment_shows_is_in_plain_english(path: Path) -> None:
    shown = re.findall(
        r'(?:description|display_name|error_message) *= *"((?:[^"\\]|\\.)*)"', path.read_text(encoding="utf-8")
    )
    assert not found("\n".join(shown), WORDS)


def test_the_help_of_make_is_in_plain_english() -> None:
    targets = re.findall(r"^[a-z-]+:.*## (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(targets) > 15
    assert not found("\n".join(targets), WORDS | IN_CODE)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_header_of_a_module_is_in_plain_english(path: Path) -> None:
    header = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    assert not found(header, WORDS | IN_CODE)


@pytest.mark.parametrize(
    "path", [one for one in MODULES if "functions" not in one.parts], ids=lambda path: str(path.relative_to(ROOT))
)
def test_a_message_to_users_is_in_plain_english(path: Path) -> None:
    said = list(messages(ast.parse(path.read_text(encoding="utf-8"))))
    assert not [one for text in said for one in found(text, WORDS | IN_CODE)]


def test_every_way_to_say_something_is_looked_at() -> None:
    code = """
_WHY = "the why"
raise CostError(f"{name} is wrong; {_WHY}") from error
raise typer.BadParameter("not so" if one else "not " + "thus")
console.print(styled("printed", "red"), soft_wrap=True)
notes.fault("what", f"found {one}", "the fix")
yield Finding("dead", False, letter.reason, "another fix")
table("a heading", numbers=("rows",))
"""
    said = set(messages(ast.parse(code)))
    assert {
        "the why",
        "` is wrong; `",
        "not so",
        "not ",
        "thus",
        "printed",
        "what",
        "found `",
        "the fix",
        "another fix",
    } <= {text.replace("``", "`") for text in said}
    assert "a heading" in said


@pytest.mark.parametrize(
    "text",
    [
        "The format is told by its columns",
        "what one of the two tells",
        "This is no JSON",
        "if there is a manifest",
        "the exact mend",
        "bears being done twice",
        "a dataset a tenant, or one a chunk",
        "it was kept",
        "who has it in hand",
        "emulators are\nto be had",
        "pushes are let in",
        "made anew",
        "what it brought",
        "how people call it",
    ],
)
def test_a_word_to_avoid_is_found(text: str) -> None:
    assert found(text, WORDS)


@pytest.mark.parametrize(
    "text",
    [
        "there is no manifest",
        "it is no longer shown",
        "0.10 USD a month",
        "16 deliveries a minute",
        "`kept` is the name of a column",
        "one per chunk",
        "letting a query run in parallel",
        "a tenant that is suspended",
    ],
)
def test_standard_english_is_not_found(text: str) -> None:
    assert not found(text, WORDS | IN_CODE)
