"""costwire: the command line.

Exit status: 0 done; 1 the work failed, one line on stderr says why; 2 usage error; 75 not ready yet; 130, 143 stopped.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from common import stopping
from common.domain.legible import one_line
from common.errors import AGAIN, CostError, GoesOn, NotReady, Retryable, resource_error
from common.telemetry.withheld import redacted
from costwire import (
    __version__,
    alerts,
    api_keys,
    apply,
    audit,
    budgets,
    channels,
    charges,
    costs,
    deliveries,
    demo,
    doctor,
    export,
    hierarchy,
    imports,
    integrations,
    job,
    keys,
    listings,
    match,
    members,
    meters,
    prices,
    rates,
    replay,
    report,
    retention,
    schedule,
    serve,
    services,
    sql,
    subscriptions,
    tags,
    tenants,
    validate,
    watch,
)
from costwire.examples import add_examples
from costwire.installed import missing_sdk
from costwire.output import say_error
from costwire.recording import record_commands


class Commands(TyperGroup):
    """Commands whose help ends with examples, and whose usage errors quote what was typed in a form fit for a terminal."""

    def __init__(self, *words: Any, **more: Any) -> None:
        super().__init__(*words, **more)
        add_examples(self)
        record_commands(self)

    def make_context(self, *words: Any, **more: Any) -> Any:
        """As typer does."""
        with _quoted_fit():
            return super().make_context(*words, **more)

    def invoke(self, *words: Any, **more: Any) -> Any:
        """As typer does."""
        with _quoted_fit():
            return super().invoke(*words, **more)


@contextmanager
def _quoted_fit() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if hasattr(
            error, "format_message"
        ):  # a usage error, which typer prints; where its class lives depends on typer's version
            said = str(error)
            error.__dict__["message"] = (
                said if said.startswith("Usage:") else one_line(redacted(said))
            )  # help is of several lines
        raise


app = typer.Typer(
    name="costwire",
    cls=Commands,
    help="Turn cloud bills into FOCUS 1.3 rows with proved totals, and alert on budgets within minutes.\n\n"
    "State is stored in $COSTWIRE_HOME (default ./.costwire).  Start with: costwire import YOUR-BILL.csv",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
_COMMANDS = (
    ("import", imports.import_bill, "Import bills from disk."),
    ("connect", imports.connect, "Register a location where a provider delivers bills."),
    ("sync", imports.sync, "Fetch what is new, as the scheduler would."),
    ("apply", apply.apply, "Make organizations, integrations and budgets what a file declares."),
    ("schedule", schedule.schedule, "Show or set how often bills are fetched."),
    ("watch", watch.watch, "Run the embedded scheduler and functions until stopped."),
    ("serve", serve.serve, "Serve the HTTP API on this machine."),
    ("costs", costs.costs, "Show costs by any columns and tags."),
    ("match", match.show_match, "Compare your own meter with what providers charged for models."),
    ("charges", charges.charges, "Show single charges, and the line of the bill behind one."),
    ("report", report.report, "Write the report of a month, to print or to send."),
    ("tags", tags.tags, "Show tag keys, their cost, and what is untagged."),
    ("sql", sql.sql, "Ask in SQL, read-only."),
    ("export", export.export, "Export the current rows as FOCUS 1.3."),
    ("runs", listings.runs, "List synchronisations and their results."),
    ("quarantine", listings.quarantine, "List lines that could not be mapped, with reasons."),
    ("restatements", listings.restatements, "List what newer deliveries changed."),
    ("validate", validate.validate, "Check a FOCUS file against the rules of 1.3."),
    ("audit", audit.audit, "List who changed what, and when."),
    ("job", job.job, "Run one of the platform's jobs, or list them."),
    ("replay", replay.replay, "Retry failed messages, notifications or a delivery."),
    ("clean-up", retention.clean_up, "Remove what is past its life."),
    ("doctor", doctor.doctor, "Find faults and show how to fix each."),
    ("demo", demo.demo, "Run the whole pipeline on the sample bills."),
)
for _name, _function, _summary in _COMMANDS:
    app.command(_name, short_help=_summary)(_function)
app.add_typer(
    deliveries.app, name="deliveries", short_help="List deliveries and whether each is proved; withdraw wrong ones."
)
app.add_typer(integrations.app, name="integrations")
app.add_typer(budgets.app, name="budgets")
app.add_typer(alerts.app, name="alerts")
app.add_typer(channels.app, name="channels")
app.add_typer(tenants.app, name="tenants")
app.add_typer(keys.app, name="keys")
app.add_typer(api_keys.app, name="api-keys")
app.add_typer(members.app, name="members")
app.add_typer(rates.app, name="rates")
app.add_typer(prices.app, name="prices")
app.add_typer(retention.app, name="retention", short_help="Show or set how long everything is stored.")
app.add_typer(services.app, name="services")
app.add_typer(subscriptions.app, name="subscriptions")
app.add_typer(meters.app, name="meters")
app.add_typer(hierarchy.app, name="hierarchy")


NOT_YET = 75
"""EX_TEMPFAIL of sysexits.h: nothing is wrong, and the same command will do the work later."""


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"costwire {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_say_version, is_eager=True)
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run a command; what goes wrong on purpose is one line and exit status 1, 75 where it is not ready yet; stopped, 130 or 143."""
    logging.basicConfig(level=logging.CRITICAL, format="%(message)s")
    logging.getLogger().handlers[0].setFormatter(_OneLine())
    try:
        app()
    except BaseException as error:
        if stopping.received() is not None:
            stopping.end(str(error) if isinstance(error, GoesOn) else stopping.WORDS)
        if isinstance(error, SystemExit):
            raise
        say_error(_words(error))
        raise SystemExit(NOT_YET if isinstance(error, NotReady) else 1) from None


class _OneLine(logging.Formatter):
    """What a library has to say on a laptop, on a line fit for a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return one_line(super().format(record))


def _words(error: BaseException) -> str:
    """One line about an error.  Of one that nobody foresaw its own words may hold a line of a bill and are not repeated."""
    if isinstance(error, Retryable):
        return str(error).replace(AGAIN, "run the command again later, costwire doctor shows a cause that persists")
    if isinstance(error, CostError):
        return str(error)
    known = resource_error(error)
    if known:
        return str(known)
    if isinstance(error, ImportError) and (missing := missing_sdk(error.name or "")):
        return missing
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, ValueError) and "null byte" in str(error):
        return "a path or a name contains a NUL character, which is not valid; remove it"
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(last.filename).name}, line {last.lineno}: this is a bug in Costwire; please report it"
