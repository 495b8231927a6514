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

from common.records.contract_prices import COLUMNS as PRICE_COLUMNS
from common.records.integrations import save_integration
from common.runtime.bootstrap import runtime
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
    "charges --top 3",
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
    "integrations split opencost on",
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
    "members invite ana@example.com",
    "members list",
    "members role ana@example.com editor",
    "members remove ana@example.com",
    "rates list",
    "services unknown",
    "services list",
    "integrations webhook from-s3",
    "subscriptions add Figma Organization --price 45 --seats 4 --currency EUR --start 2026-03-01 --no-renewal --id design",
    "subscriptions change design --seats 6 --on 2026-03-16",
    "subscriptions invoice design --for 2026-03-16 --amount 46 --number F-17",
    "subscriptions set subscriptions.csv",
    "subscriptions disable design",
    "subscriptions enable design",
    "subscriptions cancel design --on 2026-04-01",
    "subscriptions list",
    "subscriptions show design",
    "subscriptions vendors",
    "audit --action budget",
    "job",
    "job quota-clean-up",
    "prices list",
    "meters list",
    "match",
    "hierarchy add Engineering --kind department --from 2026-03",
    "hierarchy add Shop --parent engineering",
    "hierarchy rules add 10 --account 111122223333 --to engineering --to shop=2 --from 2026-03",
    "hierarchy rules list",
    "hierarchy show",
    "hierarchy apply hierarchy.toml --dry-run --month 2026-03",
    "hierarchy apply hierarchy.toml",
    "hierarchy rename shop 'Web shop'",
    "hierarchy move shop --top",
    "hierarchy rules remove 20",
    "hierarchy remove engineering --subtree",
    "hierarchy versions",
)
"""Each is called in this order: what is imported later retracts the alerts.  ALERT, DELIVERY and KEY are the first that are listed."""
_LISTED = (
    ("ALERT", "alerts list", "alert_id"),
    ("DELIVERY", "deliveries", "delivery_id"),
    ("KEY", "api-keys list", "key_id"),
)
_BY_DATA = {
    "totals",
    "proof_by_currency",
    "config",
    "tags",
    "values",
    "days",
    "amounts",
    "categories",
    "when",
    "to",
    "before",
    "after",
}
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
    if words.startswith("integrations webhook"):
        rt = runtime()
        save_integration(rt.documents, rt.clock.now(), "default", "from-s3", "aws", "s3://my-bucket/exports")
    if words.startswith("integrations split"):
        rt = runtime()
        save_integration(
            rt.documents, rt.clock.now(), "default", "opencost", "opencost", "https://opencost.example.com"
        )
    if words.startswith("subscriptions set"):
        text = "vendor,plan,price,currency,cycle,start\nZoom,Pro,15,USD,monthly,2199-01-01\n"
        (folder / "subscriptions.csv").write_text(text)
    if words == "prices list":
        _bring_models(folder, call)
    if words.startswith("hierarchy apply"):
        text = "[[nodes]]\nname = 'Engineering'\nkind = 'team'\n[[nodes]]\nname = 'Shop'\nkind = 'team'\n"
        rule = "[[rules]]\npriority = 20\nwhen = { service = 'AmazonEC2' }\nto = 'shop'\n"
        (folder / "hierarchy.toml").write_text(text + rule)
    typed = shlex.split(words)
    for name, listed, key in _LISTED:
        if name in typed:
            typed[typed.index(name)] = json.loads(call(*listed.split(), "--json").stdout)[0][key]
    print(words, file=sys.stderr)
    return json.loads(call(*typed, "--json").stdout)


def _bring_models(folder: Path, call: Call) -> None:
    """A price of its own, a day of OpenAI's, and a log of two calls on it and one on another day."""
    prices = folder / "prices.csv"
    prices.write_text(f"{','.join(PRICE_COLUMNS)}\nopenai,gpt-4o-mini,input,standard,TIER1,0.12,USD,2026-09-01,\n")
    call("prices", "set", str(prices))
    result = (
        '{"amount":{"value":0.15,"currency":"usd"},"line_item":"gpt-4o-mini-2024-07-18, input","quantity":1000000,'
        '"quantity_unit":"tokens","project_id":null,"api_key_id":"key_a"}'
    )
    bucket = f'{{"start_time":1772323200,"end_time":1772409600,"results":[{result}]}}'
    (folder / "costs.json").write_text(f'{{"object":"page","data":[{bucket}],"has_more":false,"next_page":null}}')
    line = (
        '{{"request_id":"{0}","api_key":"key_a","spend":0.0735,"startTime":"2026-03-0{1}T10:00:00Z","model":"gpt-4o-mini-2024-07-18",'
        '"custom_llm_provider":"openai","prompt_tokens":490000,"completion_tokens":0,"status":"success"}}'
    )
    (folder / "log.jsonl").write_text("\n".join(line.format(*one) for one in (("a", 1), ("b", 1), ("c", 2))))
    call("import", str(folder / "costs.json"))
    call("meters", "import", str(folder / "log.jsonl"))


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
