"""What the Firestore databases need in addition to their documents, as data: Terraform declares the same, and a test compares them.

The store queries for equal values of top-level fields, in one collection, in the order of ids; or lists a collection in the order of one
field.  Firestore answers both from the single-field indexes that it maintains automatically
(https://cloud.google.com/firestore/docs/query-data/index-overview).  Equality and an order in one query need a composite index; a
test finds such queries (`.list(..., where, order=...)`) and expects their index here.

Fields that may grow large and are never queried are exempt.  Otherwise each element of a list is an index entry of its own and
each value in an object two, of which a document may have 40,000 (https://cloud.google.com/firestore/quotas); and each is written and
paid for.  Exempting an object exempts its fields.

How large a delivery may be: a part takes about 570 bytes with one currency and the names that providers give, 160 more with each further
currency, so 1 MiB holds some 1,800, or 1,100 with three.  Landing refuses a delivery of more than `common.ingestion.landing.MOST_PARTS`
before anything of it is stored.  Entries do not limit it: a delivery has fewer than 50, however many parts.
"""

from __future__ import annotations

from dataclasses import dataclass

from common.adapters.shared.document_rules import EXPIRY
from common.ports.documents import Order

DOCUMENTS, CREDENTIALS, PROCESSED = "documents", "credentials", "processed"
DATABASES = (DOCUMENTS, CREDENTIALS, PROCESSED)
"""Each is a database of its own, named by the setting `<this>_database`, since IAM distinguishes databases and nothing inside one."""


def database_of(collection: str) -> str:
    """Which of DATABASES holds the collections of this name."""
    return collection if collection in (CREDENTIALS, PROCESSED) else DOCUMENTS


@dataclass(frozen=True)
class Field:
    """A top-level field of all collections of a name, at any depth (a collection group)."""

    collection: str
    field: str


@dataclass(frozen=True)
class Index:
    """A composite index.  equal: the fields that are asked for by a value, in alphabetical order; order: that of the answer."""

    collection: str
    equal: tuple[str, ...]
    order: Order


COMPOSITE_INDEXES: tuple[Index, ...] = ()

EXEMPTIONS: tuple[Field, ...] = (
    Field("deliveries", "parts"),
    Field("deliveries", "notes"),
    Field("deliveries", "unknown_columns"),
    Field("deliveries", "proof"),
    Field("deliveries", "conformance"),
    Field("deliveries", "totals"),
    Field("chunks", "written"),
    Field("chunks", "quarantined"),
    Field("chunks", "conformance"),
    Field("known_files", "read"),
    Field("known_files", "cost_facts"),
    Field("known_files", "cuts"),
    Field("known_files", "range_facts"),
    Field("known_files", "ranges"),
    Field("known_files", "totals"),
    Field("known_deliveries", "delivery_ids"),
    Field("known_deliveries", "files"),
    Field("integrations", "listed"),
    Field("audit", "changes"),
    Field("audit", "actor"),
    Field("runs", "delivery_ids"),
    Field("runs", "listed"),
    Field("notifications", "facts"),
    Field("notifications", "channels"),
    Field("alerts", "facts"),
    Field("alerts", "history"),
    Field("budget_status", "facts"),
    Field("budget_status", "answers"),
    Field("past_deliveries", "parts"),
    Field("sizes", "kinds"),
    Field("platform_usage", "days"),
    Field("slices", "files"),
    Field("slices", "history"),
    Field("places", "claims"),
    Field("subscriptions", "versions"),
    Field("credentials", "ciphertext"),
    Field("processed", "body"),
    Field("processed", "expires_at"),
)
"""Fields without any single-field index.  A moment that always grows would make every index of it a hot spot."""

EXPIRATIONS: tuple[Field, ...] = tuple(Field(collection, field) for collection, field in EXPIRY.items())
"""TTL policies: Firestore deletes a document within about a day after the moment in this field, which it keeps as a timestamp."""
