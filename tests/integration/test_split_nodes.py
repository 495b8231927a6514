"""Charges of a cluster's nodes split among what ran on them: instead of the origin or not at all, and to the last digit either way."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from typer.testing import CliRunner

from common.errors import BadConfiguration, NotFound
from common.normalization.source_line import read_source_line
from common.normalization.withdrawing import restore, withdraw
from common.records.integrations import integration_path
from common.reporting.costs import CostsQuestion, ask_costs
from common.reporting.integrations import show_integration
from common.retention.cleaning import clean_up
from common.retention.lives import set_life
from common.tenancy import integrations
from common.tenancy.node_splits import set_split
from common.warehouse.dimensions import dimension
from costwire.cli import app
from costwire.worker import subscribe_all, work
from tests.support import NOW, Laptop, cur_line, cur_text, laptop
from web.api.access import OpenDoor
from web.api.app import Service
from web.site import create_site


def allocation(
    node: str, name: str, cpu: str, day: str = "2026-03-02", cluster: str = "prod", **labels: str
) -> dict[str, Any]:
    """What ran on a node on a day.  name: namespace/controller, or __idle__."""
    namespace, _, controller = name.partition("/")
    properties: dict[str, Any] = {"cluster": cluster, "node": f"ip-{node}.ec2.internal", "providerID": node}
    if controller:
        properties |= {
            "namespace": namespace,
            "controllerKind": "deployment",
            "controller": controller,
            "labels": labels,
        }
    until = f"{datetime.fromisoformat(day) + timedelta(days=1):%Y-%m-%dT00:00:00Z}"
    costs = {"cpuCost": float(cpu), "ramCost": 0, "networkCost": 7, "totalCost": float(cpu) + 7}
    window = {"start": f"{day}T00:00:00Z", "end": until}
    return {"name": f"{cluster}/{node}/{name}", "properties": properties, "window": window, "minutes": 1440, **costs}


def allocations(path: Path, *found: Mapping[str, Any]) -> Path:
    days: dict[str, dict[str, Any]] = {}
    for one in found:
        days.setdefault(one["window"]["start"], {})[one["name"]] = one
    path.write_text(json.dumps({"code": 200, "data": list(days.values())}))
    return path


def bill(path: Path, *lines: Mapping[str, str]) -> Path:
    """Lines with the ResourceId of a node among others."""
    made = []
    for number, line in enumerate(lines):
        changes = dict(line)
        resource = changes.pop("ResourceId", "")
        day = changes.pop("day", "2026-03-02")
        hour = int(changes.pop("hour", "5"))
        start = datetime.fromisoformat(f"{day}T00:00:00+00:00") + timedelta(hours=hour)
        until = start + timedelta(hours=int(changes.pop("hours", "1")))
        cost = changes.pop("cost", "1")
        times = {"UsageStartDate": f"{start:%Y-%m-%dT%H:%M:%SZ}", "UsageEndDate": f"{until:%Y-%m-%dT%H:%M:%SZ}"}
        made.append({**cur_line(number, cost, **times, **changes), "ResourceId": resource})
    path.write_text(cur_text(made, ("lineItem/ResourceId",)))
    return path


NODE, OTHER = "i-0aaa0000000000001", "i-0bbb0000000000002"
BILL = (
    {"ResourceId": NODE, "cost": "0.1"},
    {"ResourceId": NODE, "cost": "0.1", "hour": "6"},
    {"ResourceId": NODE, "cost": "0.0000000007", "UsageType": "DataTransfer-Out-Bytes", "UsageAmount": "0.123"},
    {"ResourceId": OTHER, "cost": "3.3"},
    {"ResourceId": "vol-1", "cost": "0.5"},
    {"ResourceId": "", "cost": "9"},
)
RAN = (
    allocation(NODE, "shop/web", "0.3", team="web"),
    allocation(NODE, "shop/api", "0.3"),
    allocation(NODE, "batch/report", "0.1"),
    allocation(NODE, "__idle__", "0.2"),
)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the bill and the cluster, whose nodes are shown whole."""
    folder = tmp_path_factory.mktemp("split")
    with laptop(folder / "home") as rt:
        rt.bring(bill(folder / "bill.csv", *BILL), delivered_at=NOW - timedelta(days=5))
        cluster(rt, allocations(folder / "cluster.json", *RAN))
    return folder / "home"


