"""Export of all that a tenant sees, as `costwire export` writes it.  Argument: the file.  State lies in $COSTWIRE_HOME."""

import json
import sys
import time

from common.runtime.bootstrap import runtime


def main(target: str) -> None:
    """Export, and tell the seconds and the rows."""
    warehouse = runtime().warehouse
    started = time.perf_counter()
    rows = warehouse.export("default", target, "")
    print(json.dumps({"seconds": time.perf_counter() - started, "rows": rows}))


if __name__ == "__main__":
    main(*sys.argv[1:])
