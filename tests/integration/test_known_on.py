"""What was known on an earlier day: answered from the deliveries that were shown then, explained by the restatements since."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from common.errors import NotFound
from common.records.deliveries import CURRENT, REPLACED, WITHDRAWN, Delivery
from common.reporting.costs import CostsQuestion, ask_costs
from common.reporting.restatements import list_restatements
from common.warehouse.dimensions import SHORT
from common.warehouse.shown_then import shown_then
from costwire import cli
from tests.support import NOW, Laptop, cur_line, cur_text, laptop

ORG = "default"
DAY = 86_400
FIRST, SECOND = NOW.date(), date(2026, 4, 12)


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Laptop]:
    """20 lines of a bill on 10 April, 40 lines of the same bill on 12 April, another bill on 14 April."""
    with laptop(tmp_path / "home") as made:
        bring(made, tmp_path, 20)
        made.clock.sleep(2 * DAY)
        bring(made, tmp_path, 40)
        made.clock.sleep(2 * DAY)
        bring(made, tmp_path, 5, "other")
        yield made


def bring(rt: Laptop, folder: Path, lines: int, integration: str = "bill") -> None:
    path = folder / f"{integration}-{lines}.csv"
    payer = f"11112222333{len(integration)}"
    path.write_text(
        cur_text([cur_line(number, "1.25", PayerAccountId=payer) for number in range(lines)]), encoding="utf-8"
    )
    rt.bring(path, integration, delivered_at=rt.clock.now())


def charges(rt: Laptop, known_on: date | None) -> dict[str | None, int]:
    answer = ask_costs(rt, ORG, CostsQuestion((SHORT["integration"],), known_on=known_on))
    return {one.keys[0]: one.amounts.charges for found in answer.currencies for one in found.groups}


def billed(rt: Laptop, known_on: date | None) -> Decimal:
    (found,) = ask_costs(rt, ORG, CostsQuestion(known_on=known_on)).currencies
    return found.amounts.total or Decimal(0)


def test_an_answer_is_of_the_deliveries_that_were_shown_at_the_end_of_the_day(rt: Laptop) -> None:
    assert charges(rt, date(2026, 4, 9)) == {}
    assert charges(rt, FIRST) == {"bill": 20}
    assert charges(rt, date(2026, 4, 11)) == {"bill": 20}
    assert charges(rt, SECOND) == {"bill": 40}
    assert charges(rt, date(2026, 4, 14)) == charges(rt, None) == {"bill": 40, "other": 5}
    assert billed(rt, date(2026, 4, 14)) == billed(rt, None)


def test_restatements_since_then_are_the_difference_to_now(rt: Laptop) -> None:
    assert len(list_restatements(rt, ORG)) == 1
    since = list_restatements(rt, ORG, since=FIRST)
    difference = sum(day.billed_cost_delta for one in since for day in one.days)
    assert difference == billed(rt, SECOND) - billed(rt, FIRST) != 0
    assert list_restatements(rt, ORG, since=SECOND) == []


@pytest.fixture
def run(rt: Laptop) -> Callable[..., Result]:
    return lambda *words: CliRunner().invoke(cli.app, list(words))


def test_the_table_says_what_has_changed_since(run: Callable[..., Result]) -> None:
    said = run("costs", "--as-known-on", "2026-04-10").stdout
    assert "as known on 2026-04-10, provisional, as of 2026-04-10 12:00 UTC" in said
    assert (
        "1 bill has been replaced since (bill 2026-03); costwire restatements --since 2026-04-10 shows by how much."
        in said
    )
    assert "Not included, since they arrived later: other 2026-03." in said
    assert "replaced" not in run("costs", "--as-known-on", "2026-04-12").stdout
    assert (
        "No charges were known for organization default on 2026-04-01."
        in run("costs", "--as-known-on", "2026-04-01").stdout
    )
    answer = json.loads(run("costs", "--as-known-on", "2026-04-10", "--json").stdout)
    assert (answer["known_on"], len(answer["changed_since"])) == ("2026-04-10", 2)
    assert "replaced" in run("restatements", "--since", "2026-04-10").stdout
    assert "Nothing was restated since 2026-04-12" in run("restatements", "--since", "2026-04-12").stdout


def test_rows_that_are_gone_are_an_error_and_not_a_lower_sum(rt: Laptop) -> None:
    (first,) = (
        one
        for one in (Delivery.from_document(document) for _, document in rt.documents.list(f"orgs/{ORG}/deliveries"))
        if one.state == REPLACED
    )
    for stored in rt.objects.list(f"focus/{first.folder}/"):
        rt.objects.delete(stored.uri)
    with pytest.raises(
        NotFound, match=rf"delivery {first.delivery_id} \(bill 2026-03\) have been deleted; costwire restatements"
    ):
        charges(rt, FIRST)
    assert charges(rt, SECOND) == {"bill": 40}


def delivery(name: str, proved_on: int, state: str = REPLACED) -> Delivery:
    moment = datetime(2026, 4, proved_on, tzinfo=UTC)
    return Delivery(
        name, ORG, "bill", "oci", "oci_cost", "2026-03", moment, state, (), "run", moment, proved_at=moment.isoformat()
    )


def replacement(before: str, after: str, on: int) -> dict[str, object]:
    moment = datetime(2026, 4, on, tzinfo=UTC)
    names = {"delivery_replaced": before, "delivery_now": after, "replaced_at": moment}
    return {"integration_id": "bill", "billing_period": "2026-03", **names}


@pytest.mark.parametrize(("until", "expected"), [(1, []), (2, ["a"]), (4, ["b"]), (6, ["a"]), (9, ["c"])])
def test_an_earlier_delivery_that_was_shown_again_counts_for_that_time(until: int, expected: list[str]) -> None:
    """a on the 1st, b on the 3rd, a again on the 5th, c on the 7th."""
    shown = [delivery("a", 1), delivery("b", 3), delivery("c", 7, CURRENT)]
    replaced = [replacement("a", "b", 3), replacement("b", "a", 5), replacement("a", "c", 7)]
    moment = datetime(2026, 4, until, tzinfo=UTC)
    assert [one.delivery_id for one in shown_then(shown, replaced, moment)] == expected


def test_a_replacement_that_changed_no_cost_is_known_from_when_it_was_proved() -> None:
    shown = [delivery("a", 1), delivery("b", 3, CURRENT)]
    for until, expected in ((2, "a"), (4, "b")):
        (one,) = shown_then(shown, [], datetime(2026, 4, until, tzinfo=UTC))
        assert one.delivery_id == expected


def test_a_withdrawn_delivery_counts_until_it_was_withdrawn() -> None:
    """a on the 1st, withdrawn on the 3rd, b on the 5th; a slice without rows has a name of its own for the time between."""
    shown = [delivery("a", 1, WITHDRAWN).with_(was_shown=True), delivery("b", 5, CURRENT)]
    replaced = [replacement("a", "a-withdrawn", 3), replacement("a-withdrawn", "b", 5)]
    for until, expected in ((2, ["a"]), (4, []), (6, ["b"])):
        assert [
            one.delivery_id for one in shown_then(shown, replaced, datetime(2026, 4, until, tzinfo=UTC))
        ] == expected
    assert shown_then(shown[:1], replaced[:1], datetime(2026, 4, 4, tzinfo=UTC)) == []
