"""Google Cloud extracts at a location become deliveries."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from common.adapters.locations.files import FileLocation
from common.errors import BadBill, NotReady
from common.providers.discovery import FoundDelivery
from common.providers.gcp.discovery import discover


def put(root: Path, name: str, day: int) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}")
    moment = datetime(2026, 3, day, tzinfo=UTC).timestamp()
    os.utime(path, (moment, moment))


def names(delivery: FoundDelivery) -> list[str]:
    return [part.name for part in delivery.parts]


def test_shards_are_one_delivery_as_late_as_the_latest_of_them(tmp_path: Path) -> None:
    put(tmp_path, "march-000000000001.json.gz", 3)
    put(tmp_path, "march-000000000000.json.gz", 2)
    (found,) = discover(FileLocation(str(tmp_path)))
    assert names(found) == ["march-000000000000.json.gz", "march-000000000001.json.gz"]
    assert found.delivered_at == datetime(2026, 3, 3, tzinfo=UTC)
    assert found.billing_period is None


def test_two_extracts_are_two_deliveries_oldest_first(tmp_path: Path) -> None:
    put(tmp_path, "b/bill-000000000000.parquet", 2)
    put(tmp_path, "a/bill-000000000000.parquet", 9)
    assert [names(one) for one in discover(FileLocation(str(tmp_path)))] == [
        ["b/bill-000000000000.parquet"],
        ["a/bill-000000000000.parquet"],
    ]


def test_a_number_alone_is_a_shard(tmp_path: Path) -> None:
    put(tmp_path, "202603/000000000000.json", 2)
    put(tmp_path, "202603/000000000001.json", 2)
    (found,) = discover(FileLocation(str(tmp_path)))
    assert len(found.parts) == 2


def test_plain_files_are_one_delivery(tmp_path: Path) -> None:
    for name in ("one.csv", "two.csv", "README.md", ".hidden", "notes.txt"):
        put(tmp_path, name, 4)
    (found,) = discover(FileLocation(str(tmp_path)))
    assert names(found) == ["one.csv", "two.csv"]


def test_a_single_file_is_a_delivery(tmp_path: Path) -> None:
    put(tmp_path, "bill.ndjson", 4)
    (found,) = discover(FileLocation(str(tmp_path / "bill.ndjson")))
    assert names(found) == ["bill.ndjson"]


def test_a_time_in_a_name_is_no_shard_number(tmp_path: Path) -> None:
    put(tmp_path, "bill-202603012359.csv", 4)
    put(tmp_path, "bill-202603022359.csv", 4)
    (found,) = discover(FileLocation(str(tmp_path)))
    assert len(found.parts) == 2


def test_an_extract_with_a_gap_is_not_ready(tmp_path: Path) -> None:
    put(tmp_path, "march-000000000000.json.gz", 2)
    put(tmp_path, "march-000000000002.json.gz", 2)
    with pytest.raises(NotReady, match=r"march-\*\.json\.gz .* 2 shards but none numbered 000000000001"):
        discover(FileLocation(str(tmp_path)))


def test_a_place_without_data_says_so(tmp_path: Path) -> None:
    put(tmp_path, "README.md", 2)
    with pytest.raises(BadBill, match="holds no bill"):
        discover(FileLocation(str(tmp_path)))
