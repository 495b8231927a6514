"""The metrics, as data: each is read by Cloud Logging from the outcome line of a function (docs/metrics.md gives the reason).

terraform/ creates one log-based metric for each, of the same name, filter, unit, labels and buckets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

COUNTER, DISTRIBUTION = "counter", "distribution"
OUTCOME_LINES = 'resource.type="cloud_run_revision" AND jsonPayload.logger="costwire" AND jsonPayload.outcome:*'
"""The log lines that metrics are read from: one for each try to handle a message."""


@dataclass(frozen=True)
class Buckets:
    """Exponential buckets of a distribution: the first ends at `scale`, each next one is `growth_factor` times as wide."""

    scale: int
    growth_factor: int
    count: int


@dataclass(frozen=True)
class Metric:
    """One log-based metric.

    kind: a counter counts lines, a distribution takes `value_field` of each and knows their sum.  unit: UCUM.
    condition: what a line must fulfil beside being an outcome line.  labels: label -> field of the line.
    """

    name: str
    kind: Literal["counter", "distribution"]
    unit: str
    description: str
    condition: str = ""
    value_field: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    buckets: Buckets | None = None

    @property
    def filter(self) -> str:
        """The lines it is read from, in the Logging query language."""
        return f"{OUTCOME_LINES} AND {self.condition}" if self.condition else OUTCOME_LINES

    @property
    def value_extractor(self) -> str | None:
        """How Cloud Logging finds the value in a line; None for a counter."""
        return f"EXTRACT(jsonPayload.{self.value_field})" if self.value_field else None

    @property
    def label_extractors(self) -> dict[str, str]:
        """How Cloud Logging finds each label in a line."""
        return {label: f"EXTRACT(jsonPayload.{name})" for label, name in self.labels.items()}


def _counter(name: str, unit: str, description: str, condition: str = "", *labels: str) -> Metric:
    return Metric(name, "counter", unit, description, condition, labels={label: label for label in labels})


def _distribution(name: str, unit: str, description: str, value: str, buckets: Buckets, *labels: str) -> Metric:
    named = {label: label for label in labels}
    return Metric(name, "distribution", unit, description, f"jsonPayload.{value}>=0", value, named, buckets)


_FEW = Buckets(1, 2, 12)
_MANY = Buckets(1, 10, 12)

METRICS: tuple[Metric, ...] = (
    _counter(
        "costwire_messages_handled", "1", "Attempts to handle a message: done, retried, dead-lettered or skipped as done",
        "", "function", "outcome",
    ),
    _distribution(
        "costwire_handler_milliseconds", "ms", "Time that one attempt to handle a message took, without the start of the instance",
        "milliseconds", Buckets(4, 2, 18), "function", "outcome",
    ),
    _distribution("costwire_rows_normalized", "{row}", "FOCUS rows written, before the proof", "rows", _MANY, "provider"),
    _distribution("costwire_bytes_landed", "By", "Bytes of bills as delivered, copied into the bucket", "landed_bytes", _MANY, "provider"),
    _distribution(
        "costwire_rows_quarantined", "{row}", "Lines that could not be read or mapped, stored with the reason",
        "quarantined_rows", _MANY, "provider",
    ),
    _counter(
        "costwire_proofs_failed", "1", "Deliveries whose written and quarantined sums differ from the source's total",
        "jsonPayload.proofs_failed>0", "provider",
    ),
    _counter(
        "costwire_deliveries_shown", "1", "Deliveries proved and shown in the warehouse", "jsonPayload.deliveries_shown>0", "provider",
    ),
    _distribution(
        "costwire_deliveries_rejected", "1", "Deliveries that must not be shown: unreadable, all in quarantine or not proved",
        "deliveries_rejected", _FEW, "provider",
    ),
    _distribution(
        "costwire_landed_to_shown_seconds", "s", "Time from the landing of a delivery until its rows were shown",
        "landed_to_shown_seconds", Buckets(1, 2, 16), "provider",
    ),
    _distribution("costwire_alerts_raised", "{alert}", "Alerts announced because their state changed", "alerts_raised", _FEW),
    _distribution("costwire_notifications_sent", "{message}", "Messages that a channel accepted", "notifications_sent", _FEW),
    _distribution(
        "costwire_notifications_failed", "{message}", "Failed attempts of a channel to send", "notifications_failed", _FEW
    ),
    _counter(
        "costwire_messages_dead_lettered", "1", "Messages dead-lettered: at once for a permanent error, otherwise after the last attempt",
        'jsonPayload.outcome="dead-lettered"', "function",
    ),
)  # fmt: skip
