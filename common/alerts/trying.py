"""Try a channel: a message that goes the whole way that alerts go, is tried once, and leaves nothing behind."""

from __future__ import annotations

import uuid

from common.domain import outbox
from common.messages import AlertRaised
from common.ports import Runtime
from common.records.alerts import notifications_path
from common.records.channels import load_channel

_STATE = "test"


def request_trial(rt: Runtime, org_slug: str, name: str, requested_by: str) -> str:
    """Announce a test message to one channel; returns the id that stands in the place of an alert's.  Raises NotFound.

    `end_trial` is to follow once it has been sent, or has not.
    """
    load_channel(rt.documents, org_slug, name)
    trial_id, now = f"test-{name}-{uuid.uuid4().hex[:8]}", rt.clock.now()
    facts = {
        "type": "channel_test",
        "title": f"Test of channel {name}",
        "lines": {"Organization": org_slug, "Requested by": requested_by, "Requested at": f"{now:%Y-%m-%d %H:%M} UTC"},
        "notes": ["Alerts of budgets arrive here like this message."],
    }
    document = outbox.new_notification(trial_id, 1, _STATE, facts, now, channels=(name,), is_trial=True)
    rt.documents.set(_path(org_slug, trial_id), document)
    rt.bus.publish(AlertRaised(org_slug, trial_id, _STATE))
    return trial_id


def is_over(rt: Runtime, org_slug: str, trial_id: str) -> bool:
    """Whether every recipient was tried."""
    document = rt.documents.get(_path(org_slug, trial_id))
    return document is None or document["status"] != outbox.PENDING


def end_trial(rt: Runtime, org_slug: str, trial_id: str) -> None:
    """Forget a test message.  One that no function has sent yet is not sent any more."""
    rt.documents.delete(_path(org_slug, trial_id))


def _path(org_slug: str, trial_id: str) -> str:
    return f"{notifications_path(org_slug)}/{trial_id}_1"
