"""OpenAI and Anthropic connected by a key: what their API answers becomes a proved month, and is read again until it is settled."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from common.errors import BadConfiguration, NotFound
from common.ingestion.connecting import Connection, connect
from common.ingestion.requesting import Outcome
from common.ingestion.syncing import sync
from common.records.integrations import load_integration
from common.records.organizations import ensure_default
from common.tenancy import credentials
from costwire.waiting import wait
from costwire.worker import subscribe_all
from tests.answer_peer import COSTS, KEY, USAGE, Peer, answering, credential
from tests.support import Laptop, laptop

OPENAI_COST = '{"amount":{"value":0.36,"currency":"usd"},"line_item":"gpt-4o-mini-2024-07-18, input","project_id":"proj_web","api_key_id":"key_1","quantity":2400000,"quantity_unit":"tokens"}'  # noqa: E501
OPENAI_USAGE = '{"input_tokens":2400000,"output_tokens":0,"num_model_requests":12,"project_id":"proj_web","user_id":null,"api_key_id":"key_1","model":"gpt-4o-mini-2024-07-18","batch":false,"service_tier":"default"}'  # noqa: E501
ANTHROPIC_COST = '{"amount":"36","currency":"USD","workspace_id":null,"description":"Claude","cost_type":"tokens","context_window":"0-200k","model":"claude-sonnet-4-5","service_tier":"standard","token_type":"uncached_input_tokens","inference_geo":"global"}'  # noqa: E501
ANTHROPIC_USAGE = '{"uncached_input_tokens":120000,"cache_creation":{},"cache_read_input_tokens":0,"output_tokens":0,"api_key_id":"apikey_1","workspace_id":null,"model":"claude-sonnet-4-5","service_tier":"standard","context_window":"0-200k","inference_geo":"global"}'  # noqa: E501
RESULTS = {"openai": (OPENAI_COST, OPENAI_USAGE), "anthropic": (ANTHROPIC_COST, ANTHROPIC_USAGE)}
TOKENS = {"openai": Decimal(2_400_000), "anthropic": Decimal(120_000)}


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Laptop]:
    with laptop(tmp_path / "home") as made:
        ensure_default(made.documents, made.clock.now())
        subscribe_all(made)
        yield made


@pytest.fixture(params=sorted(RESULTS))
def peer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Peer]:
    with answering(request.param) as made:
        monkeypatch.setenv(f"COSTWIRE_{request.param.upper()}_ENDPOINT", made.address)
        cost, usage = RESULTS[made.provider]
        made.add(COSTS[made.provider], "2026-04-02", cost)
        made.add(USAGE[made.provider], "2026-04-02", usage)
        yield made


def connected(rt: Laptop, peer: Peer) -> str:
    asked = Connection("default", peer.provider, None, secret=credential(organization="org-7"), scheduled=False)
    return connect(rt, asked).integration_id


def fetch(rt: Laptop, periods: tuple[str, ...] = ()) -> Outcome:
    return wait(rt, sync(rt, "default", billing_periods=periods))


def rows(rt: Laptop) -> list[tuple[object, ...]]:
    found = rt.ask(
        "select BillingAccountId, x_Model, x_ApiKeyId, BilledCost, x_Tokens, x_ListUnitPrice from cost_data_standard_1_3 "
        "order by ChargePeriodStart"
    )
    return [tuple(row.values()) for row in found]


def test_a_connected_account_becomes_a_proved_month_of_rows_by_model_and_key(rt: Laptop, peer: Peer) -> None:
    connected(rt, peer)
    outcome = fetch(rt)
    assert (outcome.reasons, outcome.waiting) == ((), ())
    (delivery,) = outcome.deliveries
    assert (delivery.state, delivery.billing_period, delivery.quarantined_rows) == ("current", "2026-04", 0)
    model = "gpt-4o-mini-2024-07-18" if peer.provider == "openai" else "claude-sonnet-4-5"
    key = "key_1" if peer.provider == "openai" else "apikey_1"
    price = Decimal("0.15") if peer.provider == "openai" else Decimal(3)
    assert rows(rt) == [("org-7", model, key, Decimal("0.36"), TOKENS[peer.provider], price)]


def test_the_key_is_stored_encrypted_and_stands_in_no_document_and_no_file(
    rt: Laptop, peer: Peer, tmp_path: Path
) -> None:
    name = connected(rt, peer)
    fetch(rt)
    stored = json.loads(credentials.load(rt.sealed, rt.keys, "default", name))
    assert stored["api_key"] == KEY
    for path in (tmp_path / "home").rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes(), path


def test_nothing_new_is_told_from_the_answers_and_a_late_restatement_is_shown(rt: Laptop, peer: Peer) -> None:
    connected(rt, peer)
    (first,) = fetch(rt).deliveries
    assert fetch(rt).deliveries == ()
    peer.add(COSTS[peer.provider], "2026-04-03", RESULTS[peer.provider][0])
    (second,) = fetch(rt).deliveries
    assert second.delivery_id != first.delivery_id
    assert sum(row[3] for row in rows(rt)) == Decimal("0.72")  # type: ignore[misc]


def test_an_earlier_month_is_read_where_it_is_asked_for(rt: Laptop, peer: Peer) -> None:
    connected(rt, peer)
    peer.add(COSTS[peer.provider], "2025-12-31", RESULTS[peer.provider][0])
    fetch(rt)
    (delivery,) = fetch(rt, ("2025-12",)).deliveries
    assert (delivery.billing_period, delivery.state) == ("2025-12", "current")
    assert len(rows(rt)) == 2


def test_an_account_without_costs_waits_and_is_no_error(rt: Laptop, peer: Peer) -> None:
    name = connected(rt, peer)
    peer.results.clear()
    outcome = fetch(rt)
    assert outcome.reasons == () and "no costs yet" in outcome.waiting[0]
    assert load_integration(rt.documents, "default", name)["status"] == "pending"


def test_a_revoked_key_puts_the_integration_into_error_with_the_fix(rt: Laptop, peer: Peer) -> None:
    name = connected(rt, peer)
    peer.refusals = [(401, {})] * 5
    assert "give an admin key" in fetch(rt).reasons[0]
    assert load_integration(rt.documents, "default", name)["status"] == "error"


def test_a_key_that_opens_nothing_is_refused_before_anything_is_stored(rt: Laptop, peer: Peer) -> None:
    for secret in (b'{"api_key": "sk-other"}', b'{"token": "x"}', b"sk-plain", b'{"api_key": "two words"}'):
        with pytest.raises(BadConfiguration) as refused:
            connect(rt, Connection("default", peer.provider, None, secret=secret, scheduled=False))
        assert "sk-" not in str(refused.value).replace("sk-admin-…", "").replace("sk-ant-admin…", "")
    with pytest.raises(NotFound):
        load_integration(rt.documents, "default", peer.provider)


def test_other_providers_still_need_a_location(rt: Laptop) -> None:
    with pytest.raises(BadConfiguration, match="location is missing"):
        connect(rt, Connection("default", "aws", None, scheduled=False))


def test_the_place_of_another_organization_cannot_be_claimed(rt: Laptop, peer: Peer) -> None:
    for location in (f"{peer.provider}://other/{peer.provider}", f"{peer.provider}://default"):
        asked = Connection("default", peer.provider, location, secret=credential(), scheduled=False)
        with pytest.raises(BadConfiguration, match="leave out --location"):
            connect(rt, asked)
