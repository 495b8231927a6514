"""`python -m costwire`."""

from costwire.cli import main

main()
