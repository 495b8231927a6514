"""The messages between functions: one frozen dataclass per message type, a CloudEvent 1.0 on the wire.

Messages carry references and facts, never bulk data.  `topic` names the Pub/Sub topic; `key` is what makes two messages
the same work, whatever their message ids; `ordering_key` is what must not be worked on by two at once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar

SCHEDULE = "schedule"
"""The kind of a SubscriptionChanged that the clock publishes."""
FROM_EVENT_ID = {"from_event_id": True}
"""Metadata of a field that takes the event's id where a scheduled message, the same at every tick, leaves it out or empty."""


@dataclass(frozen=True)
class Message(ABC):
    """The base of all messages."""

    topic: ClassVar[str]
    of_running: ClassVar[bool] = False
    """Whether it is for organizations alone that may run; what was begun for others is finished."""

    @property
    @abstractmethod
    def key(self) -> str:
        """What makes the same work: equal keys may be done once."""

    @property
    def ordering_key(self) -> str:
        """Messages with one ordering key are delivered in the order of their publication, where the bus can."""
        return ""


@dataclass(frozen=True)
class SyncRequested(Message):
    """Somebody, or the scheduler, asks for fresh bills.  Without an organization: of all; without an integration: all of it."""

    topic: ClassVar[str] = "sync-requested"
    run_id: str = field(metadata=FROM_EVENT_ID)
    trigger: str
    org_slug: str | None = None
    integration_id: str | None = None
    billing_periods: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return self.run_id


@dataclass(frozen=True)
class IngestBill(Message):
    """Fetch the bills of one integration; the topic is `ingest-<provider>`.  No billing periods: whatever is new.

    file: only this one is fetched and read, for the run to go on with: name, version as listed, role, size_bytes, cost_column.
    check: nothing is fetched; its connection is checked, by the function that may open its credential.
    """

    topic: ClassVar[str] = "ingest-"
    of_running: ClassVar[bool] = True
    provider: str
    org_slug: str
    integration_id: str
    run_id: str
    billing_periods: tuple[str, ...] = ()
    file: dict[str, Any] | None = None
    check: bool = False

    @property
    def key(self) -> str:
        whole = f"{self.org_slug}/{self.integration_id}/{','.join(self.billing_periods)}/{self.run_id}"
        if self.check:
            return f"{whole}/check"
        return f"{whole}/{self.file['name']}/{self.file['version']}" if self.file else whole


@dataclass(frozen=True)
class BillLanded(Message):
    """One chunk of a delivery lies in object storage, its control totals in the delivery's document."""

    topic: ClassVar[str] = "bill-landed"
    org_slug: str
    integration_id: str
    provider: str
    source_format: str
    billing_period: str
    delivery_id: str
    delivered_at: str
    chunk: int
    chunks: int
    uri: str
    size_bytes: int
    digest: str
    run_id: str

    @property
    def key(self) -> str:
        return f"{self.delivery_id}/{self.chunk}"

    @property
    def ordering_key(self) -> str:
        return f"{self.org_slug}/{self.integration_id}/{self.billing_period}"


@dataclass(frozen=True)
class DeliveryMapped(Message):
    """Every chunk of a delivery is mapped.  Those of one organization come in order: one turn proves and shows some."""

    topic: ClassVar[str] = "delivery-mapped"
    org_slug: str
    integration_id: str
    provider: str
    billing_period: str
    delivery_id: str
    run_id: str

    @property
    def key(self) -> str:
        return self.delivery_id

    @property
    def ordering_key(self) -> str:
        return self.org_slug


@dataclass(frozen=True)
class ChargesNormalized(Message):
    """A delivery is proved and shown.  totals: currency -> BilledCost as plain decimal text.  run_id: for log lines."""

    topic: ClassVar[str] = "charges-normalized"
    org_slug: str
    integration_id: str
    billing_period: str
    delivery_id: str
    rows: int
    totals: dict[str, str] = field(default_factory=dict)
    restatement: bool = False
    run_id: str | None = None

    @property
    def key(self) -> str:
        return self.delivery_id

    @property
    def ordering_key(self) -> str:
        return f"{self.org_slug}/{self.integration_id}/{self.billing_period}"


@dataclass(frozen=True)
class BudgetCheckRequested(Message):
    """The scheduler asks whether budgets still hold, since time alone breaks some.  Without an organization: of those that are due."""

    topic: ClassVar[str] = "budget-check-requested"
    check_id: str = field(metadata=FROM_EVENT_ID)
    org_slug: str | None = None

    @property
    def key(self) -> str:
        return f"{self.org_slug or '*'}/{self.check_id}"

    @property
    def ordering_key(self) -> str:
        return self.org_slug or ""


@dataclass(frozen=True)
class CleanUpRequested(Message):
    """The scheduler asks to remove what is past its life.  Without an organization: of all."""

    topic: ClassVar[str] = "clean-up-requested"
    request_id: str = field(metadata=FROM_EVENT_ID)
    org_slug: str | None = None

    @property
    def key(self) -> str:
        return f"{self.org_slug or '*'}/{self.request_id}"

    @property
    def ordering_key(self) -> str:
        return self.org_slug or ""


@dataclass(frozen=True)
class AlertRaised(Message):
    """An alert entered a state; what is to be sent stands in the outbox (`notifications`).

    run_id: of the delivery that led to it, for log lines; a check by the clock has none.
    """

    topic: ClassVar[str] = "alert-raised"
    org_slug: str
    alert_id: str
    state: str
    run_id: str | None = None

    @property
    def key(self) -> str:
        return f"{self.alert_id}/{self.state}"

    @property
    def ordering_key(self) -> str:
        return f"{self.org_slug}/{self.alert_id}"


@dataclass(frozen=True)
class SubscriptionChanged(Message):
    """Something of a payment customer may have changed: its subscription is to be fetched.

    kind: Stripe's type of the event, "schedule" for a tick of the clock.  org_slug: where it is known already.  customer_id None: the
    object that object_type and object_id name has to be asked.  Without any of these: of all.
    """

    topic: ClassVar[str] = "subscription-changed"
    event_id: str = field(metadata=FROM_EVENT_ID)
    kind: str
    org_slug: str | None = None
    customer_id: str | None = None
    object_type: str | None = None
    object_id: str | None = None

    @property
    def key(self) -> str:
        return self.event_id

    @property
    def ordering_key(self) -> str:
        return self.customer_id or self.object_id or ""


MESSAGES: tuple[type[Message], ...] = (
    SyncRequested,
    IngestBill,
    BillLanded,
    DeliveryMapped,
    ChargesNormalized,
    BudgetCheckRequested,
    AlertRaised,
    CleanUpRequested,
    SubscriptionChanged,
)


def topic_of(message: Message) -> str:
    """The topic on which a message travels."""
    return message.topic + message.provider if isinstance(message, IngestBill) else message.topic


def as_data(message: Message) -> dict[str, Any]:
    """The JSON data of a message: plain types only."""
    data = dict(message.__dict__)
    return {name: list(value) if isinstance(value, tuple) else value for name, value in data.items()}
