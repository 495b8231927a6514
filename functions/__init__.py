"""One folder a function; they meet only in messages."""
