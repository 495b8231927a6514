"""Charges of a cluster's nodes split among what ran on them: instead of the origin or not at all, and to the last digit either way."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from common.records.integrations import SPLIT_NODES, integration_path
from tests.support import NOW, Laptop, cur_line, cur_text, laptop

AMOUNTS = "sum(BilledCost) as billed, sum(EffectiveCost) as effective, sum(ListCost) as list, sum(ContractedCost) as contracted"


def allocation(
    node: str, name: str, cpu: str, day: str = "2026-03-02", cluster: str = "prod", **labels: str
) -> dict[str, Any]:
    """What ran on a node on a day.  name: namespace/controller, or __idle__."""
    namespace, _, controller = name.partition("/")
    start = datetime.fromisoformat(f"{day}T00:00:00+00:00")
    properties: dict[str, Any] = {"cluster": cluster, "node": f"ip-{node}.ec2.internal", "providerID": node}
    if controller:
        properties |= {
            "namespace": namespace,
            "controllerKind": "deployment",
            "controller": controller,
            "labels": labels,
        }
    return {
        "name": f"{cluster}/{node}/{name}", "properties": properties,
        "window": {"start": start.isoformat().replace("+00:00", "Z"), "end": (start + timedelta(days=1)).isoformat().replace("+00:00", "Z")},
        "minutes": 1440, "cpuCost": float(cpu), "ramCost": 0, "networkCost": 7, "totalCost": float(cpu) + 7,
    }  # fmt: skip


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


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Laptop]:
    with laptop(tmp_path / "home") as made:
        yield made


def cluster(rt: Laptop, path: Path, name: str = "cluster", **how: Any) -> None:
    rt.bring(path, integration=name, provider="opencost", **how)


def by(rt: Laptop, *names: str, where: str = "BilledCost <> 0") -> dict[Any, Decimal]:
    keys = ", ".join(names)
    rows = rt.ask(f"select {keys}, sum(BilledCost) as billed from cost_data_standard_1_3 where {where} group by {keys}")
    return {row[names[0]] if len(names) == 1 else tuple(row[one] for one in names): row["billed"] for row in rows}


def test_a_nodes_charges_are_shown_split_and_add_up_to_the_node(rt: Laptop, tmp_path: Path) -> None:
    rt.bring(bill(tmp_path / "bill.csv", *BILL))
    whole = rt.exported()
    cluster(rt, allocations(tmp_path / "cluster.json", *RAN))
    path = integration_path("default", "cluster")
    rt.documents.update(path, {SPLIT_NODES: True})
    from common.normalization.splitting import split_month
    from costwire.worker import work

    assert len(split_month(rt, "default", "2026-03")) == 1
    list(work(rt, rt.clock.sleep))
    found = by(rt, "x_Namespace", where=f"ResourceId = '{NODE}'")
    assert sum(found.values()) == Decimal("0.2000000007")
    assert set(found) == {"shop", "batch", None}
