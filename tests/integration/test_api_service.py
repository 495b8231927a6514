"""What every answer of the API has: ids, headers, problems, compression; and who may ask on one's own machine."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from openapi_spec_validator import validate

from common.errors import Retryable
from tests.contract.warehouse_cases import ORG
from tests.integration import api_page
from tests.integration.api_world import DOCUMENT, checked, client, on, show
from tests.support import Laptop, laptop
from web.api.access import OpenDoor
from web.api.app import Service
from web.api.problems import CODES
from web.api.routes import ROUTES


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Laptop]:
    with laptop(tmp_path / "home") as made:
        yield made


def test_the_document_is_valid_openapi(rt: Laptop) -> None:
    answer = client(rt).get("/openapi.json")
    found = json.loads(answer.get_data())
    assert found == json.loads(json.dumps(DOCUMENT))
    assert found["openapi"].startswith("3.1")
    validate(found)


def test_every_operation_has_an_id_a_line_and_its_problems() -> None:
    operations = [one for path in DOCUMENT["paths"].values() for one in path.values()]
    assert len(operations) == len(ROUTES) == len({one["operationId"] for one in operations})
    for one in operations:
        assert one["summary"].endswith(".") and "500" in one["responses"], one["operationId"]
        for parameter in one.get("parameters", ()):
            assert parameter["description"], parameter
            assert parameter["schema"].get("type") or "enum" in parameter["schema"] or "const" in parameter["schema"], (
                parameter
            )


def test_no_amount_is_a_number_in_the_document() -> None:
    def numbers(value: object, path: str = "") -> Iterator[str]:
        if isinstance(value, dict):
            if value.get("type") == "number":
                yield path
            for name, member in value.items():
                yield from numbers(member, f"{path}.{name}")
        elif isinstance(value, list):
            for member in value:
                yield from numbers(member, path)

    assert not list(numbers(DOCUMENT))


def test_a_live_service_says_so_without_its_stores(rt: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = client(rt)
    assert checked(ask.get("/ready")) == {"status": "ready"}

    def away(path: str) -> None:
        raise Retryable("the documents are away")

    monkeypatch.setattr(rt.documents, "get", away)
    assert checked(ask.get("/health")) == {"status": "ok"}
    answer = ask.get("/ready")
    assert checked(answer, 503)["code"] == "not_ready"
    assert answer.headers["Retry-After"]
    answer = ask.get("/api/costs")
    assert checked(answer, 503)["code"] == "unavailable"
    assert answer.headers["Retry-After"]


def test_an_error_that_nobody_foresaw_says_nothing_of_itself(rt: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*words: object) -> None:
        raise RuntimeError("a line of a bill")

    monkeypatch.setattr(rt.warehouse, "query", broken)
    answer = client(rt).get("/api/costs", headers={"X-Request-ID": "mine-1"})
    found = checked(answer, 500)
    assert (found["code"], found["request_id"]) == ("internal", "mine-1")
    assert "bill" not in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    ("given", "same"), [("abc-1.2_3", True), ("x" * 129, False), ("a b", False), ("a\u00e9", False)]
)
def test_a_request_has_the_id_of_its_caller_where_it_is_one(rt: Laptop, given: str, same: bool) -> None:
    found = client(rt).get("/health", headers={"X-Request-ID": given}).headers["X-Request-ID"]
    assert (found == given) is same
    assert found.isascii() and found


def test_a_large_answer_is_compressed_for_those_who_take_it(rt: Laptop, tmp_path: Path) -> None:
    show(rt, tmp_path, "2026-03", *(on("2026-03-05", "1", f"service {number}") for number in range(50)))
    ask = client(rt)
    plain = ask.get("/api/costs")
    small = ask.get("/api/costs", headers={"Accept-Encoding": "gzip, br"})
    assert small.headers["Content-Encoding"] == "gzip" and "Content-Encoding" not in plain.headers
    assert gzip.decompress(small.get_data()) == plain.get_data()
    assert len(small.get_data()) * 4 < len(plain.get_data())
    assert "Accept-Encoding" in small.headers["Vary"] and "Accept-Encoding" in plain.headers["Vary"]
    assert small.headers["ETag"] == plain.headers["ETag"]
    assert "Content-Encoding" not in ask.get("/health", headers={"Accept-Encoding": "gzip"}).headers
    assert "Content-Encoding" not in ask.get("/api/costs", headers={"Accept-Encoding": "gzip;q=0"}).headers


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "not_found"),
        ("GET", "/api/costs/", 404, "not_found"),
        ("POST", "/api/costs", 405, "method_not_allowed"),
        ("OPTIONS", "/api/costs", 405, "method_not_allowed"),
        ("GET", "/api/v1/organizations/nobody_1x/costs", 404, "not_found"),
        ("GET", "/api/v1/organizations/..%2f..%2fetc/costs", 404, "not_found"),
        ("GET", "/api/v1/organizations/a b/costs", 404, "not_found"),
    ],
)
def test_what_is_not_there_is_a_problem(rt: Laptop, method: str, path: str, status: int, code: str) -> None:
    answer = client(rt).open(path, method=method)
    assert answer.status_code == status
    found = json.loads(answer.get_data())
    assert (answer.mimetype, found["code"], found["status"]) == ("application/problem+json", code, status)
    assert found["type"] == f"urn:costwire:problem:{code}" and found["title"] == CODES[code][1]
    assert status != 405 or "GET" in answer.headers["Allow"]


def test_a_head_has_the_headers_of_its_get(rt: Laptop) -> None:
    ask = client(rt)
    assert ask.head("/api/costs").headers["ETag"] == ask.get("/api/costs").headers["ETag"]
    assert ask.head("/api/costs").get_data() == b""


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8080", "0.0.0.0", ""]
)
def test_another_host_is_refused_on_the_own_machine(rt: Laptop, host: str) -> None:
    """A page whose name was bound to this machine's address must not read costs."""
    answer = client(rt).get("/api/costs", headers={"Host": host})
    assert checked(answer, 421)["code"] == "foreign_host"


