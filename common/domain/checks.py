"""Checks of a connection: what was tried, how it went, and the fix; plain facts, whoever tried."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

PASSED, FAILED, UNKNOWN = "passed", "failed", "unknown"

CREDENTIAL = "credential"
"""The provider does not accept the credential."""
PERMISSION = "permission missing"
NOT_FOUND = "not found"
NOT_SUPPORTED = "not supported for this agreement"
NOT_YET = "not there yet"
UNAVAILABLE = "unavailable"
NOT_CHECKED = "not checked"
CAUSES = (CREDENTIAL, PERMISSION, NOT_FOUND, NOT_SUPPORTED, NOT_YET, UNAVAILABLE, NOT_CHECKED)


@dataclass(frozen=True)
class Check:
    """One check.  name: short and stable, as `listing`; found: in words; cause: one of CAUSES, None where it passed or none fits.

    permission: what it needs, by the provider's own name.  fix: what to do, of several lines where it is a policy or a command to copy.
    """

    name: str
    outcome: str
    found: str
    cause: str | None = None
    permission: str | None = None
    fix: str = ""

    def as_document(self) -> dict[str, Any]:
        """Plain types only."""
        return dict(self.__dict__)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Check:
        """The check of a document."""
        return cls(**document)


def verdict(checks: Iterable[Check]) -> str:
    """Of several together: failed where one is, passed where all are."""
    outcomes = {one.outcome for one in checks}
    return FAILED if FAILED in outcomes else UNKNOWN if UNKNOWN in outcomes or not outcomes else PASSED


def changes(before: Iterable[Check], now: Iterable[Check]) -> list[str]:
    """What changed, a few words for each check: one that failed and does not, or fails and did not."""
    earlier = {one.name: one.outcome for one in before}
    found = []
    for one in now:
        then = earlier.get(one.name, PASSED)
        if one.outcome != then and FAILED in (one.outcome, then) and (one.outcome != UNKNOWN):
            found.append(f"check {one.name} {one.outcome}" + (f": {one.found}" if one.outcome == FAILED else ""))
    return found