@pytest.fixture
def rt(prepared: Path, tmp_path: Path) -> Iterator[Laptop]:
    shutil.copytree(prepared, tmp_path / "home")
    with laptop(tmp_path / "home") as made:
        subscribe_all(made)
        yield made


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Laptop]:
    with laptop(tmp_path / "home") as made:
        yield made


def cluster(rt: Laptop, path: Path, name: str = "cluster", **how: Any) -> None:
    how.setdefault("delivered_at", NOW - timedelta(days=4))
    rt.bring(path, integration=name, provider="opencost", **how)


def switch(rt: Laptop, on: bool, name: str = "cluster") -> None:
    set_split(rt, "default", name, on, "a test")
    assert not [one.error for one in work(rt, rt.clock.sleep) if one.error]


def by(rt: Laptop, name: str, metric: str = "BilledCost", where: str = "true") -> dict[Any, Decimal]:
    rows = rt.ask(
        f"select {name} as name, sum({metric}) as cost from cost_data_standard_1_3 where x_Provider = 'aws' and {where} group by 1"
    )
    return {row["name"]: row["cost"] for row in rows}


def of_node(rt: Laptop, node: str = NODE, name: str = "x_Namespace", metric: str = "BilledCost") -> dict[Any, Decimal]:
    return by(rt, name, metric, f"ResourceId = '{node}'")


def shown(rt: Laptop, integration: str = "bill") -> dict[str, Any]:
    (found,) = rt.deliveries(state="current", integration_id=integration)
    return found


NODE_COST = Decimal("0.2000000007")
SPLIT = {
    "shop": Decimal("0.133333333799999999999998"),
    "batch": Decimal("0.0222222223"),
    None: Decimal("0.044444444600000000000002"),
}


def test_parts_of_a_node_add_up_to_it_and_totals_stay(rt: Laptop) -> None:
    total, estimates = rt.billed(), rt.ask("select sum(x_EstimatedCost) as cost from cost_data_standard_1_3")
    metrics = ("EffectiveCost", "ListCost", "ContractedCost", "ConsumedQuantity", "PricingQuantity")
    before = {metric: of_node(rt, name="SkuId", metric=metric) for metric in metrics}
    failed = {one["rule"] for one in shown(rt)["conformance"] if one["keyword"] == "MUST"}
    switch(rt, True)
    assert of_node(rt) == SPLIT and sum(SPLIT.values()) == NODE_COST
    assert rt.billed() == total == {"USD": Decimal("13.0000000007")}
    assert {metric: of_node(rt, name="SkuId", metric=metric) for metric in metrics} == before
    assert rt.ask("select sum(x_EstimatedCost) as cost from cost_data_standard_1_3") == estimates
    now = shown(rt)
    assert {one["rule"] for one in now["conformance"] if one["keyword"] == "MUST"} == failed
    (proof,) = now["proof"]
    assert (proof["source"], proof["written"], proof["difference"]) == ("13.0000000007", "13.0000000007", "0")
    answer = ask_costs(rt, "default", CostsQuestion((dimension("namespace"),)))
    (dollars,) = answer.currencies
    found = {group.keys[0]: group.amounts.total for group in dollars.groups}
    assert {name: found[name] for name in ("shop", "batch")} == {name: SPLIT[name] for name in ("shop", "batch")}


