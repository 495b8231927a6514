"""Azure's mapping knows the FinOps toolkit's open data: services, regions, resource types and units, but for what our tables correct."""

from __future__ import annotations

import re

import pytest

from deployment.service_lists import CLASSIFICATION, map_lines, read_csv, resource_of

CHARGE = {
    "cost_in_billing_currency": "10", "billing_currency": "USD", "date": "2026-03-01", "billing_account_id": "1", "charge_type": "Usage",
    "quantity": "1000", "unit_price": "0.01",
}  # fmt: skip
SYMBOLS = r"[KMGTP]i?B|Mbps|Count"
COUNTED = r"[A-Z]\w*( [A-Z]\w*)*s|Transactions in Thousands|Units/(10 Days|[36] Months)"
RATES = rf"({SYMBOLS}|[A-Z]\w*( [A-Z]\w*)*)-(Second|Minute|Hour|Day|Month|Year)s"


def listed(name: str) -> list[dict[str, str]]:
    return read_csv(CLASSIFICATION / "finops_toolkit" / f"{name}.csv")


def corrected(table: str, key: str) -> dict[str, dict[str, str]]:
    """The rows of ours that differ from a list, by their key."""
    return {row[key]: row for row in read_csv(CLASSIFICATION / f"{table}.csv") if row["reason"]}


def test_every_region_of_the_list_has_its_id_and_name() -> None:
    regions = listed("Regions")
    rows = map_lines("azure_cost", [{**CHARGE, "resource_location": row["OriginalValue"]} for row in regions])
    ours = corrected("azure_regions", "location")
    wrong = [
        (row["OriginalValue"], found["RegionId"], found["RegionName"])
        for row, found in zip(regions, rows, strict=True)
        if (found["RegionId"], found["RegionName"]) != (row["RegionId"], row["RegionName"])
        and row["OriginalValue"].replace(" ", "") not in ours
    ]
    assert wrong == []


def test_every_resource_type_of_the_list_has_its_name() -> None:
    # an extension's own id has its namespace behind `providers`, so that it has a type of its own
    types = [row for row in listed("ResourceTypes") if "/providers/" not in row["ResourceType"]]
    rows = map_lines("azure_cost", [{**CHARGE, "resource_id": resource_of(row["ResourceType"])} for row in types])
    ours = corrected("azure_resource_types", "resource_type")
    wrong = [
        (row["ResourceType"], found["ResourceType"])
        for row, found in zip(types, rows, strict=True)
        if found["ResourceType"] != row["SingularDisplayName"] and row["ResourceType"] not in ours
    ]
    assert len(types) > 2000
    assert wrong == []


def test_a_resource_nested_deeper_than_any_known_type_has_the_name_of_the_type_above() -> None:
    deep = resource_of("microsoft.netapp/netappaccounts/capacitypools/volumes/things")
    (row,) = map_lines("azure_cost", [{**CHARGE, "resource_id": deep}])
    assert row["ResourceType"] == "Volume"


def test_every_unit_of_the_list_is_plural_english_and_in_the_unit_format_of_focus() -> None:
    units = listed("PricingUnits")
    # each a meter of its own: lines of one meter decide together what their quantity counts
    lines = [
        {**CHARGE, "meter_id": str(place), "unit_of_measure": row["UnitOfMeasure"]} for place, row in enumerate(units)
    ]
    rows = map_lines("azure_cost", lines)
    ours = corrected("azure_units", "unit_of_measure")
    for row, found in zip(units, rows, strict=True):
        consumed, priced = str(found["ConsumedUnit"]), str(found["PricingUnit"])
        assert re.fullmatch(f"{SYMBOLS}|{COUNTED}|{RATES}", consumed), row
        block = ours.get(row["UnitOfMeasure"].lower().strip(), {}).get("block") or row["PricingBlockSize"]
        assert priced == (consumed if block == "1" else f"{block} {consumed}"), row
        assert found["quarantine_reason"] is None


@pytest.mark.parametrize(
    ("written", "unit"),
    [
        ("10 TB/Month", "TB-Months"), ("10 TB Hours", "TB-Hours"), ("100 IOPS/Month", "IOPS-Months"), ("10 Hourly Units", "Unit-Hours"),
        ("500 Minute", "Minutes"), ("1 Database Units (DU)", "Units"), ("1\u00a0GB/mes", "GB-Months"), ("1 GB/月", "GB-Months"),
        ("1/小时", "Unit-Hours"), ("per Privacy Subject Rights Request", "Requests"), ("1 Rotation", "Rotations"),
        ("10000s", "Transactions"),
    ],
)  # fmt: skip
def test_a_unit_as_azure_writes_it_is_one_of_focus(written: str, unit: str) -> None:
    (row,) = map_lines("azure_cost", [{**CHARGE, "unit_of_measure": written}])
    assert row["ConsumedUnit"] == unit


@pytest.mark.parametrize(
    ("place", "region"), [("EU", "eastus"), ("ap southeast", "southeastasia"), ("AM2", "westeurope")]
)
def test_a_region_is_known_by_short_codes_and_old_names(place: str, region: str) -> None:
    (row,) = map_lines("azure_cost", [{**CHARGE, "resource_location": place}])
    assert row["RegionId"] == region
