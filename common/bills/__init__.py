"""Reading bills: what a file is, which format it is in, what it adds up to, and its rows as canonical text columns."""
