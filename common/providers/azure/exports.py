"""What the exports of Cost Management say of themselves: their type, and the agreement that they belong to.

Source: Microsoft Learn, Cost Management: create and manage exports, understand and work with scopes, supported agreements.
"""

from __future__ import annotations

import re

from common.domain.checks import FAILED, NOT_SUPPORTED, PASSED, UNKNOWN, Check
from common.ports import Location
from common.providers.azure.manifests import scope_of
from common.providers.examining import AGREEMENT, EXPORT, VIEWS, Examined, Manifest, newest_manifests, wrong_provider

_NATIVE = {"ActualCost", "AmortizedCost", "Usage"}
FOCUS = "FocusCost"
_AGREEMENTS = (
    (re.compile(r"/providers/microsoft\.billing/billingaccounts/\d+(/|$)"), "Enterprise Agreement"),
    (re.compile(r"/providers/microsoft\.billing/billingaccounts/[0-9a-f-]{36}:"), "Microsoft Customer Agreement"),
    (re.compile(r"/providers/microsoft\.management/managementgroups/"), "management group"),
    (re.compile(r"/subscriptions/[0-9a-f-]{36}/resourcegroups/"), "resource group"),
    (re.compile(r"/subscriptions/[0-9a-f-]{36}(/|$)"), "subscription"),
)


def examine(location: Location, provider: str = "azure") -> Examined:
    """The exports that manifests name, by their scope: a billing account, a subscription or a part of one."""
    manifests = newest_manifests(location)
    kinds = {_kind(one) for one in manifests}
    scopes = {scope for one in manifests if (scope := scope_of(_config(one)))}
    accounts = frozenset(f"azure {scope}" for scope in scopes)
    if not manifests:
        return Examined(accounts, (Check(EXPORT, PASSED, "files without a manifest"),))
    checks = [_export(kinds, provider), *(_agreement(scope, kinds) for scope in sorted(scopes))]
    if provider == "azure":
        checks += _views(kinds)
    return Examined(accounts, tuple(checks))


def agreement_of(scope: str) -> str | None:
    """The agreement or the kind of scope that an export belongs to; None for one of another form."""
    return next((name for form, name in _AGREEMENTS if form.match(scope.lower())), None)


def _export(kinds: set[str | None], provider: str) -> Check:
    shown = ", ".join(sorted(kind or "of no stated type" for kind in kinds))
    if None in kinds or kinds & (_NATIVE if provider == "azure" else {FOCUS}):
        return Check(EXPORT, PASSED, f"exports {shown}")
    if kinds & {*_NATIVE, FOCUS}:
        return wrong_provider(f"exports {shown}", "focus" if FOCUS in kinds else "azure")
    return Check(EXPORT, FAILED, f"exports {shown}, which hold no costs", fix=_create("ActualCost"))


def _agreement(scope: str, kinds: set[str | None]) -> Check:
    found = agreement_of(scope)
    if found == "management group" and FOCUS in kinds:
        return Check(
            AGREEMENT, FAILED, f"scope {scope}: FOCUS exports are not supported for a management group", NOT_SUPPORTED,
            fix="export the billing account instead:\n" + _create(FOCUS),
        )  # fmt: skip
    if found is None:
        return Check(AGREEMENT, UNKNOWN, f"scope {scope} is of an unknown form")
    return Check(AGREEMENT, PASSED, f"{found}, scope {scope}")


def _views(kinds: set[str | None]) -> list[Check]:
    """Both views of the costs are needed for EffectiveCost and BilledCost; pay-as-you-go has one view alone, which it calls usage."""
    if "Usage" in kinds and not kinds & {"ActualCost", "AmortizedCost"}:
        words = "a Usage export has no purchases; pay-as-you-go agreements have no other type"
        return [Check(VIEWS, UNKNOWN, words, NOT_SUPPORTED)]
    missing = sorted({"ActualCost", "AmortizedCost"} - kinds) if kinds & {"ActualCost", "AmortizedCost"} else []
    if not missing:
        return []
    cost = "EffectiveCost of commitments" if missing == ["AmortizedCost"] else "BilledCost of commitment purchases"
    return [
        Check(VIEWS, UNKNOWN, f"no {missing[0]} export lies beside it, so {cost} is not known", fix=_create(missing[0]))
    ]


def _create(kind: str) -> str:
    return (
        f"az costmanagement export create --name costwire-{kind.lower()} --type {kind} --scope <scope> \\\n"
        "  --storage-account-id <account> --storage-container <container> --storage-directory <directory> --timeframe MonthToDate \\\n"
        "  --recurrence Daily --recurrence-period from=<today>T00:00:00Z to=<in years>T00:00:00Z --schedule-status Active"
    )


def _kind(manifest: Manifest) -> str | None:
    kind = _config(manifest).get("type")
    return str(kind) if kind else None


def _config(manifest: Manifest) -> dict[str, object]:
    config = manifest.table.get("exportConfig")
    return config if isinstance(config, dict) else {}
