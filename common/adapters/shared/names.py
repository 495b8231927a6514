"""Names from which adapters build paths and datasets."""

from common.domain.names import integration_id_fault, org_slug_fault
from common.domain.period import BillingPeriod
from common.errors import BadConfiguration
from common.ports import Slice


def checked_org(org_slug: str) -> str:
    """The slug as it is.  Raises BadConfiguration for an invalid one, so that no path or name is ever made of it."""
    fault = org_slug_fault(org_slug)
    if fault:
        raise BadConfiguration(fault)
    return org_slug


def checked_slice(piece: Slice) -> Slice:
    """The slice as it is.  Raises BadConfiguration for invalid names."""
    checked_org(piece.org_slug)
    fault = integration_id_fault(piece.integration_id)
    if fault:
        raise BadConfiguration(fault)
    try:
        BillingPeriod.parse(piece.billing_period)
    except ValueError as error:
        raise BadConfiguration(str(error)) from None
    return piece
