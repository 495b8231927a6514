"""How long what is stored lives: one table, which clean-up, the command, the lifecycle rules of Terraform and docs/retention.md use.

An organization's own numbers are in `orgs/<org>/settings/general`, the platform's in `settings/general`, each under its kind's `setting`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from common.domain.nearest import did_you_mean
from common.errors import BadConfiguration
from common.ports import DocumentStore, Runtime, Transaction
from common.records.organizations import below

CLEAN_UP, LIFECYCLE, EXPIRY, SUBSCRIPTION = "clean-up", "lifecycle rule", "TTL", "subscription"
"""What removes a kind: the function and command; a rule of the bucket; Firestore; Pub/Sub (embedded: clean-up)."""

LATEST_VERSIONS = 5
"""Earlier versions of a slice that stay for the whole life, whenever they were shown: what withdrawing goes back to."""

MOST_RESTATEMENTS = 200
"""Restatements of a slice that stay; of more than that the oldest go before the end of their life."""

REMAKING = timedelta(days=3)
"""How long what may still be put together with a later file stays: halves of a month, and what was made of them."""


@dataclass(frozen=True)
class Kind:
    """One kind of what is stored.  days: its life; least, most: what an organization may set, the same where it may not.

    counted_from: when a life begins.  always: what stays whatever its age.
    """

    name: str
    what: str
    days: int
    least: int
    most: int
    counted_from: str
    always: str
    setting: str | None = None
    by: str = CLEAN_UP


KINDS: tuple[Kind, ...] = (
    Kind(
        "versions", "earlier versions of a bill: raw, normalized and quarantine files, and their roll-up", 90, 1, 3650,
        "the last day on which readers saw it",
        "what is shown, held back or under way, and the files that it is made of; within the life also the "
        f"{LATEST_VERSIONS} latest earlier versions, and the one that was shown at the end of each day",
        "retention_days",
    ),
    Kind(
        "rejected", "rejected bills: raw and quarantine files", 90, 7, 3650, "landing",
        "files that another delivery is made of", "rejected_retention_days",
    ),
    Kind(
        "withdrawn", "withdrawn deliveries: all files", 90, 7, 3650, "withdrawal",
        "that it was withdrawn, so that fetching it again does not bring it back", "withdrawn_retention_days",
    ),
    Kind(
        "restatements", "what newer versions changed, by service and day", 400, 30, 3650, "the replacement",
        f"the last one of each slice; of more than {MOST_RESTATEMENTS} of a slice the oldest go earlier", "restatements_retention_days",
    ),
    Kind(
        "past_deliveries", "what is known of deliveries without files", 400, 30, 3650, "the removal of its files",
        "", "past_deliveries_retention_days",
    ),
    Kind(
        "runs", "synchronizations and their results", 400, 30, 3650, "its end",
        "runs that have not ended, and the latest of each integration", "runs_retention_days",
    ),
    Kind(
        "alerts", "alerts with their history", 400, 90, 3650, "its last change",
        "open, acknowledged and snoozed ones", "alerts_retention_days",
    ),
    Kind(
        "notifications", "messages to recipients, and whether each arrived", 90, 30, 3650, "its creation",
        "messages that are not sent yet", "notifications_retention_days",
    ),
    Kind("audit", "audit records: who changed what", 400, 90, 3650, "the change", "", "audit_retention_days"),
    Kind(
        "members", "members who were removed, and invitations that nobody took", 90, 1, 3650, "the removal, or the end of the invitation",
        "members, and open invitations", "members_retention_days",
    ),
    Kind("sessions", "sessions of users who signed in", 7, 7, 7, "the sign-in", "none; one that is not used for 12 hours ends before"),
    Kind(
        "landings", "progress of landings that were never finished, with the copies of their files", 8, 8, 8, "the start of the run",
        "those of a run that has not ended",
    ),
    Kind(
        "meter_files", "logs of an organization's own meter, and their calls", 400, 30, 3650, "the last day of its calls",
        "", "meter_files_retention_days",
    ),
    Kind("usage", "how many runs started, and questions, by day", 90, 90, 90, "the end of its month", "those that are in progress"),
    Kind(
        "platform_usage", "what each organization took of the platform, by day: with the operator's organization", 400, 400, 400,
        "the end of its month", "",
    ),
    Kind("sizes", "the daily sizes that growth is computed from", 90, 90, 90, "its day", ""),
    Kind("uploads", "files uploaded for an import on a deployment", 7, 7, 7, "the upload", "", by=LIFECYCLE),
    Kind("processed", "events that a function has finished", 8, 8, 8, "its end", "", by=EXPIRY),
    Kind("dead_letters", "messages that nobody could finish", 31, 31, 31, "its last attempt", "", by=SUBSCRIPTION),
)  # fmt: skip
"""Every kind that has a life.  What is current, settings, integrations, credentials, budgets and versions of the hierarchy have none."""


@dataclass(frozen=True)
class Lives:
    """Days of every kind, as an organization has them."""

    days: Mapping[str, int]

    def __getitem__(self, kind: str) -> timedelta:
        return timedelta(days=self.days[kind])


def kind_named(name: str) -> Kind:
    """The kind.  Raises BadConfiguration with those that there are."""
    found = {one.name: one for one in KINDS}
    if name not in found:
        raise BadConfiguration(f"'{name}' has no life, expected one of {', '.join(found)}{did_you_mean(name, found)}")
    return found[name]


def lives_of(documents: DocumentStore, org_slug: str) -> Lives:
    """An organization's lives.  Raises BadConfiguration for a number that is out of its bounds, so that nothing is removed by mistake."""
    own = documents.get(_settings(org_slug)) or {}
    common = documents.get("settings/general") or {}
    return Lives({kind.name: _checked(kind, _setting(kind, own, common)) for kind in KINDS})


def lives_of_platform(documents: DocumentStore) -> Lives:
    """The lives that organizations have by default.  Raises BadConfiguration as `lives_of` does."""
    common = documents.get("settings/general") or {}
    return Lives({kind.name: _checked(kind, _setting(kind, {}, common)) for kind in KINDS})


def list_lives(rt: Runtime, org_slug: str) -> list[tuple[Kind, int]]:
    """Every kind with the days that it lives for an organization."""
    lives = lives_of(rt.documents, org_slug)
    return [(kind, lives.days[kind.name]) for kind in KINDS]


def set_life(rt: Runtime, org_slug: str, name: str, days: int) -> None:
    """Give a kind another life.  Raises BadConfiguration for a kind that has a fixed one, and for days out of its bounds."""
    kind = kind_named(name)
    if kind.setting is None:
        raise BadConfiguration(f"the life of {name} is fixed at {kind.days} days")
    setting, checked, path = kind.setting, _checked(kind, days), _settings(org_slug)

    def work(transaction: Transaction) -> None:
        transaction.set(path, {**(transaction.get(path) or {}), setting: checked})

    rt.documents.transact(work)


def _setting(kind: Kind, own: Mapping[str, Any], common: Mapping[str, Any]) -> Any:
    if kind.setting is None:
        return kind.days
    found = own.get(kind.setting)
    return common.get(kind.setting, kind.days) if found is None else found


def _checked(kind: Kind, days: Any) -> int:
    if not isinstance(days, int) or isinstance(days, bool) or not kind.least <= days <= kind.most:
        raise BadConfiguration(
            f"{kind.name} is to live {days!r} days, expected a whole number from {kind.least} to {kind.most}"
        )
    return days


def _settings(org_slug: str) -> str:
    return below(org_slug, "settings", "general")
