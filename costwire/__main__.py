"""`costwire` and `python -m costwire`: signals are handled before anything heavy is loaded."""

from common import stopping


def main() -> None:
    """Run a command."""
    try:
        stopping.install()
        from costwire import cli
    except BaseException:
        if stopping.received() is not None:  # loading takes about a second
            stopping.end(stopping.WORDS)
        raise
    cli.main()


if __name__ == "__main__":
    main()
