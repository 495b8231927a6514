"""Every rule over several rows can fail, and so can every rule about columns."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from common.focus import columns
from common.validation import Report, validate_file
from common.validation.catalogue import Check, Kind, catalogue, evidence, rule_ids, table
from common.validation.schema import check_names
from tests.unit.validation_cases import COVERED, SHARE, USAGE, USED, Row

NAMES = [column.name for column in columns()]
DATASET_RULES = [check.rule_id for check in catalogue() if check.kind is Kind.DATASET]
SCHEMA_RULES = [check for check in catalogue() if check.kind is Kind.SCHEMA]

PAIRS: dict[str, tuple[Row, Row]] = {
    "CAU-AllocatedResourceId-C-008-O": (SHARE, SHARE | {"AllocatedResourceName": "another pod"}),
    "CAU-BillingAccountType-C-006-M": (USAGE, USAGE | {"BillingAccountType": "payer"}),
    "CAU-CommitmentDiscountId-C-007-M": (USED, USED | {"CommitmentDiscountCategory": "Spend"}),
    "CAU-CommitmentDiscountUnit-C-008-M": (USED, USED | {"CommitmentDiscountUnit": "Seconds"}),
    "CAU-ContractAppliedObject-O-038-M": (
        COVERED,
        USAGE
        | {
            "ContractApplied": '{"Elements":[{"ContractId":"c2","ContractCommitmentId":"cc1",'
            '"ContractCommitmentAppliedCost":1}]}'
        },
    ),
    "CAU-EffectiveCost-C-013-C": (USED, USED | {"CommitmentDiscountStatus": None}),
    "CAU-ServiceName-C-005-C": (USAGE, USAGE | {"ServiceCategory": "Other", "ServiceSubcategory": "Other (Other)"}),
    "CAU-ServiceName-C-008-C": (USAGE, USAGE | {"ServiceSubcategory": "Containers"}),
    "CAU-SkuMeter-C-006-O": (USAGE, USAGE | {"SkuMeter": "Hours of machines"}),
    "CAU-SkuPriceDetails-C-013-O": (USAGE, USAGE | {"SkuPriceDetails": '{"CoreCount":8}'}),
    "CAU-SkuPriceId-C-008-M": (USAGE, USAGE | {"SkuId": "sku-2"}),
    "CAU-SubAccountType-C-006-M": (USAGE, USAGE | {"SubAccountType": "ACCOUNT"}),
}


def validated(folder: Path, rows: list[Row], names: list[str] = NAMES) -> Report:
    path = folder / "rows.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(names)
        writer.writerows([row.get(name) for name in names] for row in rows)
    return validate_file(path)


def test_no_rule_is_unaccounted_for() -> None:
    stated = [rule_id for column in columns() for rule_id in rule_ids(column)]
    told = [check.rule_id for check in catalogue()]
    assert len(stated) == 463
    assert len(set(told)) == len(told)
    assert set(told) == set(stated) | {f"x_NullHandling-{name}" for name in NAMES} | {"x_BlockPricing-PricingUnit"}


def test_every_reason_names_a_rule_that_there_is() -> None:
    stated = {rule_id for column in columns() for rule_id in rule_ids(column)}
    for name in ("rows", "datasets"):
        assert set(table(name)) <= stated
    assert set(table("other")["uncheckable"]) <= stated


def test_what_is_not_checked_says_why() -> None:
    assert all(check.note for check in catalogue() if check.kind in (Kind.UNCHECKABLE, Kind.PERMISSION))
    assert all(check.predicate for check in catalogue() if check.kind is Kind.ROW)


@pytest.mark.parametrize("rule_id", DATASET_RULES)
def test_a_rule_over_rows_can_fail(rule_id: str, tmp_path: Path) -> None:
    one, other = PAIRS[rule_id]
    failures = {failure.rule_id: failure for failure in validated(tmp_path, [one, other]).failures}
    assert failures[rule_id].count == 1
    assert validated(tmp_path, [one, one]).failures == ()


def test_a_rule_over_rows_shows_the_key_and_both_values(tmp_path: Path) -> None:
    one, other = PAIRS["CAU-SkuPriceId-C-008-M"]
    report = validated(tmp_path, [one, other])
    assert "SkuPriceId price-1: SkuId is sku-1 and sku-2" in {failure.example for failure in report.failures}


def test_a_property_added_over_time_is_no_change(tmp_path: Path) -> None:
    longer = USAGE | {"SkuPriceDetails": '{"CoreCount":4,"InstanceType":"m5.large","x_Boost":true,"MemorySize":8}'}
    assert validated(tmp_path, [USAGE, longer]).failures == ()


@pytest.mark.parametrize("check", SCHEMA_RULES, ids=lambda check: check.rule_id)
def test_a_missing_column_is_reported(check: Check, tmp_path: Path) -> None:
    name = check.column
    names = [other for other in NAMES if other != name]
    found = {failure.rule_id: failure for failure in check_names(names).failures}
    assert found[check.rule_id].example.startswith(f"no column {name}")
    assert len(found) == 1


def test_a_feature_that_shows_nowhere_asks_for_no_column() -> None:
    names = [name for name in NAMES if not name.startswith("CommitmentDiscount")]
    assert check_names(names).failures == ()
    assert "CommitmentDiscountId" in evidence("CommitmentDiscountType")


@pytest.mark.parametrize(
    ("names", "rule_id", "words"),
    [
        (
            ["billedcost" if name == "BilledCost" else name for name in NAMES],
            "x_ColumnNames-1",
            "billedcost instead of Bill",
        ),
        ([*NAMES, "Id"], "x_ColumnNames-2", "Id"),
        (["x_Team", *NAMES], "x_ColumnNames-3", "x_Team"),
        ([*NAMES, "Tags"], "x_ColumnNames-4", "Tags"),
        ([*NAMES, "x_cost_center"], "x_ColumnNames-5", "x_cost_center"),
        ([*NAMES, "x_Cost-Center"], "x_ColumnNames-5", "x_Cost-Center"),
        ([*NAMES, "x_" + 49 * "A"], "x_ColumnNames-6", "x_AAA"),
        ([*NAMES[1:], NAMES[0]], "x_ColumnNames-7", f"{NAMES[0]} after {NAMES[-1]}"),
        ([*NAMES, "x_Team", "x_CostCenter"], "x_ColumnNames-8", "x_CostCenter after x_Team"),
    ],
)
def test_names_of_columns_are_checked(names: list[str], rule_id: str, words: str) -> None:
    failures = check_names(names).failures
    assert [failure.rule_id for failure in failures] == [rule_id]
    assert words in failures[0].example


def test_names_of_ones_own_in_form_and_order_are_not_reported() -> None:
    assert check_names([*NAMES, "x_AccountId", "x_B2", "x_" + 48 * "c".upper()]).failures == ()


def test_keys_of_json_have_no_order() -> None:
    assert check_names(["x_Team", "x_CostCenter", *reversed(NAMES)], ordered=False).failures == ()


def test_a_name_that_repeats_the_id_is_reported(tmp_path: Path) -> None:
    rows = [USAGE | {"ResourceId": "i-1", "ResourceName": name} for name in ("i-1", "web", "")]
    found = [(one.rule_id, one.count) for one in validated(tmp_path, rows).failures]
    assert found == [("CAU-ResourceName-C-006-C", 1)]


@pytest.mark.parametrize(
    ("unit", "billed", "contracted", "is_reported"),
    [
        ("10000 Units", "0.0000000067", "0.000067", True),
        ("100 Hours", "250", "2.5", True),
        ("100 Hours", "250", "250", False),
        ("100 Hours", "225", "250", False),  # a price that differs by tier
        ("100 Hours", "0", "2.5", False),
        ("Hours", "250", "2.5", False),
        ("100 Hours", "-250", "-2.5", True),
        ("100 Hours", "90000000000000", "90000000000000", False),
    ],
)
def test_a_product_that_is_wrong_by_the_block_is_reported(
    tmp_path: Path, unit: str, billed: str, contracted: str, is_reported: bool
) -> None:
    row = USAGE | {"PricingUnit": unit, "BilledCost": billed, "ContractedCost": contracted, "PricingQuantity": "1"}
    row |= {"ContractedUnitPrice": contracted}
    found = {one.rule_id for one in validated(tmp_path, [row]).failures}
    assert ("x_BlockPricing-PricingUnit" in found) is is_reported


def test_a_misspelt_column_is_checked_all_the_same(tmp_path: Path) -> None:
    names = ["chargecategory" if name == "ChargeCategory" else name for name in NAMES]
    report = validated(tmp_path, [USAGE | {"chargecategory": "usage"}], names)
    assert {"x_ColumnNames-1", "CAU-ChargeCategory-C-003-M"} <= {failure.rule_id for failure in report.failures}


@pytest.mark.parametrize(
    ("dropped", "added", "words"),
    [
        (("1.3",), [], "came with FOCUS 1.2"),
        (("1.3", "1.2"), [], "came with FOCUS 1.1"),
        (("1.3", "1.2", "1.1"), [], "came with FOCUS 1.0"),
        ((), ["InvoiceDetailId"], "FOCUS 1.4"),
    ],
)
def test_another_version_is_named(dropped: tuple[str, ...], added: list[str], words: str) -> None:
    names = [column.name for column in columns() if column.introduced not in dropped]
    assert words in " ".join(check_names([*names, *added]).hints)


def test_rules_without_their_columns_are_said_to_be_untold(tmp_path: Path) -> None:
    names = [name for name in NAMES if name != "SkuPriceId"]
    report = validated(tmp_path, [USAGE], names)
    assert "CAU-PricingQuantity-C-011-C" in report.skipped
    assert "CAU-PricingQuantity-C-005-C" not in report.skipped
