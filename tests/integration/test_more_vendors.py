"""xAI, GitHub and Claude Enterprise: saved answers and connected accounts become proved months, each by its folder and mapping alone."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from common.adapters.answers.location import AnswersLocation
from common.errors import BadBill, BadConfiguration
from common.ingestion.connecting import Connection, connect
from common.ingestion.importing import BillOnDisk, import_bills
from common.ingestion.requesting import Outcome
from common.ingestion.syncing import sync
from common.providers.answer_api import ApiKey
from common.providers.claude.api import API as CLAUDE
from common.providers.registry import provider
from common.providers.xai.api import API as XAI
from common.records.organizations import ensure_default
from costwire.waiting import wait
from costwire.worker import subscribe_all
from tests.support import Laptop, laptop

BILLS = Path(__file__).parents[1] / "fixtures" / "bills"
TOTALS = {"xai": Decimal("11.78"), "github": Decimal("12.0333333327"), "claude": Decimal("4.1395")}
KEY = "key-for-tests"
NOW = datetime(2026, 9, 15, 6, tzinfo=UTC)
Answer = Callable[[str, list[tuple[str, str]]], str]


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Laptop]:
    with laptop(tmp_path / "home") as made:
        made.clock.moment = NOW
        ensure_default(made.documents, made.clock.now())
        subscribe_all(made)
        yield made


class Peer:
    """answer: (path, query) -> the body.  asked: each of them, with the headers."""

    def __init__(self) -> None:
        self.answer: Answer = lambda path, query: "{}"
        self.asked: list[tuple[str, list[tuple[str, str]], dict[str, str]]] = []
        handler = type("Handler", (_Handler,), {"peer": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    peer: Peer

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = parse_qsl(parts.query)
        self.peer.asked.append((parts.path, query, {name.lower(): value for name, value in self.headers.items()}))
        body = self.peer.answer(parts.path, query).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing is said."""


@pytest.fixture
def peer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Peer]:
    made = Peer()
    for name in TOTALS:
        monkeypatch.setenv(f"COSTWIRE_{name.upper()}_ENDPOINT", made.address)
    yield made
    made.close()


def fetched(rt: Laptop, name: str, periods: tuple[str, ...] = ()) -> Outcome:
    secret = json.dumps({"api_key": KEY, "organization": "acme"}).encode()
    connect(rt, Connection("default", name, None, secret=secret, scheduled=False))
    return wait(rt, sync(rt, "default", billing_periods=periods))


def billed(rt: Laptop) -> dict[str, Decimal]:
    rows = rt.ask("select x_Provider as p, sum(BilledCost) as c from cost_data_standard_1_3 group by all")
    return {row["p"]: row["c"] for row in rows}


@pytest.mark.parametrize("name", sorted(TOTALS))
def test_saved_answers_are_a_proved_bill_and_the_same_ones_again_change_nothing(
    rt: Laptop, name: str, tmp_path: Path
) -> None:
    folder = BILLS / name
    for _ in range(2):
        requested, _ = import_bills(rt, [BillOnDisk(folder, "default", integration_id="saved")])
        outcome = wait(rt, requested)
        assert (outcome.reasons, outcome.waiting) == ((), ())
    (delivery,) = rt.deliveries()
    assert (delivery["provider"], delivery["billing_period"], delivery["quarantined_rows"]) == (name, "2026-09", 0)
    assert delivery["proved_at"] and billed(rt) == {name: TOTALS[name]}


def test_github_is_asked_about_a_month_by_the_name_of_the_organization(rt: Laptop, peer: Peer) -> None:
    peer.answer = lambda path, query: (BILLS / "github" / "github_billing_usage.json").read_text()
    outcome = fetched(rt, "github", ("2026-09",))
    assert outcome.reasons == () and billed(rt) == {"github": TOTALS["github"]}
    path, query, headers = peer.asked[-1]
    assert (path, query) == ("/organizations/acme/settings/billing/usage", [("year", "2026"), ("month", "9")])
    assert headers["authorization"] == f"Bearer {KEY}"
    assert {row["a"] for row in rt.ask("select BillingAccountId as a from cost_data_standard_1_3")} == {"acme"}


@pytest.mark.parametrize("organization", [None, "", "../teams/other", "a/b", "a b", "é", "-a"])
def test_an_account_that_could_lead_to_another_path_is_refused(organization: str | None) -> None:
    for name in ("github", "xai"):
        read = provider(name).read_credential
        assert read is not None
        with pytest.raises(BadConfiguration):
            read(json.dumps({"api_key": KEY, "organization": organization}).encode())


def xai_answer(preview: str, invoices: str) -> Answer:
    return lambda path, query: preview if path.endswith("/preview") else invoices


