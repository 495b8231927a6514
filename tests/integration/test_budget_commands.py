"""`costwire budgets` and `costwire alerts`, through the real worker and functions."""

import json
import re
import socket
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from budget_world import World, each_day
from typer import Typer
from typer.testing import CliRunner, Result

from common.budgets.evaluation import evaluate_period
from common.config import Settings
from common.domain.budgets import from_document
from common.errors import AlreadyExists, NotFound, Permanent
from common.records import organizations as tenants
from common.runtime import bootstrap
from common.runtime.bootstrap import EmbeddedRuntime
from costwire import alerts, budgets

MARCH = "2026-03"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A runtime with March's charges: 3,100 USD, and 50 EUR."""
    monkeypatch.setenv("COSTWIRE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    rt = EmbeddedRuntime(Settings())
    bootstrap.use(rt)
    world = World(tmp_path)
    world.objects, world.warehouse = rt.objects, rt.warehouse  # type: ignore[assignment]
    world.deliver(MARCH, [*each_day(MARCH, 31, "100"), *each_day(MARCH, 1, "50", BillingCurrency="EUR")])
    assert rt.warehouse.query("default", "select count(*) as n from cost_data_standard_1_3")[0]["n"] == 32
    yield rt.home
    bootstrap.use(None)


def call(app: Typer, *words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def done(app: Typer, *words: str) -> str:
    result = call(app, *words)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def as_json(app: Typer, *words: str) -> Any:
    return json.loads(done(app, *words, "--json"))


def add(*words: str) -> str:
    return done(budgets.app, "add", "platform", "--amount", "4000", "--currency", "USD", *words)


def test_a_new_budget_is_evaluated_at_once_and_says_where_the_alert_went(home: Path) -> None:
    said = add()
    assert re.search(r"platform +2026-03, closed +4,000\.00 +3,100\.00 +77\.5 % +- +USD +2026-03-31", said)
    assert "platform: not counted, since the budget is in USD: 50.00 EUR in scope (charges: 1)." in said
    (written,) = (home / "outbox").iterdir()
    assert f"Alert sent: {written}" in said
    assert 'Cloud budget "platform" at 77 % (3,100.00 of 4,000.00 USD)' in written.read_text(encoding="utf-8")


def test_a_message_that_could_not_be_sent_is_named_with_the_reason(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("HOST", "127.0.0.1"), ("SENDER", "a@example.com"), ("RECIPIENTS", "b@example.com")):
        monkeypatch.setenv(f"COSTWIRE_SMTP_{name}", value)
    with socket.socket() as probe:  # bound and not listening: nobody answers there
        probe.bind(("127.0.0.1", 0))
        monkeypatch.setenv("COSTWIRE_SMTP_PORT", str(probe.getsockname()[1]))
        bootstrap.use(EmbeddedRuntime(Settings()))
        said = add()
    assert "Alert not sent yet by email to b@example.com: mail server 127.0.0.1:" in said


def test_alerts_stand_from_low_to_high_and_of_those_crossed_at_once_the_highest_is_told(home: Path) -> None:
    add("--threshold", "9", "--threshold", "50", "--threshold", "10")
    assert [alert["threshold_percent"] for alert in as_json(alerts.app, "list")] == [9, 10, 50]
    (written,) = (home / "outbox").iterdir()
    alert_id = as_json(alerts.app, "list")[2]["alert_id"]
    assert f"costwire alerts ack {alert_id}\n" in written.read_text(encoding="utf-8")


def test_json_holds_exact_amounts_and_the_standing(home: Path) -> None:
    add(
        "--threshold",
        "33.5",
        "--threshold",
        "90",
        "--forecast-threshold",
        "110",
        "--provider",
        "AWS",
        "--tag",
        "a.b=c=d",
    )
    (budget,) = as_json(budgets.app, "list")
    assert (budget["amount"], budget["thresholds"], budget["forecast_thresholds"]) == ("4000", ["33.5", 90], [110])
    assert budget["scope"]["providers"] == ["aws"] and budget["scope"]["tags"] == {"a.b": ["c=d"]}
    assert budget["standing"]["current_spend"] == "0"


def test_an_alert_is_listed_acknowledged_and_snoozed_by_the_beginning_of_its_id(home: Path) -> None:
    add()
    (alert,) = as_json(alerts.app, "list")
    assert (alert["state"], alert["threshold_percent"], alert["percent"], alert["current_spend"]) == (
        "open",
        50,
        "77.5",
        "3100",
    )
    assert "acknowledged by ada" in done(alerts.app, "ack", "platform", "--by", "ada")
    listed = done(alerts.app, "list")
    assert re.search(r"-2026-03-actual-50 +acknowledged +platform +3,100\.00 USD +77\.5 % +2026-03-31", listed)
    assert as_json(alerts.app, "snooze", "platform", "--for", "3d", "--by", "ada")["state"] == "snoozed"
    assert as_json(alerts.app, "list", "--state", "open") == []


def test_a_removed_budget_is_gone_and_its_alerts_are_resolved(home: Path) -> None:
    add()
    done(budgets.app, "remove", "platform")
    assert as_json(budgets.app, "list") == [] and as_json(alerts.app, "list") == []
    (alert,) = as_json(alerts.app, "list", "--all")
    assert alert["state"] == "resolved"
    add()
    assert [one["state"] for one in as_json(alerts.app, "list")] == ["open"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--amount", "0"], "amount is 0, expected more than 0"),
        (["--amount", "-5"], "amount is -5, expected more than 0"),
        (["--amount", "1,000"], "amount is '1,000', expected a plain number"),
        (["--currency", "dollars"], "currency is 'DOLLARS'"),
        (["--period", "weekly"], "period is 'weekly'"),
        (["--tag", "team"], "tag is 'team', expected key=value"),
        (["--threshold", "most"], "threshold is 'most'"),
        (["--period", "custom", "--start", "soon", "--end", "2026-01-01"], "--start is 'soon'"),
    ],
)
def test_words_that_are_off_are_status_2_with_the_reason(home: Path, words: list[str], said: str) -> None:
    result = call(budgets.app, "add", "platform", "--amount", "4000", "--currency", "USD", *words)
    assert result.exit_code == 2
    assert said in " ".join(re.sub(r"[│╭╮╰╯─]", "", result.stderr).split())
    assert as_json(budgets.app, "list") == []


def failure(app: Typer, *words: str) -> BaseException | None:
    return call(app, *words).exception


def test_what_does_not_exist_or_exists_already_is_named(home: Path) -> None:
    add()
    again = failure(budgets.app, "add", "platform", "--amount", "1", "--currency", "USD")
    assert isinstance(again, AlreadyExists) and "budget 'platform' already exists" in str(again)
    assert isinstance(failure(budgets.app, "remove", "nothing"), NotFound)
    assert isinstance(failure(alerts.app, "ack", "nothing"), NotFound)
    past = failure(alerts.app, "snooze", "platform", "--until", "2020-01-01")
    assert isinstance(past, Permanent) and "has passed" in str(past)
    assert call(alerts.app, "snooze", "platform", "--for", "soon").exit_code == 2
    assert call(alerts.app, "snooze", "platform", "--until", "9999-12-31T23:59:59-10:00").exit_code == 2
    assert call(alerts.app, "list", "--state", "angry").exit_code == 2


def test_the_list_shows_the_newest_period_with_charges(home: Path) -> None:
    add()
    rt = bootstrap.runtime()
    budget = from_document(as_json(budgets.app, "list")[0])
    empty = budget.period_of(date(2026, 4, 1))
    evaluate_period("default", budget, empty, rt.documents, rt.warehouse, rt.bus, rt.clock)
    assert as_json(budgets.app, "list")[0]["standing"]["period"] == MARCH


def test_a_tenant_sees_its_own_budgets_only(home: Path) -> None:
    add()
    rt = bootstrap.runtime()
    tenants.add(rt.documents, rt.clock.now(), "Other", "other_org")
    assert as_json(budgets.app, "list", "--org", "other_org") == []
    assert as_json(alerts.app, "list", "--org", "other_org") == []


def test_a_beginning_that_fits_several_alerts_is_refused_with_their_names(home: Path) -> None:
    add("--threshold", "50", "--threshold", "60")
    several = failure(alerts.app, "ack", "platform")
    assert isinstance(several, NotFound) and "matches 2 ids" in str(several)


def test_the_table_and_json_say_which_days_are_still_being_reported(tmp_path: Path, home: Path) -> None:
    rt = bootstrap.runtime()
    world = World(tmp_path / "more")
    world.objects, world.warehouse = rt.objects, rt.warehouse  # type: ignore[assignment]
    delivered_at = datetime(2026, 4, 1, 6, tzinfo=UTC)
    world.deliver(MARCH, each_day(MARCH, 31, "1"), integration="aws-second", delivered_at=delivered_at)
    said = add()
    assert "platform: days from 2026-03-30 on were still being reported at the last delivery." in said
    (budget,) = as_json(budgets.app, "list")
    assert budget["standing"]["filling_from"] == "2026-03-30"


def test_a_budget_is_changed_and_keeps_what_is_not_given(home: Path) -> None:
    add("--owner", "kim", "--service", "Compute")
    before = as_json(budgets.app, "list")[0]
    changed = as_json(budgets.app, "set", "platform", "--amount", "9000", "--threshold", "90")
    assert (changed["amount"], changed["thresholds"], changed["owner"]) == ("9000", [90], "kim")
    assert changed["scope"] == before["scope"] and changed["created_at"] == before["created_at"]
    assert as_json(budgets.app, "set", "platform", "--all-charges")["scope"] != before["scope"]


def test_an_empty_owner_removes_the_owner_and_an_owner_that_is_not_given_stays(home: Path) -> None:
    add("--owner", "o@example.com")
    assert as_json(budgets.app, "set", "platform", "--amount", "9000")["owner"] == "o@example.com"
    assert as_json(budgets.app, "set", "platform", "--owner", "")["owner"] is None


def test_alerts_of_thresholds_that_a_budget_no_longer_has_are_resolved(home: Path) -> None:
    add("--threshold", "50", "--threshold", "60")
    as_json(budgets.app, "set", "platform", "--threshold", "60")
    assert {one["threshold_percent"]: one["state"] for one in as_json(alerts.app, "list", "--all")} == {
        50: "resolved",
        60: "open",
    }


def test_a_scope_and_a_currency_that_no_charge_has_are_named_with_the_nearest(home: Path) -> None:
    said = add("--service", "Comptue", "--provider", "aws")
    assert "no charge has service Comptue; did you mean" in said
    assert "no charge has provider" not in said
    other = done(budgets.app, "add", "yen", "--amount", "10", "--currency", "JPY")
    assert "no charge has currency JPY" in other


def test_a_list_says_what_each_budget_counts(home: Path) -> None:
    add("--provider", "aws")
    assert "platform counts provider aws" in done(budgets.app, "list")
