"""Errors as RFC 9457 problem details, each with a code that stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import format_datetime
from typing import Any

from pydantic import BaseModel, Field, JsonValue

from common.domain.allocation import InvalidHierarchy, NodeExists, UnknownNode
from common.domain.api_keys import InvalidKeyRequest
from common.domain.budgets import InvalidBudget
from common.domain.channels import InvalidChannel
from common.domain.members import InvalidMember
from common.domain.saas.subscription import InvalidSubscription
from common.errors import (
    AlreadyExists,
    BadConfiguration,
    CostError,
    Held,
    NoMemory,
    NoSpace,
    NotFound,
    Permanent,
    QuotaExceeded,
    Retryable,
)
from common.reporting.arguments import InvalidQuestion
from web.api.shapes import Moment

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 5
_TYPE = "urn:costwire:problem:"

CODES: Mapping[str, tuple[int, str]] = {
    "invalid_request": (400, "The request is not valid"),
    "no_key": (401, "A key is required"),
    "invalid_key": (401, "The key is not valid"),
    "expired_key": (401, "The key has expired"),
    "revoked_key": (401, "The key was revoked"),
    "no_session": (401, "Sign-in is required"),
    "not_identified": (401, "The sign-in failed"),
    "no_membership": (403, "No organization has invited you"),
    "role_too_low": (403, "The role does not allow this"),
    "cross_site": (403, "Requests of other sites are refused"),
    "not_found": (404, "Not found"),
    "method_not_allowed": (405, "The method is not allowed here"),
    "conflict": (409, "The present state does not allow this"),
    "already_exists": (409, "The name is taken"),
    "in_progress": (409, "A request with this idempotency key is in progress"),
    "too_large": (413, "The body is too large"),
    "unsupported_media_type": (415, "The body must be of another type"),
    "foreign_host": (421, "The Host header names another host"),
    "not_possible": (422, "This cannot be done as it is"),
    "idempotency_key_reused": (422, "The idempotency key was used for another request"),
    "quota_exceeded": (429, "The plan allows no more for now"),
    "too_many_requests": (429, "Too many requests"),
    "internal": (500, "Something went wrong"),
    "unavailable": (503, "Not available for the moment"),
    "not_ready": (503, "The service is not ready"),
    "no_space": (507, "No space is left"),
}
"""Code -> HTTP status and title.  A code never changes its meaning."""


class Problem(Exception):
    """A problem to be answered.  headers: of the answer.  more: further members, plain JSON."""

    def __init__(self, code: str, detail: str, headers: Mapping[str, str] | None = None, **more: Any) -> None:
        super().__init__(detail)
        self.code, self.detail, self.headers, self.more = code, detail, dict(headers or {}), more
        self.status, self.title = CODES[code]

    def as_json(self, request_id: str) -> dict[str, Any]:
        """The members of the answer."""
        return {
            "type": f"{_TYPE}{self.code}",
            "title": self.title,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "request_id": request_id,
            **self.more,
        }


@dataclass(frozen=True)
class _Rule:
    kinds: type[Exception] | tuple[type[Exception], ...]
    code: str
    headers: Mapping[str, str] = field(default_factory=dict)


_AGAIN = {"Retry-After": str(RETRY_SECONDS)}
_RULES = (
    _Rule((NotFound, UnknownNode), "not_found"),
    _Rule((AlreadyExists, NodeExists), "already_exists"),
    _Rule(
        (
            InvalidQuestion,
            InvalidBudget,
            InvalidChannel,
            InvalidHierarchy,
            InvalidKeyRequest,
            InvalidMember,
            InvalidSubscription,
        ),
        "invalid_request",
    ),
    _Rule(NoSpace, "no_space"),
    _Rule(NoMemory, "unavailable", _AGAIN),
    _Rule(BadConfiguration, "not_possible"),
    _Rule(Held, "conflict", _AGAIN),
    _Rule(Retryable, "unavailable", _AGAIN),
    _Rule(Permanent, "conflict"),
)
"""The first that fits counts."""


def problem_of(error: Exception) -> Problem | None:
    """Our own errors as problems, in their own words; None for an error that nobody foresaw."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, QuotaExceeded):
        return _of_quota(error)
    for rule in _RULES:
        if isinstance(error, rule.kinds):
            return Problem(rule.code, str(error), rule.headers)
    return Problem("internal", "") if isinstance(error, CostError) else None


def _of_quota(error: QuotaExceeded) -> Problem:
    resets_at, headers = error.resets_at, {}
    if resets_at is not None:
        headers["Retry-After"] = format_datetime(resets_at.astimezone(UTC), usegmt=True)
    moment = resets_at.isoformat() if resets_at else None
    return Problem("quota_exceeded", str(error), headers, limit=error.limit, used=error.used, resets_at=moment)


class InvalidField(BaseModel):
    """One field of a request that is not valid."""

    where: str = Field(description="query, path or body")
    name: str = Field(description="The field; of a body with its path, as in `scope.accounts.0`")
    message: str = Field(description="What was found and what was expected")


class ProblemDetails(BaseModel):
    """Problem details as RFC 9457 defines them."""

    type: str = Field(description="`urn:costwire:problem:` and the code")
    title: str
    status: int
    code: str = Field(
        description="What programs decide by: it never changes its meaning",
        json_schema_extra={"enum": list[JsonValue](sorted(CODES))},
    )
    detail: str = Field(description="What was found, what was expected and what to do, in one line")
    request_id: str = Field(description="The request's id, as in the header X-Request-ID")
    limit: int | None = Field(None, description="Of a quota: how many the plan allows")
    used: int | None = Field(None, description="Of a quota: how many count now")
    resets_at: Moment | None = Field(None, description="Of a quota: when it resets; null where no clock frees one")
    errors: list[InvalidField] | None = Field(None, description="The fields that are not valid, each once")
