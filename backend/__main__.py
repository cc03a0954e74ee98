"""`python -m backend …`."""

import gc
import sys

if __name__ == "__main__":
    gc.disable()  # what is imported stays: to look for what could be thrown away takes a third of a start
    from backend.cli import main

    gc.freeze()
    gc.enable()
    sys.exit(main())