def test_turning_off_shows_the_bill_as_it_was_and_on_the_same_split_again(rt: Laptop) -> None:
    whole, origin = rt.exported(), shown(rt)
    switch(rt, True)
    split, made = rt.exported(), shown(rt)
    assert len(split) == len(whole) + 9 and made["split_from"] == origin["delivery_id"]
    switch(rt, True)
    assert shown(rt)["delivery_id"] == made["delivery_id"]
    switch(rt, False)
    assert rt.exported() == whole and shown(rt)["proved_at"] == origin["proved_at"]
    switch(rt, True)
    assert rt.exported() == split and shown(rt)["delivery_id"] == made["delivery_id"]


def test_later_allocations_and_a_restated_bill_are_split_by_themselves(rt: Laptop, tmp_path: Path) -> None:
    switch(rt, True)
    later = (*RAN, allocation(NODE, "batch/late", "0.9"), allocation(OTHER, "shop/web", "1"))
    cluster(rt, allocations(tmp_path / "later.json", *later), delivered_at=NOW - timedelta(days=2))
    found = of_node(rt)
    assert sum(found.values()) == NODE_COST and found["batch"] > found["shop"]
    assert of_node(rt, OTHER) == {"shop": Decimal("3.3")}
    rt.bring(bill(tmp_path / "newer.csv", {**BILL[0], "cost": "8"}, *BILL[3:]), delivered_at=NOW - timedelta(days=1))
    assert sum(of_node(rt).values()) == 8 and len(of_node(rt)) == 3
    now = shown(rt)
    rt.bring(bill(tmp_path / "older.csv", {**BILL[0], "cost": "5"}), delivered_at=NOW - timedelta(days=9))
    assert shown(rt)["delivery_id"] == now["delivery_id"]
    switch(rt, False)
    assert of_node(rt) == {None: Decimal(8)}


def test_what_only_one_side_knows_is_left_as_it_is(rt: Laptop, tmp_path: Path) -> None:
    ran = (*RAN, allocation("i-0nobody", "shop/web", "5"))
    cluster(rt, allocations(tmp_path / "more.json", *ran), delivered_at=NOW - timedelta(days=2))
    switch(rt, True)
    whole = by(rt, "ResourceId", where="AllocatedMethodId is null")
    assert whole == {OTHER: Decimal("3.3"), "vol-1": Decimal("0.5"), None: Decimal(9)}
    rows = rt.ask(
        "select sum(x_EstimatedCost) as cost from cost_data_standard_1_3 where x_Node = 'ip-i-0nobody.ec2.internal'"
    )
    assert rows[0]["cost"] == 12


def test_a_day_is_split_by_its_own_allocations_and_a_longer_charge_stays_whole(empty: Laptop, tmp_path: Path) -> None:
    lines = (
        {"ResourceId": NODE, "cost": "1", "hour": "23"},
        {"ResourceId": NODE, "cost": "2", "day": "2026-03-03", "hour": "0"},
        {"ResourceId": NODE, "cost": "4", "day": "2026-03-04"},
        {"ResourceId": NODE, "cost": "8", "hour": "23", "hours": "2"},
        {"ResourceId": NODE, "cost": "16", "hour": "0", "hours": "24"},
    )
    empty.bring(bill(tmp_path / "bill.csv", *lines))
    second = allocation(NODE, "batch/report", "1", day="2026-03-03")
    cluster(empty, allocations(tmp_path / "two.json", allocation(NODE, "shop/web", "1"), second))
    switch(empty, True)
    assert of_node(empty) == {"shop": Decimal(17), "batch": Decimal(2), None: Decimal(12)}


