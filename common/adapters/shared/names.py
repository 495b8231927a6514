"""Names from which adapters build paths and datasets."""

from common.domain.period import BillingPeriod
from common.errors import BadConfiguration
from common.ports import Slice
from common.records.names import check_integration_id, check_org_slug


def checked_slice(piece: Slice) -> Slice:
    """The slice as it is.  Raises BadConfiguration for invalid names."""
    check_org_slug(piece.org_slug)
    check_integration_id(piece.integration_id)
    try:
        BillingPeriod.parse(piece.billing_period)
    except ValueError as error:
        raise BadConfiguration(str(error)) from None
    return piece
