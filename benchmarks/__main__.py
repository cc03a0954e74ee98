"""Run the benchmarks and print their ratios; exit 1 when one misses its limit."""

import importlib
import sys

from benchmarks.common import show

#: By name alone: "million", "finding", "spending" and "audit" (each fills databases with a million takes, or
#: rows of the ledger or the audit: half an hour, half an hour, a quarter of one, a quarter of one), and
#: "experiments" (worlds of votes by the thousand: half an hour of one core).
NAMES = (
    "starting", "webhooks", "latency", "fetching", "gallery", "catalogue", "estimates", "blocking", "workers",
    "bucket", "export", "live", "wall", "planning", "tables", "judging", "matrix",
    "experiment", "door",
)  # fmt: skip


def main() -> int:
    missed = 0
    for name in sys.argv[1:] or NAMES:
        for result in importlib.import_module(f"benchmarks.{name}").run():  # some tell as they go
            show(result)
            missed += not result.good
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