def test_spot_and_covered_rows_are_split_by_each_of_their_costs(empty: Laptop, tmp_path: Path) -> None:
    columns = (
        "savingsPlan/SavingsPlanEffectiveCost",
        "savingsPlan/SavingsPlanARN",
        "reservation/EffectiveCost",
        "reservation/ReservationARN",
    )
    lines = [
        {**cur_line(1, "0.31", UsageType="SpotUsage:m5.large", publicOnDemandRate="1.1"), "ResourceId": NODE},
        {**cur_line(1, "0.5", LineItemId="covered", LineItemType="SavingsPlanCoveredUsage", publicOnDemandRate="0.5"), "ResourceId": NODE,
         "SavingsPlanEffectiveCost": "0.35", "SavingsPlanARN": "arn:aws:savingsplans::1:savingsplan/sp-1"},
        {**cur_line(1, "-0.5", LineItemId="negation", LineItemType="SavingsPlanNegation"),
         "SavingsPlanARN": "arn:aws:savingsplans::1:savingsplan/sp-1"},
        {**cur_line(1, "0", LineItemId="reserved", LineItemType="DiscountedUsage", publicOnDemandRate="0.7"), "ResourceId": NODE,
         "EffectiveCost": "0.2", "ReservationARN": "arn:aws:ec2:us-east-1:1:reserved-instances/ri-1"},
    ]  # fmt: skip
    path = tmp_path / "bill.csv"
    path.write_text(cur_text(lines, ("lineItem/ResourceId", *columns)))
    empty.bring(path)
    metrics = (
        "BilledCost",
        "EffectiveCost",
        "ListCost",
        "ContractedCost",
        "PricingQuantity",
        "CommitmentDiscountQuantity",
    )
    kinds = "coalesce(CommitmentDiscountId, PricingCategory)"
    whole = {metric: of_node(empty, name=kinds, metric=metric) for metric in metrics}
    assert len(whole["EffectiveCost"]) == 3 and all(whole["EffectiveCost"].values())
    third = [allocation(NODE, f"shop/{name}", "1") for name in ("a", "b", "c")]
    cluster(empty, allocations(tmp_path / "cluster.json", *third))
    switch(empty, True)
    assert {metric: of_node(empty, name=kinds, metric=metric) for metric in metrics} == whole
    parts = of_node(empty, name="AllocatedResourceName", metric="EffectiveCost")
    assert set(parts) == {"a", "b", "c"} and max(parts.values()) - min(parts.values()) < Decimal("1e-20")


def test_two_clusters_of_an_account_are_chosen_one_by_one(rt: Laptop, tmp_path: Path) -> None:
    other = allocations(tmp_path / "other.json", allocation(OTHER, "web/site", "1", cluster="second"))
    cluster(rt, other, name="second")
    switch(rt, True)
    assert set(of_node(rt)) == set(SPLIT) and of_node(rt, OTHER) == {None: Decimal("3.3")}
    switch(rt, True, "second")
    assert by(rt, "x_Cluster", where=f"ResourceId in ('{NODE}', '{OTHER}')") == {
        "prod": NODE_COST,
        "second": Decimal("3.3"),
    }
    switch(rt, False)
    assert by(rt, "x_Cluster") == {"second": Decimal("3.3"), None: Decimal("9.7000000007")}
    with pytest.raises(BadConfiguration, match="one of AWS, expected one of a cluster"):
        switch(rt, True, "bill")
    with pytest.raises(NotFound, match="no integration ghost"):
        switch(rt, True, "ghost")


def test_negative_idle_leaves_no_remainder_and_a_negative_workload_leaves_the_node_whole(
    empty: Laptop, tmp_path: Path
) -> None:
    empty.bring(bill(tmp_path / "bill.csv", *BILL))
    full = (allocation(NODE, "shop/web", "1"), allocation(NODE, "shop/api", "2"), allocation(NODE, "__idle__", "-0.4"))
    credited = (allocation(OTHER, "shop/web", "-1"), allocation(OTHER, "shop/api", "2"))
    cluster(empty, allocations(tmp_path / "cluster.json", *full, *credited))
    switch(empty, True)
    parts = of_node(empty, name="AllocatedResourceName")
    assert set(parts) == {"web", "api"} and sum(parts.values()) == NODE_COST
    assert of_node(empty, OTHER, name="AllocatedMethodId") == {None: Decimal("3.3")}


