"""Settings and the operator's pages: each does what the command does, secrets are shown once, and only who may may."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from common.domain.api_keys import Role
from common.reporting.integrations import show_integration
from common.retention.lives import lives_of
from common.tenancy import api_keys, rates
from common.tenancy.api_keys import KeyRequest
from common.tenancy.organizations import add_organization
from common.tenancy.schedules import sync_interval_hours
from tests.support import Laptop, cur_line, cur_text, laptop
from web.api.access import KeyDoor, OpenDoor
from web.api.app import Service
from web.site import PAGES, create_site

ROOT = "r00t" * 12
KEY = re.compile(r'aria-label="the key"><code>([^<]+)</code>')


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Laptop]:
    with laptop(tmp_path / "home") as made:
        path = tmp_path / "bill.csv"
        path.write_text(cur_text([cur_line(1, "1")]), encoding="utf-8")
        made.bring(path, "aws-main")
        yield made


def ask(rt: Laptop) -> FlaskClient:
    return create_site(rt, Service(OpenDoor(), loopback=True)).test_client()


def page(rt: Laptop, address: str, status: int = 200) -> str:
    answer = ask(rt).get(address)
    assert answer.status_code == status
    return answer.get_data(as_text=True)


def test_a_key_is_shown_by_one_answer_that_nobody_stores(rt: Laptop) -> None:
    made = ask(rt).post("/default/settings/keys", data={"name": "Pipeline <b>", "role": "editor", "lives": "30d"})
    (secret,) = KEY.findall(made.get_data(as_text=True))
    assert made.status_code == 200 and made.headers["Cache-Control"] == "no-store"
    assert api_keys.authenticate(rt, secret).key.role is Role.EDITOR
    listed = page(rt, "/default/settings/keys")
    assert secret not in listed and "Pipeline &lt;b&gt;" in listed and secret[-4:] in listed
    (key,) = api_keys.list_keys(rt, "default")
    rotated = ask(rt).post(f"/default/settings/keys/{key.key_id}/rotate", data={"overlap": "0"})
    (other,) = KEY.findall(rotated.get_data(as_text=True))
    assert other != secret and rotated.headers["Cache-Control"] == "no-store"
    with pytest.raises(api_keys.KeyRefused):
        api_keys.authenticate(rt, secret)
    newest = api_keys.list_keys(rt, "default")[0]
    assert ask(rt).post(f"/default/settings/keys/{newest.key_id}/revoke").status_code == 303
    assert api_keys.list_keys(rt, "default")[0].revoked_at is not None


def test_a_key_without_a_name_is_refused_on_the_page(rt: Laptop) -> None:
    answer = ask(rt).post("/default/settings/keys", data={"name": " "})
    assert answer.status_code == 400 and "New key" in answer.get_data(as_text=True)
    assert api_keys.list_keys(rt, "default") == []


def test_an_integration_is_checked_paused_resumed_and_removed(rt: Laptop) -> None:
    address = "/default/settings/integrations/aws-main"
    assert "Not checked yet" in page(rt, address)
    checked = page(rt, f"{address}?check=true")
    assert "Passed" in checked and "bill.csv can be read" in checked
    assert ask(rt).post(f"{address}/pause").status_code == 303
    assert show_integration(rt, "default", "aws-main").status == "disabled" and "Resume" in page(rt, address)
    assert ask(rt).post(f"{address}/resume").status_code == 303
    assert show_integration(rt, "default", "aws-main").status == "validating"
    assert "this machine" in page(rt, address) and "paused" in page(rt, address)
    run = ask(rt).post(f"{address}/sync")
    assert run.status_code == 303 and "/data/runs/" in run.headers["Location"]
    wrong = ask(rt).post(f"{address}/remove", data={"name": "aws"})
    assert wrong.status_code == 400 and "nothing was removed" in wrong.get_data(as_text=True)
    assert ask(rt).post(f"{address}/remove", data={"name": "aws-main"}).status_code == 303
    page(rt, address, 404)
    assert ask(rt).post(f"{address}/explode").status_code == 400


def test_a_fault_has_its_fix_to_copy(rt: Laptop, tmp_path: Path) -> None:
    (tmp_path / "bill.csv").unlink()
    text = page(rt, "/default/settings/integrations/aws-main?check=true")
    assert "Failed" in text and "data-copy" in text and "costwire connect aws --id aws-main --location URI" in text
    assert "Fault" in page(rt, "/-/operator/doctor") and "costwire connect aws" in page(rt, "/-/operator/doctor")


def test_rates_retention_and_schedule_are_set(rt: Laptop) -> None:
    text = "month,currency,usd_rate,source\r\n2026-03,EUR,1.0812,a bank <b>\r\n"
    assert ask(rt).post("/default/settings/rates", data={"csv": text}).status_code == 303
    assert [str(one.usd_rate) for one in rates.list_rates(rt, "default")] == ["1.0812"]
    assert "a bank &lt;b&gt;" in page(rt, "/default/settings/rates")
    wrong = ask(rt).post("/default/settings/rates", data={"csv": "month,currency\n2026-03,EUR\n"})
    assert wrong.status_code == 400 and len(rates.list_rates(rt, "default")) == 1
    assert ask(rt).post("/default/settings/retention", data={"kind": "versions", "days": "30"}).status_code == 303
    assert lives_of(rt.documents, "default").days["versions"] == 30
    for kind, days in (("versions", "0"), ("nothing", "3"), ("processed", "3")):
        assert ask(rt).post("/default/settings/retention", data={"kind": kind, "days": days}).status_code == 400
    assert ask(rt).post("/default/settings/schedule", data={"hours": "6"}).status_code == 303
    assert sync_interval_hours(rt.documents, "default") == 6


def test_an_operator_sees_every_organization_and_what_is_stuck(rt: Laptop, tmp_path: Path) -> None:
    add_organization(rt, "Acme <b>", "acme_one", "Starter")
    tenants = page(rt, "/-/operator/tenants")
    assert "acme_one" in tenants and "Acme &lt;b&gt;" in tenants and "default" in tenants
    assert "Succeeded" in page(rt, "/-/operator/runs")
    assert "Nothing is stuck" in page(rt, "/-/operator/messages")
    rt.bus.subscribe("bill-landed", "nobody")
    rt.bus.publish_all([one for document in rt.deliveries() for one in _messages(rt, document["delivery_id"])])
    while (pulled := rt.bus.pull(["nobody"])) is not None:
        rt.bus.reject(pulled, "no reader <b>")
    stuck = page(rt, "/-/operator/messages")
    assert "no reader &lt;b&gt;" in stuck and "bill-landed" in stuck and "costwire replay" in stuck


def _messages(rt: Laptop, delivery_id: str) -> list[object]:
    from common.records.deliveries import load_known

    return list(load_known(rt.documents, "default", delivery_id).messages())


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 401), ({"X-CA-Root-Key": "wrong" * 8}, 401), ({"X-CA-Root-Key": ROOT}, 200), ({"X-API-Key": "own"}, 401)],
)
def test_operators_pages_need_the_root_key_elsewhere(rt: Laptop, headers: Mapping[str, str], status: int) -> None:
    own = api_keys.create_key(rt, "default", KeyRequest("o", Role.OWNER), "test").secret
    elsewhere = create_site(rt, Service(KeyDoor(rt, ROOT))).test_client()
    given = {name: own if value == "own" else value for name, value in headers.items()}
    for route in PAGES:
        if route.path.startswith("/-/"):
            assert route.method == "GET" and elsewhere.get(route.path, headers=given).status_code == status


def test_keys_and_retention_are_an_owners(rt: Laptop) -> None:
    elsewhere = create_site(rt, Service(KeyDoor(rt, ROOT))).test_client()
    editor = {"X-API-Key": api_keys.create_key(rt, "default", KeyRequest("e", Role.EDITOR), "test").secret}
    assert elsewhere.get("/default/settings/keys", headers=editor).status_code == 403
    assert elsewhere.post("/default/settings/keys", headers=editor, data={"name": "x"}).status_code == 403
    answer = elsewhere.post("/default/settings/retention", headers=editor, data={"kind": "versions", "days": "30"})
    assert answer.status_code == 403 and len(api_keys.list_keys(rt, "default")) == 1


def test_no_form_of_another_site_changes_anything(rt: Laptop) -> None:
    for route in PAGES:
        if route.method == "POST":
            path = re.sub(r"\{\w+\}", "x", route.path.replace("{org}", "default"))
            assert ask(rt).post(path, headers={"Origin": "https://evil.example"}).status_code == 403, path
