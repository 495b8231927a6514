"""An organization with the first key that opens it."""

from __future__ import annotations

from dataclasses import dataclass

from common.domain.api_keys import Role
from common.ports import Document, Runtime
from common.tenancy.api_keys import KeyRequest, NewKey, create_key
from common.tenancy.organizations import add_organization

FIRST_KEY = "first key"


@dataclass(frozen=True)
class Onboarded:
    """organization: its document.  key: an owner's, which does not expire."""

    organization: Document
    key: NewKey


def onboard(rt: Runtime, name: str, org_slug: str | None, plan: str, by: str) -> Onboarded:
    """Add an organization, on trial where there are plans, and make its first key.  Its dataset is created by its first delivery.

    Raises AlreadyExists for a slug that is taken, BadConfiguration for a name, slug or plan that is not valid.  Where making the key
    failed, `costwire api-keys add` makes one.
    """
    document = add_organization(rt, name, org_slug, plan)
    return Onboarded(document, create_key(rt, document["org_slug"], KeyRequest(FIRST_KEY, Role.OWNER), by))
