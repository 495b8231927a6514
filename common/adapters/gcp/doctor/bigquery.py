"""The tenants' datasets: their location, and whether their contents match what this version creates."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from google.api_core import exceptions as api
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from common.adapters.gcp.bigquery_dataset import LAYOUT_LABEL, layout, table_names
from common.adapters.gcp.doctor.notes import CALL_SECONDS, Notes
from common.adapters.gcp.doctor.tenants import Tenant
from common.warehouse.promised import view_names

EMULATOR_VARIABLE = "BIGQUERY_EMULATOR_HOST"
_CALLS: dict[str, Any] = {"timeout": CALL_SECONDS, "retry": None}


def look_at_datasets(notes: Notes, tenants: Sequence[Tenant] | None) -> None:
    """One dataset a tenant, made by its first delivery."""
    if tenants is None:
        notes.unchecked("datasets", "the tenants could not be read")
        return
    client = _client(notes)
    for tenant in tenants:
        _look_at_dataset(notes, client, tenant)


def _look_at_dataset(notes: Notes, client: bigquery.Client, tenant: Tenant) -> None:
    deployment = notes.deployment
    name = f"{tenant.org_slug}_{deployment.settings.env}"
    what, restore = f"dataset {name}", f"costwire tenants restore {tenant.org_slug}"

    def known() -> bigquery.Dataset | None:
        try:
            return client.get_dataset(f"{deployment.project}.{name}", **_CALLS)
        except api.NotFound:
            if tenant.shown:
                raise
            return None

    before = len(notes.findings)
    dataset = notes.ask(what, known, restore)
    if len(notes.findings) > before:
        return
    if dataset is None:
        notes.ok(what, "is created by the first delivery")
        return
    tables = notes.ask(what, lambda: {one.table_id for one in client.list_tables(dataset, **_CALLS)}, restore)
    if tables is None:
        return
    faults = {}
    ask = f"costwire costs --org {tenant.org_slug}"
    anew = f"bq rm -r -f -d {deployment.project}:{name} && {restore} --history"
    if str(dataset.location).lower() != deployment.region.lower():
        faults[f"is in {dataset.location}, expected {deployment.region}: nothing can be loaded"] = anew
    key = deployment.settings.customer_key
    encrypted = dataset.default_encryption_configuration
    if key and (encrypted is None or encrypted.kms_key_name != key):
        faults["is not encrypted with COSTWIRE_CUSTOMER_KEY"] = anew
    missing = table_names() - tables
    if missing:
        # views are made by the next question that finds no label; without its tables nothing can be told of what is left
        views = f"bq update --clear_label {LAYOUT_LABEL} {deployment.project}:{name} && {ask}"
        faults[f"lacks {', '.join(sorted(missing))}"] = views if missing <= view_names() else anew
    elif dataset.labels.get(LAYOUT_LABEL) != layout():
        faults["has tables and views of another version"] = ask
    notes.expect(what, f"in {dataset.location}, {len(tables)} tables and views", faults)


def _client(notes: Notes) -> bigquery.Client:
    if os.environ.get(EMULATOR_VARIABLE):
        return bigquery.Client(project=notes.deployment.project, credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]
    return bigquery.Client(project=notes.deployment.project, credentials=notes.deployment.known_credentials())
