"""One folder per function; they communicate only through messages."""
