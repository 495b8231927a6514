"""The database's indexes as data: nothing asked for is exempted, and a great delivery stays within the limits of a document."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from common.adapters.gcp.firestore_indexes import COMPOSITE_INDEXES, EXEMPTIONS, EXPIRATIONS, Field, Index
from common.adapters.shared.document_rules import MAX_DOCUMENT_BYTES, stored_bytes
from common.formats.ranges import Range
from common.formats.totals import Total
from common.ingestion.landing import MOST_CHUNKS, MOST_PARTS
from common.ports.documents import Order
from common.records.deliveries import LANDED, Delivery, delivery_path
from common.records.parts import Part

ROOT = Path(__file__).parents[2]
MAX_ENTRIES = 40_000


def asked_fields() -> Iterator[tuple[str, str]]:
    """(file, field) of every dict of equalities given to a `where`, or kept under that name."""
    for folder in ("common", "functions", "costwire", "web"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                for made in _dicts(node):
                    for key in made.keys:
                        if isinstance(key, ast.Constant):
                            yield path.relative_to(ROOT).as_posix(), str(key.value)


def _dicts(node: ast.AST) -> Iterator[ast.Dict]:
    given: list[ast.expr] = []
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "list":
        given = [*node.args[1:], *(one.value for one in node.keywords)]
    elif isinstance(node, ast.Assign) and any(isinstance(one, ast.Name) and one.id == "where" for one in node.targets):
        given = [node.value]
    for value in given:
        yield from (one for one in ast.walk(value) if isinstance(one, ast.Dict))


def test_no_field_that_is_asked_for_is_exempted():
    asked = {field for _, field in asked_fields()}
    assert {"integration_id", "billing_period", "state", "budget_id", "alert_id", "status"} <= asked
    assert not asked & {one.field for one in EXEMPTIONS}


def ordered_questions(source: str) -> Iterator[Index]:
    """Each `.list(collection, {equal fields}, order=Order(...))` of a source; the collection is the last text that is named for it."""
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "list"):
            continue
        given = dict(zip(("collection", "where", "order"), node.args, strict=False))
        given |= {one.arg: one.value for one in node.keywords if one.arg}
        if "order" not in given:
            continue
        made = given["order"]
        assert isinstance(made, ast.Call) and ast.unparse(made.func).endswith("Order"), "write Order(...) in the call"
        words = {one.arg: ast.literal_eval(one.value) for one in made.keywords if one.arg}
        order = Order(*map(ast.literal_eval, made.args), **words)
        where = given.get("where")
        keys = [ast.literal_eval(key) for key in where.keys if key] if isinstance(where, ast.Dict) else []
        assert where is None or isinstance(where, ast.Dict), "write the equal fields of an ordered question in the call"
        collection = [one.value for one in ast.walk(given["collection"]) if isinstance(one, ast.Constant)]
        yield Index(str(collection[-1]), tuple(sorted(keys)), order)


def test_a_question_with_equality_and_order_is_seen():
    source = 'rt.documents.list(below(org, "runs"), {"status": x, "a": 1}, order=Order("started_at", descending=True))'
    assert list(ordered_questions(source)) == [Index("runs", ("a", "status"), Order("started_at", True))]


def test_equality_and_order_together_have_their_composite_index_and_no_other_is_paid_for():
    sources = [path for folder in ("common", "functions", "costwire", "web") for path in (ROOT / folder).rglob("*.py")]
    asked = {index for path in sources for index in ordered_questions(path.read_text(encoding="utf-8"))}
    assert set(COMPOSITE_INDEXES) == {index for index in asked if index.equal}
    exempted = {(one.collection, one.field) for one in EXEMPTIONS}
    assert not exempted & {(index.collection, index.order.field) for index in asked}


def test_what_expires_is_named_once_and_its_growing_moment_is_not_indexed():
    assert (Field("processed", "expires_at"),) == EXPIRATIONS
    assert set(EXPIRATIONS) <= set(EXEMPTIONS)
    assert len(set(EXEMPTIONS)) == len(EXEMPTIONS) <= 200


def delivery_of(parts: int, currencies: int = 1) -> Delivery:
    total = Total(12_345_678, Decimal("1234567.123456789012345678901234"), Decimal("1234567.123456789012345678901234"))
    folder = "gs://costwire-production-raw/raw/acme_corporation_1x2y3z/aws-production/2026-04/0123456789abcdef0123"
    return Delivery(
        delivery_id="0123456789abcdef0123",
        org_slug="acme_corporation_1x2y3z",
        integration_id="aws-production",
        provider="aws",
        source_format="aws_cur_2",
        billing_period="2026-04",
        delivered_at=datetime(2026, 4, 1, tzinfo=UTC),
        state=LANDED,
        parts=tuple(
            Part(
                number,
                f"exports/acme-hourly/data/BILLING_PERIOD=2026-04/acme-hourly-{number:05d}.snappy.parquet",
                f"{folder}/{number:05d}.snappy.parquet",
                2_000_000_000 + number,
                f"sha256:{number:064x}",
                control={f"US{letter}": total for letter in "DABCE"[:currencies]},
            )
            for number in range(parts)
        ),
        run_id="4f6c2c1e-0d9a-4b9e-9c4b-0a7d3e2f1b5c",
        landed_at=datetime(2026, 4, 1, tzinfo=UTC),
        unknown_columns=tuple(f"column_{number}" for number in range(100)),
    )


def entries(collection: str, document: Mapping[str, Any], exempted: bool = True) -> int:
    """Index entries of a document, more rather than less: two for each value, in objects too, one for each element of a list."""
    without = {one.field for one in EXEMPTIONS if one.collection == collection} if exempted else set()
    return sum(_entries(value) for name, value in document.items() if name not in without)


def _entries(value: Any) -> int:
    if isinstance(value, Mapping):
        return 2 + sum(map(_entries, value.values()))
    return len(value) + 2 if isinstance(value, list) else 2


@pytest.mark.parametrize("currencies", [1, 3])
def test_a_delivery_of_five_hundred_parts_fits_a_document(currencies):
    document = delivery_of(500, currencies).as_document()
    size = stored_bytes(delivery_path("acme_corporation_1x2y3z", "0123456789abcdef0123"), document)
    assert size < MAX_DOCUMENT_BYTES / 2
    assert entries("deliveries", document) < 50 < 500 < entries("deliveries", document, exempted=False) < MAX_ENTRIES


def test_a_part_takes_what_the_page_says():
    path = delivery_path("acme_corporation_1x2y3z", "0123456789abcdef0123")
    sizes = [stored_bytes(path, delivery_of(*made).as_document()) for made in ((100, 1), (200, 1), (200, 2))]
    assert (sizes[1] - sizes[0]) / 100 == pytest.approx(570, abs=20)
    assert (sizes[2] - sizes[1]) / 200 == pytest.approx(160, abs=20)


def test_a_delivery_of_as_many_files_and_ranges_as_are_accepted_fits_a_document():
    each = MOST_CHUNKS // MOST_PARTS
    ranges = tuple(Range(10**11 + n, 10**11 + n + 1, 10**9, 10**9, True) for n in range(each))
    made = delivery_of(MOST_PARTS)
    document = replace(made, parts=tuple(replace(part, ranges=ranges) for part in made.parts)).as_document()
    size = stored_bytes(delivery_path("acme_corporation_1x2y3z", "0123456789abcdef0123"), document)
    assert size < MAX_DOCUMENT_BYTES * 0.8
    assert Delivery.from_document(document).parts[0].ranges == ranges
