"""OCI cost reports at a location become one delivery."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from common.adapters.locations.files import FileLocation
from common.errors import BadBill
from common.providers.oci.discovery import discover


def put(root: Path, name: str, day: int = 1) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    moment = datetime(2026, 3, day, tzinfo=UTC).timestamp()
    os.utime(path, (moment, moment))


def found_names(root: Path) -> list[str]:
    (found,) = discover(FileLocation(str(root)))
    return [part.name for part in found.parts]


def test_cost_reports_are_taken_and_what_is_beside_them_is_not(tmp_path: Path) -> None:
    put(tmp_path, "reports/cost-csv/0001000000030000270.csv.gz", 7)
    put(tmp_path, "reports/cost-csv/0001000000030000269.csv.gz", 8)
    put(tmp_path, "reports/usage-csv/0001000000030000269.csv.gz", 9)
    put(tmp_path, "FOCUS Reports/2026/03/01/0001000000030000269-00001.csv.gz", 9)
    put(tmp_path, "stray.csv", 9)
    (found,) = discover(FileLocation(str(tmp_path)))
    assert [part.name for part in found.parts] == [
        "reports/cost-csv/0001000000030000269.csv.gz",
        "reports/cost-csv/0001000000030000270.csv.gz",
    ]
    assert found.delivered_at == datetime(2026, 3, 8, tzinfo=UTC)
    assert found.billing_period is None


def test_a_plain_folder_is_one_delivery(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv.gz", "README.md", ".DS_Store"):
        put(tmp_path, name)
    assert found_names(tmp_path) == ["a.csv.gz", "b.csv"]


def test_a_single_file_is_a_delivery(tmp_path: Path) -> None:
    put(tmp_path, "a.csv")
    assert found_names(tmp_path / "a.csv") == ["a.csv"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("reports/usage-csv/0001.csv.gz", "holds usage reports but no cost report; give the place of reports/cost-csv"),
        (
            "FOCUS Reports/2026/03/01/0001.csv.gz",
            "holds FOCUS reports but no cost report; connect its folder as provider focus",
        ),
        ("README.md", "holds no bill"),
    ],
)
def test_a_place_without_cost_reports_says_what_it_holds(tmp_path: Path, name: str, said: str) -> None:
    put(tmp_path, name)
    with pytest.raises(BadBill, match=said):
        discover(FileLocation(str(tmp_path)))
