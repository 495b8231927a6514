"""How the tables of services in common/reference compare with public lists, and what these lists add.

    python -m deployment.service_lists --finops-toolkit FOLDER --focus-converters FOLDER
    python -m deployment.service_lists --finops-toolkit FOLDER --write

FOLDER is a checkout of microsoft/finops-toolkit (src/open-data: services and regions of Azure) or of finopsfoundation/focus_converters
(category maps of AWS and Google Cloud); both are MIT.  Exit status 1: more than 5 % of a list's codes are unknown or Other, or more than
5 % have another category without a reason in service_differences.csv.  --write adds the services and regions of Azure that our tables
lack; what it writes is Microsoft's data, and the licence's notice must then be in NOTICE.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
REFERENCE = HERE.parent / "common" / "reference"
LARGEST_SHARE = 20
"""One in so many codes may be unknown, and one in so many may differ without a reason."""
OTHER = "Other"
_MAPS = "focus_converter_base/focus_converter/conversion_configs/{0}/mapping_files/{0}_category_mapping.csv"
_CLASS = ("service_name", "service_category", "service_subcategory")

Row = dict[str, str]


@dataclass(frozen=True)
class Listed:
    """A list's class of one code.  of_type: Azure's resource type, where the code is the consumed service beside it."""

    provider: str
    code: str
    category: str
    of_type: str = ""
    service_name: str = ""
    subcategory: str = ""

    @property
    def known_as(self) -> str:
        """As service_differences.csv names it."""
        return self.of_type or self.code


@dataclass(frozen=True)
class Comparison:
    """One provider's list beside our table.

    others: unknown to us or Other; differing: another category without a reason, with ours; explained: how many differ with a reason.
    """

    provider: str
    codes: int
    others: tuple[Listed, ...]
    differing: tuple[tuple[Listed, str], ...]
    explained: int

    @property
    def holds(self) -> bool:
        """Whether both shares are small enough."""
        return max(len(self.others), len(self.differing)) * LARGEST_SHARE <= self.codes


class Tables:
    """Our tables, asked as the mappings ask them."""

    def __init__(self, folder: Path) -> None:
        self.azure = {row["source"]: row for row in read_csv(folder / "azure_services.csv")}
        self._plain = {
            "aws": {row["service_key"].lower(): row for row in read_csv(folder / "aws_services.csv")},
            "gcp": {row["service_name"].lower(): row for row in read_csv(folder / "gcp_services.csv")},
        }

    def category(self, listed: Listed) -> str:
        """The category that a line with this code has; Other where no table knows it."""
        row = (
            self._azure(listed) if listed.provider == "azure" else self._plain[listed.provider].get(listed.code.lower())
        )
        return row["service_category"] if row else OTHER

    def _azure(self, listed: Listed) -> Row | None:
        """As azure_cost.sql: the type, a consumed service that is a word, the type's namespace, the consumed service."""
        parts = listed.of_type.split("/")
        word = "" if "." in listed.code else listed.code
        keys = ("/".join(parts[:2]), word, parts[0], listed.code)
        return next((self.azure[key] for key in keys if key in self.azure), None)


def read_csv(path: Path) -> list[Row]:
    """The rows of a file with a header."""
    with path.open(newline="", encoding="utf-8-sig") as handle:
        return list(csv.DictReader(handle))


def read_toolkit(folder: Path) -> list[Listed]:
    """Azure's services by consumed service and resource type."""
    return [
        Listed(
            "azure", row["ConsumedService"].lower(), row["ServiceCategory"], row["ResourceType"].lower(),
            row["ServiceName"], row["ServiceSubcategory"],
        )
        for row in read_csv(folder / "src" / "open-data" / "Services.csv")
    ]  # fmt: skip


def read_converters(folder: Path) -> list[Listed]:
    """Product codes of AWS and services of Google Cloud.  A name with a star is a feature without a code of its own."""
    found = []
    for provider in ("aws", "gcp"):
        for code, category in (tuple(row.values())[:2] for row in read_csv(folder / _MAPS.format(provider))):
            if code.strip() and not code.strip().endswith("*"):
                found.append(Listed(provider, code.strip(), category.strip()))
    return found


