"""One module a measured piece of work; each runs in a process of its own and ends with a JSON line of facts."""
