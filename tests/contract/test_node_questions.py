"""Nodes of clusters in bills, and the tags of shares: the same answers of every warehouse."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from common.domain.node_names import node_key
from common.normalization.splitting import WITH_NODES
from common.warehouse.dimensions import TAG_SET
from tests.contract.backends import chosen
from tests.contract.warehouse_cases import ORG, Opened, charge

AWS, GCP = "i-0abc00000000000ff", "gke-main-pool-1a2b"
SCALE_SET = "aks-pool-1234-vmss"
AZURE = "/subscriptions/S/resourceGroups/MC_x/providers/Microsoft.Compute"
PATH = "//compute.googleapis.com/projects/p/zones/z"
FOUND = {
    "a bare id": ("aws", {"ResourceId": AWS}, AWS),
    "an ARN": ("aws", {"ResourceId": f"arn:aws:ec2:us-east-1:1:instance/{AWS}"}, f"aws:///us-east-1a/{AWS}"),
    "another case": ("aws", {"ResourceId": AWS.upper()}, AWS),
    "a number and a name": ("gcp", {"ResourceId": f"{PATH}/instances/123", "ResourceName": GCP}, f"gce://p/z/{GCP}"),
    "a path that ends with the name": ("gcp", {"ResourceId": f"{PATH}/instances/{GCP}"}, GCP),
    "a machine of a scale set": (
        "azure",
        {"ResourceId": f"{AZURE}/virtualMachineScaleSets/{SCALE_SET}"},
        f"azure://{AZURE.lower()}/virtualMachineScaleSets/{SCALE_SET}/virtualMachines/0",
    ),
    "a machine alone": (
        "azure",
        {"ResourceId": f"{AZURE}/virtualMachines/vm-1"},
        f"azure://{AZURE}/virtualMachines/VM-1",
    ),
}
NOT_FOUND = {
    "a disk of the machine's name": ("gcp", {"ResourceId": f"{PATH}/disks/{GCP}", "ResourceName": GCP}, GCP),
    "another provider": ("saas", {"ResourceId": AWS}, AWS),
    "the first of another's number": ("azure", {"ResourceId": f"{AZURE}/virtualMachineScaleSets/other/virtualMachines/0"}, "0"),
    "a longer id": ("aws", {"ResourceId": f"{AWS}0"}, AWS),
    "no resource": ("aws", {}, AWS),
    "a text with a quote": ("aws", {"ResourceId": "i-'0"}, AWS),
}  # fmt: skip
MARCH = {"start": datetime(2026, 3, 1, tzinfo=UTC), "end": datetime(2026, 4, 1, tzinfo=UTC)}


@pytest.fixture(params=chosen("WAREHOUSES", "duckdb"), scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Opened]:
    made = Opened(tmp_path_factory.mktemp("nodes"), request.param)
    rows = []
    for number, (provider, values, _) in enumerate([*FOUND.values(), *NOT_FOUND.values()]):
        rows.append(charge(x_Provider=provider, x_SourceRowId=f"bill{number}", **values))
    made.show("d1", *rows, *TAGGED)
    yield made
    made.close()


TAGGED = tuple(
    charge(x_Provider="aws", x_SourceRowId=name, Tags=tags, AllocatedTags=own)
    for name, tags, own in (
        ("both", '{"a": "1"}', '{"b": "2", "c": "}"}'),
        ("no own", '{"a": "1"}', "{}"),
        ("only own", " { } ", '{"b": "2"}'),
        ("null and own", None, '{"b": "2"}'),
        ("neither", None, None),
    )
)


def found(opened: Opened, key: str | None) -> set[Any]:
    """The rows by whose resources the question tells integrations."""
    sql = WITH_NODES.replace("x_IntegrationId", "x_SourceRowId")
    return {row["integration_id"] for row in opened.warehouse.query(ORG, sql, {**MARCH, "keys": [key]})}


@pytest.mark.parametrize("what", [*FOUND, *NOT_FOUND])
def test_a_node_is_found_by_what_both_call_it(opened: Opened, what: str) -> None:
    number = [*FOUND, *NOT_FOUND].index(what)
    _, _, provider_id = {**FOUND, **NOT_FOUND}[what]
    assert (f"bill{number}" in found(opened, node_key(provider_id, None))) == (what in FOUND)


def test_a_share_has_the_tags_of_the_charge_and_of_who_receives_it(opened: Opened) -> None:
    rows = opened.ask(
        f"select x_SourceRowId as id, json_value({TAG_SET}, '$.a') as a, "
        f"json_value({TAG_SET}, '$.b') as b, "
        f"json_value({TAG_SET}, '$.c') as c "
        "from cost_data_standard_1_3 where x_SourceRowId like '%o%' or x_SourceRowId like '%neither%'"
    )
    assert {row["id"]: (row["a"], row["b"], row["c"]) for row in rows if row["id"] in TELLING} == TELLING


TELLING = {
    "both": ("1", "2", "}"),
    "no own": ("1", None, None),
    "only own": (None, "2", None),
    "null and own": (None, "2", None),
    "neither": (None, None, None),
}


def test_a_node_without_a_provider_id_is_known_by_its_name() -> None:
    assert (node_key(None, "Worker-1"), node_key("", " "), node_key(None, None)) == ("worker-1", None, None)
