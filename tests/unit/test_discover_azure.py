"""Azure exports at a location: which runs count, and what belongs to them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from common.adapters.locations.files import FileLocation
from common.errors import BadBill, NotReady
from common.providers.azure.manifests import discover

SUBSCRIPTION = "/subscriptions/11111111-2222-3333-4444-555555555555"


def write_run(
    root: Path,
    export: str,
    kind: str,
    *,
    month: str = "2026-03",
    submitted: str = "2026-03-05T01:00:00.1234567Z",
    run_id: str = "run-1",
    parts: tuple[str, ...] = ("part_0_0001.csv",),
    container: str = "",
    name: str = "manifest.json",
    scope: str = SUBSCRIPTION,
    **extra: object,
) -> Path:
    """One run as Azure leaves it: manifest version of API 2023-07-01-preview and later."""
    folder = f"costs/{export}/{month.replace('-', '')}01-{month.replace('-', '')}31/{run_id}"
    (root / folder).mkdir(parents=True)
    for part in parts:
        (root / folder / part).write_text("a,b\n1,2\n")
    manifest = {
        "manifestVersion": "2024-04-01",
        "byteCount": 8 * len(parts),
        "blobCount": len(parts),
        "dataRowCount": len(parts),
        "exportConfig": {
            "exportName": export,
            "resourceId": f"{scope}/providers/Microsoft.CostManagement/exports/{export}",
            "dataVersion": "2023-05-01",
            "type": kind,
            "timeFrame": "MonthToDate",
            "granularity": "Daily",
        },
        "deliveryConfig": {"partitionData": True, "fileFormat": "Csv", "rootFolderPath": "costs"},
        "runInfo": {
            "executionType": "Scheduled",
            "submittedTime": submitted,
            "runId": run_id,
            "startDate": f"{month}-01T00:00:00",
            "endDate": f"{month}-31T00:00:00",
        },
        "blobs": [{"blobName": f"{container}{folder}/{part}", "byteCount": 8} for part in parts],
    }
    path = root / folder / name
    path.write_text(json.dumps(manifest | extra))
    return path


def names(delivery: object) -> list[str]:
    return [part.name for part in delivery.parts]  # type: ignore[attr-defined]


def test_an_actual_and_an_amortized_run_of_a_month_are_one_delivery(tmp_path: Path) -> None:
    write_run(tmp_path, "actual", "ActualCost", submitted="2026-03-05T01:00:00Z", run_id="a1")
    write_run(tmp_path, "spread", "AmortizedCost", submitted="2026-03-05T03:00:00Z", run_id="b1")

    [delivery] = discover(FileLocation(str(tmp_path)))

    assert [(part.name.split("/")[1], part.role, part.size_bytes) for part in delivery.parts] == [
        ("actual", "actual", 8),
        ("spread", "amortized", 8),
    ]
    assert delivery.delivered_at == datetime(2026, 3, 5, 3, tzinfo=UTC)
    assert (delivery.billing_period, delivery.version) == ("2026-03", "a1+b1")


def test_the_newest_run_of_a_month_counts_whatever_its_folder_is_called(tmp_path: Path) -> None:
    write_run(tmp_path, "daily", "ActualCost", submitted="2026-03-06T01:00:00Z", run_id="a-late")
    write_run(tmp_path, "daily", "ActualCost", submitted="2026-03-05T01:00:00Z", run_id="z-early")

    [delivery] = discover(FileLocation(str(tmp_path)))

    assert (delivery.version, len(delivery.parts)) == ("a-late", 1)


def test_a_replaced_run_may_have_lost_its_parts(tmp_path: Path) -> None:
    write_run(tmp_path, "daily", "ActualCost", submitted="2026-03-06T01:00:00Z", run_id="new")
    gone = write_run(tmp_path, "daily", "ActualCost", submitted="2026-03-05T01:00:00Z", run_id="old")
    (gone.parent / "part_0_0001.csv").unlink()

    assert [delivery.version for delivery in discover(FileLocation(str(tmp_path)))] == ["new"]


def test_two_exports_of_one_scope_tell_the_same_money_once(tmp_path: Path) -> None:
    write_run(tmp_path, "month-to-date", "ActualCost", submitted="2026-03-31T01:00:00Z", run_id="mtd")
    write_run(tmp_path, "last-month", "ActualCost", submitted="2026-04-05T01:00:00Z", run_id="closed")

    assert [delivery.version for delivery in discover(FileLocation(str(tmp_path)))] == ["closed"]


def test_runs_of_two_scopes_add_up_in_one_delivery(tmp_path: Path) -> None:
    write_run(tmp_path, "one", "ActualCost", run_id="one")
    write_run(tmp_path, "two", "ActualCost", run_id="two", scope="/subscriptions/other")

    [delivery] = discover(FileLocation(str(tmp_path)))

    assert (delivery.version, len(delivery.parts)) == ("one+two", 2)


def test_each_month_is_a_delivery_and_months_can_be_chosen(tmp_path: Path) -> None:
    write_run(tmp_path, "daily", "ActualCost", month="2026-03", run_id="march")
    write_run(tmp_path, "daily", "ActualCost", month="2026-02", run_id="february")

    assert [found.billing_period for found in discover(FileLocation(str(tmp_path)))] == ["2026-02", "2026-03"]
    assert [found.version for found in discover(FileLocation(str(tmp_path)), ["2026-02"])] == ["february"]


@pytest.mark.parametrize("container", ["", "billing/", "/", "account/billing/"])
def test_blob_names_may_carry_the_container(tmp_path: Path, container: str) -> None:
    write_run(tmp_path, "daily", "ActualCost", parts=("part_1.csv", "part_0.csv"), container=container)

    [delivery] = discover(FileLocation(str(tmp_path)))

    folder = "costs/daily/20260301-20260331/run-1"
    assert names(delivery) == [f"{folder}/part_0.csv", f"{folder}/part_1.csv"]


def test_blobs_are_found_where_the_location_begins_below_the_container(tmp_path: Path) -> None:
    run = write_run(tmp_path, "daily", "ActualCost", container="account/billing/")
    run.rename(tmp_path / "manifest.json")

    [delivery] = discover(FileLocation(str(tmp_path)))

    assert names(delivery) == ["costs/daily/20260301-20260331/run-1/part_0_0001.csv"]


def test_blobs_are_found_where_the_location_begins_above_the_container(tmp_path: Path) -> None:
    run = write_run(tmp_path / "billing", "daily", "ActualCost")
    run.rename(tmp_path / "billing" / "manifest.json")

    [delivery] = discover(FileLocation(str(tmp_path)))

    assert names(delivery) == ["billing/costs/daily/20260301-20260331/run-1/part_0_0001.csv"]


def test_files_that_no_manifest_names_are_left_alone(tmp_path: Path) -> None:
    run = write_run(tmp_path, "daily", "ActualCost")
    (run.parent / "part_9_9999.csv").write_text("a,b\n")

    [delivery] = discover(FileLocation(str(tmp_path)))

    assert [Path(name).name for name in names(delivery)] == ["part_0_0001.csv"]


@pytest.mark.parametrize("name", ["manifest.json", "_manifest.json"])
def test_the_first_manifest_version_tells_month_by_folder_and_no_view(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "costs" / "daily" / "20260301-20260331" / "run"
    folder.mkdir(parents=True)
    (folder / "part_0.csv").write_text("a,b\n")
    blob = {"blobName": "costs/daily/20260301-20260331/run/part_0.csv", "byteCount": "4", "dataRowCount": 0}
    manifest = {"manifestVersion": "2021-01-01", "dataFormat": "csv", "blobCount": 1, "byteCount": 4, "blobs": [blob]}
    (folder / name).write_text(json.dumps(manifest))

    [delivery] = discover(FileLocation(str(tmp_path)))

    assert (delivery.billing_period, delivery.version) == ("2026-03", None)
    assert [(part.role, part.size_bytes) for part in delivery.parts] == [("whole", 4)]


def test_price_sheets_and_recommendations_are_no_bills(tmp_path: Path) -> None:
    write_run(tmp_path, "prices", "PriceSheet", run_id="prices")
    write_run(tmp_path, "daily", "ActualCost", run_id="costs")

    assert [delivery.version for delivery in discover(FileLocation(str(tmp_path)))] == ["costs"]


def test_a_focus_export_beside_cost_details_does_not_tell_the_money_twice(tmp_path: Path) -> None:
    write_run(tmp_path, "focus", "FocusCost", run_id="focus")
    assert [delivery.version for delivery in discover(FileLocation(str(tmp_path)))] == ["focus"]

    write_run(tmp_path, "daily", "ActualCost", run_id="costs")
    assert [delivery.version for delivery in discover(FileLocation(str(tmp_path)))] == ["costs"]


def test_a_missing_part_is_waited_for(tmp_path: Path) -> None:
    run = write_run(tmp_path, "daily", "ActualCost", parts=("part_0.csv", "part_1.csv"))
    (run.parent / "part_1.csv").unlink()

    with pytest.raises(NotReady, match=r"names part_1\.csv, which does not exist; the export is not finished"):
        discover(FileLocation(str(tmp_path)))


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"blobCount": 3}, "lists 1 of 3 parts"),
        ({"blobs": [], "blobCount": None}, "lists no parts yet"),
    ],
)
def test_parts_missing_in_the_manifest_are_waited_for(tmp_path: Path, extra: dict[str, object], message: str) -> None:
    write_run(tmp_path, "daily", "ActualCost", **extra)

    with pytest.raises(NotReady, match=message):
        discover(FileLocation(str(tmp_path)))


def test_a_run_without_data_is_no_delivery(tmp_path: Path) -> None:
    write_run(tmp_path, "daily", "ActualCost", parts=())

    assert discover(FileLocation(str(tmp_path))) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not valid JSON, expected the manifest of an Azure export"),
        ("[]", "has no list of blobs"),
        ('{"blobs": [{"byteCount": 1}]}', "lists a blob without blobName"),
        ('{"blobs": [], "runInfo": {"startDate": "soon"}}', "has a startDate that is not a date"),
        ('{"blobs": [], "runInfo": {"submittedTime": "soon"}}', "has a submittedTime that is not a time"),
    ],
)
def test_a_broken_manifest_is_a_bad_bill(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "manifest.json").write_text(text)

    with pytest.raises(BadBill, match=message) as raised:
        discover(FileLocation(str(tmp_path)))
    assert "\n" not in str(raised.value)


def test_plain_files_are_one_delivery(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", "README.md", ".hidden.csv", "a.csv.sha256"):
        (tmp_path / name).write_text("a,b\n")

    [delivery] = discover(FileLocation(str(tmp_path)))

    assert [(part.name, part.role) for part in delivery.parts] == [("a.csv", "whole"), ("b.csv", "whole")]
    assert delivery.billing_period is None


def test_an_empty_place_is_said_to_hold_no_bill(tmp_path: Path) -> None:
    with pytest.raises(BadBill, match="holds no bill"):
        discover(FileLocation(str(tmp_path)))
