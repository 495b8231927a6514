"""The API over a filled home, served as `costwire serve` serves others: with keys.  State lies in $COSTWIRE_HOME.

First line: the port.  It ends when its standard input does.  Argument: threads.
"""

import logging
import sys
import threading

import waitress

from common.runtime.bootstrap import runtime
from web.api.access import KeyDoor
from web.api.app import Service, create_app
from web.api.routes import ROUTES


def main(threads: str) -> None:
    """Serve until nobody listens any more."""
    logging.getLogger("waitress").setLevel(logging.ERROR)  # of queues, which the waits show
    rt = runtime()
    app = create_app(rt, Service(KeyDoor(rt, None)), ROUTES)
    server = waitress.create_server(app, host="127.0.0.1", port=0, threads=int(threads), ident=None)
    threading.Thread(target=server.run, daemon=True).start()
    print(server.effective_port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
