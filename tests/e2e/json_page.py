"""docs/json.md, made of what every command with `--json` really prints: python -m tests.e2e.json_page

The home folder is the filled one of these tests.  A key that some objects lack is marked; a key or a type that changes fails a test.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.e2e.filled import Call, filled_home
from tests.support import cur_line, cur_text

PAGE = Path(__file__).parents[2] / "docs" / "json.md"
HEAD = """\
# What commands print

A table is for users. On a terminal it fits the width down to 60 columns: text wraps, no number is cut, and where that is not enough
each row is a block of lines. In a pipe or a file every row is one line, whatever `COLUMNS` says. Progress is written to stderr, and only
where that is a terminal.

`--json` is for programs: one JSON document on stdout. Amounts are exact decimals as text, times are UTC in ISO 8601, and what is not
known is null. Names are exact; characters that would act on a terminal are written as `\\uXXXX`. A command that fails prints one line on
stderr and has exit status 1; `import`, `sync` and `deliveries restore` print their JSON before that, and `doctor` has exit status 1 where
it finds a fault. Where an export is not complete yet, `import` and `sync` have exit status 75.

The tables below are made by `python -m tests.e2e.json_page` from what the commands print for a small bill, and a test fails when one of
them changes. A key with * is missing where there is nothing to say; more keys may be added, so a program must ignore those that it does
not know. `[]` is an element of a list, `{}` the value of a key that depends on the data.
"""
COMMANDS = (
    "alerts list",
    "alerts show ALERT",
    "alerts ack ALERT",
    "alerts snooze ALERT",
    "import bill.csv --delivered-at 2026-04-03",
    "sync",
    "connect gcp --location place",
    "deliveries",
    "runs",
    "quarantine",
    "restatements",
    "costs --by service,tag:team --compare previous --month 2026-03",
    "tags",
    "sql 'select BillingCurrency, sum(BilledCost) as billed from cost_data_standard_1_3 group by all'",
    "export focus.csv",
    "validate focus.csv",
    "integrations list",
    "integrations show aws-111122223333",
    "integrations check gcp",
    "integrations permissions aws --location s3://my-bucket/exports",
    "integrations pause gcp",
    "integrations resume gcp",
    "integrations remove gcp --yes",
    "budgets add Second --amount 5 --currency USD",
    "budgets set Second --amount 6",
    "budgets list",
    "budgets remove Second",
    "deliveries withdraw DELIVERY",
    "deliveries restore DELIVERY",
    "channels add finance --email ada@example.com",
    "channels list",
    "channels remove finance",
    "replay",
    "retention",
    "clean-up --dry-run",
    "doctor",
    "schedule",
    "apply -f declared.toml --dry-run",
    "tenants add Another --slug another_1",
    "tenants list",
    "tenants show another_1",
    "tenants suspend another_1",
    "tenants resume another_1",
    "tenants remove another_1 --yes",
    "tenants restore default",
    "keys rotate",
    "keys reencrypt",
    "api-keys add CI",
    "api-keys list",
    "api-keys rotate KEY",
    "api-keys revoke KEY",
    "rates list",
    "services unknown",
    "services list",
)
"""Each is called in this order: what is imported later retracts the alerts.  ALERT, DELIVERY and KEY are the first that are listed."""
_LISTED = (
    ("ALERT", "alerts list", "alert_id"),
    ("DELIVERY", "deliveries", "delivery_id"),
    ("KEY", "api-keys list", "key_id"),
)
_BY_DATA = {"totals", "proof_by_currency", "config", "tags", "values", "days", "amounts"}
"""Objects whose keys are data, and those of the objects in them."""


def page(folder: Path) -> str:
    """The page.  folder: empty; becomes the working folder."""
    os.chdir(folder)
    with filled_home(folder) as call:
        return HEAD + "".join(_section(words, _answer(call, folder, words)) for words in COMMANDS)


def _answer(call: Call, folder: Path, words: str) -> Any:
    if words.startswith("import"):
        (folder / "bill.csv").write_text(cur_text([cur_line(1, "7"), cur_line(2, "not a number")]))
        (folder / "place").mkdir()
        (folder / "declared.toml").write_text('[[organizations]]\nslug = "acme_1"\nname = "Acme"\nplan = "Scale"\n')
    typed = shlex.split(words)
    for name, listed, key in _LISTED:
        if name in typed:
            typed[typed.index(name)] = json.loads(call(*listed.split(), "--json").stdout)[0][key]
    print(words, file=sys.stderr)
    return json.loads(call(*typed, "--json").stdout)


def _section(words: str, answer: Any) -> str:
    found: dict[str, set[str]] = {}
    seen: dict[str, int] = {}
    objects: dict[str, int] = {}
    for path, kind in _walk(answer, ""):
        found.setdefault(path, set()).add(kind)
        seen[path] = seen.get(path, 0) + 1
        if kind == "object":
            objects[path] = objects.get(path, 0) + 1
    rows = []
    for path, kinds in found.items():
        parent = path.rpartition(".")[0] if "." in path else ""
        optional = path.rpartition(".")[2] not in ("{}",) and "." in path and seen[path] < objects.get(parent, 0)
        named = path.replace("$.", "", 1).removeprefix("$") or "(the document)"
        rows.append(
            f"| `{named}`{' *' if optional else ''} | {' or '.join(sorted(kinds, key=lambda one: (one == 'null', one)))} |\n"
        )
    return f"\n## `costwire {words}`\n\n| key | type |\n|---|---|\n{''.join(rows)}"


def _walk(value: Any, path: str) -> Iterator[tuple[str, str]]:
    path = path or "$"
    yield path, _kind(value)
    if isinstance(value, dict):
        by_data = path.removesuffix(".{}").rpartition(".")[2] in _BY_DATA
        for name, one in value.items():
            yield from _walk(one, f"{path}.{'{}' if by_data else name}")
    elif isinstance(value, list):
        for one in value:
            yield from _walk(one, f"{path}[]")


def _kind(value: Any) -> str:
    names = {str: "text", bool: "true or false", int: "number", list: "list", dict: "object", type(None): "null"}
    return names[type(value)]


def main() -> None:
    """Write the page."""
    with tempfile.TemporaryDirectory() as folder:
        PAGE.write_text(page(Path(folder)), encoding="utf-8")


if __name__ == "__main__":
    main()