def compare(lists: Sequence[Listed], category: Callable[[Listed], str], differences: Iterable[Row]) -> list[Comparison]:
    """Each provider's list beside our tables."""
    reasons = {(row["provider"], row["code"], row["ours"]) for row in differences if row["reason"]}
    found = []
    for provider in sorted({one.provider for one in lists}):
        mine = [(one, category(one)) for one in lists if one.provider == provider]
        others = tuple(one for one, ours in mine if ours == OTHER != one.category)
        apart = [(one, ours) for one, ours in mine if ours not in (OTHER, one.category)]
        differing = tuple((one, ours) for one, ours in apart if (provider, one.known_as, ours) not in reasons)
        found.append(Comparison(provider, len(mine), others, differing, len(apart) - len(differing)))
    return found


def missing_services(lists: Sequence[Listed], tables: Tables) -> list[Row]:
    """Rows for what Azure's list knows and ours does not, by resource type or consumed service."""
    rows: dict[str, Row] = {}
    for one in lists:
        source = "/".join(one.of_type.split("/")[:2]) or one.code
        if one.provider == "azure" and tables.category(one) == OTHER != one.category and source not in tables.azure:
            rows[source] = dict(
                zip(("source", *_CLASS), (source, one.service_name, one.category, one.subcategory), strict=True)
            )
    return list(rows.values())


def missing_regions(folder: Path, reference: Path) -> list[Row]:
    """Spellings of known regions that our table lacks; a region that it does not know at all is left for a person to add."""
    ours = read_csv(reference / "azure_regions.csv")
    names = {row["region_id"]: row["region_name"] for row in ours if row["region_id"]}
    known = {row["location"] for row in ours}
    spellings = {
        row["OriginalValue"].lower().replace(" ", ""): row["RegionId"]
        for row in read_csv(folder / "src" / "open-data" / "Regions.csv")
    }
    return [
        {"location": spelling, "region_id": region, "region_name": names[region]}
        for spelling, region in spellings.items()
        # two letters are too few to mean one region
        if spelling not in known and region in names and len(spelling) > 2
    ]


def add_rows(path: Path, rows: Sequence[Row]) -> None:
    """Rows added to a table, which stays in order of its first column."""
    both = [*read_csv(path), *rows]
    key = next(iter(both[0]))
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, list(both[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(both, key=lambda row: row[key]))


def report(one: Comparison) -> str:
    """What a person reads: both shares, and each code behind them."""
    lines = [
        f"{one.provider}: {one.codes} codes, {len(one.others)} Other, {len(one.differing)} of another category, "
        f"{one.explained} with a reason: {'ok' if one.holds else 'too many'}"
    ]
    lines += [f"  Other: {other.known_as} ({other.category})" for other in one.others]
    lines += [f"  differs: {listed.known_as} ({listed.category}, ours {ours})" for listed, ours in one.differing]
    return "\n".join(lines)


def main(words: Sequence[str] | None = None, reference: Path = REFERENCE) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m deployment.service_lists", description=__doc__.partition("\n")[0])
    parser.add_argument("--finops-toolkit", type=Path)
    parser.add_argument("--focus-converters", type=Path)
    parser.add_argument(
        "--write", action="store_true", help="add Azure's missing services and regions to common/reference"
    )
    asked = parser.parse_args(words)
    if not (asked.finops_toolkit or asked.focus_converters):
        parser.error("give --finops-toolkit or --focus-converters")
    lists = read_toolkit(asked.finops_toolkit) if asked.finops_toolkit else []
    lists += read_converters(asked.focus_converters) if asked.focus_converters else []
    if asked.write and asked.finops_toolkit:
        services, regions = missing_services(lists, Tables(reference)), missing_regions(asked.finops_toolkit, reference)
        add_rows(reference / "azure_services.csv", services)
        add_rows(reference / "azure_regions.csv", regions)
        print(
            f"{len(services)} services and {len(regions)} regions added; name microsoft/finops-toolkit, MIT, in NOTICE"
        )
    compared = compare(lists, Tables(reference).category, read_csv(HERE / "service_differences.csv"))
    print("\n".join(map(report, compared)))
    return 0 if all(one.holds for one in compared) else 1


if __name__ == "__main__":
    raise SystemExit(main())
