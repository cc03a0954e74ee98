"""The sidecar: webhooks, HTTP API, media, health. Run it alone with `python webhook_server.py`."""

import gc
import sys

if __name__ == "__main__":
    gc.disable()  # what is imported stays: to look for what could be thrown away takes a third of a start
    from backend.web.serve import main

    gc.freeze()
    gc.enable()
    sys.exit(main())
