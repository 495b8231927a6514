"""The comparison of the service tables with public lists, on small lists of our own."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployment import service_lists
from deployment.service_lists import HERE, REFERENCE, Listed, Tables, add_rows, compare, main, read_csv

AZURE = "ConsumedService,ResourceType,ServiceName,ServiceCategory,ServiceSubcategory\n"


def toolkit(folder: Path, services: str, regions: str = "") -> Path:
    data = folder / "toolkit" / "src" / "open-data"
    data.mkdir(parents=True)
    (data / "Services.csv").write_text(AZURE + services, encoding="utf-8-sig")
    (data / "Regions.csv").write_text("OriginalValue,RegionId,RegionName\n" + regions, encoding="utf-8")
    return folder / "toolkit"


def converters(folder: Path, aws: str, gcp: str) -> Path:
    for provider, rows in (("aws", aws), ("gcp", gcp)):
        path = folder / "converters" / service_lists._MAPS.format(provider)
        path.parent.mkdir(parents=True)
        path.write_text("code,ServiceCategory\n" + rows, encoding="utf-8")
    return folder / "converters"


def test_every_reason_is_for_a_difference_that_our_tables_have() -> None:
    tables = Tables(REFERENCE)
    stale = [
        row
        for row in read_csv(HERE / "service_differences.csv")
        if not row["reason"]
        or row["theirs"] == row["ours"]
        or tables.category(Listed(row["provider"], row["code"].split("/")[0], "", row["code"])) != row["ours"]
    ]
    assert stale == []


def test_lists_that_agree_with_the_tables_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    azure = toolkit(
        tmp_path, "microsoft.compute,microsoft.compute/virtualmachines,Virtual Machines,Compute,Virtual Machines\n"
    )
    both = converters(tmp_path, "AmazonEC2,Compute\nAn EC2 feature*,Storage\n", "Cloud Run,Compute\n")
    assert main(["--finops-toolkit", str(azure), "--focus-converters", str(both)]) == 0
    assert "aws: 1 codes, 0 Other, 0 of another category, 0 with a reason: ok" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "said"),
    [("AmazonTomorrow,Compute\n", "Other: AmazonTomorrow (Compute)"), ("AmazonS3,Compute\n", "differs: AmazonS3 (Compute, ours Storage)")],
)  # fmt: skip
def test_a_code_that_is_other_or_differs_fails_above_one_in_twenty(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, said: str
) -> None:
    both = converters(tmp_path, line + "AmazonEC2,Compute\n" * 18, "Cloud Run,Compute\n")
    assert main(["--focus-converters", str(both)]) == 1
    assert said in capsys.readouterr().out


def test_one_in_twenty_is_allowed_and_a_difference_with_a_reason_does_not_count() -> None:
    lists = [Listed("aws", "AmazonEC2", "Compute")] * 18 + [
        Listed("aws", "x", "Storage"),
        Listed("aws", "y", "Storage"),
    ]
    ours = {"AmazonEC2": "Compute", "x": "Compute", "y": "Compute"}
    reason = {"provider": "aws", "code": "x", "theirs": "Storage", "ours": "Compute", "reason": "because"}
    assert not compare(lists, lambda one: ours[one.code], [])[0].holds
    (found,) = compare(lists, lambda one: ours[one.code], [reason])
    assert (found.holds, found.explained, [one.code for one, _ in found.differing]) == (True, 1, ["y"])


@pytest.mark.parametrize(
    ("consumed", "of_type", "category"),
    [
        ("microsoft.eventgrid", "microsoft.keyvault/vaults", "Security"),
        ("functions", "microsoft.web/sites", "Compute"),
        ("kubernetesservice", "microsoft.security/pricings", "Compute"),
        ("microsoft.nowhere", "microsoft.nowhere/things", "Other"),
    ],
)
def test_azure_is_asked_as_the_mapping_asks(consumed: str, of_type: str, category: str) -> None:
    assert Tables(REFERENCE).category(Listed("azure", consumed, "", of_type)) == category


def test_what_a_list_adds_is_written_into_the_tables_in_order(tmp_path: Path) -> None:
    reference = tmp_path / "reference"
    reference.mkdir()
    for name in ("aws_services", "azure_services", "gcp_services", "azure_regions"):
        (reference / f"{name}.csv").write_bytes((REFERENCE / f"{name}.csv").read_bytes())
    azure = toolkit(
        tmp_path,
        "microsoft.nowhere,microsoft.nowhere/things,Things,Web,Other (Web)\n",
        "a new spelling,westeurope,West Europe\nzz,westeurope,West Europe\nmoon,moon,Moon\n",
    )
    assert main(["--finops-toolkit", str(azure), "--write"], reference) == 0
    services, regions = (read_csv(reference / f"azure_{name}.csv") for name in ("services", "regions"))
    assert {row["source"]: row["service_name"] for row in services}["microsoft.nowhere/things"] == "Things"
    spellings = [row["location"] for row in regions]
    assert "anewspelling" in spellings and "zz" not in spellings and "moon" not in spellings
    assert spellings == sorted(spellings)


def test_adding_nothing_changes_no_byte(tmp_path: Path) -> None:
    table = tmp_path / "azure_services.csv"
    table.write_bytes((REFERENCE / "azure_services.csv").read_bytes())
    before = table.read_bytes()
    add_rows(table, [])
    assert table.read_bytes() == before
