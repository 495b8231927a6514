"""Budgets by form: previewed, set, changed, removed; the preview is exact, stores nothing, and page, API and command agree on it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from common.budgets import manage
from common.budgets.manage import BudgetRequest
from common.budgets.preview import preview_budget
from common.domain.budgets import Scope
from tests import commands
from tests.integration.api_world import on, show
from tests.support import Laptop, laptop
from web.api.access import OpenDoor
from web.api.app import Service
from web.site import create_site

FORM = {
    "name": "Compute <b>",
    "amount": "250",
    "currency": "usd",
    "period": "monthly",
    "thresholds": "40, 100",
    "owner": "Ana",
}


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Laptop]:
    """Ten days of 30 in March, ten of 20 until the 10th of April."""
    with laptop(tmp_path / "home") as made:
        show(made, tmp_path, "2026-03", *(on(f"2026-03-{day:02}", "30") for day in range(1, 11)), integration="march")
        show(made, tmp_path, "2026-04", *(on(f"2026-04-{day:02}", "20") for day in range(1, 11)), integration="april")
        yield made


def ask(rt: Laptop) -> FlaskClient:
    return create_site(rt, Service(OpenDoor(), loopback=True)).test_client()


def test_a_preview_names_the_day_of_each_threshold_exactly(rt: Laptop) -> None:
    found = preview_budget(
        rt, "default", BudgetRequest("B", Decimal("150"), "USD", thresholds=(Decimal(80), Decimal(100), Decimal(300)))
    )
    assert [(one.period.key, one.is_open, one.spend) for one in found.periods] == [
        ("2026-04", True, 200),
        ("2026-03", False, 300),
    ]
    days = [[one.day.day if one.day else None for one in period.crossings] for period in found.periods]
    assert days == [[6, 8, None], [4, 5, None]] and found.alerts == 4
    # a cent more, and the day is the next one
    more = preview_budget(rt, "default", BudgetRequest("B", Decimal("150.01"), "USD", thresholds=(Decimal(80),)))
    assert [one.crossed[0].day.day for one in more.periods if one.crossed[0].day] == [7, 5]


def test_a_preview_stores_nothing_and_alerts_nobody(rt: Laptop) -> None:
    before = {
        name: rt.documents.list(f"orgs/default/{name}")
        for name in ("budgets", "alerts", "budget_status", "notifications")
    }
    preview_budget(rt, "default", BudgetRequest("B", Decimal(1), "USD"))
    assert ask(rt).get("/default/budgets/new", query_string=FORM).status_code == 200
    assert before == {name: rt.documents.list(f"orgs/default/{name}") for name in before}


def test_a_preview_warns_of_what_no_charge_has_and_ends_before_the_first_charge(rt: Laptop) -> None:
    request = BudgetRequest("B", Decimal(100), "USD", period="quarterly", scope=Scope(services=("Nothing",)))
    found = preview_budget(rt, "default", request)
    assert [one.period.key for one in found.periods] == ["2026-Q2", "2026-Q1"] and found.alerts == 0
    assert "no charge has service Nothing" in found.warnings[0]


def test_page_and_api_and_command_preview_the_same(rt: Laptop) -> None:
    body = {"name": "B", "amount": "250", "currency": "USD", "thresholds": ["40", "100"]}
    api = ask(rt).post("/api/v1/organizations/default/budgets/preview", json=body).get_json()
    words = "budgets add B --amount 250 --currency USD --threshold 40 --threshold 100".split()  # noqa: SIM905
    env = {"COSTWIRE_HOME": str(rt.home), "PATH": ""}
    command = json.loads(commands.run(*words, "--preview", "--json", env=env).stdout)
    for one in (*command["periods"], *api["periods"]):
        del one["period_open"]  # the command's clock is the real one
    assert command == api
    page = ask(rt).get("/default/budgets/new", query_string=FORM).get_data(as_text=True)
    for period in api["periods"]:
        assert f'value="{period["spend"]}"' in page
        for one in period["thresholds"]:
            assert not one["crossed_on"] or f'datetime="{one["crossed_on"]}"' in page
    assert manage.list_budgets(rt, "default") == []


def test_a_budget_is_set_changed_and_removed_by_forms(rt: Laptop) -> None:
    made = ask(rt).post("/default/budgets/new", data=FORM)
    (budget,) = manage.list_budgets(rt, "default")
    assert (made.status_code, made.headers["Location"]) == (303, f"/default/budgets/{budget.budget_id}")
    assert budget.document["currency"] == "USD" and budget.document["owner"] == "Ana"
    address = f"/default/budgets/{budget.budget_id}"
    shown = ask(rt).get(f"{address}/change").get_data(as_text=True)
    assert 'value="40, 100"' in shown and "Compute &lt;b&gt;" in shown and "<b></h1>" not in shown
    changed = ask(rt).post(
        f"{address}/change",
        data={
            "amount": "900.5",
            "services": "A\r\nB, C\r\n",
            "tags": "team=x",
            "period": "yearly",
            "thresholds": "90",
            "forecast_thresholds": "",
        },
    )
    assert changed.status_code == 303
    document = manage.show_budget(rt, "default", budget.budget_id).document
    assert (document["amount"], document["period"], document["owner"], document["forecast_thresholds"]) == (
        "900.5",
        "monthly",
        None,
        [],
    )
    assert document["scope"]["services"] == ["A", "B, C"] and document["scope"]["tags"] == {"team": ["x"]}
    assert ask(rt).post(f"{address}/remove", data={"name": "compute"}).status_code == 400
    assert len(manage.list_budgets(rt, "default")) == 1
    assert ask(rt).post(f"{address}/remove", data={"name": "Compute <b>"}).headers["Location"] == "/default/budgets"
    assert manage.list_budgets(rt, "default") == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"amount": "lots"}, "Amount is &#39;lots&#39;"),
        ({"amount": "-1"}, "expected more than 0"),
        ({"name": " "}, "Name is empty"),
        ({"period": "custom"}, "A custom budget needs a start and an end"),
        ({"thresholds": "x"}, "Threshold is &#39;x&#39;"),
        ({"channels": "nowhere"}, "nowhere"),
        ({"tags": "team"}, "expected key=value"),
    ],
)
def test_a_form_with_a_fault_comes_back_filled_and_says_which(rt: Laptop, changes: dict[str, str], words: str) -> None:
    answer = ask(rt).post("/default/budgets/new", data=FORM | changes)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 400 and words in page and 'value="Ana"' in page
    assert manage.list_budgets(rt, "default") == []


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}])
def test_a_form_of_another_site_sets_nothing(rt: Laptop, headers: dict[str, str]) -> None:
    assert ask(rt).post("/default/budgets/new", data=FORM, headers=headers).status_code == 403
    assert manage.list_budgets(rt, "default") == []
