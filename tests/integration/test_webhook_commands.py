"""`costwire integrations webhook`: address, secret and what to set up, which the function then accepts."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hcl2
import pytest
from click.testing import Result
from typer.testing import CliRunner

from common.config import Settings
from common.providers.gcp.notices import audience_of
from common.records.webhooks import load_webhook
from common.runtime import bootstrap
from costwire.cli import app
from tests.integration.webhook_world import TOPIC, Sns, World, eventbridge

URL = "https://provider-webhook-abc-ew.a.run.app"
ADDRESS = f"{URL}/v1/default/bills"
PUSHES = "costwire-push@acme.iam.gserviceaccount.com"
PLACES = {
    "aws": "s3://acme-bills/exports/cur",
    "azure": "az://acme/bills/exports/costs",
    "focus": "gs://acme-bills/exports",
}


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[World]:
    made = World(Settings(home=tmp_path / "home", webhook_url=URL + "/"))
    bootstrap.use(made)
    yield made
    bootstrap.use(None)


def typed(*words: str) -> Result:
    return CliRunner().invoke(app, ["integrations", "webhook", *words])


def shown(*words: str) -> dict[str, Any]:
    made = typed("bills", "--json", *words)
    assert made.exit_code == 0, made.output
    found: dict[str, Any] = json.loads(made.stdout)
    return found


def connected(rt: World, provider: str) -> None:
    """An integration without a webhook."""
    rt.integration(PLACES[provider], provider)
    rt.documents.delete("orgs/default/webhooks/bills")


def test_the_secret_is_shown_once_and_works(rt: World) -> None:
    connected(rt, "aws")
    first, again = shown(), shown()
    assert (first["address"], again["secret"], again["fingerprint"]) == (ADDRESS, None, first["secret"][-4:])
    assert rt.call(eventbridge(), x_costwire_secret=first["secret"]).status_code == 200
    assert first["secret"] not in json.dumps(first["steps"])  # what is copied into a shell's history
    printed = typed("bills", "--rotate").output
    (rotated,) = re.findall(r"whsec_[a-z2-7]{32}", printed)
    assert rotated != first["secret"]
    assert rt.call(eventbridge(event_id="e-2"), x_costwire_secret=first["secret"]).status_code == 400
    assert rt.call(eventbridge(event_id="e-2"), x_costwire_secret=rotated).status_code == 200


def test_a_named_sender_stays_until_another_is_named(rt: World) -> None:
    connected(rt, "aws")
    shown("--sender", TOPIC)
    again = shown()
    assert (again["sender"], again["secret"], again["fingerprint"]) == (TOPIC, None, None)
    assert "so no secret is used" in str(typed("bills", "--rotate").exception)
    assert rt.call(Sns(rt.clock.now()).body()).status_code == 200
    assert shown("--sender", TOPIC + "2")["sender"] == TOPIC + "2"
    assert rt.call(Sns(rt.clock.now()).body()).status_code == 400


def test_remove_ends_it(rt: World) -> None:
    connected(rt, "aws")
    secret = shown()["secret"]
    assert shown("--remove") == {"removed": "bills"} == shown("--remove")
    assert load_webhook(rt.documents, "default", "bills") is None
    assert rt.call(eventbridge(), x_costwire_secret=secret).status_code == 400


def test_the_commands_for_sns_name_bucket_folder_topic_and_address(rt: World) -> None:
    connected(rt, "aws")
    by_topic = shown("--sender", TOPIC)["steps"][0]["text"]
    commands = [shlex.split(line, comments=True) for line in by_topic.splitlines()]
    (policy,) = [json.loads(one[-1]) for one in commands if "Policy" in one]
    assert policy["Statement"][0]["Resource"] == TOPIC
    (notification,) = [json.loads(one[-1]) for one in commands if "--notification-configuration" in one]
    (topic,) = notification["TopicConfigurations"]
    assert topic["TopicArn"] == TOPIC
    assert [one["Value"] for one in topic["Filter"]["Key"]["FilterRules"]] == ["exports/cur/", "Manifest.json"]
    assert commands[-1][-2:] == ["--notification-endpoint", ADDRESS]
    assert f"costwire integrations webhook bills --sender {TOPIC}".split() in commands


def test_the_terraform_for_eventbridge_is_terraform(rt: World) -> None:
    connected(rt, "aws")
    text = shown()["steps"][1]["text"]
    made = hcl2.loads(text + "\n")
    assert ADDRESS in text and "x-costwire-secret" in text and '"wildcard": "exports/cur/*Manifest.json"' in text
    assert len(made["resource"]) == 7


def test_the_command_for_event_grid_has_the_secret_in_a_variable_or_the_application(rt: World) -> None:
    connected(rt, "azure")
    (step,) = shown()["steps"]
    assert f'--endpoint "{ADDRESS}?key=$COSTWIRE_SECRET"' in step["text"]
    assert "--subject-begins-with /blobServices/default/containers/bills/blobs/exports/costs/" in step["text"]
    (step,) = shown("--sender", "11111111-2222-3333-4444-555555555555/api://costwire")["steps"]
    assert "COSTWIRE_SECRET" not in step["text"]
    assert "--azure-active-directory-application-id-or-uri api://costwire" in step["text"]


def test_the_commands_for_cloud_storage_name_account_and_audience_and_no_secret(rt: World) -> None:
    connected(rt, "focus")
    found = shown("--sender", PUSHES)
    (step,) = found["steps"]
    assert (found["secret"], found["fingerprint"]) == (None, None)
    assert f"--push-auth-service-account={PUSHES}" in step["text"]
    assert f"--push-auth-token-audience={audience_of('default', 'bills')}" in step["text"]
    assert "--object-prefix=exports/" in step["text"]


@pytest.mark.parametrize("provider", PLACES)
@pytest.mark.parametrize("sender", ["", "x", "https://evil.example", TOPIC + ".fifo", "a@b.c", "*", TOPIC + "\n"])
def test_a_sender_of_another_form_is_refused(rt: World, provider: str, sender: str) -> None:
    connected(rt, provider)
    made = typed("bills", "--sender", sender)
    assert made.exit_code == 1 and "--sender is not" in str(made.exception)
    assert load_webhook(rt.documents, "default", "bills") is None


@pytest.mark.parametrize(
    "location", ["file:///bills", "https://bills.example.com/a.csv", "bq://project/billing", "oci://bling/t/r"]
)
def test_a_place_that_cannot_call_is_refused(rt: World, location: str) -> None:
    rt.integration(location, "focus")
    rt.documents.delete("orgs/default/webhooks/bills")
    made = typed("bills")
    assert made.exit_code == 1 and "other places cannot announce new files" in str(made.exception)
    assert load_webhook(rt.documents, "default", "bills") is None


def test_names_of_a_location_act_neither_in_a_shell_nor_in_terraform(rt: World) -> None:
    rt.integration("s3://acme-bills/$(touch x)/${var.a}'/\"q", "aws")
    by_topic, terraform = (one["text"] for one in shown()["steps"])
    assert "$(touch x)" in by_topic
    for line in by_topic.splitlines():
        assert shlex.split(line, comments=True) or line.startswith("#")
        assert "$(" not in re.sub(r"'[^']*'", "", line)  # what stands in single quotes is text
    assert hcl2.loads(terraform + "\n")
    assert "$${var.a}" in terraform and " ${var.a}" not in terraform


def test_a_deployment_whose_address_is_not_known_says_which_setting_is_missing(tmp_path: Path) -> None:
    rt = World(Settings(home=tmp_path / "home"))
    bootstrap.use(rt)
    try:
        connected(rt, "aws")
        made = typed("bills")
        assert made.exit_code == 1 and "COSTWIRE_WEBHOOK_URL is not set" in str(made.exception)
        assert load_webhook(rt.documents, "default", "bills") is None
    finally:
        bootstrap.use(None)