@pytest.mark.parametrize("host", ["localhost", "localhost:8080", "127.0.0.1:1", "[::1]:8080"])
def test_this_machine_is_answered(rt: Laptop, host: str) -> None:
    assert client(rt).get("/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}]
)
def test_a_page_of_another_site_changes_nothing(rt: Laptop, headers: dict[str, str]) -> None:
    answer = client(rt).post("/api/costs", headers=headers)
    assert checked(answer, 403)["code"] == "cross_site"
    assert client(rt).get("/health", headers=headers).status_code == 200


def test_a_service_for_others_answers_for_its_own_name(rt: Laptop) -> None:
    ask = client(rt, Service(OpenDoor(), encrypted=True))
    answer = ask.get("/health", headers={"Host": "costs.example"})
    assert answer.status_code == 200 and "max-age" in answer.headers["Strict-Transport-Security"]


@pytest.mark.parametrize("path", ["/health", "/api/costs", "/nothing", "/openapi.json"])
def test_no_answer_lets_a_browser_guess_or_other_sites_read(rt: Laptop, path: str) -> None:
    headers = client(rt).get(path, headers={"Origin": "https://evil.example"}).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert not [name for name, _ in headers if name.lower().startswith("access-control-")]
    assert "Server" not in headers and headers["X-Request-ID"]


def test_a_question_creates_nothing(rt: Laptop) -> None:
    client(rt).get("/api/costs")
    assert rt.documents.get(f"orgs/{ORG}") is None


def test_the_page_has_every_operation_and_code() -> None:
    text = api_page.PAGE.read_text(encoding="utf-8")
    assert api_page.page(text) == text, "docs/api.md is stale: python -m tests.integration.api_page"
