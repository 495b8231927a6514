"""Routes about what was delivered and what is watched: each answers as the document declares, and by the use case of the commands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from common.ingestion.permissions import permissions_for
from common.reporting.deliveries import list_deliveries
from tests.integration.api_tenants import ACME, World, copied, filled
from tests.integration.api_world import checked

ORG = f"/api/v1/organizations/{ACME}"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> World:
    with filled(tmp_path_factory.mktemp("world")) as made:
        return made


@pytest.fixture
def world(prepared: World, tmp_path: Path) -> Iterator[World]:
    with copied(prepared, tmp_path) as made:
        yield made


def get(world: World, path: str, status: int = 200) -> Any:
    return checked(world.ask.get(path, headers=world.acme.headers()), status)


def test_a_delivery_has_its_proof_written_out(world: World) -> None:
    found = get(world, f"{ORG}/deliveries")["deliveries"]
    assert [one["state"] for one in found] == ["current", "replaced"]
    assert found == [one.as_json() for one in list_deliveries(world.rt, ACME)]
    shown = get(world, f"{ORG}/deliveries/{world.acme.names['delivery_id']}")
    (proof,) = [one for one in shown["proof"] if one["currency"] == "USD"]
    assert (proof["source"], proof["difference"]) == ("7.25", "0")
    assert shown["quarantined_rows"] == 1
    assert get(world, f"{ORG}/deliveries/{'0' * 20}", 404)["code"] == "not_found"


def test_pages_follow_each_other_and_hold_everything_once(world: World) -> None:
    for path, name in (
        ("deliveries", "delivery_id"),
        ("runs", "run_id"),
        ("restatements", "charge_date"),
        ("quarantine", "source_row_id"),
    ):
        whole = get(world, f"{ORG}/{path}")
        field = next(one for one in whole if one != "next")
        everything = [one[name] for one in whole[field]]
        assert everything and whole["next"] is None, path
        paged, cursor = [], ""
        while cursor is not None:
            answer = get(world, f"{ORG}/{path}?limit=1{'&cursor=' + cursor if cursor else ''}")
            paged += [one[name] for one in answer[field]]
            cursor = answer["next"]
        assert paged == everything, path


@pytest.mark.parametrize("cursor", ["x", "!!", "bnVsbA", "WzFd", "W1tdXQ", "%00"])
def test_a_cursor_that_is_not_one_is_a_problem(world: World, cursor: str) -> None:
    assert get(world, f"{ORG}/deliveries?cursor={cursor}", 400)["code"] == "invalid_request"


def test_restatements_quarantine_and_runs_say_what_changed(world: World) -> None:
    changed = get(world, f"{ORG}/restatements")["restatements"]
    assert {one["billed_cost_delta"] for one in changed} == {"0.2", "0.05"}
    assert get(world, f"{ORG}/restatements?since=2030-01-01")["restatements"] == []
    (line,) = get(world, f"{ORG}/quarantine")["lines"]
    assert line["amount"] is None and "source_row" not in line
    assert "not a number" in get(world, f"{ORG}/quarantine?rows=true")["lines"][0]["source_row"]
    runs = get(world, f"{ORG}/runs")["runs"]
    assert {one["status"] for one in runs} == {"succeeded"}
    status = get(world, f"/api/v1/pipelines/status/{ACME}/{runs[0]['run_id']}")
    assert (status["status"], status["errors"]) == ("succeeded", [])


def test_a_budget_is_set_changed_and_removed(world: World) -> None:
    editor = world.acme.headers("editor")
    body = {
        "name": "Compute",
        "amount": "100.50",
        "currency": "USD",
        "scope": {"services": ["AmazonEC2"]},
        "thresholds": ["80"],
    }
    made = checked(world.ask.post(f"{ORG}/budgets", json=body, headers=editor), 201)
    assert (made["amount"], made["thresholds"]) == ("100.5", [80])
    path = f"{ORG}/budgets/{made['budget_id']}"
    assert get(world, path)["standing"]["amount"] == "100.5"
    assert checked(world.ask.post(f"{ORG}/budgets", json=body, headers=editor), 409)["code"] == "already_exists"
    changed = checked(world.ask.patch(path, json={"amount": "5", "owner": "Ana"}, headers=editor))
    assert (changed["amount"], changed["owner"], changed["thresholds"]) == ("5", "Ana", [80])
    assert [one["name"] for one in get(world, f"{ORG}/budgets")["budgets"]] == ["Compute", "Everything"]
    assert checked(world.ask.delete(path, headers=editor))["name"] == "Compute"
    assert get(world, path, 404)["code"] == "not_found"


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x", "amount": 5, "currency": "USD"},
        {"name": "x", "amount": "-5", "currency": "USD"},
        {"name": "x", "amount": "5", "currency": "usd"},
        {"name": "x", "amount": "5", "currency": "USD", "period": "daily"},
        {"name": "x", "amount": "5", "currency": "USD", "thresholds": ["none"]},
        {"name": "x", "amount": "5", "currency": "USD", "scope": {"clouds": ["aws"]}},
        {"name": "x\n", "amount": "5", "currency": "USD"},
    ],
)
def test_a_budget_that_makes_no_sense_is_a_problem(world: World, body: dict[str, Any]) -> None:
    answer = world.ask.post(f"{ORG}/budgets", json=body, headers=world.acme.headers("editor"))
    assert checked(answer, 400)["code"] == "invalid_request"


def test_an_alert_is_acknowledged_and_snoozed_once(world: World) -> None:
    editor, path = world.acme.headers("editor"), f"{ORG}/alerts/{world.acme.names['alert_id']}"
    status = checked(world.ask.get("/api/alerts/status", headers=editor))
    assert status["states"]["open"] == len(status["alerts"]) > 0
    done = checked(world.ask.post(f"{path}/acknowledge", json={"by": "Ana"}, headers=editor))
    assert (done["state"], done["acknowledged_by"]) == ("acknowledged", "Ana")
    snoozed = checked(world.ask.post(f"{path}/snooze", json={"until": "2027-01-01T00:00:00Z"}, headers=editor))
    assert snoozed["state"] == "snoozed"
    past = world.ask.post(f"{path}/snooze", json={"until": "2020-01-01T00:00:00Z"}, headers=editor)
    assert checked(past, 409)["code"] == "conflict"
    assert [one["state"] for one in get(world, path)["history"]][-1] == "snoozed"
    assert get(world, f"{path[:-1]}", 404)["code"] == "not_found"
    assert [one["alert_id"] for one in get(world, f"{ORG}/alerts?state=snoozed")["alerts"]] == [
        world.acme.names["alert_id"]
    ]


def test_an_integration_is_validated_set_up_and_removed(world: World, tmp_path: Path) -> None:
    editor, place = world.acme.headers("editor"), tmp_path / "place"
    place.mkdir()
    (place / "a.csv").write_text("x")
    base = f"/api/v1/integrations/{ACME}"
    body = {"location": place.as_uri(), "integration_id": "second"}
    checked_place = checked(world.ask.post(f"{base}/gcp/validate", json=body, headers=editor))
    assert checked_place["files"] == 1
    assert len(get(world, base)["integrations"]) == 1
    secret = {"type": "service_account", "private_key": "a planted secret"}
    refused = world.ask.post(
        f"{base}/gcp/setup", json={**body, "location": "gs://b/c", "credential": secret}, headers=editor
    )
    found = checked(refused, 422)
    assert "Invalid service account JSON format" in found["detail"] and "planted" not in str(found)
    made = checked(world.ask.post(f"{base}/gcp/setup", json=body, headers=editor), 201)
    assert (made["integration_id"], made["provider"], made["status"]) == ("second", "gcp", "validating")
    assert get(world, f"{base}/second")["has_credential"] is False
    assert checked(world.ask.delete(f"{base}/second", headers=editor)) == {"integration_id": "second", "deliveries": 0}
    assert get(world, f"{base}/second", 404)["code"] == "not_found"
    assert checked(world.ask.post(f"{base}/nobody/setup", json=body, headers=editor), 422)["code"] == "not_possible"


def test_a_pipeline_runs_for_the_months_of_its_days(world: World) -> None:
    editor, path = world.acme.headers("editor"), f"/api/v1/pipelines/run/{ACME}/aws/cost/billing"
    days = {"start_date": "2026-01-31", "end_date": "2026-03-01"}
    found = checked(world.ask.post(path, json=days, headers=editor), 202)
    assert len(found["run_ids"]) == 1
    delivery = world.rt.bus.pull()
    assert delivery is not None and delivery.event["data"]["billing_periods"] == ["2026-01", "2026-02", "2026-03"]
    wrong: list[dict[str, str]] = [
        {"date": "2026-01-01", "start_date": "2026-01-01"},
        {"start_date": "2026-02-01", "end_date": "2026-01-01"},
        {"end_date": "2026-01-01"},
        {"start_date": "1900-01-01", "end_date": "2026-01-01"},
        {"project_filter": "x"},
    ]
    for body in wrong:
        assert checked(world.ask.post(path, json=body, headers=editor), 400)["code"] == "invalid_request"


def test_needed_permissions_name_the_place_and_one_external_id_that_stays(world: World) -> None:
    path = f"/api/v1/integrations/{ACME}"
    body = {"location": "s3://acme-bills/exports", "integration_id": "main"}
    editor = world.acme.headers("editor")
    first = checked(world.ask.post(f"{path}/aws/permissions", json=body, headers=editor))
    assert "acme-bills" in str(first["grants"]["policy"]) and first["external_id"] in str(
        first["grants"]["trust_policy"]
    )
    assert checked(world.ask.post(f"{path}/aws/permissions", json=body, headers=editor)) == first
    found = permissions_for(world.rt, ACME, "aws", body["location"], body["integration_id"])
    assert (found.external_id, found.grants, found.example) == (first["external_id"], first["grants"], first["example"])
    for provider, location in (("oci", "oci://n/b/exports"), ("aws", "az://acme/bills/exports")):
        answer = world.ask.post(f"{path}/{provider}/permissions", json={"location": location}, headers=editor)
        assert checked(answer, 422)["code"] == "not_possible"
