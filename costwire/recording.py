"""What each command is called in the audit log, and who ran it."""

from __future__ import annotations

import functools
import getpass
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from common.domain.audit import Actor, ActorKind
from common.records.audit import PLATFORM, Operation, acting, record_done
from common.runtime.bootstrap import runtime


def _always(params: Mapping[str, Any]) -> bool:
    return True


def _not(name: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda params: not params.get(name)


def _any(*names: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda params: any(params.get(name) not in (None, False) for name in names)


@dataclass(frozen=True)
class Changing:
    """A command that changes something.  target: the option or argument that names what, with its collection.

    when: whether it does so with these options.
    """

    action: str
    target: str = ""
    when: Callable[[Mapping[str, Any]], bool] = _always


CHANGING: Mapping[str, Changing] = {
    "import": Changing("bill.import"),
    "connect": Changing("integration.connect"),
    "sync": Changing("integration.sync"),
    "apply": Changing("declaration.apply", when=_not("dry_run")),
    "schedule": Changing("schedule.change", when=_any("every_hours", "off")),
    "replay": Changing("message.replay"),
    "job": Changing("job.run", "jobs/{name}", when=_any("name")),
    "clean-up": Changing("data.clean_up", when=_not("dry_run")),
    "retention set": Changing("retention.change"),
    "channels add": Changing("channel.create", "channels/{name}"),
    "channels test": Changing("channel.test", "channels/{name}"),
    "channels remove": Changing("channel.remove", "channels/{name}"),
    "deliveries withdraw": Changing("delivery.withdraw", "deliveries/{delivery}"),
    "deliveries restore": Changing("delivery.restore", "deliveries/{delivery}"),
    "integrations check": Changing("integration.check"),
    "integrations pause": Changing("integration.pause", "integrations/{name}"),
    "integrations resume": Changing("integration.resume", "integrations/{name}"),
    "integrations webhook": Changing("integration.webhook", "integrations/{name}"),
    "integrations remove": Changing("integration.remove", "integrations/{name}"),
    "integrations split": Changing("integration.change", "integrations/{name}"),
    **{
        f"hierarchy {word}": Changing("hierarchy.change") for word in ("add", "rename", "move", "remove", "rules add", "rules remove")
    },
    "hierarchy apply": Changing("hierarchy.change", when=_not("dry_run")),
    "members invite": Changing("member.invite"),
    "members role": Changing("member.change"),
    "members remove": Changing("member.remove"),
    "budgets add": Changing("budget.create", when=_not("preview")),
    "budgets set": Changing("budget.change", "budgets/{name}"),
    "budgets remove": Changing("budget.remove", "budgets/{name}"),
    "alerts ack": Changing("alert.acknowledge", "alerts/{alert_id}"),
    "alerts snooze": Changing("alert.snooze", "alerts/{alert_id}"),
    "tenants add": Changing("organization.create"),
    "tenants suspend": Changing("organization.suspend", "organization {slug}"),
    "tenants resume": Changing("organization.resume", "organization {slug}"),
    "tenants remove": Changing("organization.remove", "organization {slug}"),
    "tenants restore": Changing("organization.restore", "organization {slug}"),
    "keys rotate": Changing("encryption_key.rotate"),
    "keys reencrypt": Changing("encryption_key.reencrypt"),
    "api-keys add": Changing("key.create"),
    "api-keys rotate": Changing("key.rotate", "api_keys/{key_id}"),
    "api-keys revoke": Changing("key.revoke", "api_keys/{key_id}"),
    "rates set": Changing("rates.change"),
    "prices set": Changing("prices.change"),
    "meters import": Changing("meter.import"),
    "meters keys": Changing("meter.keys"),
    "services set": Changing("services.change"),
    **{
        f"subscriptions {word}": Changing(f"subscription.{verb}", "subscriptions/{subscription}")
        for word, verb in (
            ("change", "change"), ("cancel", "cancel"), ("enable", "enable"), ("disable", "disable"), ("invoice", "invoice"),
        )
    },
    "subscriptions add": Changing("subscription.create"),
    "subscriptions set": Changing("subscription.declare"),
}  # fmt: skip
"""The words after `costwire` -> what it is."""

ONLY_READING = frozenset(
    {
        "audit", "costs", "match", "charges", "report", "tags", "sql", "export", "runs", "quarantine", "restatements", "validate", "doctor",
        "deliveries", "integrations list", "integrations show", "integrations permissions", "budgets list", "alerts list", "alerts show",
        "channels list", "tenants list", "tenants show", "api-keys list", "rates list", "prices list", "retention", "services unknown",
        "services list", "subscriptions list", "subscriptions show", "subscriptions vendors", "meters list",
        "hierarchy show", "hierarchy versions", "hierarchy rules list", "members list",
    }
)  # fmt: skip
"""Commands that change nothing."""

RUNNING = frozenset({"watch", "serve", "demo"})
"""Commands that run the functions: what these change is recorded as theirs; `demo` has an organization of its own."""


def record_commands(command: Any, path: str = "") -> None:
    """Make a command of typer, and all below it, leave a record of what it changes."""
    if command.callback is not None and path:
        command.callback = _recorded(path, command.callback)
    for name, below in getattr(command, "commands", {}).items():
        record_commands(below, f"{path} {name}".strip())


def actor() -> Actor:
    """The user of the operating system."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = ""
    return Actor(ActorKind.COMMAND_LINE, name)


def _recorded(path: str, callback: Callable[..., Any]) -> Callable[..., Any]:
    changing = CHANGING.get(path)

    @functools.wraps(callback)
    def run(*args: Any, **params: Any) -> Any:
        operation = Operation(actor(), changing.action if changing else "")
        with acting(operation):
            done = callback(*args, **params)
            if changing is not None and changing.when(params):
                target = changing.target.format(**params)
                record_done(runtime(), operation, params.get("org") or PLATFORM, target)
        return done

    return run
