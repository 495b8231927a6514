"""Import of one function until it could take a message.  Argument: its name."""

import importlib
import json
import resource
import sys
import time


def main(name: str) -> None:
    """Import, open the runtime, and tell the seconds since the interpreter was ready."""
    started = time.perf_counter()
    module = importlib.import_module(f"functions.{name}.main")
    handler = getattr(module, name)
    importlib.import_module("common.bootstrap").runtime()
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "ready": callable(handler), "resident_bytes": peak}))


if __name__ == "__main__":
    main(*sys.argv[1:])
