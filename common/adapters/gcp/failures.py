"""Refusals of Google's services as Costwire's errors; classified by code, never by message text."""

from __future__ import annotations

from contextlib import AbstractContextManager

from google.api_core import exceptions as api
from google.auth import exceptions as auth
from requests import Response
from requests import exceptions as http

from common.adapters.shared.explained import explained_by
from common.errors import AGAIN, CostError, NotAllowed, NotFound, NotSignedIn, Retryable, Throttled

_PASSING = (
    api.TooManyRequests,
    api.ServerError,
    api.Aborted,
    api.Cancelled,
    api.RetryError,
    auth.TransportError,
    http.ConnectionError,
    http.ChunkedEncodingError,
    http.Timeout,
)
_USED_UP = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "dailyLimitExceeded"})
"""Reasons of a 403 that time mends (https://cloud.google.com/storage/docs/json_api/v1/status-codes#403-forbidden)."""


def explained(error: Exception, what: str, role: str | None = None) -> CostError | None:
    """Our error for a vendor's, or None for one that is nobody's: that leaves the handler as it is and is delivered again.

    what: the thing that was asked for, as `bucket costwire-raw`; the vendor's own words may hold content and are not repeated.
    role: what the service account needs for it, as `roles/storage.objectUser`, where the adapter knows.
    """
    code = getattr(error, "code", None)
    shown = f" ({int(code)})" if isinstance(code, int) else ""
    used_up = _USED_UP & _reasons(error)
    if used_up:
        return Throttled(f"{what}: temporarily unavailable, {', '.join(sorted(used_up))}{shown}; {AGAIN}")
    if isinstance(error, api.Forbidden):
        fix = f"grant this service account {role}" if role else "run costwire doctor to find the missing role"
        return NotAllowed(f"{what}: permission denied{shown}; {fix}", role or "")
    if isinstance(error, (api.Unauthorized, auth.DefaultCredentialsError, auth.RefreshError)):
        return NotSignedIn(
            f"{what}: no valid Google Cloud credentials; run gcloud auth application-default login, or set the "
            "function's service account"
        )
    if isinstance(error, api.NotFound):
        return NotFound(f"{what} does not exist")
    if isinstance(error, _PASSING):
        passing = Throttled if isinstance(error, api.TooManyRequests) else Retryable
        return passing(f"{what}: temporarily unavailable, {type(error).__name__}{shown}; {AGAIN}")
    return None


def _reasons(error: Exception) -> set[str]:
    """What a JSON API gives as reasons of a refusal; gRPC's services have a code of their own for each."""
    if not isinstance(error, api.GoogleAPICallError):
        return set()
    told = error.errors or _told_by(error.response)
    return {str(entry.get("reason")) for entry in told if isinstance(entry, dict)}


def _told_by(response: object) -> list[object]:
    """The reasons in an answer to an upload or a download, which the SDK leaves out of its error."""
    if not isinstance(response, Response):
        return []
    try:
        told = response.json()["error"]["errors"]
    except (ValueError, LookupError, TypeError):
        return []
    return told if isinstance(told, list) else []


def explaining(what: str, role: str | None = None) -> AbstractContextManager[None]:
    """Turn a vendor's error that leaves the block into ours, where one fits; arguments as of `explained`."""
    return explained_by(lambda error: explained(error, what, role))
