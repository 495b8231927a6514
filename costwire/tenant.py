"""The one door of every command to the organization that `--org` names."""

from __future__ import annotations

from common.domain.nearest import did_you_mean
from common.errors import CostError, NotFound
from common.ports import Runtime
from common.records.organizations import DEFAULT, check_known, open_tenant, organization_path


def tenant_of(rt: Runtime, org: str, writes: bool = False) -> str:
    """The organization's slug, for a command that reads, or that also writes something of it.

    Raises BadConfiguration for what is not a slug, NotFound for an organization that nobody has added.  `default` needs no adding: it is
    made by the first command that writes.
    """
    try:
        if writes:
            open_tenant(rt.documents, rt.clock.now(), org)
        else:
            check_known(rt.documents, org)
    except NotFound as error:
        raise NotFound(
            f"{error}{did_you_mean(org, [DEFAULT, *(name for name, _ in rt.documents.list('orgs'))])}"
        ) from None
    return org


def looked_at(rt: Runtime, org: str) -> str:
    """The same for `doctor`, which goes on where documents cannot be read, since finding out why is its work."""
    path = organization_path(org)
    try:
        rt.documents.get(path)
    except CostError:
        return org
    return tenant_of(rt, org)
