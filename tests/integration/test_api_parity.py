"""What the command line can do, the API can: exports, values for suggestions, jobs, replay, and the table that says so."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from common.records.api_keys import key_path
from costwire.worker import work
from tests.integration import parity_page
from tests.integration.api_tenants import ACME, OTHER, ROOT_KEY, World, copied, filled
from tests.integration.api_world import checked
from tests.integration.test_audited_commands import every_command
from web.api.access import KeyDoor
from web.api.app import Service
from web.api.routes import ROUTES
from web.site import create_site

PATH = f"/api/v1/organizations/{ACME}"
ROOT = {"X-CA-Root-Key": ROOT_KEY}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with filled(tmp_path_factory.mktemp("world")) as made:
        yield made


def get(world: World, rest: str, **query: Any) -> Any:
    return checked(world.ask.get(f"{PATH}/{rest}", query_string=query, headers=world.acme.headers()))


def test_every_command_has_a_route_or_a_reason() -> None:
    assert set(parity_page.PARITY) == every_command()
    operations = {one.operation for one in ROUTES}
    named = {name for one in parity_page.PARITY.values() if not isinstance(one, str) for name in one}
    assert named <= operations
    assert all(reason for reason in parity_page.PARITY.values())
    text = parity_page.PAGE.read_text(encoding="utf-8")
    assert parity_page.page(text) == text, "docs/api.md is stale: python -m tests.integration.parity_page"


def test_an_export_has_every_current_row_in_either_form_and_leaves_no_file_behind(world: World) -> None:
    rows = list(csv.DictReader(io.StringIO(get(world, "exports").decode())))
    assert sorted(row["BilledCost"] for row in rows) == ["0.05", "7.2"] and {row["x_OrgSlug"] for row in rows} == {ACME}
    answer = world.ask.get(
        f"{PATH}/exports", headers={**world.acme.headers(), "Accept": "application/vnd.apache.parquet"}
    )
    assert answer.mimetype == "application/vnd.apache.parquet" and answer.headers["X-Rows"] == "2"
    assert pq.read_table(io.BytesIO(answer.get_data())).num_rows == 2
    answer.close()
    assert get(world, "exports", billing_period="2020-01").count(b"\n") == 1, "the header alone"
    assert [one for one in world.rt.scratch.iterdir() if one.is_dir()] == []


def test_values_begin_with_what_was_typed_and_are_bounded(world: World) -> None:
    found = get(world, "dimensions/service/values")
    assert [one["value"] for one in found["values"]] and not found["more"]
    whole = found["values"][0]["value"]
    assert get(world, "dimensions/service/values", prefix=whole[:3].upper())["values"] == found["values"]
    assert get(world, "dimensions/service/values", prefix="zzz%_")["values"] == []
    assert get(world, "dimensions/tag:team/values")["dimension"] == "tag:team"
    for dimension in ("BilledCost", "nothing"):
        answer = world.ask.get(f"{PATH}/dimensions/{dimension}/values", headers=world.acme.headers())
        assert checked(answer, 400)["code"] == "invalid_request"


def test_unchanged_values_are_not_sent_again(world: World) -> None:
    path, headers = f"{PATH}/dimensions/service/values", world.acme.headers()
    tag = world.ask.get(path, headers=headers).headers["ETag"]
    assert world.ask.get(path, headers={**headers, "If-None-Match": tag}).status_code == 304


def test_a_delivery_is_replayed(world: World) -> None:
    rest = f"deliveries/{world.acme.names['delivery_id']}/replay"
    answer = checked(world.ask.post(f"{PATH}/{rest}", json={}, headers=world.acme.headers("editor")), 202)
    assert answer["messages"] == 1
    assert all(one.error is None for one in work(world.rt, world.rt.clock.sleep))
    assert len(get(world, "exports").splitlines()) == 3


def test_bootstrap_creates_what_is_missing_migrates_what_is_old_and_does_so_once(world: World, tmp_path: Path) -> None:
    with copied(world, tmp_path) as own:
        documents = own.rt.documents
        organization = documents.get(f"orgs/{ACME}") or {}
        organization["limits"].pop("seats")
        documents.set(f"orgs/{ACME}", {name: one for name, one in organization.items() if name != "time_zone"})
        old = {"at": "2026-03-01T00:00:00+00:00", "by": "stripe", "event_id": "evt_1"}
        change = {"before": {"plan": "Starter", "status": "TRIAL"}, "after": {"plan": "Scale", "status": "ACTIVE"}}
        documents.set(f"orgs/{ACME}/plan_changes/20260301-evt_1", {**old, **change})
        first = checked(own.ask.post("/api/v1/admin/bootstrap", json={}, headers=ROOT))["done"]
        assert f"{ACME}: added limits, time_zone" in first and "organization default is created" in first
        assert f"{ACME}: moved 1 changes of the plan to the audit log" in first
        assert (documents.get(f"orgs/{ACME}") or {})["limits"]["seats"] == 2
        changes = checked(own.ask.get(f"{PATH}/billing/changes", headers=own.acme.headers("owner")))["changes"]
        assert changes == [{**old, **change, "at": "2026-03-01T00:00:00.000000+00:00"}]
        assert checked(own.ask.post("/api/v1/admin/bootstrap", json={}, headers=ROOT))["done"] == []
        assert documents.get(key_path(OTHER, own.other.names["key_id"])) is not None


def test_jobs_are_listed_and_an_unknown_one_is_named(world: World) -> None:
    names = [one["job"] for one in checked(world.ask.get("/api/v1/admin/jobs", headers=ROOT))["jobs"]]
    assert names == ["quota-clean-up", "stale-runs", "bootstrap", "org-sync"]
    answer = checked(world.ask.post("/api/v1/admin/jobs/org-sink", json={}, headers=ROOT), 404)
    assert "org-sync" in answer["detail"]
    for name in names:
        checked(world.ask.post(f"/api/v1/admin/jobs/{name}", json={}, headers=ROOT))


def test_the_page_of_the_log_shows_changes_as_text_and_filters(world: World) -> None:
    site = create_site(world.rt, Service(KeyDoor(world.rt, ROOT_KEY))).test_client()
    owner, page = world.acme.headers("owner"), f"/{ACME}/settings/audit"
    world.ask.post(f"{PATH}/keys", json={"name": "<b>bold</b>"}, headers=owner)
    text = site.get(page, query_string={"action": "key.create", "since": "", "actor": "", "target": ""}, headers=owner)
    shown = text.get_data(as_text=True)
    assert text.status_code == 200 and "key.create" in shown and "&lt;b&gt;bold" in shown and "<b>bold" not in shown
    assert "key.create" not in site.get(page, query_string={"actor": "nobody"}, headers=owner).get_data(as_text=True)
    first = site.get(page, query_string={"limit": 1}, headers=owner).get_data(as_text=True)
    assert "cursor=" in first
    assert site.get(page, headers=world.acme.headers("editor")).status_code == 403
    assert site.get(page, query_string={"since": "yesterday?"}, headers=owner).status_code == 400


def test_the_filter_of_the_costs_page_suggests_values_and_is_text_without_a_script(world: World) -> None:
    site = create_site(world.rt, Service(KeyDoor(world.rt, ROOT_KEY))).test_client()
    viewer = world.acme.headers()
    text = site.get(f"/{ACME}/analytics?month=2026-03&group=service", headers=viewer).get_data(as_text=True)
    assert '<datalist id="filter_values"></datalist>' in text and 'name="filter_value"' in text
    address, known = f"/{ACME}/analytics/values", get(world, "dimensions/service/values")["values"][0]["value"]
    found = site.get(address, query_string={"filter_by": "service", "filter_value": known[:2].lower()}, headers=viewer)
    assert f'<option value="{known}">' in found.get_data(as_text=True)
    for query in (
        {"filter_by": "nothing"},
        {"filter_by": "service", "filter_tag": "te am"},
        {"filter_by": "BilledCost"},
    ):
        empty = site.get(address, query_string=query, headers=viewer)
        assert empty.status_code == 200 and "<option" not in empty.get_data(as_text=True)
    assert site.get(address, query_string={"filter_by": "service"}, headers=world.other.headers()).status_code == 404
