"""The platform's functions and subscriptions, as the project states them: common/messages, common/ports/bus.py, terraform/."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.messages.subscriptions import SUBSCRIPTIONS, Subscription, named
from common.ports.bus import MAX_ATTEMPTS, MAX_PUSHES
from common.running_costs.world import function_sizes

from .cloud_run import OK, REFUSED, Service, Size
from .loop import Loop
from .pubsub import Envelope, PushSubscription, Rules

TERRAFORM = Path(__file__).parents[2] / "terraform"


@dataclass(frozen=True)
class Work:
    """What one try does.  seconds: without the start of an instance.  effect: what happens where it succeeds."""

    seconds: float
    effect: Callable[[], None] = lambda: None
    fails: bool = False


SKIPPED = Work(0.1)
"""A message that has been done: looked up, and acked."""


_ALL = [one for several in SUBSCRIPTIONS.values() for one in several]


def deployed_sizes(overrides: Mapping[str, int] | None = None) -> dict[str, Size]:
    """Function -> its size.  overrides: instances, as the variable `max_instances`."""
    text = (TERRAFORM / "functions.tf").read_text(encoding="utf-8")
    instances = {
        name: int(count) for name, count in re.findall(r"(\w+) = \{\s+description[^}]*?max_instances\s+= (\d+)", text)
    }
    (concurrency,) = re.findall(r"^    message\s+= (\d+)$", text, re.MULTILINE)
    wanted = {**instances, **(overrides or {})}
    return {
        name: Size(
            wanted[name] * int(concurrency),
            float(cpu),
            float(gib),
            max([60.0, *(float(one.ack_deadline_seconds) for one in _ALL if one.function == name)]),
        )
        for name, (cpu, gib) in function_sizes().items()
    }


def production_instances() -> tuple[dict[str, int], int]:
    """The instances and the quota of vCPU that production.tfvars proposes for many tenants."""
    text = (TERRAFORM / "production.tfvars").read_text(encoding="utf-8")
    block = re.search(r"^# max_instances = \{\n((?:#.*\n)*?)# \}", text, re.MULTILINE)
    quota = re.search(r"^# cpu_quota = (\d+)", text, re.MULTILINE)
    if not block or not quota:
        raise ValueError(f"{TERRAFORM / 'production.tfvars'} proposes no max_instances and cpu_quota")
    return {name: int(count) for name, count in re.findall(r"(\w+)\s+= (\d+)", block[1])}, int(quota[1])


def default_quota() -> int:
    """vCPU of a new project, by variables.tf."""
    return _default_of("cpu_quota")


def check_tick_minutes(production: bool) -> int:
    """Minutes between two ticks of budget checks, by production.tfvars or else by variables.tf."""
    if not production:
        return _default_of("check_tick_minutes")
    text = (TERRAFORM / "production.tfvars").read_text(encoding="utf-8")
    found = re.search(r"^check_tick_minutes = (\d+)", text, re.MULTILINE)
    if not found:
        raise ValueError(f"{TERRAFORM / 'production.tfvars'} does not set check_tick_minutes")
    return int(found[1])


def _default_of(variable: str) -> int:
    text = (TERRAFORM / "variables.tf").read_text(encoding="utf-8")
    found = re.search(rf'variable "{variable}" \{{.*?default\s+= (\d+)', text, re.DOTALL)
    if not found:
        raise ValueError(f"{TERRAFORM / 'variables.tf'} has no default for {variable}")
    return int(found[1])


@dataclass
class Platform:
    """Subscriptions that push to services.  work_of: what a try at a message of a subscription does.

    failing_share: of real tries, those that fail with a cause that passes.
    """

    loop: Loop
    sizes: Mapping[str, Size]
    work_of: Callable[[str, Any], Work]
    chance: random.Random
    cold_start_seconds: float
    failing_share: float = 0.0
    rules: Rules = field(default_factory=Rules)
    peak_cpu: float = 0.0

    def __post_init__(self) -> None:
        self.services = {name: Service(self.loop, size, self.cold_start_seconds) for name, size in self.sizes.items()}
        self.subscriptions = {
            one.name: PushSubscription(self.loop, one, MAX_PUSHES, self._endpoint(one), self.chance, self.rules)
            for table in SUBSCRIPTIONS.values()
            for one in table
        }
        self.published = 0
        self.metric_points: set[tuple[str, str, int]] = set()
        """Function, provider and minute of each answer: a series of a log-based metric has one point per minute at most."""

    def publish(self, topic: str, body: Any, key: str = "") -> None:
        """A message to every subscription of a topic."""
        self.published += 1
        for one in SUBSCRIPTIONS[topic]:
            self.subscriptions[one.name].publish(body, key)

    @property
    def waiting(self) -> int:
        """Messages that are not done, of all subscriptions."""
        return sum(one.waiting for one in self.subscriptions.values())

    def dead_letters(self) -> int:
        """Given up by Pub/Sub or by the code."""
        return sum(one.told.dead + one.told.failures[MAX_ATTEMPTS] for one in self.subscriptions.values())

    def _endpoint(self, own: Subscription) -> Callable[[Envelope, Callable[[bool], None]], None]:
        return lambda one, answer: self._deliver(own, one, answer)

    def _deliver(self, own: Subscription, one: Envelope, answer: Callable[[bool], None]) -> None:
        told = self.subscriptions[own.name].told
        work = SKIPPED

        def begin() -> float:
            nonlocal work
            self._note_peak()
            if one.done:
                return SKIPPED.seconds
            one.tries += 1
            told.tries += 1
            one.began_at = self.loop.now
            work = self.work_of(own.name, one.body)
            if self.chance.random() < self.failing_share:
                work = Work(work.seconds, fails=True)
            return work.seconds

        def end(status: int) -> None:
            if status != REFUSED:
                provider = getattr(getattr(one.body, "integration", None), "provider", "")
                self.metric_points.add((own.function, provider, int(self.loop.now // 60)))
            if status == REFUSED:
                one.refused += 1
                told.refused += 1
                answer(False)
            elif status == OK and not work.fails:
                if not one.done:
                    one.done = True
                    told.waited.append(((one.began_at or 0.0) - one.published_at, one.body))
                    work.effect()
                answer(True)
            else:
                told.failures[one.tries] += 1
                one.done = one.done or one.tries >= MAX_ATTEMPTS  # dead-lettered by the code, and acked
                answer(one.done)

        self.services[own.function].request(begin, end)

    def _note_peak(self) -> None:
        cpu = sum(one.instances * one.size.cpu for one in self.services.values())
        self.peak_cpu = max(self.peak_cpu, cpu)


def subscription(name: str) -> Subscription:
    """The subscription of that name.  Raises KeyError."""
    found = named(name)
    if found is None:
        raise KeyError(name)
    return found
