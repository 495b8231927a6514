"""The runtime: all ports of one process together, as `common/runtime/bootstrap.py` chooses their adapters."""

from pathlib import Path
from typing import Protocol

from common.config import Settings
from common.ports.bus import OperatedBus
from common.ports.clock import Clock
from common.ports.documents import DocumentStore
from common.ports.inspection import Inspection
from common.ports.issuer import Issuer
from common.ports.jobs import Jobs
from common.ports.keys import KeyRing
from common.ports.locations import ProbedLocation, Source
from common.ports.notifier import Channel, Notifier
from common.ports.objects import ObjectStore
from common.ports.payments import Payments
from common.ports.scheduler import Scheduler
from common.ports.secrets import Secrets
from common.ports.senders import Senders
from common.ports.warehouse import Warehouse
from common.ports.workers import Workers


class Runtime(Protocol):
    """What a function may ask for.  Each port is opened on first use."""

    @property
    def settings(self) -> Settings:
        """What an operator has set."""
        ...

    @property
    def scratch(self) -> Path:
        """A folder for files that are being made."""
        ...

    @property
    def clock(self) -> Clock: ...

    @property
    def documents(self) -> DocumentStore: ...

    @property
    def sealed(self) -> DocumentStore:
        """Documents that hold encrypted secrets of tenants, and nothing else: a store of its own, which few may open."""
        ...

    @property
    def processed(self) -> DocumentStore:
        """Which events each function has finished: a store of its own, so that recording it needs no access to tenants' documents."""
        ...

    @property
    def objects(self) -> ObjectStore: ...

    @property
    def bus(self) -> OperatedBus: ...

    @property
    def warehouse(self) -> Warehouse: ...

    @property
    def keys(self) -> KeyRing: ...

    @property
    def secrets(self) -> Secrets: ...

    @property
    def scheduler(self) -> Scheduler: ...

    @property
    def jobs(self) -> Jobs: ...

    @property
    def payments(self) -> Payments:
        """Who pays for which plan."""
        ...

    @property
    def issuer(self) -> Issuer:
        """By which users sign in."""
        ...

    @property
    def senders(self) -> Senders: ...

    @property
    def workers(self) -> Workers: ...

    @property
    def notifiers(self) -> tuple[Notifier, ...]:
        """The deployment's own channels, as its settings configure them."""
        ...

    @property
    def inspection(self) -> Inspection: ...

    def source(self, integration: Source) -> ProbedLocation:
        """The place of an integration's bills.  Raises BadConfiguration for a scheme that is not known, or a place that is not its own."""
        ...

    def notifier(self, channel: Channel) -> Notifier:
        """What sends to a channel of an organization; its webhook is decrypted for each send."""
        ...
