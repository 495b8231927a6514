"""The command line, and all functions in one process on the embedded runtime."""

__version__ = "0.1.0"
