"""A provider announces new files: their month is fetched, once, and other objects start nothing."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from functions_framework import create_app

from common.config import Settings
from common.errors import Held, Retryable
from common.ingestion.dispatch import dispatch
from common.ingestion.ingest import ingest
from common.messages import IngestBill
from common.messages.cloudevent import decode
from common.providers.gcp.notices import audience_of
from common.records import organizations
from common.records.runs import load_run
from common.runtime import bootstrap, push_auth
from common.tenancy import integrations
from costwire.worker import work
from tests.integration.push_tokens import certificate_server
from tests.integration.webhook_world import (
    CERTIFICATE,
    KEY,
    LOCATION,
    MANIFEST,
    TOPIC,
    Sns,
    World,
    confirmation,
    event_grid,
    eventbridge,
    pushed,
    s3_event,
)
from tests.support import cur_line, cur_text

AZURE, GOOGLE = "az://acme/bills/exports/costs", "gs://acme-bills/exports"
PUSHES = "costwire-push@acme.iam.gserviceaccount.com"
APPLICATION = "11111111-2222-3333-4444-555555555555/api://costwire"


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[World]:
    made = World(Settings(home=tmp_path / "home"))
    bootstrap.use(made)
    yield made
    bootstrap.use(None)


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with certificate_server(KEY) as server:
        monkeypatch.setattr(push_auth, "certificates", push_auth.Certificates(server.url))
        yield


def months(rt: World) -> list[tuple[str, ...]]:
    return [one.billing_periods for one in rt.requests()]


# ---- what each provider says ----


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("subject", ["Amazon S3 Notification", None])
def test_a_manifest_announced_by_sns_starts_its_month(rt: World, version: str, subject: str | None) -> None:
    rt.integration(sender=TOPIC)
    made = rt.call(Sns(rt.clock.now(), version=version, subject=subject).body(), Content_Type="text/plain")
    assert (made.status_code, made.data) == (200, b"")
    (asked,) = rt.requests()
    assert (asked.trigger, asked.org_slug, asked.integration_id) == ("webhook", "default", "bills")
    assert asked.billing_periods == ("2026-03",)


def test_keys_of_sns_are_decoded(rt: World) -> None:
    rt.integration(sender=TOPIC)
    encoded = MANIFEST.replace("=", "%3D").replace("cur-M", "my+cur-M")
    rt.call(Sns(rt.clock.now(), message=s3_event(encoded)).body())
    assert months(rt) == [("2026-03",)]


def test_the_certificate_is_fetched_once(rt: World) -> None:
    rt.integration(sender=TOPIC)
    for number in range(3):
        rt.call(Sns(rt.clock.now(), message_id=f"m-{number}").body())
    assert rt.visited == [CERTIFICATE]


def test_the_subscription_of_the_named_topic_is_confirmed(rt: World) -> None:
    rt.integration(sender=TOPIC)
    made = rt.call(Sns(rt.clock.now(), kind="SubscriptionConfirmation", message="You have chosen").body())
    assert made.status_code == 200
    assert rt.visited == [CERTIFICATE, confirmation(TOPIC)]
    assert months(rt) == []


def test_a_manifest_announced_by_eventbridge_starts_its_month(rt: World) -> None:
    secret = rt.integration()
    assert (
        rt.call(eventbridge("exports/cur/20260301-20260401/a+b%20Manifest.json"), x_costwire_secret=secret).status_code
        == 200
    )
    assert months(rt) == [("2026-03",)]


@pytest.mark.parametrize("cloud_event", [True, False])
@pytest.mark.parametrize("host", ["blob", "dfs"])
def test_a_manifest_announced_by_event_grid_starts_its_month(rt: World, cloud_event: bool, host: str) -> None:
    secret = rt.integration(AZURE, "azure")
    event = event_grid(
        cloud_event=cloud_event, api="FlushWithClose", url=f"https://acme.{host}.core.windows.net/bills/x"
    )
    body = event if cloud_event else [event]
    assert rt.call(body, f"/v1/default/bills?key={secret}").status_code == 200
    assert months(rt) == [("2026-03",)]


def test_the_key_may_be_in_a_header(rt: World) -> None:
    secret = rt.integration(AZURE, "azure")
    assert rt.call([event_grid()], x_costwire_secret=secret).status_code == 200
    assert months(rt) == [("2026-03",)]


def test_event_grid_is_answered_what_it_validates(rt: World) -> None:
    secret = rt.integration(AZURE, "azure")
    asked = {
        "id": "v", "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "data": {"validationCode": "code-1", "validationUrl": "https://rp.eventgrid.azure.net/validate"},
    }  # fmt: skip
    made = rt.call([asked], f"/v1/default/bills?key={secret}", aeg_event_type="SubscriptionValidation")
    assert (made.status_code, made.json) == (200, {"validationResponse": "code-1"})
    cloud = rt.call(b"", f"/v1/default/bills?key={secret}", "OPTIONS", WebHook_Request_Origin="eventgrid.azure.net")
    assert (cloud.status_code, cloud.headers["WebHook-Allowed-Origin"]) == (200, "eventgrid.azure.net")
    assert int(cloud.headers["WebHook-Allowed-Rate"]) > 0
    assert (rt.visited, months(rt)) == ([], [])


def test_a_file_announced_by_cloud_storage_starts_what_is_new(rt: World, google: None) -> None:
    rt.integration(GOOGLE, "focus", sender=PUSHES)
    token = KEY.token(aud=audience_of("default", "bills"), email=PUSHES)
    assert rt.call(pushed(), Authorization=f"Bearer {token}").status_code == 200
    assert months(rt) == [()]


@pytest.mark.parametrize(
    "attributes",
    [{"eventType": "OBJECT_DELETE"}, {"eventType": "OBJECT_METADATA_UPDATE"}, {"objectId": "elsewhere/a.csv"}, {"bucketId": "other"}],
    ids=str,
)  # fmt: skip
def test_other_notifications_of_cloud_storage_start_nothing(
    rt: World, google: None, attributes: dict[str, str]
) -> None:
    rt.integration(GOOGLE, "focus", sender=PUSHES)
    token = KEY.token(aud=audience_of("default", "bills"), email=PUSHES)
    assert (
        rt.call(pushed(**attributes), Authorization=f"Bearer {token}").status_code == 200
    )  # else it would be pushed for days
    assert months(rt) == []


@pytest.mark.parametrize(
    "event",
    [
        s3_event("exports/cur/data/BILLING_PERIOD=2026-03/cur-00001.csv.gz"),
        s3_event(MANIFEST, bucket="other"),
        s3_event(MANIFEST, name="ObjectRemoved:Delete"),
        s3_event(MANIFEST, size=0),
        s3_event("exports/current/metadata/BILLING_PERIOD=2026-03/cur-Manifest.json"),
        json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "acme-bills"}),
    ],
)
def test_other_objects_of_s3_start_nothing(rt: World, event: str) -> None:
    rt.integration(sender=TOPIC)
    assert rt.call(Sns(rt.clock.now(), message=event).body()).status_code == 200
    assert months(rt) == []


@pytest.mark.parametrize("data", [{"contentLength": 0}, {"api": "CreateFile"}], ids=str)
def test_a_blob_that_has_no_content_yet_starts_nothing(rt: World, data: dict[str, Any]) -> None:
    secret = rt.integration(AZURE, "azure")
    assert rt.call([event_grid(**data)], x_costwire_secret=secret).status_code == 200
    assert months(rt) == []


def test_a_call_of_several_months_starts_each_and_of_many_whatever_is_new(rt: World) -> None:
    rt.integration(sender=TOPIC)
    named = [f"{year}-{month:02}" for year in (2024, 2025) for month in range(1, 13)]
    keys = [MANIFEST.replace("2026-03", one) for one in named]
    rt.call(Sns(rt.clock.now(), message=s3_event(*keys[:3])).body())
    assert months(rt) == [("2024-01",), ("2024-02",), ("2024-03",)]
    rt.call(Sns(rt.clock.now(), message=s3_event(*keys), message_id="m-2").body())
    assert months(rt) == [()]


# ---- when nothing may start ----


def test_a_paused_integration_and_a_suspended_organization_start_nothing(rt: World) -> None:
    secret = rt.integration()
    integrations.pause(rt, "default", "bills", "test")
    assert rt.call(eventbridge(), x_costwire_secret=secret).status_code == 200
    integrations.resume(rt, "default", "bills", "test")
    organizations.suspend(rt.documents, rt.clock.now(), "default")
    assert rt.call(eventbridge(), x_costwire_secret=secret).status_code == 200
    assert months(rt) == []
    organizations.resume(rt.documents, rt.clock.now(), "default")
    rt.call(eventbridge(), x_costwire_secret=secret)
    assert months(rt) == [("2026-03",)]  # what started nothing was not seen


def test_a_removed_integration_takes_no_calls_nor_does_its_successor(rt: World) -> None:
    secret = rt.integration()
    integrations.remove(rt, "default", "bills")
    assert rt.call(eventbridge(), x_costwire_secret=secret).status_code == 400
    assert rt.integration() != secret
    assert rt.call(eventbridge(), x_costwire_secret=secret).status_code == 400
    assert months(rt) == []


# ---- once ----


def test_a_repeated_event_starts_nothing_more_for_eight_days(rt: World) -> None:
    secret = rt.integration()
    rt.call(eventbridge(), x_costwire_secret=secret)
    (first,) = rt.requests()
    dispatch(first, rt)
    ingest(ordered(rt), rt)  # nothing lies there: the run ends
    for days in (0, 1, 6):
        rt.clock.sleep(days * 24 * 3600)
        assert rt.call(eventbridge(), x_costwire_secret=secret).status_code == 200
        assert months(rt) == []
    rt.clock.sleep(timedelta(days=2).total_seconds())
    rt.call(eventbridge(), x_costwire_secret=secret)
    assert months(rt) == [("2026-03",)]


def ordered(rt: World) -> IngestBill:
    """The order to fetch that dispatch published last."""
    found = None
    while (one := rt.bus.pull(["ingest_aws"])) is not None:
        found = decode(one.event)
        rt.bus.ack(one)
    assert isinstance(found, IngestBill)
    return found


def test_calls_about_a_month_join_the_run_that_has_not_begun(rt: World) -> None:
    secret = rt.integration()
    rt.call(eventbridge(event_id="e-1"), x_costwire_secret=secret)
    (first,) = rt.requests()
    rt.call(eventbridge(event_id="e-2"), x_costwire_secret=secret)
    (again,) = rt.requests()
    assert again == first  # it has no run yet: whoever published it may have died before
    dispatch(first, rt)
    rt.call(eventbridge(event_id="e-3"), x_costwire_secret=secret)
    assert months(rt) == []
    april = MANIFEST.replace("2026-03", "2026-04")
    rt.call(eventbridge(april, event_id="e-4"), x_costwire_secret=secret)
    assert months(rt) == [("2026-04",)]


def test_two_hundred_calls_at_once_are_one_run(rt: World) -> None:
    secret = rt.integration()
    assert rt.documents and rt.processed and rt.bus and rt.app  # opened before the threads
    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(rt.call, eventbridge(event_id=f"e-{n}"), x_costwire_secret=secret) for n in range(200)]
        assert {one.result().status_code for one in calls} == {200}
    assert len({one.run_id for one in rt.requests()}) == 1


def test_a_file_that_comes_while_its_month_is_read_gets_one_more_run(rt: World) -> None:
    secret = rt.integration()
    rt.call(eventbridge(event_id="e-1"), x_costwire_secret=secret)
    (first,) = rt.requests()
    dispatch(first, rt)
    order, found = ordered(rt), []
    assert rt.bucket.is_dir()

    class Listing(World):
        """Calls come while the first run lists the location."""

        def source(self, integration: Any) -> Any:
            for number in range(3):
                rt.call(eventbridge(event_id=f"late-{number}"), x_costwire_secret=secret)
                found.extend(rt.requests())
            later = found[0]
            dispatch(later, rt)
            with pytest.raises(Held):
                ingest(IngestBill("aws", "default", "bills", f"{later.run_id}.bills", ("2026-03",)), rt)
            rt.call(eventbridge(event_id="late-9"), x_costwire_secret=secret)
            assert rt.requests() == []  # it joins the one that waits
            return super().source(integration)

    during = Listing(rt.settings)
    during.__dict__.update(rt.__dict__)
    ingest(order, during)
    assert len({one.run_id for one in found}) == 1
    assert found[0].run_id != first.run_id


# ---- the whole way ----


def test_a_bill_is_shown_after_one_call_and_not_read_again_by_another(rt: World) -> None:
    rt.integration(sender=TOPIC)
    folder = rt.bucket / "20260301-20260401"
    folder.mkdir()
    manifest = {
        "assemblyId": "a1", "reportName": "cur", "reportKeys": ["20260301-20260401/cur-1.csv"],
        "billingPeriod": {"start": "20260301T000000.000Z", "end": "20260401T000000.000Z"},
    }  # fmt: skip
    (folder / "cur-1.csv").write_text(cur_text([cur_line(1, "1.25")]))
    (folder / "cur-Manifest.json").write_text(json.dumps(manifest))
    announced = s3_event("exports/cur/20260301-20260401/cur-Manifest.json")
    rt.call(Sns(rt.clock.now(), message=announced).body())
    assert {one.error for one in work(rt, rt.clock.sleep)} == {None}
    assert rt.billed() == {"USD": Decimal("1.25")}
    ((run_id, run),) = rt.documents.list("orgs/default/runs")
    assert (run["trigger"], run["status"]) == ("webhook", "succeeded")
    rt.call(Sns(rt.clock.now(), message=announced, message_id="m-2").body())
    assert {one.error for one in work(rt, rt.clock.sleep)} == {None}
    again = [
        load_run(rt.documents, "default", name) for name, _ in rt.documents.list("orgs/default/runs") if name != run_id
    ]
    assert [(one.status, len(one.delivery_ids)) for one in again if one] == [("succeeded", 1)]
    assert len(rt.deliveries()) == 1


def test_the_deployed_function_answers(rt: World) -> None:
    secret = rt.integration()
    client = create_app("provider_webhook", "functions/provider_webhook/main.py").test_client()
    made = client.post("/v1/default/bills", json=eventbridge(), headers={"x-costwire-secret": secret})
    assert (made.status_code, months(rt)) == (200, [("2026-03",)])
    assert client.get("/").status_code == client.post("/v1/default/bills", json=[]).status_code == 400


def test_a_provider_that_cannot_be_reached_makes_the_call_come_again(
    rt: World, caplog: pytest.LogCaptureFixture
) -> None:
    rt.integration(sender=TOPIC)
    rt.web[CERTIFICATE] = Retryable("a provider's keys cannot be fetched (ConnectTimeout)")
    with caplog.at_level(logging.INFO):
        made = rt.call(Sns(rt.clock.now()).body())
    assert (made.status_code, made.data, made.headers["Retry-After"]) == (503, b"unavailable\n", "30")
    assert caplog.records[-1].fields["call"] == "unavailable"  # type: ignore[attr-defined]
    del rt.web[CERTIFICATE]
    rt.call(Sns(rt.clock.now()).body())
    assert months(rt) == [("2026-03",)]


def test_each_call_is_one_line_of_the_log(rt: World, caplog: pytest.LogCaptureFixture) -> None:
    secret = rt.integration()
    with caplog.at_level(logging.INFO):
        rt.call(eventbridge(), x_costwire_secret=secret)
        rt.call(eventbridge(), x_costwire_secret=secret)
        rt.call(eventbridge("elsewhere/x.csv", event_id="e-2"), x_costwire_secret=secret)
        rt.call(eventbridge(), x_costwire_secret="whsec_forged")
    lines = [one.fields for one in caplog.records]  # type: ignore[attr-defined]
    assert [one["call"] for one in lines] == ["started", "repeated", "ignored", "refused"]
    assert {one["org_slug"] + "/" + one["integration_id"] for one in lines} == {"default/bills"}
    assert lines[0]["run_ids"] == [f"{rt.requests()[0].run_id}.bills"]
    assert lines[-1]["reason"] == "the secret is missing or wrong, and no topic is named"
    assert LOCATION not in str(lines) and secret not in str(lines) and "whsec_forged" not in str(lines)
