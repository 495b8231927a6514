"""What Terraform has to know of the code, as data: python -m deployment.facts writes terraform/facts.json.

Subscriptions, metrics, Firestore's fields, secrets, lives and the platform's own schedules are written down once, in the code.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from common.adapters.gcp import cloud_run_jobs, firestore_indexes, scheduler, secret_manager
from common.config import ServiceSettings, Settings
from common.ingestion.unpacking import JOB
from common.messages import BudgetCheckRequested
from common.messages.scheduled import template
from common.messages.subscriptions import DEAD, SUBSCRIPTIONS
from common.ports import Schedule
from common.ports.bus import MAX_PUSHES
from common.retention.lives import KINDS, LIFECYCLE
from common.telemetry.metrics import METRICS, Metric
from common.tenancy.schedules import clean_up_schedule, plans_schedule

TARGET = Path(__file__).parents[1] / "terraform" / "facts.json"


def facts() -> dict[str, Any]:
    """All of it, ready for JSON."""
    return {
        "functions": functions(),
        "subscriptions": _subscriptions(),
        "dead_suffix": DEAD,
        "max_delivery_attempts": MAX_PUSHES,
        "metrics": {metric.name: _metric(metric) for metric in METRICS},
        "firestore": _firestore(),
        "secrets": sorted(secret_manager.PREFIX + name.replace("_", "-") for name in secret_settings()),
        "budget_check": {
            "job": f"{scheduler.PREFIX}budget-check",
            "topic": BudgetCheckRequested.topic,
            "attributes": {scheduler.ATTRIBUTE: "true"},
            "event": template(BudgetCheckRequested("")),
        },
        "retention": _retention(),
        "plans": _plans(),
        "jobs": {"prefix": cloud_run_jobs.PREFIX, "names": [JOB]},
    }


def secret_settings() -> list[str]:
    """The settings whose values are secrets of the platform."""
    fields = {**Settings.model_fields, **ServiceSettings.model_fields}
    return [name for name, field in fields.items() if field.annotation == (SecretStr | None)]


def text() -> str:
    """The file's whole text."""
    return json.dumps(facts(), indent=2, ensure_ascii=False) + "\n"


def functions() -> dict[str, dict[str, str]]:
    """Function -> its trigger: `message` where a subscription pushes to it, else `http`."""
    found = sorted(path.parent.name for path in (TARGET.parents[1] / "functions").glob("*/main.py"))
    pushed_to = {one.function for table in SUBSCRIPTIONS.values() for one in table}
    return {name: {"trigger": "message" if name in pushed_to else "http"} for name in found}


def _tick(tick: Schedule) -> dict[str, Any]:
    """The job that publishes a message at its times."""
    return {
        "job": scheduler.PREFIX + tick.name,
        "cron": tick.cron,
        "topic": tick.message.topic,
        "attributes": {scheduler.ATTRIBUTE: "true"},
        "event": template(tick.message),
    }


def _retention() -> dict[str, Any]:
    """The tick of clean-up, and what rules of the bucket delete by age: kind, which is a folder -> days."""
    return {
        **_tick(clean_up_schedule()),
        "lifecycle_days": {kind.name: kind.days for kind in KINDS if kind.by == LIFECYCLE},
    }


def _plans() -> dict[str, Any]:
    """The tick that compares plans with the subscriptions of the payment provider."""
    return _tick(plans_schedule())


def _subscriptions() -> dict[str, Any]:
    found = {one.name: asdict(one) for table in SUBSCRIPTIONS.values() for one in table}
    return {name: {key: value for key, value in one.items() if key != "name"} for name, one in found.items()}


def _metric(metric: Metric) -> dict[str, Any]:
    return {
        "kind": metric.kind,
        "unit": metric.unit,
        "description": metric.description,
        "filter": metric.filter,
        "value_extractor": metric.value_extractor,
        "label_extractors": metric.label_extractors,
        "buckets": asdict(metric.buckets) if metric.buckets else None,
    }


def _firestore() -> dict[str, Any]:
    exempt, expiring = set(firestore_indexes.EXEMPTIONS), set(firestore_indexes.EXPIRATIONS)
    # one resource a field, so that the two policies of a field that has both do not undo each other
    fields = sorted(exempt | expiring, key=lambda one: (one.collection, one.field))
    return {
        "databases": {one: Settings.model_fields[f"{one}_database"].default for one in firestore_indexes.DATABASES},
        "indexes": [index_facts(index) for index in firestore_indexes.COMPOSITE_INDEXES],
        "fields": [
            {
                "database": firestore_indexes.database_of(one.collection),
                "collection": one.collection,
                "field": one.field,
                "indexed": one not in exempt,
                "expires": one in expiring,
            }
            for one in fields
        ],
    }


def index_facts(index: firestore_indexes.Index) -> dict[str, Any]:
    """A composite index as Terraform declares it."""
    fields = [{"field": name, "order": "ASCENDING"} for name in index.equal]
    last = {"field": index.order.field, "order": "DESCENDING" if index.order.descending else "ASCENDING"}
    database = firestore_indexes.database_of(index.collection)
    return {"database": database, "collection": index.collection, "fields": [*fields, last]}


def main() -> int:
    """Exit status 0, or 2 for wrong words."""
    if len(sys.argv) != 1:
        sys.stderr.write("usage: python -m deployment.facts\n")
        return 2
    TARGET.write_text(text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
