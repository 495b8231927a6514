"""Whether the stores that every question needs can be reached."""

from __future__ import annotations

from common.ports import Runtime
from common.records.organizations import DEFAULT, organization_path


def check_ready(rt: Runtime) -> None:
    """Read one document, whether or not it exists.  Raises what the store raises, as Retryable where it is away."""
    rt.documents.get(organization_path(DEFAULT))
