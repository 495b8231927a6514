"""Azure's tables in common/reference, made of public lists that are taken in and of our rows.

    python -m deployment.open_data [--finops-toolkit FOLDER] [--focus-converters FOLDER]

FOLDER is a clone (with or without a work tree) of microsoft/finops-toolkit or finopsfoundation/focus_converters, both MIT.  What its HEAD
commit has is written below deployment/classification: the rows as they are, and only the columns that are used.  Then, and without a clone,
the tables are written: our rows of deployment/classification/azure_*.csv, and what the toolkit's lists add (join.sql there).  The lists of
focus_converters are only compared with our categories (`python -m deployment.service_lists`).
"""

from __future__ import annotations

import argparse
import csv
import io
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

ROOT = Path(__file__).parents[1]
CLASSIFICATION = ROOT / "deployment" / "classification"
TABLES = {
    "azure_regions": ("location", "region_id", "region_name"),
    "azure_resource_types": ("resource_type", "display_name"),
    "azure_services": ("source", "service_name", "service_category", "service_subcategory"),
    "azure_units": ("unit_of_measure", "block", "reciprocal", "unit"),
}
"""The tables that are made -> their columns, the key first."""


@dataclass(frozen=True)
class OpenData:
    """A repository's lists.

    folder: where they are written, from the root.  columns: path in the repository -> the columns that are used.
    """

    repository: str
    copyright: str
    folder: str
    columns: Mapping[str, tuple[str, ...]]


FINOPS_TOOLKIT = OpenData(
    "microsoft/finops-toolkit",
    "Copyright (c) Microsoft Corporation.",
    "deployment/classification/finops_toolkit",
    {
        "src/open-data/PricingUnits.csv": ("UnitOfMeasure", "PricingBlockSize", "DistinctUnits"),
        "src/open-data/Regions.csv": ("OriginalValue", "RegionId", "RegionName"),
        "src/open-data/ResourceTypes.csv": ("ResourceType", "SingularDisplayName"),
        "src/open-data/Services.csv": (
            "ConsumedService", "ResourceType", "ServiceName", "ServiceCategory", "ServiceSubcategory",
        ),
    },
)  # fmt: skip
_MAPS = "focus_converter_base/focus_converter/conversion_configs/{0}/mapping_files/{0}_category_mapping.csv"
FOCUS_CONVERTERS = OpenData(
    "finopsfoundation/focus_converters",
    "Copyright (c) 2023 FinOps Foundation",
    "deployment/classification/focus_converters",
    {
        _MAPS.format("aws"): ("product_code", "ServiceCategory"),
        _MAPS.format("gcp"): ("ConsumedService", "ServiceCategory"),
    },
)


def take_in(data: OpenData, clone: Path, root: Path = ROOT) -> str:
    """Write a repository's lists below root, with the commit they are from; returns the commit's abbreviated id and date.

    Raises CalledProcessError where the clone has no such file, KeyError naming a column that a list no longer has.
    """
    folder = root / data.folder
    folder.mkdir(parents=True, exist_ok=True)
    commit = _git(clone, "log", "-1", "--abbrev=12", "--format=%h of %cs").strip()
    for path, columns in data.columns.items():
        (folder / Path(path).name).write_text(only_columns(_git(clone, "show", f"HEAD:{path}"), columns), "utf-8")
    (folder / "README.md").write_text(_readme(data, commit), "utf-8")
    return commit


def joined(folder: Path = CLASSIFICATION, our_rows: bool = True) -> dict[str, str]:
    """Each table that is made, as the text of its file in order of its key; without our rows, what the toolkit alone would give."""
    with duckdb.connect(":memory:") as connection:
        for path in (*folder.glob("azure_*.csv"), *folder.glob("finops_toolkit/*.csv")):
            connection.execute(
                f'create table "{path.stem.lower()}" as select * from read_csv(?, header = true, all_varchar = true, '
                "delim = ',', quote = '\"')",
                [str(path)],
            )
        if not our_rows:
            for table in TABLES:
                connection.execute(f"delete from {table}")
        connection.execute((folder / "join.sql").read_text("utf-8"))
        return {
            table: _csv(
                columns, connection.execute(f"select {', '.join(columns)} from {table} order by all").fetchall()
            )
            for table, columns in TABLES.items()
        }


def only_columns(text: str, columns: Sequence[str]) -> str:
    """A CSV file's text with these columns alone, its rows as they were."""
    rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    return _csv(columns, ([row[name] for name in columns] for row in rows))


def _csv(columns: Sequence[str], rows: Iterable[Sequence[str | None]]) -> str:
    written = io.StringIO(newline="")
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return written.getvalue()


def _readme(data: OpenData, commit: str) -> str:
    files = "".join(
        f"| `{Path(path).name}` | `{path}` | {', '.join(names)} |\n" for path, names in data.columns.items()
    )
    notice = f"{'../' * (data.folder.count('/') + 1)}NOTICE"
    return (
        f"# {data.repository}\n\nLists of [{data.repository}](https://github.com/{data.repository}) at {commit}. "
        f"{data.copyright} MIT: the licence is in [NOTICE]({notice}).\n\n"
        "Rows are unchanged; columns that are not used are left out. "
        "Do not edit these files: `python -m deployment.open_data` writes them and this page.\n\n"
        f"| file | from | columns |\n|---|---|---|\n{files}"
    )


def _git(clone: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(clone), *words], capture_output=True, check=True)  # noqa: S603, S607
    return done.stdout.decode("utf-8")


def main(words: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m deployment.open_data", description=__doc__.partition("\n")[0])
    parser.add_argument("--finops-toolkit", type=Path)
    parser.add_argument("--focus-converters", type=Path)
    asked = parser.parse_args(words)
    given = [(FINOPS_TOOLKIT, asked.finops_toolkit), (FOCUS_CONVERTERS, asked.focus_converters)]
    for data, clone in given:
        if clone:
            print(f"{data.folder}: {data.repository} at {take_in(data, clone, root)}")
    for table, text in joined(root / "deployment" / "classification").items():
        (root / "common" / "reference" / f"{table}.csv").write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
