"""The lookup tables of services, regions and units: what the mappings rely on when they join them."""

from __future__ import annotations

import csv
from collections import Counter
from importlib.resources import files

import pytest

from deployment.open_data import CLASSIFICATION, TABLES, joined
from deployment.service_lists import read_csv

SERVICE_KEYS = {
    "aws_services": "service_key",
    "azure_services": "source",
    "gcp_services": "service_name",
    "oci_services": "service",
}
KEYS = SERVICE_KEYS | {
    "aws_model_sellers": "first_word",
    "aws_region_names": "spelling",
    "aws_regions": "region_id",
    "aws_units": "pricing_unit",
    "azure_regions": "location",
    "azure_resource_types": "resource_type",
    "azure_units": "unit_of_measure",
    "focus_providers": "spelling",
    "gcp_regions": "region_id",
    "genai_models": "spelling",
    "genai_words": "word",
    "gcp_units": "source_unit",
    "oci_region_keys": "region_key",
    "oci_regions": "region_id",
    "oci_units": "source_unit",
}
IN_LOWER_CASE = (
    "aws_model_sellers",
    "aws_region_names",
    "azure_regions",
    "azure_resource_types",
    "azure_services",
    "azure_units",
    "genai_models",
    "genai_words",
    "oci_region_keys",
)


def rows_of(table: str) -> list[dict[str, str]]:
    text = files("common.reference").joinpath(f"{table}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def our_rows(table: str) -> list[dict[str, str]]:
    return read_csv(CLASSIFICATION / f"{table}.csv")


@pytest.fixture(scope="module")
def toolkit_alone() -> dict[str, dict[str, dict[str, str]]]:
    """Each table of Azure as it would be without rows of ours, by key."""
    made = {table: csv.DictReader(text.splitlines()) for table, text in joined(our_rows=False).items()}
    return {table: {row[KEYS[table]]: row for row in rows} for table, rows in made.items()}


def test_azures_tables_are_what_the_lists_and_our_rows_make() -> None:
    stale = [
        table
        for table, text in joined().items()
        if files("common.reference").joinpath(f"{table}.csv").read_text("utf-8") != text
    ]
    assert stale == [], "run python -m deployment.open_data"


@pytest.mark.parametrize("table", TABLES)
def test_a_row_of_ours_adds_to_the_open_data_or_corrects_it_with_a_reason(
    table: str, toolkit_alone: dict[str, dict[str, dict[str, str]]]
) -> None:
    theirs = toolkit_alone[table]
    assert len(theirs) > 200
    both = [(row, theirs[row[KEYS[table]]]) for row in our_rows(table) if row[KEYS[table]] in theirs]
    same = [row for row, other in both if all(other[name] == row[name] for name in row if name != "reason")]
    assert same == [], "the open data says so already"
    assert [row for row, _ in both if not row["reason"]] == []


@pytest.mark.parametrize("table", TABLES)
def test_a_row_of_ours_counts_before_the_open_data(table: str) -> None:
    found = {row[KEYS[table]]: row for row in rows_of(table)}
    wrong = [
        row
        for row in our_rows(table)
        for name in row
        if name != "reason" and found[row[KEYS[table]]][name] != row[name]
    ]
    assert wrong == []


def test_a_type_that_says_no_more_than_its_namespace_is_left_to_it_so_that_an_own_row_of_the_namespace_counts() -> None:
    names = {row["source"]: row["service_name"] for row in rows_of("azure_services")}
    ours = {row["source"] for row in our_rows("azure_services")}
    types = [source for source in names if "/" in source and source not in ours]
    assert types
    assert [source for source in types if names.get(source.split("/")[0]) == names[source]] == []


@pytest.mark.parametrize("table", KEYS)
def test_a_key_stands_once_so_that_a_join_repeats_no_line(table: str) -> None:
    counts = Counter(row[KEYS[table]] for row in rows_of(table))
    assert [key for key, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("table", IN_LOWER_CASE)
def test_keys_that_are_looked_up_in_lower_case_are_in_lower_case(table: str) -> None:
    keys = [row[KEYS[table]] for row in rows_of(table)]
    assert [key for key in keys if key != key.lower() or key != key.strip()] == []


@pytest.mark.parametrize("table", SERVICE_KEYS)
def test_a_subcategory_belongs_to_its_category(table: str) -> None:
    categories = {row["subcategory"]: row["category"] for row in rows_of("focus_subcategories")}
    assert [
        row for row in rows_of(table) if categories.get(row["service_subcategory"]) != row["service_category"]
    ] == []


@pytest.mark.parametrize("table", ["aws_services", "azure_services"])
def test_a_service_has_one_category_and_a_spelling_means_one_service(table: str) -> None:
    classes: dict[str, set[tuple[str, str]]] = {}
    services: dict[str, set[str]] = {}
    for row in rows_of(table):
        classes.setdefault(row["service_name"], set()).add((row["service_category"], row["service_subcategory"]))
        # the FOCUS mapping looks up both, in lower case
        services.setdefault(row[SERVICE_KEYS[table]].lower(), set()).add(row["service_name"])
        services.setdefault(row["service_name"].lower(), set()).add(row["service_name"])
    assert {name: found for name, found in classes.items() if len(found) > 1} == {}
    assert {spelling: found for spelling, found in services.items() if len(found) > 1} == {}


@pytest.mark.parametrize("table", ["gcp_services", "oci_services"])
def test_two_services_do_not_differ_in_case_alone(table: str) -> None:
    counts = Counter(row[SERVICE_KEYS[table]].lower() for row in rows_of(table))
    assert [name for name, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("table", SERVICE_KEYS)
def test_at_most_one_known_service_in_twenty_is_other(table: str) -> None:
    rows = rows_of(table)
    others = [row[SERVICE_KEYS[table]] for row in rows if row["service_category"] == "Other"]
    assert len(others) * 20 <= len(rows), others


@pytest.mark.parametrize(
    ("table", "regions"), [("aws_region_names", "aws_regions"), ("oci_region_keys", "oci_regions")]
)
def test_another_spelling_names_a_known_region(table: str, regions: str) -> None:
    known = {row["region_id"] for row in rows_of(regions)}
    assert [row for row in rows_of(table) if row["region_id"] not in known] == []


def test_an_azure_region_has_one_name() -> None:
    names: dict[str, set[str]] = {}
    for row in rows_of("azure_regions"):
        names.setdefault(row["region_id"], set()).add(row["region_name"])
    assert {region: found for region, found in names.items() if len(found) > 1} == {}


@pytest.mark.parametrize(
    ("table", "column"),
    [("aws_units", "focus_unit"), ("azure_units", "unit"), ("gcp_units", "unit"), ("oci_units", "unit")],
)
def test_units_are_plural_and_in_english(table: str, column: str) -> None:
    # symbols have no plural; FOCUS lists Count as it is
    symbols = {"B", "KiB", "MB", "MiB", "GB", "GiB", "TB", "TiB", "PB", "PiB", "Count"}
    units = {row[column] for row in rows_of(table)}
    assert [unit for unit in sorted(units) if unit not in symbols and not unit.endswith("s")] == []
    assert [unit for unit in sorted(units) if not unit.isascii()] == []
