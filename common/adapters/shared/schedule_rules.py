"""What every scheduler accepts, so that a schedule that works in the embedded runtime works in the cloud.

Cron texts are Cloud Scheduler's: five fields of numbers or names, ranges, lists and steps, in UTC
(https://cloud.google.com/scheduler/docs/configuring/cron-job-schedules); no `L`, no `#`, no step after a single number.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from cronsim import CronSim, CronSimError

from common.errors import BadConfiguration

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_VALUE = r"(?:\d{1,2}|[A-Z]{3})"
_TERM = rf"(?:(?:\*|{_VALUE}-{_VALUE})(?:/\d{{1,2}})?|{_VALUE})"
_FIELD = re.compile(rf"{_TERM}(?:,{_TERM})*")
_EXPECTED = "expected minute, hour, day of month, month, day of week, as '0 */4 * * *'"


def check_schedule_name(name: str) -> str:
    """The name itself.  Raises BadConfiguration where a job could not be called so."""
    if not _NAME.fullmatch(name):
        raise BadConfiguration(
            f"schedule name {name[:100]!r} is not valid: expected 1 to 100 letters, digits, dashes, underscores"
        )
    return name


def check_cron(cron: str) -> str:
    """The cron text itself.  Raises BadConfiguration where it is none, or no day ever fits it."""
    fields = cron.split(" ")
    if len(fields) != 5 or not all(_FIELD.fullmatch(field) for field in fields):
        raise BadConfiguration(f"schedule {cron[:100]!r} is not a valid cron expression: {_EXPECTED}")
    if fields[2] != "*" and fields[4] != "*" and "*" in fields[2] + fields[4]:
        raise BadConfiguration(f"schedule {cron[:100]!r} steps over both kinds of days: leave one of them '*'")
    try:
        next(CronSim(cron, datetime(2026, 1, 1, tzinfo=UTC)))
    except (CronSimError, StopIteration) as error:
        fault = str(error).lower() or "never ticks"
        raise BadConfiguration(
            f"schedule {cron[:100]!r} is not a valid cron expression ({fault}): {_EXPECTED}"
        ) from None
    return cron


def next_tick(cron: str, after: datetime) -> datetime:
    """The first moment of the schedule later than `after`, in UTC."""
    return next(CronSim(cron, after.astimezone(UTC)))
