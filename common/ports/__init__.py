"""What the functions need from outside, as protocols; adapters implement them, contract tests verify that."""

from common.ports.bus import Delivery, MessageBus
from common.ports.clock import Clock
from common.ports.documents import Document, DocumentStore, Order, Transaction
from common.ports.issuer import Identity, Issuer, SignInAnswer, SignInRequest
from common.ports.jobs import Jobs
from common.ports.keys import KeyRing
from common.ports.locations import FoundObject, Location, Probe, ProbedLocation, Source, file_uri
from common.ports.notifier import ONE_PLACE, Channel, DailyChart, Notification, Notifier
from common.ports.objects import ObjectStore, Readable, StoredObject
from common.ports.payments import Checkout, Payments
from common.ports.runtime import Runtime
from common.ports.scheduler import Schedule, Scheduler
from common.ports.secrets import Secrets
from common.ports.warehouse import Replacement, Slice, Swap, Warehouse
from common.ports.workers import Workers

__all__ = [
    "ONE_PLACE",
    "Channel",
    "Checkout",
    "Clock",
    "DailyChart",
    "Delivery",
    "Document",
    "DocumentStore",
    "FoundObject",
    "Identity",
    "Issuer",
    "Jobs",
    "KeyRing",
    "Location",
    "MessageBus",
    "Notification",
    "Notifier",
    "ObjectStore",
    "Order",
    "Payments",
    "Probe",
    "ProbedLocation",
    "Readable",
    "Replacement",
    "Runtime",
    "Schedule",
    "Scheduler",
    "Secrets",
    "SignInAnswer",
    "SignInRequest",
    "Slice",
    "Source",
    "StoredObject",
    "Swap",
    "Transaction",
    "Warehouse",
    "Workers",
    "file_uri",
]
