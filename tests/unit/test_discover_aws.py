"""What discover finds of AWS at a location: the manifest's files, of the newest version of each period, no others."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from common.adapters.locations.files import FileLocation
from common.errors import BadBill, BadConfiguration, NotReady
from common.providers.aws.manifests import discover

PERIOD = "20260301-20260401"
OLD, NEW = "9aaaaaaa-assembly", "2bbbbbbb-assembly"


def put(root: Path, name: str, text: str = "a,b\n1,2\n", at: int = 1_770_000_000) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (at, at))


def legacy_manifest(assembly: str, keys: list[str], month: str = "03", report: str = "cur") -> str:
    period = {"start": f"2026{month}01T000000.000Z", "end": "20260401T000000.000Z"}
    return json.dumps({"assemblyId": assembly, "reportName": report, "billingPeriod": period, "reportKeys": keys})


def legacy_bucket(root: Path) -> None:
    for assembly in (OLD, NEW):
        key = f"bills/cur/{PERIOD}/{assembly}/cur-1.csv.gz"
        put(root, key)
        put(root, f"bills/cur/{PERIOD}/{assembly}/cur-Manifest.json", legacy_manifest(assembly, [key]))
    newest = [f"bills/cur/{PERIOD}/{NEW}/cur-1.csv.gz"]
    put(root, f"bills/cur/{PERIOD}/cur-Manifest.json", legacy_manifest(NEW, newest))
    put(root, f"bills/cur/{PERIOD}/cur-create-table.sql", "create table cur")


@pytest.mark.parametrize("cut", ["", "bills", "bills/cur", f"bills/cur/{PERIOD}"])
def test_legacy_cur_gives_the_newest_assembly_wherever_the_location_starts(tmp_path: Path, cut: str) -> None:
    legacy_bucket(tmp_path / "bucket")
    (delivery,) = discover(FileLocation(str(tmp_path / "bucket" / cut)))
    full = f"bills/cur/{PERIOD}/{NEW}/cur-1.csv.gz"
    assert [part.name for part in delivery.parts] == [full.removeprefix(cut + "/") if cut else full]
    assert (delivery.version, delivery.billing_period) == (NEW, "2026-03")


def test_a_location_above_the_bucket_finds_the_same_files(tmp_path: Path) -> None:
    legacy_bucket(tmp_path / "bucket")
    (delivery,) = discover(FileLocation(str(tmp_path)))
    assert [part.name for part in delivery.parts] == [f"bucket/bills/cur/{PERIOD}/{NEW}/cur-1.csv.gz"]


def test_the_folder_of_an_assembly_gives_that_assembly(tmp_path: Path) -> None:
    legacy_bucket(tmp_path)
    (delivery,) = discover(FileLocation(str(tmp_path / "bills/cur" / PERIOD / OLD)))
    assert (delivery.version, [part.name for part in delivery.parts]) == (OLD, ["cur-1.csv.gz"])


def test_files_that_the_manifest_does_not_name_are_left_alone(tmp_path: Path) -> None:
    keys = [f"cur/{PERIOD}/cur-2.csv.gz", f"cur/{PERIOD}/cur-1.csv.gz"]
    for key in (*keys, f"cur/{PERIOD}/cur-3.csv.gz"):
        put(tmp_path, key)
    put(tmp_path, f"cur/{PERIOD}/cur-Manifest.json", legacy_manifest(NEW, keys))
    (delivery,) = discover(FileLocation(str(tmp_path)))
    assert [part.name for part in delivery.parts] == sorted(keys)


def test_a_missing_part_is_not_ready(tmp_path: Path) -> None:
    keys = [f"cur/{PERIOD}/cur-1.csv.gz", f"cur/{PERIOD}/cur-2.csv.gz"]
    put(tmp_path, keys[0])
    put(tmp_path, f"cur/{PERIOD}/cur-Manifest.json", legacy_manifest(NEW, keys))
    with pytest.raises(NotReady, match=r"2 files of which 1 are missing, among them cur/.*cur-2.csv.gz"):
        discover(FileLocation(str(tmp_path)))


def test_a_manifest_without_files_is_not_ready(tmp_path: Path) -> None:
    put(tmp_path, f"cur/{PERIOD}/cur-Manifest.json", legacy_manifest(NEW, []))
    with pytest.raises(NotReady, match="lists no files"):
        discover(FileLocation(str(tmp_path)))


def test_only_the_asked_periods_are_looked_at(tmp_path: Path) -> None:
    legacy_bucket(tmp_path)
    unready = legacy_manifest("x", ["bills/cur/20260201-20260301/x/cur-1.csv.gz"], month="02")
    put(tmp_path, "bills/cur/20260201-20260301/cur-Manifest.json", unready)
    (delivery,) = discover(FileLocation(str(tmp_path)), ["2026-03"])
    assert delivery.billing_period == "2026-03"
    assert discover(FileLocation(str(tmp_path)), ["2025-12"]) == []


EXPORT = "exports/my-export"
EARLIER, LATER = "2026-03-05T04:05:06.789Z-exec-1", "2026-03-06T04:05:06.789Z-exec-2"


@pytest.mark.parametrize("field", ["dataFiles", "files", "reportKeys"])
def test_data_exports_give_the_execution_of_the_partitions_manifest(tmp_path: Path, field: str) -> None:
    for run in (EARLIER, LATER):
        key = f"{EXPORT}/data/BILLING_PERIOD=2026-03/{run}/my-export-00001.snappy.parquet"
        put(tmp_path, key)
        text = json.dumps({field: [f"s3://a-bucket/{key}"]})
        put(tmp_path, f"{EXPORT}/metadata/BILLING_PERIOD=2026-03/{run}/my-export-Manifest.json", text)
    put(tmp_path, f"{EXPORT}/metadata/BILLING_PERIOD=2026-03/my-export-Manifest.json", text)
    (delivery,) = discover(FileLocation(str(tmp_path / EXPORT)))
    assert [part.name for part in delivery.parts] == [
        f"data/BILLING_PERIOD=2026-03/{LATER}/my-export-00001.snappy.parquet"
    ]
    assert delivery.delivered_at == datetime(2026, 3, 6, 4, 5, 6, tzinfo=UTC)
    assert (delivery.version, delivery.billing_period) == ("exec-2", "2026-03")


def test_overwritten_exports_carry_declared_sizes_and_skip_emptied_chunks(tmp_path: Path) -> None:
    folder = f"{EXPORT}/data/BILLING_PERIOD=2026-03"
    put(tmp_path, f"{folder}/my-export-00001.csv.gz")
    put(tmp_path, f"{folder}/my-export-00002.csv.gz", "")
    listed = [{"key": f"{folder}/my-export-0000{n}.csv.gz", "sizeBytes": 8 * (2 - n)} for n in (1, 2)]
    put(tmp_path, f"{EXPORT}/metadata/BILLING_PERIOD=2026-03/Manifest.json", json.dumps({"dataFiles": listed}))
    (delivery,) = discover(FileLocation(str(tmp_path)))
    assert [(part.name, part.size_bytes) for part in delivery.parts] == [(f"{folder}/my-export-00001.csv.gz", 8)]
    assert delivery.delivered_at == datetime.fromtimestamp(1_770_000_000, tz=UTC)


def test_of_executions_without_a_manifest_above_them_the_newest_counts(tmp_path: Path) -> None:
    for run in (LATER, EARLIER):
        key = f"{EXPORT}/data/BILLING_PERIOD=2026-03/{run}/my-export-00001.csv.gz"
        put(tmp_path, key)
        text = json.dumps({"dataFiles": [key]})
        put(tmp_path, f"{EXPORT}/metadata/BILLING_PERIOD=2026-03/{run}/my-export-Manifest.json", text)
    (delivery,) = discover(FileLocation(str(tmp_path)))
    assert delivery.version == "exec-2"


def test_two_reports_of_one_month_are_refused(tmp_path: Path) -> None:
    for report in ("daily", "hourly"):
        key = f"{report}/{PERIOD}/{report}-1.csv.gz"
        put(tmp_path, key)
        put(tmp_path, f"{report}/{PERIOD}/{report}-Manifest.json", legacy_manifest(NEW, [key], report=report))
    with pytest.raises(BadConfiguration, match="two reports of 2026-03, daily and hourly"):
        discover(FileLocation(str(tmp_path)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not valid JSON"),
        ("[]", "no list of files"),
        ('{"reportKeys": "x"}', "no list of files"),
        ('{"reportKeys": [{}]}', "a file without a name"),
        ('{"reportKeys": ["x"], "billingPeriod": {"start": "soon"}}', "does not start at a date"),
        ('{"reportKeys": ["x"], "billingPeriod": {"start": "20261301T000000.000Z"}}', "2026-13"),
    ],
)
def test_a_broken_manifest_is_a_bad_bill(tmp_path: Path, text: str, message: str) -> None:
    put(tmp_path, "cur-Manifest.json", text)
    with pytest.raises(BadBill, match=message):
        discover(FileLocation(str(tmp_path)))


def test_without_a_manifest_all_data_files_are_one_delivery(tmp_path: Path) -> None:
    for name in ("b.csv", "sub/a.csv.gz", "README.md", ".hidden.csv", "sums.sha256"):
        put(tmp_path, name)
    (delivery,) = discover(FileLocation(str(tmp_path)))
    assert [part.name for part in delivery.parts] == ["b.csv", "sub/a.csv.gz"]
    assert (delivery.version, delivery.billing_period) == (None, None)


def test_a_single_file_is_a_delivery_of_one_part(tmp_path: Path) -> None:
    put(tmp_path, "bill.csv")
    (delivery,) = discover(FileLocation(str(tmp_path / "bill.csv")))
    assert [part.name for part in delivery.parts] == ["bill.csv"]
