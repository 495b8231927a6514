"""What an export says of itself, by its newest manifest: whose costs it holds, and whether they can become rows."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, BinaryIO

import pytest

from common.domain.checks import FAILED, NOT_SUPPORTED, PASSED, UNKNOWN
from common.ports import FoundObject
from common.providers.azure.exports import agreement_of
from common.providers.examining import Examined
from common.providers.registry import provider

NOW = datetime(2026, 4, 10, tzinfo=UTC)
GUID = "11111111-2222-3333-4444-555555555555"
BILLING = "/providers/Microsoft.Billing/billingAccounts"


class Files:
    """A place whose files hold these JSON values, the later ones newer."""

    def __init__(self, files: dict[str, Any], uri: str = "file:///bills") -> None:
        self.uri, self._files = uri, files

    def list(self, prefix: str = "") -> Sequence[FoundObject]:
        return [FoundObject(name, 1, NOW.replace(second=at), str(at)) for at, name in enumerate(self._files)]

    def open(self, name: str, version: str | None = None) -> BinaryIO:
        return io.BytesIO(json.dumps(self._files[name]).encode())


def examined(name: str, files: dict[str, Any], uri: str = "file:///bills") -> Examined:
    return provider(name).examine(Files(files, uri))


def cur(*columns: str, **more: Any) -> dict[str, Any]:
    return {"columns": [{"name": one} for one in columns], "dataFiles": ["s3://b/x"], **more}


CUR2 = (
    "identity_line_item_id", "bill_payer_account_id", "bill_billing_period_start_date", "bill_bill_type", "line_item_usage_account_id",
    "line_item_line_item_type", "line_item_usage_start_date", "line_item_usage_end_date", "line_item_product_code",
    "line_item_usage_type", "line_item_usage_amount", "line_item_currency_code", "line_item_unblended_cost",
    "line_item_line_item_description", "product",
)  # fmt: skip
FOCUS = (
    "BilledCost", "EffectiveCost", "ListCost", "ContractedCost", "BillingCurrency", "BillingAccountId", "BillingPeriodStart",
    "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd", "ChargeCategory", "ServiceName", "ServiceCategory", "ProviderName",
    "ChargeDescription",
)  # fmt: skip


def test_the_columns_of_the_newest_manifest_decide_what_an_aws_export_is() -> None:
    folder = "cur/metadata/BILLING_PERIOD=2026-0{}/cur-Manifest.json"
    (one,) = examined("aws", {folder.format(2): cur("BilledCost"), folder.format(3): cur(*CUR2)}).checks
    assert (one.name, one.outcome) == ("export", PASSED) and "15 columns" in one.found


def test_a_column_that_a_mapping_needs_is_named_before_a_bill_is_read() -> None:
    lacking = [name for name in CUR2 if name != "line_item_unblended_cost"]
    (one,) = examined("aws", {"cur/metadata/BILLING_PERIOD=2026-03/cur-Manifest.json": cur(*lacking)}).checks
    assert one.outcome == FAILED and "line_item_unblended_cost" in one.found.lower().replace("/", "_"), one


def test_an_export_of_another_provider_says_how_to_connect_it() -> None:
    (one,) = examined("aws", {"focus/metadata/BILLING_PERIOD=2026-03/focus-Manifest.json": cur(*FOCUS)}).checks
    assert one.outcome == FAILED and "costwire connect focus" in one.fix, one
    (same,) = examined("focus", {"focus/metadata/BILLING_PERIOD=2026-03/focus-Manifest.json": cur(*FOCUS)}).checks
    assert same.outcome == PASSED, same


def azure(kind: str | None, scope: str = f"/subscriptions/{GUID}") -> dict[str, Any]:
    path = f"{scope}/providers/Microsoft.CostManagement/exports/{kind}"
    return {"exportConfig": {"type": kind, "resourceId": path}, "blobs": []}


def exports(*kinds: str, scope: str = f"/subscriptions/{GUID}", name: str = "azure") -> dict[str, Any]:
    files = {f"{kind}/20260301-20260331/run/manifest.json": azure(kind, scope) for kind in kinds}
    return {one.name: one for one in examined(name, files).checks}


@pytest.mark.parametrize(
    ("scope", "agreement"),
    [
        (f"{BILLING}/8608480", "Enterprise Agreement"),
        (f"{BILLING}/8608480/departments/1", "Enterprise Agreement"),
        (f"{BILLING}/{GUID}:{GUID}_2019-05-31/billingProfiles/ABCD", "Microsoft Customer Agreement"),
        ("/providers/Microsoft.Management/managementGroups/all", "management group"),
        (f"/subscriptions/{GUID}", "subscription"),
        (f"/subscriptions/{GUID}/resourceGroups/web", "resource group"),
        ("/something/else", None),
    ],
)
def test_the_scope_of_an_azure_export_shows_its_agreement(scope: str, agreement: str | None) -> None:
    assert agreement_of(scope) == agreement
    assert examined("azure", {"x/20260301-20260331/manifest.json": azure("ActualCost", scope)}).accounts == {
        f"azure {scope.lower()}"
    }


def test_what_an_agreement_does_not_support_is_no_missing_role() -> None:
    group = "/providers/Microsoft.Management/managementGroups/all"
    found = exports("FocusCost", scope=group, name="focus")
    assert (found["agreement"].outcome, found["agreement"].cause) == (FAILED, NOT_SUPPORTED)
    assert "az costmanagement export create --name costwire-focuscost" in found["agreement"].fix
    assert exports("FocusCost", name="focus")["agreement"].outcome == PASSED
    usage = exports("Usage")["views"]
    assert (usage.outcome, usage.cause) == (UNKNOWN, NOT_SUPPORTED)


def test_a_view_of_the_costs_that_is_missing_is_told_with_the_command_that_makes_it() -> None:
    assert "views" not in exports("ActualCost", "AmortizedCost")
    assert "--type AmortizedCost" in exports("ActualCost")["views"].fix


@pytest.mark.parametrize(
    ("kind", "words"),
    [("PriceSheet", "exports PriceSheet, which hold no costs"), ("FocusCost", "read as provider focus")],
)
def test_an_azure_export_that_cannot_become_rows_is_told(kind: str, words: str) -> None:
    one = exports(kind)["export"]
    assert one.outcome == FAILED and words in one.found and one.fix


def test_googles_tables_name_their_billing_account() -> None:
    name = "gcp_billing_export_resource_v1_01AB_CD_EF/invoice_month=2026-03/2026-03-07.parquet"
    found = examined("gcp", {name: {}}, "bq://p/d")
    assert found.accounts == {"gcp 01AB_CD_EF"} and found.checks[0].outcome == PASSED
    assert examined("focus", {name.replace("resource_v1", "focus"): {}}, "bq://p/d").accounts == found.accounts


@pytest.mark.parametrize(
    ("name", "folder", "outcome"),
    [
        ("oci", "reports/cost-csv", PASSED),
        ("oci", "FOCUS Reports/2026", FAILED),
        ("oci", "reports/usage-csv", FAILED),
        ("focus", "FOCUS Reports/2026", PASSED),
        ("focus", "reports/cost-csv", FAILED),
    ],
)
def test_ocis_folders_show_what_lies_there(name: str, folder: str, outcome: str) -> None:
    found = examined(name, {f"{folder}/1.csv.gz": {}}, "oci://bling/ocid1.tenancy")
    assert (found.checks[0].outcome, found.accounts) == (outcome, {"oci ocid1.tenancy"})
