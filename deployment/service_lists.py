"""How our tables of services compare with public lists, by the categories that the mappings give to each code that a list knows.

    python -m deployment.service_lists

The lists are those that `python -m deployment.open_data` takes in: Azure's services of the FinOps toolkit, category maps of AWS and Google
Cloud of focus_converters.  Exit status 1: more than 5 % of a list's codes are Other, or more than 5 % have another category without a
reason.  Reasons stand in service_differences.csv and, for Azure, beside the row of ours that corrects the list.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.formats.engine import engine
from common.formats.recognition import formats
from common.formats.source import literal, quoted
from common.normalization.mapping import mapping_sql, prepare

CLASSIFICATION = Path(__file__).parent / "classification"
LARGEST_SHARE = 20
"""One in so many codes may be Other, and one in so many may differ without a reason."""
OTHER = "Other"

Row = dict[str, str]


@dataclass(frozen=True)
class Listed:
    """A list's category of one code.  code: the consumed service for Azure; of_type: Azure's resource type beside it."""

    provider: str
    code: str
    category: str
    of_type: str = ""

    @property
    def known_as(self) -> str:
        """As service_differences.csv names it."""
        return self.of_type or self.code


@dataclass(frozen=True)
class Comparison:
    """One provider's list beside our tables.

    others: Other only with us; differing: another category without a reason, with ours; explained: how many differ with a reason.
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


def read_lists() -> list[Listed]:
    """Every code of the lists.  A name with a star is a feature of Google Cloud without a code of its own."""
    toolkit, converters = CLASSIFICATION / "finops_toolkit", CLASSIFICATION / "focus_converters"
    found = [
        Listed("azure", row["ConsumedService"], row["ServiceCategory"], row["ResourceType"])
        for row in read_csv(toolkit / "Services.csv")
    ]
    for provider in ("aws", "gcp"):
        for code, category in (row.values() for row in read_csv(converters / f"{provider}_category_mapping.csv")):
            if code.strip() and not code.strip().endswith("*"):
                found.append(Listed(provider, code.strip(), category.strip()))
    return found


def read_csv(path: Path) -> list[Row]:
    """The rows of a file with a header."""
    with path.open(newline="", encoding="utf-8-sig") as handle:
        return list(csv.DictReader(handle))


def map_lines(source_format: str, lines: Sequence[Mapping[str, str]]) -> list[dict[str, object]]:
    """What the format's mapping makes of lines that have these columns and no others: a row a line, in their order."""
    known = formats()[source_format]
    given = list(lines[0])
    nulls = [f"null::varchar as {quoted(name)}" for name in (*known.all_columns, *known.bags) if name not in given]
    values = ", ".join(f"({', '.join(map(literal, (str(place), *line.values())))})" for place, line in enumerate(lines))
    with engine() as connection:
        prepare(connection)
        connection.execute("set variable cost_role = 'whole'; set variable net_costs = false")
        connection.execute(
            f"create table source as select *, {', '.join(nulls)} from (values {values}) "
            f"as lines(source_row_id, {', '.join(map(quoted, given))})"
        )
        rows = connection.execute(f"select * from ({mapping_sql(source_format)}) order by source_row_id::integer")
        titles = [column[0] for column in rows.description]
        return [dict(zip(titles, row, strict=True)) for row in rows.fetchall()]


def azure_lines(lists: Iterable[Listed]) -> list[Row]:
    """Lines of an Azure bill for these codes, each of a resource of its type."""
    return [{"consumed_service": one.code, "resource_id": resource_of(one.of_type)} for one in lists]


def resource_of(resource_type: str) -> str:
    """The id of a resource of an Azure resource type."""
    namespace, *kinds = resource_type.split("/")
    return "/".join(["/subscriptions/s/resourceGroups/g/providers", namespace, *(f"{kind}/x" for kind in kinds)])


def our_categories(lists: Sequence[Listed]) -> list[str]:
    """The category that a line with each code has, in the order of the list."""
    lines = {
        "azure": ("azure_cost", azure_lines),
        "aws": ("aws_cur", lambda some: [{"line_item_product_code": one.code} for one in some]),
        "gcp": ("gcp_billing", lambda some: [{"service.description": one.code} for one in some]),
    }
    ours: dict[Listed, str] = {}
    for provider, (source_format, made) in lines.items():
        if mine := [one for one in lists if one.provider == provider]:
            rows = map_lines(source_format, made(mine))
            ours |= {one: str(row["ServiceCategory"]) for one, row in zip(mine, rows, strict=True)}
    return [ours[one] for one in lists]


def compare(lists: Sequence[Listed], categories: Sequence[str], differences: Iterable[Row]) -> list[Comparison]:
    """Each provider's list beside our categories of its codes, which are in the same order."""
    reasons = {(row["provider"], row["code"], row["ours"]) for row in differences if row["reason"]}
    found = []
    for provider in sorted({one.provider for one in lists}):
        mine = [(one, ours) for one, ours in zip(lists, categories, strict=True) if one.provider == provider]
        others = tuple(one for one, ours in mine if ours == OTHER != one.category)
        apart = [(one, ours) for one, ours in mine if ours not in (OTHER, one.category)]
        differing = tuple((one, ours) for one, ours in apart if (provider, one.known_as, ours) not in reasons)
        found.append(Comparison(provider, len(mine), others, differing, len(apart) - len(differing)))
    return found


def reasoned() -> list[Row]:
    """Where a list's category is not ours, and why."""
    ours = read_csv(CLASSIFICATION / "azure_services.csv")
    return read_csv(CLASSIFICATION / "service_differences.csv") + [
        {"provider": "azure", "code": row["source"], "ours": row["service_category"], "reason": row["reason"]}
        for row in ours
    ]


def report(one: Comparison) -> str:
    """What a person reads: both shares, and each code behind them."""
    lines = [
        f"{one.provider}: {one.codes} codes, {len(one.others)} Other, {len(one.differing)} of another category, "
        f"{one.explained} with a reason: {'ok' if one.holds else 'too many'}"
    ]
    lines += [f"  Other: {other.known_as} ({other.category})" for other in one.others]
    lines += [f"  differs: {listed.known_as} ({listed.category}, ours {ours})" for listed, ours in one.differing]
    return "\n".join(lines)


def main() -> int:
    """The command; returns its exit status."""
    lists = read_lists()
    compared = compare(lists, our_categories(lists), reasoned())
    print("\n".join(map(report, compared)))
    return 0 if all(one.holds for one in compared) else 1


if __name__ == "__main__":
    raise SystemExit(main())
