"""ingest_azure: ingest-azure -> raw Azure exports in object storage, control totals -> bill-landed, one a chunk."""

from dataclasses import replace
from functools import partial
from typing import Any

import functions_framework

from common.bills.engine import engine
from common.bills.ingest import ingest
from common.bills.reading import Customs, Opened
from common.bills.source import read_rows, source_sql
from common.bootstrap import runtime
from common.entrypoint import handles
from common.messages import IngestBill

from .discover import discover
from .twins import COLUMNS, kinds_sql, role_of


@functions_framework.cloud_event
@handles(IngestBill)
def ingest_azure(message: IngestBill) -> None:
    """Land the Azure bills of one integration; an actual export and its amortized twin become one delivery.  Safe to repeat.

    Raises Retryable while a delivery is under way at its provider, Permanent for a location or a bill that cannot be read.
    """
    ingest(message, runtime(), discover, Customs(role_of=_role_of))


def _role_of(name: str, part: Opened) -> str:
    return role_of(name, read_rows(partial(_kinds, part)))


def _kinds(part: Opened, lenient: bool) -> list[Any]:
    container, matched = part
    rows = source_sql(replace(container, lenient=lenient), matched, only=COLUMNS)
    with engine() as connection:
        return connection.execute(kinds_sql(f"({rows})")).fetchall()
