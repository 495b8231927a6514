"""Every command that changes something leaves one audit record of each organization, and no other command leaves any."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from common.records.contract_prices import COLUMNS as PRICE_COLUMNS
from costwire import cli
from costwire.recording import CHANGING, ONLY_READING, RUNNING
from tests.support import Laptop, cur_line, cur_text, laptop

FILES = {
    "bill.csv": cur_text([cur_line(1, "1")]),
    "rates.csv": "month,currency,usd_rate,source\n2026-03,EUR,1.1,a bank\n",
    "services.csv": "provider,service,service_name,service_category,service_subcategory\n",
    "prices.csv": ",".join(PRICE_COLUMNS) + "\n",
    "meter_keys.csv": "meter_key,api_key_id\n",
    "subscriptions.csv": "vendor,plan,price,currency,cycle,start\nZoom,Pro,5,USD,monthly,2026-03-01\n",
    "calls.jsonl": json.dumps(
        {"startTime": "2026-03-04T10:00:00Z", "model": "gpt-5", "custom_llm_provider": "openai", "prompt_tokens": 5, "completion_tokens": 5,
         "request_id": "r1", "spend": 0.1, "call_type": "completion", "endTime": "2026-03-04T10:00:01Z"}
    ) + "\n",
    "costwire.toml": '[[organizations]]\nslug = "declared_1x"\nname = "Declared"\nplan = "Starter"\n',
}  # fmt: skip
FILES["hierarchy.toml"] = '[[nodes]]\nid = "sales"\nname = "Sales"\nkind = "team"\n'
SUBSCRIPTION = "figma-organization"
STEPS: tuple[tuple[str, list[str]], ...] = (
    ("tenants add", ["Acme", "--slug", "acme_1x"]),
    ("tenants suspend", ["acme_1x"]),
    ("tenants resume", ["acme_1x"]),
    ("tenants restore", ["acme_1x"]),
    ("import", ["bill.csv", "--integration", "one"]),
    ("connect", ["aws", "--location", "{folder}/bill.csv", "--id", "two", "--allow-overlap"]),
    ("sync", ["--integration", "two"]),
    ("schedule", ["--every-hours", "6"]),
    ("apply", ["-f", "costwire.toml", "--yes"]),
    ("replay", []),
    ("clean-up", []),
    ("job", ["org-sync"]),
    ("retention set", ["versions", "80"]),
    ("channels add", ["ops", "--email", "ada@example.com"]),
    ("channels remove", ["ops"]),
    ("budgets add", ["Cloud", "--amount", "0.5", "--currency", "USD"]),
    ("alerts ack", ["{alert}"]),
    ("alerts snooze", ["{alert}"]),
    ("budgets set", ["Cloud", "--amount", "9"]),
    ("budgets remove", ["Cloud"]),
    ("integrations check", ["two"]),
    ("integrations pause", ["two"]),
    ("integrations resume", ["two"]),
    ("integrations remove", ["two", "--yes"]),
    ("keys rotate", []),
    ("keys reencrypt", []),
    ("api-keys add", ["Pipeline"]),
    ("api-keys rotate", ["{key}"]),
    ("api-keys revoke", ["{key}"]),
    ("rates set", ["rates.csv"]),
    ("prices set", ["prices.csv"]),
    ("meters import", ["calls.jsonl"]),
    ("meters keys", ["meter_keys.csv"]),
    ("services set", ["services.csv"]),
    ("subscriptions add", ["Figma", "Organization", "--price", "5", "--currency", "USD", "--start", "2026-03-01"]),
    ("subscriptions change", [SUBSCRIPTION, "--price", "6"]),
    ("subscriptions disable", [SUBSCRIPTION]),
    ("subscriptions enable", [SUBSCRIPTION]),
    ("subscriptions invoice", [SUBSCRIPTION, "--for", "2026-03-01", "--amount", "5"]),
    ("subscriptions cancel", [SUBSCRIPTION]),
    ("subscriptions set", ["subscriptions.csv"]),
    ("hierarchy add", ["Engineering", "--kind", "department"]),
    ("hierarchy add", ["Platform"]),
    ("hierarchy rename", ["platform", "Platforms"]),
    ("hierarchy move", ["platform", "--to", "engineering"]),
    ("hierarchy rules add", ["10", "--service", "Compute", "--to", "platform"]),
    ("hierarchy rules remove", ["10"]),
    ("hierarchy remove", ["platform"]),
    ("hierarchy apply", ["hierarchy.toml"]),
    ("members invite", ["ada@example.com", "--role", "owner"]),
    ("members invite", ["ana@example.com"]),
    ("members role", ["ana@example.com", "editor"]),
    ("members remove", ["ana@example.com"]),
    ("deliveries withdraw", ["{delivery}"]),
    ("deliveries restore", ["{delivery}"]),
    ("tenants remove", ["acme_1x", "--yes"]),
)
UNTRIED = {
    "channels test": "sends a message over the network",
    "integrations split": "needs a cluster's integration; test_split_nodes runs it",
    "integrations webhook": "needs an address of the deployment",
}
"""Changing commands that the walk below cannot run, each with the reason."""


def every_command() -> set[str]:
    found = set()

    def walk(command: Any, words: list[str]) -> None:
        below = getattr(command, "commands", {})
        for name, one in below.items():
            walk(one, [*words, name])
        if words and (not below or command.invoke_without_command):
            found.add(" ".join(words))

    walk(get_command(cli.app), [])
    return found


@pytest.fixture
def rt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Laptop]:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    with laptop(tmp_path / "home") as made:
        yield made


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["costwire", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def records(rt: Laptop) -> dict[str, dict[str, Any]]:
    """Those of the command line: of the functions that a command waits for are others."""
    found = {f"platform/{name}": one for name, one in rt.documents.list("audit")}
    for org, _ in rt.documents.list("orgs"):
        found |= {f"{org}/{name}": one for name, one in rt.documents.list(f"orgs/{org}/audit")}
    return {name: one for name, one in found.items() if one["actor"]["kind"] == "command line"}


def names(rt: Laptop) -> dict[str, str]:
    """What steps are about."""
    first = {
        name: min((key for key, _ in rt.documents.list(f"orgs/default/{collection}")), default="-")
        for name, collection in (("alert", "alerts"), ("key", "api_keys"), ("delivery", "deliveries"))
    }
    return {**first, "folder": str(Path.cwd())}


def test_every_command_says_whether_it_changes_something() -> None:
    kinds = [set(CHANGING), set(ONLY_READING), set(RUNNING)]
    assert every_command() == set.union(*kinds) and sum(map(len, kinds)) == len(set.union(*kinds))
    assert {command for command, _ in STEPS} | set(UNTRIED) == set(CHANGING)


def test_every_changing_command_leaves_one_record(rt: Laptop, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    wrong = []
    for command, words in STEPS:
        before = records(rt)
        known = names(rt)
        status = run(monkeypatch, *command.split(), *(word.format(**known) for word in words))
        told = capsys.readouterr().err
        new = [one["action"] for name, one in records(rt).items() if name not in before]
        if status or new != [CHANGING[command].action]:
            wrong.append((command, status, told, new))
    assert wrong == []
    assert run(monkeypatch, "audit", "--json", "--limit", "1000") == 0
    shown = json.loads(capsys.readouterr().out)
    assert {one["action"] for one in shown} >= {"budget.change", "key.revoke", "rates.change"}


@pytest.mark.parametrize(
    ("words", "said"),
    [([], "No change is recorded.\n"), (["--action", "key.revoke"], "No change is recorded that fits.\n")],
)
def test_an_empty_list_says_whether_it_was_narrowed(
    rt: Laptop, words: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    assert run(monkeypatch, "audit", *words) == 0
    assert capsys.readouterr().out == said


@pytest.mark.parametrize(
    "words", [["costs"], ["audit"], ["schedule"], ["clean-up", "--dry-run"], ["budgets", "list"], ["doctor"]]
)
def test_a_command_that_only_looks_leaves_none(rt: Laptop, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    run(monkeypatch, *words)
    assert records(rt) == {}
