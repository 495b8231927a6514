"""Names that paths, datasets and folders are made of: checked wherever one comes in."""

from common.domain.names import integration_id_fault, org_slug_fault
from common.errors import BadConfiguration


def check_org_slug(org_slug: str) -> str:
    """The slug as it is.  Raises BadConfiguration that says which form is expected."""
    return _checked(org_slug, org_slug_fault(org_slug))


def check_integration_id(integration_id: str) -> str:
    """The id as it is.  Raises BadConfiguration that says which form is expected."""
    return _checked(integration_id, integration_id_fault(integration_id))


def _checked(name: str, fault: str | None) -> str:
    if fault:
        raise BadConfiguration(fault)
    return name