def test_a_bill_or_a_cluster_that_is_taken_back_takes_its_split_with_it(rt: Laptop, tmp_path: Path) -> None:
    first = rt.exported()
    rt.bring(bill(tmp_path / "newer.csv", {**BILL[0], "cost": "8"}), delivered_at=NOW - timedelta(days=1))
    switch(rt, True)
    newer = shown(rt)["split_from"]
    with pytest.raises(BadConfiguration, match="is made of"):
        withdraw(rt, "default", shown(rt)["delivery_id"])
    withdraw(rt, "default", newer)
    list(work(rt, rt.clock.sleep))
    assert of_node(rt) == SPLIT
    restore(rt, "default", newer)
    list(work(rt, rt.clock.sleep))
    assert sum(of_node(rt).values()) == 8 and len(of_node(rt)) == 3
    withdraw(rt, "default", newer)
    list(work(rt, rt.clock.sleep))
    withdraw(rt, "default", shown(rt, "cluster")["delivery_id"])
    list(work(rt, rt.clock.sleep))
    bills = [row for row in first if row["x_IntegrationId"] == "bill"]
    assert rt.exported() == bills


def test_a_cluster_that_is_removed_leaves_the_bill_whole(rt: Laptop) -> None:
    whole = rt.exported()
    switch(rt, True)
    integrations.remove(rt, "default", "cluster")
    list(work(rt, rt.clock.sleep))
    assert rt.exported() == whole


ARRIVALS = ("bill 1", "bill 2", "cluster 1", "cluster 2", "on")


