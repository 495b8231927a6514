"""Run one piece of work in a process of its own and measure it: seconds, processor time, peak memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


class Failed(Exception):
    """A measured process ended badly; the text says how."""


@dataclass(frozen=True)
class Run:
    """One run.  seconds: what the work itself took.  wall_seconds: with the start of the process.  facts: what it told."""

    seconds: float
    wall_seconds: float
    processor_seconds: float
    peak_bytes: int
    facts: Mapping[str, Any]


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Run:
    """Run a command to its end.  Its last line of output may be a JSON object of facts, `seconds` among them.

    Peak memory is what the kernel says of the process and its children.  Raises Failed.
    """
    os.sync()  # what earlier runs wrote is not written back at the cost of this one
    started = time.perf_counter()
    process = subprocess.Popen(
        list(command),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    assert process.stdout is not None and process.stderr is not None
    with process.stdout, process.stderr:
        output, errors = process.stdout.read(), process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise Failed(
            f"{' '.join(command[:4])} ended with {process.returncode}: {(errors.strip() or 'no word').splitlines()[-1]}"
        )
    facts = _facts(output)
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Run(float(facts.pop("seconds", wall)), wall, usage.ru_utime + usage.ru_stime, peak, facts)


def probe(name: str, *arguments: object, environment: Mapping[str, str] | None = None) -> Run:
    """Run `benchmarks.probes.<name>` in a fresh interpreter."""
    return run([sys.executable, "-m", f"benchmarks.probes.{name}", *map(str, arguments)], environment)


def costwire(home: Path, *words: str) -> Run:
    """Run the command line as a person would."""
    return run([sys.executable, "-m", "costwire", *words], {"COSTWIRE_HOME": str(home)})


def _facts(output: str) -> dict[str, Any]:
    last = output.strip().rsplit("\n", 1)[-1]
    if not last.startswith('{"') or not last.endswith("}"):
        return {}
    found = json.loads(last)
    assert isinstance(found, dict)
    return found
