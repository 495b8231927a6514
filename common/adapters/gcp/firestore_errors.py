"""Firestore's refusals and those of its SDK as our errors, by code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from google.api_core import exceptions as api

from common.adapters.gcp.failures import explained
from common.errors import AlreadyExists, BadConfiguration, Contention, CostError, Permanent


class LostTurn(Contention):
    """Another writer was faster: worth another round."""


@contextmanager
def about(what: str) -> Iterator[None]:
    """What goes wrong meanwhile, said of `what`; an error that is nobody's passes through."""
    try:
        yield
    except Exception as error:
        found = ours(error, what)
        if found is None:
            raise
        raise found from error


def ours(error: Exception, what: str) -> CostError | None:
    """Our error for one of Firestore or its SDK, or None for one that is nobody's."""
    if isinstance(error, api.RetryError) and isinstance(error.cause, Exception):
        error = error.cause
    if isinstance(error, ValueError) and isinstance(error.__cause__, api.Aborted):
        error = error.__cause__  # the SDK's "failed to commit in 5 attempts"
    if isinstance(error, api.Aborted):
        return lost_turn(what)
    if isinstance(error, api.AlreadyExists):
        return AlreadyExists(f"{what} exists already")
    if isinstance(error, api.InvalidArgument):
        return Permanent(f"{what} is refused by Firestore (400): a name, a value or the size breaks its limits")
    if isinstance(error, api.FailedPrecondition):
        return BadConfiguration(
            f"{what}: Firestore lacks an index, or its database is not in native mode (400); run make deploy"
        )
    return explained(error, what)


def named(written: Sequence[str]) -> str:
    """The documents that a transaction was to write."""
    return f"document {' or '.join(written[:3])}" if written else "a transaction"


def lost_turn(what: str) -> LostTurn:
    """The error of a writer that came too late."""
    return LostTurn(f"{what} is being changed by other workers; it will be retried")
