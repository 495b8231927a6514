"""`costwire` and `python -m costwire`: signals are handled before anything heavy is loaded."""

from common import stopping


def main() -> None:
    """Run a command."""
    stopping.install()
    from costwire import cli

    cli.main()


if __name__ == "__main__":
    main()
