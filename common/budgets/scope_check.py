"""Whether the values that a budget names occur in any charge: a mistyped service would never alert."""

from __future__ import annotations

from collections.abc import Iterable

from common.budgets.questions import tag_path
from common.domain.budgets import Budget, Scope
from common.domain.nearest import did_you_mean
from common.focus import SUBSCRIPTION_CATEGORY, TABLE
from common.ports import Runtime
from common.warehouse.daily import DAILY_COLUMNS, DAILY_TABLE
from common.warehouse.dimensions import TAG_SET

_COLUMNS = {
    "provider": ("x_Provider",),
    "account": ("SubAccountId", "BillingAccountId"),
    "service": ("ServiceName",),
    "region": ("RegionId", "RegionName"),
    "cluster": ("x_Cluster",),
    "namespace": ("x_Namespace",),
    "subscription category": (SUBSCRIPTION_CATEGORY,),
}


def scope_warnings(rt: Runtime, org_slug: str, budget: Budget) -> list[str]:
    """A sentence for each value, tag and currency of the budget that no charge of the organization has; none without any charges."""
    currencies = _values(rt, org_slug, ("BillingCurrency",))
    if not currencies:
        return []
    found = [] if budget.currency in currencies else [_missing("currency", budget.currency, currencies)]
    for dimension, wanted in _wanted(budget.scope):
        if wanted:
            known = _values(rt, org_slug, _COLUMNS[dimension])
            found += [_missing(dimension, value, known) for value in wanted if value not in known]
    for key, wanted in budget.scope.tags.items():
        known = _tag_values(rt, org_slug, key)
        found += [_missing(f"tag {key}", value, known) for value in wanted if value not in known]
    return found


def _wanted(scope: Scope) -> Iterable[tuple[str, tuple[str, ...]]]:
    named = (
        scope.providers,
        scope.accounts,
        scope.services,
        scope.regions,
        scope.clusters,
        scope.namespaces,
        scope.subscription_categories,
    )
    return zip(_COLUMNS, named, strict=True)


def _values(rt: Runtime, org_slug: str, columns: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for column in columns:
        table = DAILY_TABLE if column in DAILY_COLUMNS else TABLE
        rows = rt.warehouse.query(
            org_slug, f"select distinct {column} as value from {table} where {column} is not null"
        )
        found |= {str(row["value"]) for row in rows}
    return found


def _tag_values(rt: Runtime, org_slug: str, key: str) -> set[str]:
    sql = f"select distinct json_value({TAG_SET}, @path) as value from {TABLE} where json_value({TAG_SET}, @path) is not null"
    return {str(row["value"]) for row in rt.warehouse.query(org_slug, sql, {"path": tag_path(key)})}


def _missing(what: str, value: str, known: Iterable[str]) -> str:
    return f"no charge has {what} {value}{did_you_mean(value, known)}"
