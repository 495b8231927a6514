"""Every command, message and question passes one door to its organization: nothing is written or asked for one that does not exist."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from common.messages import BudgetCheckRequested, SyncRequested
from common.records import organizations
from common.records.contract_prices import COLUMNS as PRICE_COLUMNS
from costwire import cli
from costwire.cli import app
from costwire.worker import deliver, subscribe_all
from tests.support import Laptop, cur_line, cur_text, laptop

NOW = datetime(2026, 4, 10, 12, tzinfo=UTC)
WORDS: dict[str, list[str]] = {
    "import": ["bill.csv"],
    "connect": ["aws", "--location", "."],
    "export": ["out.csv"],
    "budgets add": ["Cloud", "--amount", "100", "--currency", "USD"],
    "budgets remove": ["Cloud"],
    "alerts ack": ["some-alert"],
    "alerts show": ["some-alert"],
    "alerts snooze": ["some-alert"],
    "rates set": ["rates.csv"],
    "prices set": ["prices.csv"],
    "meters import": ["spend_logs.jsonl"],
    "meters keys": ["meter_keys.csv"],
    "budgets set": ["some-budget"],
    "sql": ["select 1 as one"],
    **{f"deliveries {word}": ["some-delivery"] for word in ("withdraw", "restore")},
    "integrations permissions": ["aws", "--location", "s3://bucket/exports"],
    **{
        f"integrations {word}": ["some-integration"]
        for word in ("show", "check", "pause", "resume", "remove", "webhook")
    },
    "integrations split": ["some-integration", "on"],
    "services set": ["services.csv"],
    "subscriptions add": ["Figma", "Organization", "--price", "5", "--currency", "USD", "--start", "2026-03-01"],
    "subscriptions set": ["subscriptions.csv"],
    "subscriptions change": ["some-subscription", "--seats", "5"],
    "subscriptions invoice": ["some-subscription", "--for", "2026-03-01", "--amount", "5"],
    **{f"subscriptions {word}": ["some-subscription"] for word in ("show", "cancel", "enable", "disable")},
    "channels add": ["ops", "--email", "ada@example.com"],
    **{f"channels {word}": ["ops"] for word in ("test", "remove")},
    "api-keys add": ["Pipeline"],
    **{f"api-keys {word}": ["some-key"] for word in ("rotate", "revoke")},
    "members invite": ["ana@example.com"],
    "members role": ["ana@example.com", "editor"],
    "members remove": ["ana@example.com"],
    "retention set": ["versions", "90"],
    "hierarchy add": ["Platform"],
    "hierarchy rename": ["platform", "Platform"],
    "hierarchy move": ["platform", "--top"],
    "hierarchy remove": ["platform"],
    "hierarchy apply": ["hierarchy.toml"],
    "hierarchy rules add": ["10", "--account", "1", "--to", "platform"],
    "hierarchy rules remove": ["10"],
}
"""What a command cannot do without."""


def commands_with_org() -> list[str]:
    """Every command that has --org, as it is typed."""
    found = []

    def walk(command: Any, words: list[str]) -> None:
        for name, one in getattr(command, "commands", {}).items():
            walk(one, [*words, name])
        if any("--org" in parameter.opts for parameter in command.params):
            found.append(" ".join(words))

    walk(get_command(app), [])
    return found


@pytest.fixture
def rt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Laptop]:
    (tmp_path / "bill.csv").write_text(cur_text([cur_line(1, "1")]))
    (tmp_path / "rates.csv").write_text("month,currency,usd_rate,source\n2026-03,EUR,1.1,a bank\n")
    (tmp_path / "subscriptions.csv").write_text("vendor,plan,price,currency,cycle,start\n")
    (tmp_path / "services.csv").write_text("provider,service,service_name,service_category,service_subcategory\n")
    (tmp_path / "prices.csv").write_text(",".join(PRICE_COLUMNS) + "\n")
    (tmp_path / "hierarchy.toml").write_text("[[nodes]]\nname = 'Platform'\nkind = 'team'\n")
    (tmp_path / "meter_keys.csv").write_text("meter_key,api_key_id\n")
    monkeypatch.chdir(tmp_path)
    with laptop(tmp_path / "home") as made:
        yield made


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """The exit status of the command line, run in this process."""
    monkeypatch.setattr("sys.argv", ["costwire", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_the_commands_are_found() -> None:
    assert {"import", "costs", "doctor", "replay", "budgets add", "alerts list", "keys reencrypt"} <= set(
        commands_with_org()
    )


@pytest.mark.parametrize("command", commands_with_org())
@pytest.mark.parametrize(
    ("org", "expected"),
    [
        (
            "ghost_org",
            "there is no organization ghost_org; costwire tenants list shows them, costwire tenants add NAME",
        ),
        ("a-b", "organization is 'a-b', expected 3 to 50 letters, digits or underscores"),
        ("../etc", "organization is '../etc', expected"),
    ],
)
def test_a_command_refuses_an_organization_that_does_not_exist(
    rt: Laptop,
    command: str,
    org: str,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    status = run(monkeypatch, *command.split(), *WORDS.get(command, []), "--org", org)
    told = capsys.readouterr()
    assert (status, told.out) == (1, "")
    (line,) = told.err.splitlines()
    assert line.startswith(f"costwire: {expected}")
    assert rt.documents.list("orgs") == []
    for collection in ("budgets", "integrations", "runs", "settings", "notifications", "channels"):
        assert rt.documents.list(f"orgs/ghost_org/{collection}") == []
    assert rt.sealed.list("orgs/ghost_org/credentials") == []
    assert rt.bus.pending() == 0 and not (rt.home.parent / "out.csv").exists()
    assert "warehouse" not in vars(rt), "a question would have made the organization's dataset"


def test_the_first_organization_is_like_any_other(rt: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["costwire", "import", "bill.csv"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code
    made = organizations.load(rt.documents, "default")
    added = organizations.add(rt.documents, NOW, "Acme", "acme_1", plan="Scale")
    assert set(made) == set(added)
    assert {name: made[name] for name in ("org_slug", "name", "plan", "status", "trial_ends_at", "limits")} == {
        "org_slug": "default",
        "name": "default",
        "plan": "Scale",
        "status": organizations.ACTIVE,
        "trial_ends_at": None,
        "limits": added["limits"],
    }


@pytest.mark.parametrize("words", [["costs"], ["runs"], ["deliveries"], ["budgets", "list"], ["schedule"], ["doctor"]])
def test_looking_at_the_first_organization_writes_nothing(
    rt: Laptop, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(monkeypatch, *words) == 0
    assert rt.documents.list("orgs") == []


@pytest.mark.parametrize(
    "message", [SyncRequested("run-1", "manual", "ghost_org"), BudgetCheckRequested("c", "ghost_org")]
)
def test_a_message_of_an_organization_that_does_not_exist_is_dead_lettered(rt: Laptop, message: Any) -> None:
    subscribe_all(rt)
    rt.bus.publish(message)
    pulled = rt.bus.pull()
    assert pulled is not None
    outcome = deliver(rt, pulled)
    assert outcome.final and outcome.error == "there is no organization ghost_org; costwire tenants list shows them"
    (letter,) = rt.bus.dead_letters()
    assert letter.reason == outcome.error
    for collection in ("runs", "versions", "budget_status", "alerts"):
        assert rt.documents.list(f"orgs/ghost_org/{collection}") == []
