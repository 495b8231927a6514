"""A call of a provider, authenticated and read: what it says, or that nobody sent it who may."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from common.errors import BadConfiguration
from common.ports import Runtime
from common.ports.senders import NotGenuine
from common.providers.aws import notices as aws
from common.providers.azure import notices as azure
from common.providers.gcp import notices as gcp
from common.providers.notices import Heard
from common.records.webhooks import Webhook
from common.tenancy.webhooks import has_secret

SECRET_HEADER = "x-costwire-secret"  # noqa: S105  # its name
SECRET_PARAMETER = "key"  # noqa: S105  # its name
SNS, EVENTBRIDGE, EVENT_GRID, PUBSUB = "sns", "eventbridge", "event-grid", "pubsub"


@dataclass(frozen=True)
class Call:
    """What was sent to the address of an integration.  headers: names in lower case.  key: of the address's query."""

    org_slug: str
    integration_id: str
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    key: str | None = field(default=None, repr=False)
    is_options: bool = False


@dataclass(frozen=True)
class Kind:
    """How the storage of one provider calls.

    hear: authenticates and reads a call.  check_sender: the form of who may send; raises BadConfiguration.  has_secret: callers may be
    known by a secret, where no sender is named.
    """

    hear: Callable[[Runtime, Webhook, Call], Heard]
    check_sender: Callable[[str], str]
    has_secret: bool


def _of_aws(rt: Runtime, webhook: Webhook, call: Call) -> Heard:
    """SNS by its signature where the integration names a topic, else EventBridge by the secret."""
    if webhook.sender:
        message = aws.read_sns(_object(call), webhook.sender, rt.clock.now())
        rt.senders.check_signature(message.signed)
        if message.kind == aws.NOTIFICATION:
            return Heard(SNS, (aws.notice_of_sns(message),))
        return Heard(SNS, visit=message.subscribe_url)
    if not has_secret(webhook, call.headers.get(SECRET_HEADER)):
        raise NotGenuine("the secret is missing or wrong, and no topic is named")
    return Heard(EVENTBRIDGE, (aws.notice_of_eventbridge(_object(call)),))


def _of_azure(rt: Runtime, webhook: Webhook, call: Call) -> Heard:
    """Event Grid by a token of Entra ID where the integration names an application, else by the secret; also for its handshakes."""
    if webhook.sender:
        tenant, audience = azure.tenant_and_audience(webhook.sender)
        azure.check_claims(rt.senders.entra_claims(_bearer(call), tenant, audience))
    elif not has_secret(webhook, call.headers.get(SECRET_HEADER) or call.key):
        raise NotGenuine("the secret is missing or wrong")
    if call.is_options:
        return Heard(EVENT_GRID, headers=azure.handshake(call.headers))
    body = _json(call)
    if (answer := azure.validation_of(body)) is not None:
        return Heard(EVENT_GRID, answer=answer)
    return Heard(EVENT_GRID, tuple(azure.notices_of(body)))


def _of_google(rt: Runtime, webhook: Webhook, call: Call) -> Heard:
    """Pub/Sub by the token of the account that the integration names."""
    if not webhook.sender:
        raise NotGenuine("the integration names no account that pushes")
    audience = gcp.audience_of(call.org_slug, call.integration_id)
    gcp.check_claims(rt.senders.google_claims(_bearer(call), audience), webhook.sender)
    return Heard(PUBSUB, (gcp.notice_of(_json(call)),))


KINDS: Mapping[str, Kind] = {
    "s3": Kind(_of_aws, aws.check_topic, has_secret=True),
    "az": Kind(_of_azure, azure.check_sender, has_secret=True),
    "gs": Kind(_of_google, gcp.check_account, has_secret=False),
}
"""Scheme of an integration's place -> how its storage calls."""


def kind_of(scheme: str) -> Kind:
    """Raises BadConfiguration for a place whose storage cannot call."""
    if scheme not in KINDS:
        raise BadConfiguration(
            f"location is {scheme}://, expected one of {', '.join(f'{one}://' for one in KINDS)}: other places cannot announce new files, "
            "the schedule looks there"
        )
    return KINDS[scheme]


def _bearer(call: Call) -> str:
    scheme, _, token = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NotGenuine("there is no bearer token")
    return token.strip()


def _json(call: Call) -> Any:
    try:
        return json.loads(call.body)
    except (ValueError, RecursionError):
        raise NotGenuine("the body is not JSON") from None


def _object(call: Call) -> dict[str, Any]:
    body = _json(call)
    if not isinstance(body, dict):
        raise NotGenuine("the body is not a JSON object")
    return body
