"""What functions report about their work: one log line per outcome, one trace from tick to alert, numbers that become metrics."""

from common.telemetry.tracing import span
from common.telemetry.work import counted, skipped, told

__all__ = ["counted", "skipped", "span", "told"]