@pytest.fixture(scope="module")
def wanted(
    prepared: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """What is shown at the end, split and whole, where all come in order."""
    home = tmp_path_factory.mktemp("wanted") / "home"
    shutil.copytree(prepared, home)
    with laptop(home) as rt:
        subscribe_all(rt)
        for one in ("bill 2", "cluster 2", "on"):
            arrive(rt, tmp_path_factory.mktemp("files"), one)
        split = rt.exported()
        switch(rt, False)
        return split, rt.exported()


def arrive(rt: Laptop, folder: Path, what: str) -> None:
    kind, _, number = what.partition(" ")
    moment = NOW - timedelta(days=3 - int(number or 0))
    if kind == "bill":
        lines = BILL if number == "1" else (*BILL, {"ResourceId": OTHER, "cost": "0.7", "hour": "9"})
        rt.bring(bill(folder / "bill.csv", *lines), delivered_at=moment)
    elif kind == "cluster":
        ran = (
            RAN if number == "1" else (*RAN, allocation(OTHER, "shop/web", "0.7"), allocation(OTHER, "__idle__", "0.2"))
        )
        cluster(rt, allocations(folder / "cluster.json", *ran), delivered_at=moment)
    elif rt.documents.get(integration_path("default", "cluster")):
        switch(rt, kind == "on")


def test_any_order_and_repeats_end_in_the_same_rows(wanted: Any, tmp_path: Path) -> None:
    chance = Random(1)  # a few seconds each; others were tried
    arrivals = [*ARRIVALS, "off", chance.choice(ARRIVALS[:4])]
    chance.shuffle(arrivals)
    with laptop(tmp_path / "home") as rt:
        totals = []
        for number, one in enumerate(arrivals):
            (folder := tmp_path / str(number)).mkdir()
            arrive(rt, folder, one)
            totals.append((one, sum(rt.billed().values())))
        arrive(rt, tmp_path, "off")
        assert rt.exported() == wanted[1], arrivals
        arrive(rt, tmp_path, "on")
        assert rt.exported() == wanted[0], arrivals
    assert all(
        before == after for (_, before), (one, after) in pairwise(totals) if one in ("on", "off") or "cluster" in one
    )


def test_command_api_and_page_turn_the_same_switch(rt: Laptop) -> None:
    whole = rt.exported()
    typed = CliRunner().invoke(app, ["integrations", "split", "cluster", "on"])
    assert typed.exit_code == 0 and "split among what ran on them" in typed.output
    assert of_node(rt) == SPLIT
    assert "nodes in bills  split" in CliRunner().invoke(app, ["integrations", "show", "cluster"]).output
    ask = create_site(rt, Service(OpenDoor(), loopback=True)).test_client()
    answer = ask.patch("/api/v1/integrations/default/cluster", json={"split_nodes": False})
    assert (answer.status_code, answer.json["split_nodes"]) == (200, False)
    list(work(rt, rt.clock.sleep))
    assert rt.exported() == whole
    assert ask.patch("/api/v1/integrations/default/bill", json={"split_nodes": True}).status_code == 422
    page = "/default/settings/integrations/cluster"
    assert "Split nodes" in ask.get(page).get_data(as_text=True)
    assert ask.post(f"{page}/split").status_code == 303 and ask.post(f"{page}/split").status_code == 303
    list(work(rt, rt.clock.sleep))
    assert of_node(rt) == SPLIT and "Show nodes whole" in ask.get(page).get_data(as_text=True)
    assert "Split nodes" not in ask.get("/default/settings/integrations/bill").get_data(as_text=True)
    found = [one.what for one in show_integration(rt, "default", "cluster").history]
    assert found[-3:] == ["nodes are split", "nodes are shown whole", "nodes are split"]


def test_a_share_leads_to_its_line_its_labels_and_its_day(rt: Laptop) -> None:
    switch(rt, True)
    rows = rt.ask(
        "select x_DeliveryId as d, x_SourceRowId as r from cost_data_standard_1_3 where AllocatedMethodId is not null"
    )
    assert len({row["r"] for row in rows}) == len(rows) == 12
    for row in rows:
        cells = dict(read_source_line(rt, "default", row["d"], row["r"]).cells)
        assert cells["lineItem/ResourceId"] == NODE
    answer = ask_costs(rt, "default", CostsQuestion((dimension("tag:team"),)))
    found = {group.keys[0]: group.amounts.total for one in answer.currencies for group in one.groups}
    assert found["data"] == Decimal("13.0000000007")  # the tag of the charge, where both have one
    answer = ask_costs(rt, "default", CostsQuestion((dimension("tag:kubernetes:controller"),)))
    found = {group.keys[0]: group.amounts.total for one in answer.currencies for group in one.groups}
    assert {name: found[name] for name in ("web", "report")} == {"web": SPLIT["shop"] / 2, "report": SPLIT["batch"]}
    (view,) = rt.ask("select sum(billed_cost) as cost from kubernetes_node_costs")
    assert view["cost"] == NODE_COST


def test_what_a_split_is_made_of_stays_as_long_as_it(rt: Laptop) -> None:
    switch(rt, True)
    split = rt.exported()
    set_life(rt, "default", "versions", 30)
    rt.clock.sleep(400 * 86400)
    clean_up(rt, "default")
    assert {one["state"] for one in rt.deliveries(integration_id="bill")} == {"current", "replaced"}
    assert rt.exported() == split
    switch(rt, False)
    assert of_node(rt, name="AllocatedMethodId") == {None: NODE_COST}


def test_each_bill_is_announced_once_as_it_is_seen_at_the_end(rt: Laptop, tmp_path: Path) -> None:
    switch(rt, True)
    done = rt.bring(bill(tmp_path / "newer.csv", {**BILL[0], "cost": "8"}), delivered_at=NOW - timedelta(days=1))
    told = [one.delivery.event["data"]["delivery_id"] for one in done if one.delivery.topic == "charges-normalized"]
    assert told == [shown(rt)["delivery_id"]] and shown(rt)["split_from"]
    done = rt.bring(bill(tmp_path / "without.csv", {**BILL[5], "cost": "8"}), delivered_at=NOW)
    told = [one.delivery.event["data"]["delivery_id"] for one in done if one.delivery.topic == "charges-normalized"]
    assert told == [shown(rt)["delivery_id"]] and not shown(rt).get("split_from")
