"""Carry out a plan, by the same use cases as single commands.  Safe to repeat: what is done is not in the next plan."""

from __future__ import annotations

from collections.abc import Callable

from common.budgets.changing import BudgetChanges, change_budget
from common.budgets.manage import add_budget, remove_budget
from common.declared.planning import RECONNECTS, Action, Plan, Step
from common.declared.wanted import DeclaredBudget, DeclaredIntegration, DeclaredOrganization
from common.errors import AGAIN, CostError
from common.ingestion.connecting import Connection, connect
from common.ports import Runtime
from common.records.organizations import open_tenant
from common.tenancy.integrations import pause, resume
from common.tenancy.organizations import add_organization, change_organization


class Interrupted(CostError):
    """A step failed; those before it are done, and applying the file again continues."""


def apply_plan(
    rt: Runtime, plan: Plan, requested_by: str, say: Callable[[Step], None] = lambda step: None
) -> list[Step]:
    """Carry out every step that changes something; returns them.  say: called after each.

    Raises BadConfiguration before anything is written where a change is not possible; Interrupted where a step fails, with what is done.
    """
    plan.check()
    done: list[Step] = []
    for step in plan.to_do:
        try:
            _carry_out(rt, step, requested_by)
        except CostError as error:
            before = ", ".join(f"{one.action} {one}" for one in done) or "nothing"
            reason = str(error).replace(AGAIN, "it may succeed later")
            raise Interrupted(
                f"{step.action} {step}: {reason}; done before: {before}; run costwire apply again to continue"
            ) from error
        done.append(step)
        say(step)
    return done


def _carry_out(rt: Runtime, step: Step, requested_by: str) -> None:
    match step.declared:
        case DeclaredOrganization() as wanted:
            if step.action == Action.CREATE:
                add_organization(rt, wanted.display_name, wanted.org_slug, wanted.plan)
            else:
                change_organization(rt, wanted.org_slug, wanted.display_name, wanted.plan)
        case DeclaredIntegration() as wanted:
            _integration(rt, step, wanted, requested_by)
        case DeclaredBudget() as wanted:
            _budget(rt, step, wanted)
        case _:
            remove_budget(rt, step.org_slug, step.budget_id or step.name)


def _integration(rt: Runtime, step: Step, wanted: DeclaredIntegration, requested_by: str) -> None:
    changed = {one.field for one in step.differences}
    if step.action == Action.CREATE or changed & set(RECONNECTS):
        asked = Connection(
            wanted.org_slug,
            wanted.provider,
            wanted.location,
            wanted.name,
            requested_by=requested_by,
            allow_overlap=wanted.allow_overlap,
        )
        connect(rt, asked)
    # connecting resumes what was paused, so this comes last whatever has changed
    (pause if wanted.paused else resume)(rt, wanted.org_slug, wanted.name, requested_by)


def _budget(rt: Runtime, step: Step, wanted: DeclaredBudget) -> None:
    request = wanted.request
    if step.budget_id is None:
        open_tenant(rt.documents, rt.clock.now(), wanted.org_slug)
        add_budget(rt, wanted.org_slug, request)
        return
    changes = BudgetChanges(
        amount=request.amount,
        scope=request.scope,
        thresholds=request.thresholds,
        forecast_thresholds=request.forecast_thresholds,
        owner=request.owner or "",
        channels=request.channels,
    )
    change_budget(rt, wanted.org_slug, step.budget_id, changes)
