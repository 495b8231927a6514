"""Command `serve`: the dashboard and the HTTP API on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from common.errors import BadConfiguration, GoesOn
from common.runtime.bootstrap import runtime
from costwire.demo import show_samples
from costwire.output import console

_THREADS = 8
_LARGEST_HEADERS = 32 * 1024
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def serve(
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0 for any that is free.")
    ] = 8080,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = LOOPBACK[0],
    samples: Annotated[
        bool,
        typer.Option(
            "--samples",
            help="Show the sample bills, in ./.costwire-demo; they are imported where they are not there yet.",
        ),
    ] = False,
) -> None:
    """Serve the dashboard and the HTTP API until stopped.  They listen on this machine only and need no key there."""
    import waitress  # with Flask: what no other command needs

    from web.api.access import OpenDoor
    from web.api.app import Service
    from web.api.reading import LARGEST_BODY
    from web.site import create_site

    if host not in LOOPBACK:
        raise BadConfiguration(
            f"--host is '{host}', expected {' or '.join(LOOPBACK)}: without keys only this machine may ask"
        )
    if samples:
        show_samples()
    app = create_site(runtime(), Service(OpenDoor(), loopback=True))
    server = waitress.create_server(
        app,
        host=host,
        port=port,
        threads=_THREADS,
        ident=None,
        max_request_header_size=_LARGEST_HEADERS,
        max_request_body_size=2 * LARGEST_BODY,
    )
    address = f"http://{server.effective_host}:{server.effective_port}"
    console.print(
        f"the dashboard is at {address}, and {address}/openapi.json lists the API; Ctrl-C stops", soft_wrap=True
    )
    server.run()
    raise GoesOn("stopped")
