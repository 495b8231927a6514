"""What Azure Event Grid says of new blobs, in its own schema or as CloudEvents, and its handshakes.

Sources: Microsoft, "Webhook event delivery", "Event Grid schema for Blob Storage", "Secure webhook delivery with Microsoft Entra ID".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from common.domain.places import AZURE
from common.errors import BadConfiguration
from common.ports.senders import NotGenuine
from common.providers.notices import Notice, objects_of, text_of

EVENT_GRID = "4962773b-9cdb-44cf-a8bf-237846a00ab7"
"""The application of Event Grid in the public cloud, which asks for the token of each call."""
ROLE = "AzureEventGridSecureWebhookSubscriber"
VALIDATION = "Microsoft.EventGrid.SubscriptionValidationEvent"
_CREATED = "Microsoft.Storage.BlobCreated"
_GUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_SENDER = re.compile(rf"({_GUID})/(api://[A-Za-z0-9._~:/-]{{1,200}}|{_GUID})")
_ADDRESS = re.compile(r"https://([a-z0-9]{3,24})\.(?:blob|dfs)\.core\.windows\.net/.*", re.DOTALL)
_SUBJECT = re.compile(r"/blobServices/default/containers/([a-z0-9$-]{1,63})/blobs/(.+)", re.DOTALL)
_ORIGIN = re.compile(r"[A-Za-z0-9.-]{1,253}")
_CALLS_A_MINUTE = "120"


def check_sender(text: str) -> str:
    """`TENANT/AUDIENCE` of the application that the tokens are for.  Raises BadConfiguration."""
    if not _SENDER.fullmatch(text):
        raise BadConfiguration(
            "--sender is not <tenant id>/<application id>, the tenant of Entra ID and the application (or its URI) that tokens are for"
        )
    return text


def tenant_and_audience(sender: str) -> tuple[str, str]:
    """The two parts of what `check_sender` accepted.  Raises NotGenuine for another text, as after the location was changed."""
    found = _SENDER.fullmatch(sender)
    if found is None:
        raise NotGenuine("the integration names no tenant and application of Entra ID")
    return found[1], found[2]


def check_claims(claims: Mapping[str, Any]) -> None:
    """Raises NotGenuine where a token is not one that Event Grid asked for."""
    roles = claims.get("roles")
    application = claims.get("appid") or claims.get("azp")
    if application != EVENT_GRID or not isinstance(roles, list) or ROLE not in roles:
        raise NotGenuine("the token is not one of Event Grid with the role of a subscriber")


def handshake(headers: Mapping[str, str]) -> dict[str, str]:
    """What answers the handshake of CloudEvents.  Raises NotGenuine where nobody asks."""
    origin = headers.get("webhook-request-origin", "")
    if not _ORIGIN.fullmatch(origin):
        raise NotGenuine("the handshake names no origin")
    return {"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": _CALLS_A_MINUTE}


def validation_of(body: Any) -> dict[str, Any] | None:
    """What answers the handshake of Event Grid's own schema; None for a call that is not one.

    Its `validationUrl` is never called: the answer is enough, and an address in a call is the caller's.
    """
    events = list(objects_of(body))
    if len(events) != 1 or events[0].get("eventType") != VALIDATION:
        return None
    return {"validationResponse": text_of(events[0], "data", "validationCode")}


def notices_of(body: Any) -> Iterator[Notice]:
    """The events of a call.  Raises NotGenuine for what is no event."""
    for event in objects_of(body):
        event_id = text_of(event, "id")
        kind = event.get("eventType") or event.get("type")
        yield Notice(event_id, tuple(_written(event)) if kind == _CREATED else ())


def _written(event: Mapping[str, Any]) -> Iterator[str]:
    data = event.get("data")
    if not isinstance(data, dict):
        raise NotGenuine("the event has no data")
    # with a hierarchical namespace a file is created empty and has its content once it is flushed
    if data.get("api") == "CreateFile" or data.get("contentLength") == 0:
        return
    address = _ADDRESS.fullmatch(text_of(data, "url"))
    subject = _SUBJECT.fullmatch(text_of(event, "subject"))
    if address is None or subject is None:
        raise NotGenuine("the event names no blob")
    yield f"{AZURE}://{address[1]}/{subject[1]}/{subject[2]}"
