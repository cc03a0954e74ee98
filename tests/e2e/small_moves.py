"""`python -m backend`, whose move to a server takes a hundred rows at a time: few rows have a middle then."""

import sys

from backend.cli import main
from backend.store.database.schema import sqlite_to_postgres

BATCH = 100

if __name__ == "__main__":
    sqlite_to_postgres.BATCH = BATCH
    sys.exit(main())
