"""The sidecar: webhooks, HTTP API, media, health. Run it alone with `python webhook_server.py`."""

import sys

from backend.web.serve import main

if __name__ == "__main__":
    sys.exit(main())
