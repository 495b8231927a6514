"""The Firestore databases, and what they need in addition to their documents: TTL policies, fields without an index, indexes."""

from __future__ import annotations

import os

from google.cloud import firestore
from google.cloud.firestore_admin_v1 import FirestoreAdminClient
from google.cloud.firestore_admin_v1.types import Database, Field, Index

from common.adapters.gcp import firestore_indexes as declared
from common.adapters.gcp.doctor.notes import CALL_SECONDS, Deployment, Notes
from common.ports.documents import Order

DATA_VARIABLE = "FIRESTORE_EMULATOR_HOST"
EMULATOR_VARIABLE = "FIRESTORE_ADMIN_EMULATOR_HOST"
_CHANGED = "indexConfig.usesAncestorConfig:false OR ttlConfig:*"


def look_at_firestore(notes: Notes) -> None:
    """The databases against what firestore_indexes.py declares; only the admin API can tell."""
    if os.environ.get(DATA_VARIABLE) and not os.environ.get(EMULATOR_VARIABLE):
        notes.unchecked("Firestore database", f"an emulator has no admin API ({DATA_VARIABLE} is set)")
        return
    admin = notes.deployment.client(FirestoreAdminClient, EMULATOR_VARIABLE)
    for database in declared.DATABASES:
        _look_at_database(notes, admin, _named(notes, database))
    _look_at_fields(notes, admin)
    if declared.COMPOSITE_INDEXES:
        _look_at_indexes(notes, admin)


def firestore_client(deployment: Deployment) -> firestore.Client:
    """A client of the documents' database, or of the emulator that FIRESTORE_EMULATOR_HOST names."""
    credentials = None if os.environ.get(DATA_VARIABLE) else deployment.known_credentials()
    database = deployment.settings.documents_database
    return firestore.Client(project=deployment.project, database=database, credentials=credentials)


def _named(notes: Notes, database: str) -> str:
    return str(getattr(notes.deployment.settings, f"{database}_database"))


def _groups(notes: Notes, database: str) -> str:
    """All collections of a database, as the admin API names them."""
    return f"projects/{notes.deployment.project}/databases/{_named(notes, database)}/collectionGroups/-"


def _look_at_database(notes: Notes, admin: FirestoreAdminClient, database: str) -> None:
    name = f"projects/{notes.deployment.project}/databases/{database}"
    what = f"Firestore database {database}"
    found = notes.ask(
        what,
        lambda: admin.get_database(name=name, timeout=CALL_SECONDS, retry=None),
        notes.deployment.deploy,
    )
    if found is None:
        return
    fix = "the location and mode of a database cannot be changed: deploy into a project with a suitable database"
    faults = {}
    if found.type_ != Database.DatabaseType.FIRESTORE_NATIVE:
        faults[f"is in mode {found.type_.name}, expected FIRESTORE_NATIVE"] = fix
    if not _is_near(found.location_id, notes.deployment.region):
        faults[f"is in {found.location_id}, the functions in {notes.deployment.region}"] = fix
    key = notes.deployment.settings.customer_key
    if key and found.cmek_config.kms_key_name != key:
        faults["is not encrypted with COSTWIRE_CUSTOMER_KEY"] = (
            "the key of a database is chosen when it is created: restore a backup with it"
        )
    notes.expect(what, f"native mode, in {found.location_id}", faults)


def _is_near(location: str, region: str) -> bool:
    """A region itself, or a multi-region of its continent (nam5, eur3)."""
    continents = {"nam": ("us-", "northamerica-"), "eur": ("europe-",)}
    return location == region or region.startswith(continents.get(location[:3], ("-",)))


def _look_at_fields(notes: Notes, admin: FirestoreAdminClient) -> None:
    requests = [{"parent": _groups(notes, one), "filter": _CHANGED} for one in declared.DATABASES]
    found = notes.ask(
        "Firestore TTL and fields",
        lambda: {
            _key(one): one
            for request in requests
            for one in admin.list_fields(request=request, timeout=CALL_SECONDS, retry=None)
        },
        notes.deployment.deploy,
        "roles/datastore.indexAdmin",
    )
    if found is None:
        return
    for wanted in declared.EXPIRATIONS:
        what = f"TTL of {wanted.collection}.{wanted.field}"
        state = Field.TtlConfig.State(found[wanted].ttl_config.state) if wanted in found else None
        if state in (Field.TtlConfig.State.ACTIVE, Field.TtlConfig.State.CREATING):
            notes.ok(what, state.name)
        else:
            notes.fault(what, "is not set: such documents are stored indefinitely", notes.deployment.deploy)
    indexed = [one for one in declared.EXEMPTIONS if one not in found or found[one].index_config.indexes]
    faults = {
        f"{one.collection}.{one.field} is indexed: a large document may be refused": notes.deployment.deploy
        for one in indexed
    }
    notes.expect("Firestore fields", f"{len(declared.EXEMPTIONS)} large fields are not indexed", faults)


def _look_at_indexes(notes: Notes, admin: FirestoreAdminClient) -> None:
    parents = [_groups(notes, one) for one in declared.DATABASES]
    listed = notes.ask(
        "Firestore indexes",
        lambda: [
            one for parent in parents for one in admin.list_indexes(parent=parent, timeout=CALL_SECONDS, retry=None)
        ],
        notes.deployment.deploy,
        "roles/datastore.indexAdmin",
    )
    if listed is None:
        return
    ready = {_declared_index(one) for one in listed if one.state == Index.State.READY}
    missing = [one for one in declared.COMPOSITE_INDEXES if one not in ready]
    faults = {
        f"no index of {index.collection} by {', '.join((*index.equal, index.order.field))}": notes.deployment.deploy
        for index in missing
    }
    notes.expect("Firestore indexes", f"{len(declared.COMPOSITE_INDEXES)} are ready", faults)


def _key(found: Field) -> declared.Field:
    steps = found.name.split("/")
    return declared.Field(steps[-3], steps[-1])


def _declared_index(found: Index) -> declared.Index | None:
    """An index that exists, as ours are declared; None for one without fields."""
    fields = [one for one in found.fields if one.field_path != "__name__"]
    if not fields:
        return None
    order = Order(fields[-1].field_path, fields[-1].order == Index.IndexField.Order.DESCENDING)
    return declared.Index(found.name.split("/")[-3], tuple(one.field_path for one in fields[:-1]), order)
