"""Whether the values that a budget names occur in any charge: a mistyped service would never alert."""

from __future__ import annotations

from collections.abc import Iterable

from common.budgets.questions import tag_path
from common.domain.budgets import Budget, Scope
from common.domain.nearest import did_you_mean
from common.focus import SUBSCRIPTION_CATEGORY, TABLE
from common.ports import Runtime
from common.warehouse.daily import DAILY_TABLE

_COLUMNS = {
    "provider": ("x_Provider",),
    "account": ("SubAccountId", "BillingAccountId"),
    "service": ("ServiceName",),
    "region": ("RegionId", "RegionName"),
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
    if budget.scope.subscription_categories:
        known = _distinct(rt, org_slug, SUBSCRIPTION_CATEGORY, TABLE)
        wanted = budget.scope.subscription_categories
        found += [_missing("subscription category", value, known) for value in wanted if value not in known]
    for key, wanted in budget.scope.tags.items():
        known = _tag_values(rt, org_slug, key)
        found += [_missing(f"tag {key}", value, known) for value in wanted if value not in known]
    return found


def _wanted(scope: Scope) -> Iterable[tuple[str, tuple[str, ...]]]:
    return zip(_COLUMNS, (scope.providers, scope.accounts, scope.services, scope.regions), strict=True)


def _values(rt: Runtime, org_slug: str, columns: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for column in columns:
        found |= _distinct(rt, org_slug, column, DAILY_TABLE)
    return found


def _distinct(rt: Runtime, org_slug: str, column: str, table: str) -> set[str]:
    rows = rt.warehouse.query(org_slug, f"select distinct {column} as value from {table} where {column} is not null")
    return {str(row["value"]) for row in rows}


def _tag_values(rt: Runtime, org_slug: str, key: str) -> set[str]:
    sql = f"select distinct json_value(Tags, @path) as value from {TABLE} where json_value(Tags, @path) is not null"
    return {str(row["value"]) for row in rt.warehouse.query(org_slug, sql, {"path": tag_path(key)})}


def _missing(what: str, value: str, known: Iterable[str]) -> str:
    return f"no charge has {what} {value}{did_you_mean(value, known)}"
