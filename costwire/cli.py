"""costwire: the command line.  Exit status: 0 done; 1 the work failed, the reason on stderr in one line; 2 the words are off."""

from __future__ import annotations

import logging
import sys
import traceback
from pathlib import Path
from typing import NoReturn

import typer

from common.errors import CostError, resource_error
from costwire import alerts, budgets, costs, demo, doctor, export, imports, listings, replay, validate

app = typer.Typer(
    name="costwire",
    help="Bills of any cloud become FOCUS 1.3 rows whose totals are proved, and budgets that warn in minutes.\n\n"
    "State lies under $COSTWIRE_HOME (default ./.costwire).  Start with: costwire import YOUR-BILL.csv",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("import")(imports.import_bill)
app.command("connect")(imports.connect)
app.command("sync")(imports.sync)
app.command("costs")(costs.costs)
app.command("export")(export.export)
app.command("deliveries")(listings.deliveries)
app.command("runs")(listings.runs)
app.command("quarantine")(listings.quarantine)
app.command("restatements")(listings.restatements)
app.add_typer(budgets.app, name="budgets")
app.add_typer(alerts.app, name="alerts")
app.command("validate")(validate.validate)
app.command("replay")(replay.replay)
app.command("doctor")(doctor.doctor)
app.command("demo")(demo.demo)


def main() -> None:
    """Run a command; what goes wrong on purpose is one line and exit status 1."""
    logging.basicConfig(level=logging.CRITICAL)
    try:
        app()
    except CostError as error:
        _fail(str(error))
    except KeyboardInterrupt:
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
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(last.filename).name}, line {last.lineno}: this is a fault of Costwire; please report it"


if __name__ == "__main__":
    main()
