"""What discover finds of native FOCUS bills: the files of AWS and Azure manifests, else all data files together."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from common.adapters.locations.files import FileLocation
from common.errors import BadBill, NotReady
from common.providers.focus.discovery import discover

RUN = "costs/focus/20260301-20260331/run-2"


def write(root: Path, name: str, text: str = "a,b\n1,2\n") -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def azure_manifest(kind: str, run_id: str, submitted: str, *blobs: str) -> str:
    return json.dumps(
        {
            "blobCount": len(blobs),
            "exportConfig": {
                "exportName": kind,
                "type": kind,
                "resourceId": "/subscriptions/a/providers/Microsoft.CostManagement/exports/e",
            },
            "runInfo": {"runId": run_id, "submittedTime": submitted, "startDate": "2026-03-01T00:00:00Z"},
            "blobs": [{"blobName": blob, "byteCount": 8} for blob in blobs],
        }
    )


def test_a_folder_without_manifest_is_one_delivery_of_its_data_files_in_order(tmp_path: Path) -> None:
    for name in ("b/2.csv.gz", "a/1.parquet", "README.md", ".hidden.csv", "a/1.parquet.sha256"):
        write(tmp_path, name)
    newest = datetime(2026, 3, 9, tzinfo=UTC)
    os.utime(tmp_path / "a/1.parquet", (newest.timestamp() - 60,) * 2)
    os.utime(tmp_path / "b/2.csv.gz", (newest.timestamp(),) * 2)
    (delivery,) = discover(FileLocation(str(tmp_path)))
    assert [part.name for part in delivery.parts] == ["a/1.parquet", "b/2.csv.gz"]
    assert {part.role for part in delivery.parts} == {"whole"}
    assert delivery.delivered_at == newest
    assert delivery.billing_period is None


def test_a_single_file_is_a_delivery_of_one_part(tmp_path: Path) -> None:
    path = write(tmp_path, "focus.csv")
    (delivery,) = discover(FileLocation(str(path)))
    assert len(delivery.parts) == 1
    assert delivery.parts[0].name.endswith("focus.csv")


def test_a_folder_without_any_bill_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "README.md")
    with pytest.raises(BadBill, match="holds no bill"):
        discover(FileLocation(str(tmp_path)))


def test_an_aws_focus_export_takes_the_files_that_its_manifest_lists(tmp_path: Path) -> None:
    data = "focus/data/BILLING_PERIOD=2026-03/20260305T010203Z-exec-1/focus-00001.csv.gz"
    write(tmp_path, data)
    write(tmp_path, "focus/data/BILLING_PERIOD=2026-03/20260301T010203Z-exec-0/focus-00001.csv.gz")
    manifest = {"exportName": "focus", "executionId": "exec-1", "dataFiles": [f"s3://bucket/{data}"]}
    write(tmp_path, "focus/metadata/BILLING_PERIOD=2026-03/Manifest.json", json.dumps(manifest))
    (delivery,) = discover(FileLocation(str(tmp_path)))
    assert [part.name for part in delivery.parts] == [data]
    assert (delivery.billing_period, delivery.version) == ("2026-03", "exec-1")
    assert delivery.delivered_at == datetime(2026, 3, 5, 1, 2, 3, tzinfo=UTC)
    assert discover(FileLocation(str(tmp_path)), ["2026-02"]) == []


def test_of_azure_exports_the_newest_focus_run_counts_and_no_other_kind(tmp_path: Path) -> None:
    older = "costs/focus/20260301-20260331/run-1"
    other = "costs/actual/20260301-20260331/run-9"
    for folder, kind, run_id, day in (
        (RUN, "FocusCost", "run-2", 6),
        (older, "FocusCost", "run-1", 5),
        (other, "ActualCost", "run-9", 7),
    ):
        blob = f"{folder}/part_0_0001.csv"
        write(tmp_path, blob)
        write(tmp_path, f"{folder}/manifest.json", azure_manifest(kind, run_id, f"2026-03-0{day}T01:00:00Z", blob))
    (delivery,) = discover(FileLocation(str(tmp_path)))
    assert [part.name for part in delivery.parts] == [f"{RUN}/part_0_0001.csv"]
    assert [(part.role, part.size_bytes) for part in delivery.parts] == [("whole", 8)]
    assert (delivery.billing_period, delivery.version) == ("2026-03", "run-2")
    assert delivery.delivered_at == datetime(2026, 3, 6, 1, tzinfo=UTC)


def test_a_manifest_that_names_a_missing_part_means_later(tmp_path: Path) -> None:
    manifest = azure_manifest("FocusCost", "run-2", "2026-03-06T01:00:00Z", f"{RUN}/part_0_0001.csv")
    write(tmp_path, f"{RUN}/manifest.json", manifest)
    with pytest.raises(NotReady, match=r"part_0_0001\.csv, which does not exist"):
        discover(FileLocation(str(tmp_path)))


def test_a_broken_manifest_is_refused_by_name(tmp_path: Path) -> None:
    write(tmp_path, f"{RUN}/manifest.json", "{not json")
    with pytest.raises(BadBill, match=f"{RUN}/manifest.json is not valid JSON"):
        discover(FileLocation(str(tmp_path)))
