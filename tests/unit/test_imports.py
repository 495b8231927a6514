"""Imports point one way, without circles, and SDKs stay in adapters: the rules are in import_rules.py."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.import_rules import PAGE, RULES, page

ROOT = Path(__file__).parents[2]
OURS = ("common", "functions", "costwire", "web", "deployment")


def imports(path: Path) -> set[str]:
    """Modules, or names in them, that a file imports: `common.ports.Clock` too, since it may be a module."""
    package = path.relative_to(ROOT).with_suffix("").parts
    package = package[:-1]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            whole = ".".join(filter(None, (base, node.module)))
            found.update(_module(f"{whole}.{alias.name}") or whole for alias in node.names)
    return found


def _module(name: str) -> str | None:
    """The name, where it is that of a file or package of ours."""
    path = ROOT.joinpath(*name.split("."))
    return name if path.is_dir() or path.with_suffix(".py").is_file() else None


def files(folder: str) -> list[Path]:
    found = [ROOT / folder] if folder.endswith(".py") else sorted((ROOT / folder).rglob("*.py"))
    assert found, folder
    return found


def area(name: str) -> str:
    """The part of `common/` that a module belongs to, as the rules name it."""
    steps = name.split(".")
    return ".".join(steps[1:3]) if steps[1:2] == ["adapters"] else steps[1] if len(steps) > 1 else ""


@pytest.mark.parametrize("folder", RULES)
def test_a_folder_imports_what_its_rule_allows(folder: str) -> None:
    rule = RULES[folder]
    own = area(folder.removesuffix(".py").replace("/", "."))
    for path in files(folder):
        inside = {name for name in imports(path) if name.split(".")[0] == "common"}
        strange = {name for name in inside if area(name) not in (*rule.may_import, own)}
        assert "*" in rule.may_import or not strange, f"{path.relative_to(ROOT)}: {sorted(strange)}"


def test_every_file_has_a_rule() -> None:
    covered = {path for folder in RULES for path in files(folder) if not folder.endswith("reference")}
    bare = {path for folder in OURS for path in files(folder)} - covered
    assert not {path.relative_to(ROOT).as_posix() for path in bare if path.read_text(encoding="utf-8").strip()}


def test_the_page_has_the_rules() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert page(text) == text, "docs/architecture.md is stale: python -m tests.unit.import_rules"


def test_the_domain_knows_only_the_standard_library_and_itself() -> None:
    for path in files("common/domain"):
        known = (*sys.stdlib_module_names, "common.domain")
        assert not [
            name for name in imports(path) if not name.startswith("common.domain") and name.split(".")[0] not in known
        ]


def test_nothing_shared_knows_a_function_a_command_or_a_page() -> None:
    for path in files("common"):
        assert not [name for name in imports(path) if name.startswith(("functions", "costwire", "web"))], path


def test_functions_meet_only_in_messages() -> None:
    for path in files("functions"):
        assert not [name for name in imports(path) if name.startswith(("functions.", "costwire"))], path


@pytest.mark.parametrize("folder", [name for name, rule in RULES.items() if rule.what.startswith("use cases")])
def test_use_cases_print_nothing(folder: str) -> None:
    for path in files(folder):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called != "print" and not called.startswith(("sys.stdout", "sys.stderr", "typer.")), path


MAY_REACH_STORES = frozenset(
    {
        "dead_letters.py",  # these four do the work of messages, on the laptop
        "waiting.py",
        "watch.py",
        "worker.py",
        "tenant.py",  # the one door to an organization
    }
)
"""Modules of the command line that may take documents, objects, the warehouse or the bus from a runtime."""
STORES = frozenset({"documents", "objects", "warehouse", "bus"})


def reached(source: str) -> set[str]:
    """The stores that a module takes from something, by name or by a name in a string."""
    tree = ast.parse(source)
    named = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "getattr"]
    asked = {one.value for call in calls for one in call.args if isinstance(one, ast.Constant)}
    return STORES & (named | asked)


def test_commands_and_routes_reach_no_store_but_through_a_use_case() -> None:
    for path in [*files("costwire"), *files("web")]:
        found = reached(path.read_text(encoding="utf-8"))
        assert path.name in MAY_REACH_STORES or not found, f"{path.relative_to(ROOT)}: {sorted(found)}"


@pytest.mark.parametrize(
    "line", ["rt.documents.list('x')", "found = runtime().warehouse", "use(rt.bus)", "getattr(rt, 'objects')"]
)
def test_reaching_a_store_is_seen(line: str) -> None:
    assert reached(line)


@pytest.mark.parametrize("package", [False, True], ids=["files", "packages"])
def test_there_is_no_circle(package: bool) -> None:
    graph: dict[str, set[str]] = {}
    for path in (path for folder in OURS for path in files(folder)):
        own = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for name in imports(path):
            if name.split(".")[0] in OURS:
                one, other = (_package(own), _package(name)) if package else (own, name)
                if one != other:
                    graph.setdefault(one, set()).add(other)
    circles = sorted({" -> ".join(found) for found in _circles(graph)})
    assert not circles, circles[0]


def _package(name: str) -> str:
    steps = name.split(".")
    return ".".join(steps[:3] if steps[:2] == ["common", "adapters"] else steps[:2])


def _circles(graph: dict[str, set[str]]) -> Iterator[list[str]]:
    """A way from a node back to itself, for each that has one."""
    for start in graph:
        ways, seen = [[start]], set()
        while ways:
            way = ways.pop()
            for after in graph.get(way[-1], ()):
                if after == start:
                    yield [*way, start]
                elif after not in seen:
                    seen.add(after)
                    ways.append([*way, after])


def test_cloud_sdks_are_imported_by_adapters_only() -> None:
    for folder in ("common", "functions", "costwire", "web"):
        for path in files(folder):
            if "adapters" not in path.parts:
                sdks = ("google.cloud", "google.api_core", "boto3", "azure.")
                assert not [name for name in imports(path) if name.startswith(sdks)], path


def test_commands_print_by_the_one_place_that_makes_text_fit() -> None:
    """A console of its own, markup in a string or a raw stream would let a name of a bill act on the terminal."""
    edges = {"output.py", "cli.py", "tables.py"}  # what tables.py lays out is rendered by the console of output.py
    for path in files("costwire"):
        if path.name in edges:
            continue
        assert not {name for name in imports(path) if name.startswith("rich.")} - {"rich.text"}, path
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in {"print", "typer.echo", "typer.secho", "sys.stdout.write", "sys.stderr.write"}, (
                    path
                )
                assert not called.startswith("Text"), f"{path}: styled() and joined() make text"
                assert not [word for word in node.keywords if word.arg in {"markup", "highlight", "emoji"}], path
