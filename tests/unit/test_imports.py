"""Imports point inward, and SDKs stay in adapters."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]


def imports(path: Path) -> set[str]:
    package = ".".join(path.relative_to(ROOT).with_suffix("").parts[:-1])
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.add(f"{package}.{node.module}" if node.level else str(node.module))
    return found


def files(folder: str) -> list[Path]:
    found = sorted((ROOT / folder).rglob("*.py"))
    assert found, folder
    return found


def test_the_domain_knows_only_the_standard_library_and_itself() -> None:
    for path in files("common/domain"):
        for name in imports(path):
            assert not name.startswith(("common", "functions", "costwire")) or name.startswith("common.domain"), (
                f"{path.name}: {name}"
            )


def test_common_knows_no_function_and_no_command() -> None:
    for path in files("common"):
        assert not [name for name in imports(path) if name.startswith(("functions", "costwire"))], path


def test_functions_meet_only_in_messages() -> None:
    for path in files("functions"):
        own = path.relative_to(ROOT).parts[1]
        others = [name for name in imports(path) if name.startswith("functions.") and name.split(".")[1] != own]
        assert not others, f"{path}: {others}"
        assert not [name for name in imports(path) if name.startswith("costwire")], path


def test_cloud_sdks_are_imported_by_adapters_only() -> None:
    for folder in ("common", "functions", "costwire"):
        for path in files(folder):
            if "adapters" not in path.parts:
                assert not [name for name in imports(path) if name.startswith(("google.cloud", "boto3", "azure."))], (
                    path
                )


def test_only_bootstrap_chooses_adapters() -> None:
    choosers = {"common/bootstrap.py"}
    for folder in ("common", "functions"):
        for path in files(folder):
            name = path.relative_to(ROOT).as_posix()
            if "adapters" not in path.parts and name not in choosers:
                assert not [one for one in imports(path) if one.startswith("common.adapters")], name


def test_commands_print_by_the_one_place_that_makes_text_fit() -> None:
    """A console of its own, markup in a string or a raw stream would let a name of a bill act on the terminal."""
    edges = {"output.py", "cli.py"}
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
