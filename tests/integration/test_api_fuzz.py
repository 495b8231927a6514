"""Requests that schemathesis makes from the OpenAPI document: whatever is sent, the answer is one that the document declares."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.integration.api_tenants import World, filled
from tests.integration.api_world import DOCUMENT
from web.api.access import OpenDoor
from web.api.app import Service, create_app
from web.api.routes import ROUTES

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with filled(tmp_path_factory.mktemp("world")) as made:
        yield made


@pytest.fixture(scope="module")
def described(world: World) -> Any:
    return schemathesis.openapi.from_wsgi("/openapi.json", create_app(world.rt, Service(OpenDoor()), ROUTES))


@pytest.mark.parametrize(
    ("path", "method"), [(path, method) for path, found in DOCUMENT["paths"].items() for method in found]
)
def test_every_answer_is_one_that_the_document_declares(described: Any, path: str, method: str) -> None:
    @given(case=described[path][method].as_strategy())
    @settings(
        max_examples=10,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: schemathesis.Case) -> None:
        case.call_and_validate(checks=CHECKS, headers={"Accept-Encoding": "identity"})  # its client unpacks nothing

    ask()
