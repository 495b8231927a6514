"""Taking in public lists from a clone of their repository."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from deployment.open_data import CLASSIFICATION, FINOPS_TOOLKIT, FOCUS_CONVERTERS, ROOT, OpenData, main, take_in
from deployment.service_lists import read_csv


def clone_of(data: OpenData, folder: Path, rows: str) -> Path:
    """A repository whose lists have the columns that are used, one more, and these rows."""
    for path, columns in data.columns.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        header = ",".join(f'"{name}"' for name in ("Icon", *columns))
        file.write_text(f"{header}\r\n{rows}", encoding="utf-8-sig", newline="")
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "x", "--date", "2026-05-01T00:00:00Z"]):
        subprocess.run(["git", "-C", str(folder), *words], check=True)
    return folder


def test_the_rows_are_as_they_were_in_the_columns_that_are_used(tmp_path: Path) -> None:
    clone = clone_of(FINOPS_TOOLKIT, tmp_path / "clone", 'svg,"1 ",EA\r\nsvg,1/小时,"a, b"\r\n')
    take_in(FINOPS_TOOLKIT, clone, tmp_path)
    written = (tmp_path / FINOPS_TOOLKIT.folder / "ResourceTypes.csv").read_bytes().decode("utf-8")
    assert written == 'ResourceType,SingularDisplayName\n1 ,EA\n1/小时,"a, b"\n'


def test_the_page_beside_the_lists_names_the_commit(tmp_path: Path) -> None:
    clone = clone_of(FOCUS_CONVERTERS, tmp_path / "clone", "")
    take_in(FOCUS_CONVERTERS, clone, tmp_path)
    head = subprocess.run(
        ["git", "-C", str(clone), "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    ).stdout
    page = (tmp_path / FOCUS_CONVERTERS.folder / "README.md").read_text(encoding="utf-8")
    assert head[:7] in page and FOCUS_CONVERTERS.copyright in page


def test_a_refresh_makes_the_tables_of_what_the_clone_has_and_of_our_rows(tmp_path: Path) -> None:
    shutil.copytree(CLASSIFICATION, tmp_path / "deployment" / "classification")
    (tmp_path / "common" / "reference").mkdir(parents=True)
    clone = clone_of(FINOPS_TOOLKIT, tmp_path / "clone", "svg,moon base,7,Moon Base,Compute,Other (Compute)\n")
    assert main(["--finops-toolkit", str(clone)], tmp_path) == 0
    regions = {row["location"]: row for row in read_csv(tmp_path / "common" / "reference" / "azure_regions.csv")}
    assert regions["moonbase"] == {"location": "moonbase", "region_id": "7", "region_name": "Moon Base"}
    assert regions["ams"]["region_id"] == "westeurope"
    assert "brazilsouth" not in regions


def test_a_list_without_a_column_that_is_used_is_refused_by_name(tmp_path: Path) -> None:
    clone = clone_of(FOCUS_CONVERTERS, tmp_path / "clone", "svg,a,b\n")
    data = OpenData("a/b", "", "lists", {path: ("Category",) for path in FOCUS_CONVERTERS.columns})
    with pytest.raises(KeyError, match="Category"):
        take_in(data, clone, tmp_path)


@pytest.mark.parametrize("data", [FINOPS_TOOLKIT, FOCUS_CONVERTERS], ids=lambda data: data.repository)
def test_what_was_taken_in_is_complete_and_named_in_the_notice(data: OpenData) -> None:
    for path, columns in data.columns.items():
        rows = read_csv(ROOT / data.folder / Path(path).name)
        assert len(rows) > 100 and tuple(rows[0]) == columns
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    assert all(
        words in notice for words in (data.repository, data.folder, data.copyright, "Permission is hereby granted")
    )
