"""Operator: all organizations, their runs, what could not be delivered, and the doctor.  Read only."""

from __future__ import annotations

from datetime import UTC, datetime

from common.ports.inspection import Finding
from common.records.organizations import DEFAULT
from common.reporting.dead_letters import list_dead_letters
from common.reporting.health import look
from common.reporting.messages import lost_messages
from common.reporting.runs import RunReport, list_runs
from common.tenancy.organizations import list_organizations
from web.api.shapes import Asked
from web.pages.data_views import grouped_fixes
from web.pages.screen import Call, Needs, Screen, Screens

screens = Screens()
_RUNS = 100
_LETTERS = 200


class DoctorPage(Asked):
    """Which organization's integrations and channels are looked at beside the installation."""

    org: str = DEFAULT


@screens.get("/-/operator/tenants", needs=Needs.ROOT)
def tenants(call: Call) -> Screen:
    """Every organization with what it has; none of its costs."""
    return Screen(
        "operator_tenants.html", "Tenants", "operator", {"tab": "tenants", "tenants": list_organizations(call.rt)}
    )


@screens.get("/-/operator/runs", needs=Needs.ROOT)
def runs(call: Call) -> Screen:
    """The newest runs of all organizations."""
    found: list[RunReport] = [run for one in list_organizations(call.rt) for run in list_runs(call.rt, one.org_slug)]
    found.sort(key=lambda one: one.started_at or datetime.min.replace(tzinfo=UTC), reverse=True)
    return Screen("operator_runs.html", "Runs", "operator", {"tab": "runs", "runs": found[:_RUNS], "total": len(found)})


@screens.get("/-/operator/messages", needs=Needs.ROOT)
def messages(call: Call) -> Screen:
    """Messages that no function could finish, and notifications that were given up."""
    letters = list_dead_letters(call.rt)
    lost = [
        (one.org_slug, message)
        for one in list_organizations(call.rt)
        for message in lost_messages(call.rt, one.org_slug)
    ]
    context = {"tab": "messages", "letters": letters[:_LETTERS], "total": len(letters), "lost": lost}
    return Screen("operator_messages.html", "Messages", "operator", context)


@screens.get("/-/operator/doctor", needs=Needs.ROOT)
def doctor(call: Call, query: DoctorPage) -> Screen:
    """What can be wrong, each fault with its fix; nothing is changed."""
    known = [one.org_slug for one in list_organizations(call.rt)]
    chosen = query.org if query.org in known else (known[0] if known else DEFAULT)
    found: list[Finding] = sorted(look(call.rt, chosen), key=lambda one: (one.well is not False, one.well is not None))
    context = {
        "tab": "doctor",
        "findings": found,
        "fixes": grouped_fixes((one.what, one.fix) for one in found),
        "known": known,
        "chosen": chosen,
    }
    return Screen("operator_doctor.html", "Doctor", "operator", context)
