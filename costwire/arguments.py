"""What was typed, read as the typed arguments of a use case; what cannot be read is a usage error."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import typer

from common.domain.allocation import InvalidHierarchy
from common.domain.api_keys import InvalidKeyRequest
from common.domain.budgets import InvalidBudget
from common.domain.channels import InvalidChannel
from common.domain.members import InvalidMember
from common.domain.period import BillingPeriod
from common.domain.saas.subscription import InvalidSubscription
from common.errors import BadConfiguration, NotFound
from common.reporting import arguments
from common.reporting.arguments import InvalidQuestion


@contextmanager
def usage_errors() -> Iterator[None]:
    """Arguments that make no question, budget or channel leave as BadParameter, in their own words."""
    try:
        yield
    except (
        InvalidBudget,
        InvalidChannel,
        InvalidHierarchy,
        InvalidKeyRequest,
        InvalidMember,
        InvalidQuestion,
        InvalidSubscription,
    ) as error:
        raise typer.BadParameter(str(error)) from None


def read_period(text: str | None) -> BillingPeriod | None:
    """A billing period of the command line.  Raises BadParameter for what is none."""
    with usage_errors():
        return arguments.read_period(text) if text else None


def read_table(path: Path, columns: Sequence[str]) -> str:
    """The text of a CSV file that the user gives.  Raises NotFound, BadConfiguration for what is not text."""
    expected = f"give a CSV file with the columns {','.join(columns)}"
    if not path.is_file():
        raise NotFound(f"{path} does not exist; {expected}")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise BadConfiguration(f"{path} is not UTF-8 text; {expected}") from None
