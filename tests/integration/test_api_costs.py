"""The API's answers about costs are those of the command line, to the last digit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from costwire import cli
from tests.contract.warehouse_cases import ORG
from tests.integration.api_world import checked, client, on, show
from tests.support import Laptop, laptop


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Laptop]:
    with laptop(tmp_path / "home") as made:
        made.documents.set(f"orgs/{ORG}/integrations/aws-main", {"provider": "aws"})
        show(
            made,
            tmp_path,
            "2026-03",
            on("2026-03-01", "0.000000000000000000000001", SubAccountId="1"),
            on("2026-03-02", "12345678901234.123456789012345678", "Storage", SubAccountId="2", RegionId="eu-west-1"),
            on("2026-03-30", "0.1", "Storage", SubAccountId="2"),
            on("2026-03-31", "0.2", "Storage", SubAccountId="2"),
            on("2026-03-31", "-7", "Credit", BillingCurrency="EUR", Tags='{"team": "a"}'),
        )
        show(made, tmp_path, "2026-02", on("2026-02-10", "3"), on="2026-03-20")
        yield made


def command(*words: str) -> Any:
    done = CliRunner().invoke(cli.app, ["costs", *words, "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("/api/costs", []),
        ("/api/costs/summary?month=2026-03", ["--by", "provider", "--month", "2026-03"]),
        ("/api/costs/by-service", ["--by", "service"]),
        (
            "/api/costs/by-account?from=2026-03-02&to=2026-03-30",
            ["--by", "account", "--from", "2026-03-02", "--to", "2026-03-30"],
        ),
        (
            f"/api/v1/organizations/{ORG}/costs?group=service,day&metric=effective",
            ["--by", "service,day", "--metric", "effective"],
        ),
        (
            "/api/costs?group=tag:team&filter=service!=Compute&filter=service~o&top=1",
            ["--by", "tag:team", "--where", "service!=Compute", "--where", "service~o", "--top", "1"],
        ),
        ("/api/costs?month=2026-03&compare=previous", ["--month", "2026-03", "--compare", "previous"]),
        (
            "/api/costs/summary?from=yesterday&to=yesterday",
            ["--by", "provider", "--from", "yesterday", "--to", "yesterday"],
        ),
    ],
)
def test_an_answer_is_that_of_the_command(rt: Laptop, address: str, words: list[str]) -> None:
    rt.clock.moment = datetime(2026, 4, 1, 6, tzinfo=UTC)
    found = checked(client(rt).get(address))
    receipt = found["receipt"]
    assert found == command(*words)
    assert found["currencies"]
    assert receipt["as_of"] == found["as_of"] and receipt["completeness"]["filling_since"] == found["filling_from"]
    assert receipt["proof"]["deliveries"] > 0


def test_amounts_have_every_digit(rt: Laptop) -> None:
    found = checked(client(rt).get("/api/costs/by-service?month=2026-03"))
    dollars = next(one for one in found["currencies"] if one["currency"] == "USD")
    assert {one["keys"][0]: one["total"] for one in dollars["groups"]} == {
        "Compute": "0.000000000000000000000001",
        "Storage": "12345678901234.423456789012345678",
    }
    assert dollars["total"] == "12345678901234.423456789012345678000001"


def test_an_answer_is_not_sent_again_until_the_charges_change(rt: Laptop, tmp_path: Path) -> None:
    ask = client(rt)
    first = ask.get("/api/costs")
    assert first.headers["Cache-Control"] == "private, no-cache"
    tag = {"If-None-Match": first.headers["ETag"]}
    again = ask.get("/api/costs", headers=tag)
    assert (again.status_code, again.get_data(), again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert ask.get("/api/costs?top=1", headers=tag).status_code == 200
    assert ask.get("/api/costs/by-service", headers=tag).status_code == 200
    show(rt, tmp_path, "2026-03", on("2026-03-01", "5"), delivery="d2", on="2026-05-21", instead_of="d1")
    changed = ask.get("/api/costs", headers=tag)
    assert changed.status_code == 200
    assert changed.headers["ETag"] != first.headers["ETag"]
    assert checked(changed)["receipt"]["mark"] != checked(first)["receipt"]["mark"]


def test_an_answer_of_today_is_not_valid_tomorrow(rt: Laptop) -> None:
    ask = client(rt)
    tag = {"If-None-Match": ask.get("/api/costs?last=30d").headers["ETag"]}
    assert ask.get("/api/costs?last=30d", headers=tag).status_code == 304
    rt.clock.sleep(24 * 3600)
    assert ask.get("/api/costs?last=30d", headers=tag).status_code == 200


def test_a_converted_answer_is_never_called_unchanged(rt: Laptop) -> None:
    """Rates may change while the charges stay."""
    asked = "/api/costs?convert=USD&month=2026-02"
    answer = client(rt).get(asked)
    assert checked(answer)["currencies"][0]["total"] == "3"
    assert "ETag" not in answer.headers and answer.headers["Cache-Control"] == "no-store"


def test_a_rate_that_is_missing_is_a_problem_that_names_it(rt: Laptop) -> None:
    found = checked(client(rt).get("/api/costs?convert=USD&month=2026-03"), 422)
    assert found["code"] == "not_possible"
    assert "no exchange rate from EUR to USD for 2026-03" in found["detail"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("group=servce", "did you mean 'service'"),
        ("metric=cheap", "'cheap' is not a metric"),
        ("from=2026-04-02&to=2026-04-01", "is before the first"),
        ("month=2026-13", "billing period is '2026-13'"),
        ("month=2026-03&last=3d", "month and last each name a period"),
        ("compare=previous", "a comparison needs a period"),
        ("filter=nonsense", "is not a condition"),
        ("top=0", "greater than or equal to 1"),
        ("top=1&top=2", "given 2 times"),
        ("grop=service", "did you mean 'group'"),
        ("known_on=yesteryear", "is not a date"),
        ("last=99999d", "is not a span of days"),
        ("compare=next", "previous"),
        ("group=" + ",".join(["service"] * 2), "twice"),
    ],
)
def test_a_question_that_cannot_be_asked_is_a_problem_in_one_line(rt: Laptop, query: str, words: str) -> None:
    found = checked(client(rt).get(f"/api/costs?{query}"), 400)
    assert found["code"] == "invalid_request"
    assert words in found["detail"] and "\n" not in found["detail"] and "--" not in found["detail"]


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Laptop]:
    with laptop(tmp_path / "home") as made:
        yield made


def test_a_month_is_forecast_from_its_days(empty: Laptop, tmp_path: Path) -> None:
    rt = empty
    days = [on(f"2026-04-{day:02}", "10") for day in range(1, 11)]
    show(rt, tmp_path, "2026-04", *days, integration="gcp", on="2026-04-14")
    rt.documents.set(f"orgs/{ORG}/integrations/gcp", {"provider": "gcp"})
    rt.clock.moment = datetime(2026, 4, 14, 12, tzinfo=UTC)
    found = checked(client(rt).get("/api/costs/forecast"))
    (dollars,) = found["currencies"]
    assert (found["month"], found["open"], found["days"]) == ("2026-04", True, 30)
    assert (dollars["to_date"], dollars["charges"], dollars["projected"]) == ("100", 10, "300")
    assert dollars["forecast"] == {"expected": "300", "low": "300", "high": "300", "trained_on_days": 10}
    past = checked(client(rt).get("/api/costs/forecast?month=2026-03"))
    assert (past["open"], past["currencies"]) == (False, [])


def test_a_forecast_needs_five_whole_days(rt: Laptop, tmp_path: Path) -> None:
    rt.clock.moment = datetime(2026, 3, 3, tzinfo=UTC)
    found = checked(client(rt).get("/api/costs/forecast?month=2026-03&filter=service=Nothing"))
    assert found["currencies"] == []


def test_nothing_delivered_yet_is_an_empty_answer(empty: Laptop) -> None:
    found = checked(client(empty).get("/api/costs/summary"))
    assert (found["currencies"], found["receipt"]["as_of"], found["receipt"]["rows_read"]) == ([], None, 0)
    assert checked(client(empty).get("/api/costs/forecast"))["currencies"] == []