def test_the_preview_of_a_month_gives_way_to_its_invoice_and_stays_until_there_is_one(rt: Laptop, peer: Peer) -> None:
    preview = (BILLS / "xai" / "xai_invoice_preview.json").read_text()
    peer.answer = xai_answer(preview, "{}")  # a list without entries may be left out
    assert fetched(rt, "xai").reasons == () and billed(rt) == {"xai": TOTALS["xai"]}
    assert {path for path, _, _ in peer.asked} == {"/v1/billing/teams/acme/postpaid/invoice/preview"}
    rt.clock.moment = datetime(2026, 10, 2, tzinfo=UTC)
    empty = {**json.loads(preview), "billingCycle": {"year": 2026, "month": 10}}
    empty["coreInvoice"]["lines"] = []
    peer.answer = xai_answer(json.dumps(empty), '{"invoices":[]}')
    wait(rt, sync(rt, "default"))
    assert billed(rt) == {"xai": TOTALS["xai"]}
    invoice = {
        "coreInvoice": json.loads(preview)["coreInvoice"],
        "billingCycle": {"year": 2026, "month": 9},
        "invoiceNumber": "I-9",
    }
    invoice["coreInvoice"]["lines"][0]["amount"] = "73"
    peer.answer = xai_answer(json.dumps(empty), json.dumps({"invoices": [invoice]}))
    rt.clock.moment = datetime(2026, 10, 3, tzinfo=UTC)
    assert wait(rt, sync(rt, "default")).reasons == ()
    assert billed(rt) == {"xai": Decimal("11.79")}
    assert [("billingCycle.year", "2026"), ("billingCycle.month", "9")] in [query for _, query, _ in peer.asked]
    assert {row["i"] for row in rt.ask("select InvoiceId as i from cost_data_standard_1_3")} == {"I-9"}


def bucket(*results: dict[str, Any]) -> str:
    day = {"starting_at": "2026-09-01T00:00:00Z", "ending_at": "2026-09-02T00:00:00Z", "results": results}
    return json.dumps({"data": [day], "has_more": False, "next_page": None})


def claude(peer: Peer) -> AnswersLocation:
    return AnswersLocation("claude://default/claude", CLAUDE, lambda: ApiKey(KEY, "org-1"), NOW, ("2026-09",))


def test_a_day_with_as_many_groups_as_an_answer_may_have_is_asked_for_by_fewer_kinds(peer: Peer) -> None:
    def answer(path: str, query: list[tuple[str, str]]) -> str:
        kinds = [value for name, value in query if name == "group_by[]"]
        rows = 100 if "token_type" in kinds or path.endswith("usage_report") else 2
        return bucket(*({"amount": "1", "list_amount": "1", "currency": "USD"} for _ in range(rows)))

    peer.answer = answer
    with claude(peer).open("2026-09.jsonl") as stream:
        (costs,) = stream.read().splitlines()  # and no usage, which is no money, in part
    asked = [value for name, value in json.loads(costs)["request"]["query"] if name == "group_by[]"]
    assert asked == ["product", "model"] and len(json.loads(json.loads(costs)["answer"])["data"][0]["results"]) == 2


def test_a_total_that_may_lack_groups_is_no_delivery(peer: Peer) -> None:
    peer.answer = lambda path, query: bucket(
        *({"amount": "1", "list_amount": "1", "currency": "USD"} for _ in range(100))
    )
    with pytest.raises(BadBill, match="the total is not known"):
        claude(peer).list()


def test_claude_enterprise_connects_with_its_own_key_and_has_tokens_beside_its_costs(rt: Laptop, peer: Peer) -> None:
    costs, usage = ((BILLS / "claude" / f"claude_{name}_report.json").read_text() for name in ("cost", "usage"))
    peer.answer = lambda path, query: costs if path.endswith("cost_report") else usage
    assert fetched(rt, "claude", ("2026-09",)).reasons == ()
    assert billed(rt) == {"claude": TOTALS["claude"]}
    assert rt.ask("select sum(x_Tokens) as t from cost_data_standard_1_3") == [{"t": 346900}]
    assert peer.asked[0][2]["x-api-key"] == KEY


def test_months_of_the_new_vendors_are_read_again_until_they_are_settled() -> None:
    assert [str(one) for one in CLAUDE.months(datetime(2026, 10, 20, tzinfo=UTC))] == ["2026-09", "2026-10"]
    assert [str(one) for one in XAI.months(datetime(2026, 10, 20, tzinfo=UTC))] == ["2026-10"]
    assert [str(one) for one in XAI.months(datetime(2026, 10, 10, tzinfo=UTC))] == ["2026-09", "2026-10"]
