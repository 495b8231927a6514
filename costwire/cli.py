"""costwire: the command line.  Exit status: 0 done; 1 the work failed, the reason on stderr in one line; 2 the words are off."""

from __future__ import annotations

import logging
import sys
import traceback
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from common.errors import AGAIN, CostError, Retryable, resource_error
from costwire import (
    __version__,
    alerts,
    budgets,
    costs,
    demo,
    doctor,
    export,
    imports,
    keys,
    listings,
    rates,
    replay,
    schedule,
    tenants,
    validate,
    watch,
)

app = typer.Typer(
    name="costwire",
    help="Bills of any cloud become FOCUS 1.3 rows whose totals are proved, and budgets that warn in minutes.\n\n"
    "State lies under $COSTWIRE_HOME (default ./.costwire).  Start with: costwire import YOUR-BILL.csv",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
_COMMANDS = (
    ("import", imports.import_bill, "Bring in a bill on disk."),
    ("connect", imports.connect, "Set up a place where a provider leaves its bills."),
    ("sync", imports.sync, "Fetch what is new, as the scheduler would."),
    ("schedule", schedule.schedule, "How often bills are fetched."),
    ("watch", watch.watch, "The laptop's scheduler: fetch and check until stopped."),
    ("costs", costs.costs, "Show what was charged, by one dimension."),
    ("export", export.export, "Write the current rows as FOCUS 1.3."),
    ("deliveries", listings.deliveries, "What came in, when, proved or not."),
    ("runs", listings.runs, "Who asked for what, and how it ended."),
    ("quarantine", listings.quarantine, "Lines that could not be mapped, and why."),
    ("restatements", listings.restatements, "What newer deliveries changed."),
    ("validate", validate.validate, "Check a FOCUS file against the rules of 1.3."),
    ("replay", replay.replay, "Another try, once the cause of a failure is gone."),
    ("doctor", doctor.doctor, "What is wrong here, and its mend."),
    ("demo", demo.demo, "Everything once, on the sample bills."),
)
for _name, _function, _summary in _COMMANDS:
    app.command(_name, short_help=_summary)(_function)
app.add_typer(budgets.app, name="budgets")
app.add_typer(alerts.app, name="alerts")
app.add_typer(tenants.app, name="tenants")
app.add_typer(keys.app, name="keys")
app.add_typer(rates.app, name="rates")

_INTERRUPTED = 130
"""What typer makes of Ctrl-C."""


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"costwire {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Say the version and stop.", callback=_say_version, is_eager=True)
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run a command; what goes wrong on purpose is one line and exit status 1."""
    logging.basicConfig(level=logging.CRITICAL)
    try:
        app()
    except Retryable as error:
        _fail(str(error).replace(AGAIN, "give the command again later, costwire doctor finds a cause that stays"))
    except CostError as error:
        _fail(str(error))
    except SystemExit as ended:
        if ended.code != _INTERRUPTED:
            raise
        _fail("stopped; run costwire sync to go on where it was")
    except Exception as error:
        _fail(_words(error))


def _fail(reason: str) -> NoReturn:
    sys.stderr.write(f"costwire: {' '.join(reason.split())}\n")
    raise SystemExit(1) from None


def _words(error: Exception) -> str:
    """One line about an error that nobody foresaw; its own words may hold a line of a bill and are not repeated."""
    known = resource_error(error)
    if known:
        return str(known)
    if isinstance(error, ImportError) and (error.name or "").startswith("google"):
        return "Google Cloud's SDKs are not installed; run make install-cloud"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(last.filename).name}, line {last.lineno}: this is a fault of Costwire; please report it"


if __name__ == "__main__":
    main()
