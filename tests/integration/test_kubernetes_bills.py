"""Saved allocations of a cluster through the real functions: proved, shown where they are asked for, in no total of a bill."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from common.budgets import manage
from common.budgets.scope_check import scope_warnings
from common.domain.budgets import Scope, from_document
from common.formats import engine
from common.ingestion.importing import BillOnDisk, import_bills
from common.ingestion.requesting import Outcome
from common.records.organizations import ensure_default
from common.reporting.costs import CostsQuestion, ask_costs
from common.warehouse.cost_report import Metric
from common.warehouse.dimensions import dimension
from costwire.waiting import wait
from costwire.worker import subscribe_all
from tests.support import Laptop, laptop

BILLS = Path(__file__).parents[1] / "fixtures" / "bills"
TWO_DAYS = BILLS / "opencost" / "opencost_allocation_2026-09-01_02_controller.json"


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Laptop]:
    with laptop(tmp_path / "home") as made:
        ensure_default(made.documents, made.clock.now())
        subscribe_all(made)
        yield made


def bring(rt: Laptop, path: Path, **stated: str) -> Outcome:
    requested, _ = import_bills(rt, [BillOnDisk(path, "default", **stated)])  # type: ignore[arg-type]
    return wait(rt, requested)


def costs(rt: Laptop, by: str, metric: Metric) -> dict[str | None, Decimal | None]:
    answer = ask_costs(rt, "default", CostsQuestion((dimension(by),), metric))
    return {group.keys[0]: group.amounts.total for one in answer.currencies for group in one.groups}


def test_no_question_about_a_bill_counts_its_nodes_twice(rt: Laptop) -> None:
    assert bring(rt, BILLS / "deepseek").reasons == ()  # any bill: which nodes are in it is not known
    metrics = [metric for metric in Metric if metric is not Metric.ESTIMATED_COST]
    before = {metric: sum(filter(None, costs(rt, "provider", metric).values())) for metric in metrics}
    assert before[Metric.BILLED_COST] == Decimal("5.180097832")
    (delivery,) = bring(rt, TWO_DAYS).deliveries
    assert (delivery.state, delivery.quarantined_rows) == ("current", 0)
    assert (delivery.proof[0]["column"], delivery.proof[0]["source"]) == ("x_EstimatedCost", "18.77011")
    assert {metric: sum(filter(None, costs(rt, "provider", metric).values())) for metric in metrics} == before
    assert rt.ask("select sum(cost_usd) as cost from cost_daily")[0]["cost"] == round(before[Metric.BILLED_COST], 9)
    assert costs(rt, "provider", Metric.ESTIMATED_COST) == {"opencost": Decimal("18.77011")}


def test_estimates_add_up_by_namespace_label_cluster_and_kind(rt: Laptop) -> None:
    bring(rt, TWO_DAYS)
    assert costs(rt, "namespace", Metric.ESTIMATED_COST) == {
        "shop": Decimal("8.44253"), "ingress": Decimal("3.14224"), "kube-system": Decimal("1.75978"), "batch": Decimal("1.53036"),
        None: Decimal("3.89520"),
    }  # fmt: skip
    assert costs(rt, "cluster", Metric.ESTIMATED_COST) == {"prod-eu": Decimal("18.77011")}
    assert costs(rt, "tag:team", Metric.ESTIMATED_COST)["web"] == Decimal("8.44253")
    assert sum(filter(None, costs(rt, "x_CostKind", Metric.ESTIMATED_COST).values())) == Decimal("18.77011")


def test_an_answer_of_many_allocations_takes_memory_by_its_size_alone(
    rt: Laptop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its map of allocations does not stand beside each of them: of 900 that was a gigabyte."""
    answer = json.loads(TWO_DAYS.read_text())
    day = answer["data"][0]
    one = next(found for name, found in day.items() if "idle" not in name)
    many = {f"shop/{number}": {**one, "name": f"shop/{number}"} for number in range(900)}
    path = tmp_path / "many.json"
    path.write_text(json.dumps({**answer, "data": [many]}))
    monkeypatch.setattr(engine, "MEMORY_LIMIT", "300MB")
    (delivery,) = bring(rt, path).deliveries
    assert (delivery.state, delivery.quarantined_rows) == ("current", 0)
    # the sum of the parts; totalCost is rounded otherwise
    assert Decimal(delivery.proof[0]["source"]) == 900 * Decimal("2.1347")


def test_the_views_show_what_is_idle_and_how_much_is_used(rt: Laptop) -> None:
    bring(rt, TWO_DAYS)
    rows = rt.ask(
        "select estimated_cost, idle_cost, round(idle_share, 4) as idle_share, efficiency from kubernetes_clusters order by date"
    )
    assert [tuple(row.values()) for row in rows] == [
        (Decimal("10.33956"), Decimal("1.39871"), Decimal("0.1353"), Decimal("0.5")),
        (Decimal("8.43055"), Decimal("2.49649"), Decimal("0.2961"), Decimal("0.5")),
    ]
    rows = rt.ask("select sum(estimated_cost) as cost from kubernetes_costs where namespace = 'shop'")
    assert rows[0]["cost"] == Decimal("8.44253")


def test_an_efficiency_that_is_unknown_is_null_and_negative_idle_is_shown(rt: Laptop, tmp_path: Path) -> None:
    saved = tmp_path / "allocations.json"
    text = TWO_DAYS.read_text().replace('"totalEfficiency": 0.5', '"totalEfficiency": null')
    first = text.index('"__idle__"')
    cost = text.index('"cpuCost": ', first) + len('"cpuCost": ')
    until = text.index(",", cost)
    less = text[:cost] + str(Decimal(text[cost:until]) - 10) + text[until:]
    saved.write_text(less.replace('"totalCost": 1.39871', '"totalCost": -8.60129'))
    assert bring(rt, saved).reasons == ()
    row = rt.ask("select idle_cost, idle_share, efficiency from kubernetes_clusters order by date")[0]
    assert (row["idle_cost"], row["efficiency"]) == (Decimal("-8.60129"), None)
    assert row["idle_share"] < -1


def test_an_unknown_part_is_in_quarantine_and_the_rest_is_proved(rt: Laptop, tmp_path: Path) -> None:
    saved = tmp_path / "allocations.json"
    saved.write_text(TWO_DAYS.read_text().replace('"cpuCost": 1.08364', '"cpuCost": null'))
    (delivery,) = bring(rt, saved).deliveries
    assert (delivery.state, delivery.quarantined_rows) == ("current", 1)
    assert costs(rt, "cluster", Metric.ESTIMATED_COST) == {"prod-eu": Decimal("18.77011") - Decimal("2.13470")}


def test_a_budget_counts_the_estimates_of_a_namespace(rt: Laptop) -> None:
    bring(rt, TWO_DAYS)
    scope = Scope(clusters=("prod-eu",), namespaces=("shop",))
    request = manage.BudgetRequest("shop", Decimal(10), "USD", scope=scope, metric="x_EstimatedCost")
    budget = from_document(dict(manage.add_budget(rt, "default", request).document))
    assert scope_warnings(rt, "default", budget) == []
    assert manage.list_budgets(rt, "default")[0].standing().current_spend == Decimal("8.44253")
    missing = manage.BudgetRequest("typo", Decimal(10), "USD", scope=Scope(namespaces=("shopp",)))
    found = scope_warnings(rt, "default", from_document(dict(manage.add_budget(rt, "default", missing).document)))
    assert found == ["no charge has namespace shopp; did you mean 'shop'?"]
