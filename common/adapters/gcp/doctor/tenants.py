"""The tenants of a deployment, with the fields that its inspection needs."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any

from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from common.adapters.gcp.doctor.notes import CALL_SECONDS, Notes
from common.domain.integrations import ERROR, FETCHED
from common.records.deliveries import CURRENT
from common.records.organizations import may_run
from common.tenancy.schedules import OFF

_AT_ONCE = 8


@dataclass(frozen=True)
class Tenant:
    """active: its integrations that are to be fetched.  failing: those that could not be.  shown: slices in its warehouse.

    scheduled: whether a clock is to fetch them.
    """

    org_slug: str
    may_run: bool
    active: int
    failing: tuple[str, ...]
    shown: int
    scheduled: bool


def look_at_tenants(notes: Notes, client: firestore.Client) -> Sequence[Tenant] | None:
    """All of them, or None after a finding; integrations in error are findings of their own."""

    def read(found: firestore.DocumentSnapshot[Any]) -> Tenant:
        below = found.reference
        statuses = {
            one.id: (one.to_dict() or {}).get("status")
            for one in below.collection("integrations").select(["status"]).stream(timeout=CALL_SECONDS, retry=None)
        }
        current = below.collection("deliveries").where(filter=FieldFilter("state", "==", CURRENT))
        ((counted,),) = current.count().get(timeout=CALL_SECONDS, retry=None)
        failing = tuple(name for name, status in statuses.items() if status == ERROR)
        active = sum(status in FETCHED for status in statuses.values())
        own = below.collection("settings").document("general").get(timeout=CALL_SECONDS, retry=None).to_dict() or {}
        scheduled = own.get("sync_interval_hours", default_hours()) != OFF
        return Tenant(
            found.id,
            may_run(found.to_dict() or {}, notes.deployment.settings.plans),
            active,
            failing,
            int(counted.value),
            scheduled,
        )

    @cache
    def default_hours() -> int | None:
        general = client.document("settings/general").get(timeout=CALL_SECONDS, retry=None).to_dict() or {}
        hours: int | None = general.get("sync_interval_hours")
        return hours

    def everybody() -> list[Tenant]:
        found = list(client.collection("orgs").stream(timeout=CALL_SECONDS, retry=None))
        with ThreadPoolExecutor(_AT_ONCE) as several:
            return list(several.map(read, found))

    project, region = notes.deployment.project, notes.deployment.region
    create = f"gcloud firestore databases create --location={region} --project={project}, or {notes.deployment.deploy}"
    tenants = notes.ask("Firestore documents", everybody, create, "roles/datastore.user")
    if tenants is None:
        return None
    running = sum(one.may_run for one in tenants)
    notes.ok("Firestore documents", f"can be read: {len(tenants)} tenants, {running} of them may run")
    for tenant in tenants:
        for name in tenant.failing:
            notes.fault(
                f"integration {name} of {tenant.org_slug}", "its last synchronization failed",
                f"costwire doctor --org {tenant.org_slug} --integration {name}",
            )  # fmt: skip
    return tenants
