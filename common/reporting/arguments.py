"""What a question may be asked with, read from text: the command line and an API refuse the same in the same words."""

from __future__ import annotations

from datetime import date

from common.domain.period import BillingPeriod
from common.warehouse.cost_report import DIMENSIONS, TAG, Metric


class InvalidQuestion(ValueError):
    """A question that cannot be asked so; the message says what was found and what was expected."""


def read_day(text: str) -> date:
    """A day, `2026-03-31`.  Raises InvalidQuestion."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidQuestion(f"'{text}' is not a date, expected YYYY-MM-DD, as in 2026-03-31") from None


def read_period(text: str) -> BillingPeriod:
    """A billing period, `2026-03`.  Raises InvalidQuestion."""
    try:
        return BillingPeriod.parse(text)
    except ValueError as error:
        raise InvalidQuestion(str(error)) from None


def read_dimension(text: str) -> str:
    """A dimension of charges: one of DIMENSIONS, or `tag:KEY`.  Raises InvalidQuestion."""
    if text in DIMENSIONS or (text.startswith(TAG) and text != TAG):
        return text
    raise InvalidQuestion(f"'{text}' is not a dimension, expected {', '.join(DIMENSIONS)} or tag:KEY")


def read_metric(text: str) -> Metric:
    """A metric, in any case.  Raises InvalidQuestion."""
    for metric in Metric:
        if metric.lower() == text.lower():
            return metric
    raise InvalidQuestion(f"'{text}' is not a metric, expected {', '.join(Metric)}")
