"""A tenant's own classes of services: rows that count before those of the reference tables.

`services.csv` has the columns provider (aws, azure, gcp or oci), service (as the bill has it: an AWS product code or product name,
an Azure namespace, resource type or meter category, the description of a Google Cloud or OCI service), service_name (as it is to be shown),
service_category and service_subcategory (of FOCUS 1.3).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from common.errors import BadConfiguration
from common.ports import DocumentStore
from common.records.organizations import below

FILE_NAME = "services.csv"
COLUMNS = ("provider", "service", "service_name", "service_category", "service_subcategory")
MOST_ROWS = 500
"""So that the rows of a tenant fit one document, and each bill reads them quickly."""
_LONGEST = 200


@dataclass(frozen=True)
class OwnService:
    """What a tenant says of one service of a provider's bills."""

    provider: str
    service: str
    service_name: str
    service_category: str
    service_subcategory: str


@dataclass(frozen=True)
class ServiceTable:
    """A reference table of services: its name, its key, and how the mapping spells a key.  renames: it has names of its own."""

    name: str
    key: str
    spelled: str = "as it is"
    renames: bool = False

    def spelling(self, service: str) -> str:
        """A service as the mapping looks it up."""
        return {"lower": service.lower(), "upper": service.upper()}.get(self.spelled, service)


SERVICE_TABLES = {
    "aws": ServiceTable("aws_services", "service_key", renames=True),
    "azure": ServiceTable("azure_services", "source", "lower", renames=True),
    "gcp": ServiceTable("gcp_services", "service_name"),
    "oci": ServiceTable("oci_services", "service", "upper"),
}
"""Provider -> the table that its mapping reads."""


def save_services(documents: DocumentStore, org_slug: str, text: str) -> int:
    """Store a tenant's rows, the text of a file, instead of the earlier ones; returns how many.  Raises as parse_services."""
    count = len(parse_services(text))
    documents.set(_path(org_slug), {"csv": text})
    return count


def saved_services(documents: DocumentStore, org_slug: str) -> list[OwnService]:
    """The rows that were saved, none where there are none.  They were checked then: no later table stops a bill."""
    document = documents.get(_path(org_slug))
    return [row for _, row in _lines(document["csv"])] if document else []


def parse_services(text: str) -> list[OwnService]:
    """The rows of a file's text.

    Raises BadConfiguration naming the line: for a provider without a table, a category that FOCUS does not have, a service that
    stands twice, and a name that already stands for a service of another category.
    """
    rows: dict[tuple[str, str], OwnService] = {}
    classes: dict[tuple[str, str], str] = {}
    for where, row in _lines(text):
        _check(row, where)
        table = SERVICE_TABLES[row.provider]
        key = (row.provider, table.spelling(row.service))
        if key in rows:
            raise BadConfiguration(f"{where}: {row.service} stands twice; keep one line")
        rows[key] = row
        if table.renames:
            named = (row.provider, row.service_name.lower())
            known = classes.setdefault(named, _known_classes().get(named, row.service_subcategory))
            if known != row.service_subcategory:
                raise BadConfiguration(
                    f"{where}: {row.service_name} is already a service of {known}; "
                    "FOCUS gives a service one category, choose another service_name"
                )
    if len(rows) > MOST_ROWS:
        raise BadConfiguration(f"{FILE_NAME}: {len(rows)} lines, expected at most {MOST_ROWS}")
    return list(rows.values())


def _lines(text: str) -> Iterator[tuple[str, OwnService]]:
    """Each row with the words for its line."""
    lines = csv.DictReader(io.StringIO(text, newline=""))
    if tuple(lines.fieldnames or ()) != COLUMNS:
        raise BadConfiguration(f"{FILE_NAME}: the first line must be {','.join(COLUMNS)}")
    for line in lines:
        yield f"{FILE_NAME} line {lines.line_num}", OwnService(*((line.get(name) or "").strip() for name in COLUMNS))


def _path(org_slug: str) -> str:
    return below(org_slug, "settings", "services")


def _check(row: OwnService, where: str) -> None:
    for name, text in vars(row).items():
        if not text or len(text) > _LONGEST or not text.isprintable():
            raise BadConfiguration(
                f"{where}: {name} has {len(text)} characters, expected 1 to {_LONGEST} printable ones"
            )
    if row.provider not in SERVICE_TABLES:
        raise BadConfiguration(f"{where}: provider is '{row.provider}', expected {', '.join(SERVICE_TABLES)}")
    category = _categories().get(row.service_subcategory)
    if category is None:
        raise BadConfiguration(
            f"{where}: service_subcategory is '{row.service_subcategory}', expected one of FOCUS 1.3, as in Containers or Other (Compute)"
        )
    if category != row.service_category:
        raise BadConfiguration(
            f"{where}: service_category is '{row.service_category}', expected {category}, to which {row.service_subcategory} belongs"
        )


@cache
def _categories() -> dict[str, str]:
    return {row["subcategory"]: row["category"] for row in reference_rows("focus_subcategories")}


@cache
def _known_classes() -> dict[tuple[str, str], str]:
    """Provider and service name in lower case -> the subcategory that the tables give it."""
    return {
        (provider, row["service_name"].lower()): row["service_subcategory"]
        for provider, table in SERVICE_TABLES.items()
        if table.renames
        for row in reference_rows(table.name)
    }


def reference_rows(table: str) -> Iterator[dict[str, str]]:
    """The rows of a table of `common/reference`, by their columns."""
    text = files("common.reference").joinpath(f"{table}.csv").read_text(encoding="utf-8")
    yield from csv.DictReader(io.StringIO(text, newline=""))
