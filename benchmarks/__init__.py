"""Benchmarks: rows/s, latency and memory, each against a stated peer or target.  Run by `make bench`."""
