"""From a fresh interpreter to a function that could take a message.  Arguments: its name, and embedded or cloud.

In the cloud that is functions-framework's app over the archive's main.py, and the clients of every port that the function uses.
"""

import importlib
import json
import os
import resource
import sys
import time
from pathlib import Path

PORTS = {
    "dispatch_sync": ("documents", "bus"),
    "ingest": ("documents", "objects", "bus"),
    "normalize_focus": ("documents", "objects", "warehouse", "bus"),
    "evaluate_budgets": ("documents", "warehouse", "bus"),
    "send_notifications": ("documents",),
    "clean_up": ("documents", "objects", "warehouse", "bus"),
}
"""Function, or what its name starts with -> the ports that it opens."""
CLOUD = {
    "COSTWIRE_RUNTIME": "cloud",
    "COSTWIRE_PROJECT": "project",
    "COSTWIRE_BUCKET": "bucket",
    "COSTWIRE_PUSH_AUTH": "platform",
    # clients are made without credentials, and nobody is asked
    **dict.fromkeys(("PUBSUB_EMULATOR_HOST", "FIRESTORE_EMULATOR_HOST"), "127.0.0.1:9"),
    **dict.fromkeys(("STORAGE_EMULATOR_HOST", "BIGQUERY_EMULATOR_HOST"), "http://127.0.0.1:9"),
}


def main(name: str, runtime: str) -> None:
    """Import, open the runtime, and tell the seconds since the interpreter was ready."""
    if runtime == "cloud":
        os.environ.update(CLOUD)
    started = time.perf_counter()
    if runtime == "cloud":
        framework = importlib.import_module("functions_framework")
        source = Path(__file__).parents[2] / "deployment" / "main.py"
        handler = framework.create_app(target=name, source=str(source), signature_type="cloudevent")
    else:
        handler = getattr(importlib.import_module(f"functions.{name}.main"), name)
    made = importlib.import_module("common.runtime.bootstrap").runtime()
    if runtime == "cloud":
        for port in next(ports for prefix, ports in PORTS.items() if name.startswith(prefix)):
            getattr(made, port)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "ready": callable(handler), "resident_bytes": peak}))


if __name__ == "__main__":
    main(*sys.argv[1:])
