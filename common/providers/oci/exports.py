"""What OCI's reports say of themselves: Oracle leaves those of a tenancy in a bucket named as the tenancy's OCID."""

from __future__ import annotations

from common.domain.checks import FAILED, PASSED, Check
from common.domain.places import Place
from common.ports import Location
from common.providers.examining import EXPORT, Examined, wrong_provider

_SCHEME, _REPORTS = "oci", "bling"


def examine(location: Location, provider: str = "oci") -> Examined:
    """Cost reports and FOCUS reports, by their folders."""
    place = Place.of(location.uri)
    is_oracles = place.scheme == _SCHEME and place.container == _REPORTS
    accounts = frozenset({f"oci {place.steps[0]}"} if is_oracles and place.steps else ())
    return Examined(accounts, (_check(location, provider),))


def _check(location: Location, provider: str) -> Check:
    paths = [f"{location.uri}/{found.name}".lower() for found in location.list()]
    kinds = {kind for kind in ("cost-csv", "focus reports", "usage-csv") if any(f"/{kind}/" in path for path in paths)}
    if not kinds:
        return Check(EXPORT, PASSED, "files in no folder of Oracle's")
    wanted, other, right = (
        ("cost-csv", "focus reports", "focus") if provider == "oci" else ("focus reports", "cost-csv", "oci")
    )
    if wanted in kinds:
        return Check(EXPORT, PASSED, f"reports below {wanted}")
    if other in kinds:
        return wrong_provider(f"reports below {other} only", right)
    return Check(EXPORT, FAILED, "usage reports only, which hold no costs", fix="give the place of reports/cost-csv")
