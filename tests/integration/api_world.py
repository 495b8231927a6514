"""The API over the embedded runtime: what tests of routes share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from common.ports import Slice
from common.records.charges_version import note_change
from tests.contract.warehouse_cases import ORG, charge, write_parquet
from tests.support import Laptop
from web.api.access import OpenDoor
from web.api.app import Service, create_app
from web.api.openapi import document
from web.api.routes import ROUTES

DOCUMENT = document(ROUTES)


def client(rt: Laptop, service: Service | None = None) -> FlaskClient:
    """What asks the API; without a service as `costwire serve` runs it.  A cookie is sent where a test sends it."""
    return create_app(rt, service or Service(OpenDoor(), loopback=True), ROUTES).test_client(use_cookies=False)


def show(
    rt: Laptop,
    folder: Path,
    month: str,
    *rows: dict[str, Any],
    org: str = ORG,
    integration: str = "aws-main",
    on: str = "2026-05-20",
    delivery: str = "d1",
    instead_of: str | None = None,
) -> None:
    """Show rows of one month, delivered on a day, as normalize_focus does."""
    written = write_parquet(folder / "written.parquet", [row | {"x_IntegrationId": integration} for row in rows])
    stored = rt.objects.put_file(f"focus/{org}/{integration}/{month}/{delivery}/0.parquet", written)
    moment = datetime.fromisoformat(on).replace(tzinfo=UTC)
    assert rt.warehouse.replace_slice(Slice(org, integration, month), delivery, moment, [stored.uri], instead_of).shown
    note_change(rt.documents, org)


def on(day: str, cost: str, service: str = "Compute", **more: Any) -> dict[str, Any]:
    """A charge of a day."""
    return charge(
        BilledCost=cost,
        ServiceName=service,
        ChargePeriodStart=f"{day}T05:00:00Z",
        BillingPeriodStart=f"{day[:7]}-01",
        **more,
    )


def checked(answer: TestResponse, status: int = 200) -> Any:
    """The JSON of an answer, which is as the document declares it.  Nothing in it is a float."""
    assert answer.status_code == status, answer.get_data(as_text=True)
    declared_here = _operation(answer)
    media_here = declared_here["responses"].get(str(status), {}).get("content", {}) if declared_here else {}
    if len(media_here) > 1:  # a file
        assert answer.mimetype in media_here
        return answer.get_data()
    found = json.loads(answer.get_data(), parse_float=lambda text: pytest_fail(f"{text} is a float"))
    operation = _operation(answer)
    if operation is None:
        assert answer.mimetype == "application/problem+json"
        return found
    declared = operation["responses"]
    assert str(status) in declared, f"{operation['operationId']} does not declare {status}"
    ((media, content),) = declared[str(status)]["content"].items()
    assert answer.mimetype == media
    _validator(json.dumps(content["schema"])).validate(found)
    return found


def pytest_fail(words: str) -> Any:
    """Raises."""
    raise AssertionError(words)


def _operation(answer: TestResponse) -> Mapping[str, Any] | None:
    path = answer.request.path
    for template, operations in DOCUMENT["paths"].items():
        steps, wanted = path.split("/"), template.split("/")
        if len(steps) == len(wanted) and all(
            one == two or two.startswith("{") for one, two in zip(steps, wanted, strict=True)
        ):
            found = operations.get(answer.request.method.lower())
            if found:
                return found
    return None


@cache
def _validator(schema: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads(schema) | {"components": DOCUMENT["components"]})
