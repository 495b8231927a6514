"""What Cloud Storage says of new objects, pushed by a subscription of Pub/Sub.

Sources: Google, "Pub/Sub notifications for Cloud Storage", "Authentication for push subscriptions".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from common.errors import BadConfiguration
from common.ports.senders import NotGenuine
from common.providers.notices import Notice, text_of

_ACCOUNT = re.compile(r"[a-z0-9][a-z0-9-]{0,62}@[a-z0-9.-]{1,200}\.gserviceaccount\.com")


def check_account(text: str) -> str:
    """The service account of a push subscription.  Raises BadConfiguration."""
    if not _ACCOUNT.fullmatch(text):
        raise BadConfiguration(
            "--sender is not a service account, expected <name>@<project>.iam.gserviceaccount.com: the one of the push subscription"
        )
    return text


def audience_of(org_slug: str, integration_id: str) -> str:
    """The audience of the tokens for one integration, so that one for another service or integration is worth nothing."""
    return f"costwire-webhook/{org_slug}/{integration_id}"


def check_claims(claims: Mapping[str, Any], account: str) -> None:
    """Raises NotGenuine where a token is not one of the integration's push subscription."""
    if claims.get("email") != account or claims.get("email_verified") is not True:
        raise NotGenuine("the token is for another account than the integration names, or one that is not verified")


def notice_of(body: Any) -> Notice:
    """The object of a pushed notification.  Raises NotGenuine for what is no push."""
    message = body.get("message") if isinstance(body, dict) else None
    event_id = text_of(message, "messageId")
    attributes = message.get("attributes") if isinstance(message, dict) else None
    if not isinstance(attributes, dict) or attributes.get("eventType") != "OBJECT_FINALIZE":
        return Notice(event_id)
    return Notice(event_id, (f"gs://{text_of(attributes, 'bucketId')}/{text_of(attributes, 'objectId')}",))
