"""An organization's own classes of services."""

from __future__ import annotations

from common.ports import Runtime
from common.records.own_services import OwnService, save_services, saved_services


def list_services(rt: Runtime, org_slug: str) -> list[OwnService]:
    """The rows that the organization has set, by provider and service."""
    return sorted(saved_services(rt.documents, org_slug), key=lambda row: (row.provider, row.service))


def set_services(rt: Runtime, org_slug: str, text: str) -> int:
    """Store the rows of a file's text instead of the earlier ones; returns how many.  Raises BadConfiguration naming the line.

    They count for bills that are delivered from now on: what has been normalized stays as it is.
    """
    return save_services(rt.documents, org_slug, text)
