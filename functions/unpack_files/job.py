"""unpack_files: a Cloud Run job; `unpackings` -> files unpacked in the bucket -> ingest-<provider> again.

python -m functions.unpack_files.job
"""

import sys

from common.ingestion.one_file import unpack_files
from common.runtime.job import execute


def main() -> int:
    """Unpack every file that waits for it.  Exit status 0; 1 where something is to be tried again."""
    return execute("unpack_files", unpack_files)


if __name__ == "__main__":
    sys.exit(main())
