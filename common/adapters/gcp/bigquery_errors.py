"""BigQuery's errors as Costwire's errors, classified by their reasons.

Source: https://cloud.google.com/bigquery/docs/error-messages
"""

from __future__ import annotations

from concurrent.futures import TimeoutError as Late
from contextlib import AbstractContextManager

from google.api_core.exceptions import GoogleAPICallError, RetryError

from common.adapters.gcp import failures
from common.adapters.shared.explained import explained_by
from common.errors import AGAIN, BadConfiguration, CostError, NotAllowed, NotFound, Retryable, Throttled

TOO_MANY_BYTES = "bytesBilledLimitExceeded"
_TOO_MANY = frozenset({"jobRateLimitExceeded", "quotaExceeded", "rateLimitExceeded"})
_PASSING = _TOO_MANY | {
    "backendError", "internalError", "jobBackendError", "jobInternalError", "resourceInUse", "stopped", "tableUnavailable",
    "timeout",
}  # fmt: skip


def reason_of(error: BaseException) -> str:
    """BigQuery's word for what went wrong, as `quotaExceeded`; empty where it said none."""
    if isinstance(error, RetryError) and error.cause is not None:
        return reason_of(error.cause)
    told = error.errors if isinstance(error, GoogleAPICallError) else ()
    return next((str(entry["reason"]) for entry in told if isinstance(entry, dict) and entry.get("reason")), "")


def explained(error: Exception, what: str, role: str) -> CostError | None:
    """Our error for BigQuery's, or None for one that is nobody's.

    what: the thing that was asked for.  role: what the service account needs for it.
    """
    reason = reason_of(error)
    if isinstance(error, Late):
        return Retryable(f"{what}: the BigQuery job is still running; it is checked again")
    if reason in _PASSING:
        passing = Throttled if reason in _TOO_MANY else Retryable
        return passing(f"{what}: temporarily unavailable, {reason}; {AGAIN}")
    if reason == "accessDenied" or (not reason and getattr(error, "code", None) == 403):
        return NotAllowed(f"{what}: permission denied; grant {role} to the service account that runs the request", role)
    if reason == "billingNotEnabled":
        return BadConfiguration(f"{what}: the project has no billing account; link one")
    if reason == "resourcesExceeded":
        return BadConfiguration(f"{what}: more than BigQuery computes in one query; narrow it")
    if reason == "notFound":
        return NotFound(f"{what} does not exist")
    return failures.explained(error, what)


def explaining(what: str, role: str = "roles/bigquery.dataEditor") -> AbstractContextManager[None]:
    """Turn an error of BigQuery that leaves the block into ours, where one fits."""
    return explained_by(lambda error: explained(error, what, role))
