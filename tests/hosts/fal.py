"""The simulated fal as a host of its own: `python -m tests.hosts.fal FOLDER ADDRESS PORT CA`, until SIGTERM.

The names that it delivers to are in its own /etc/hosts, and the certificates that it believes in CA.
"""

import sys
from pathlib import Path

from backend import logs
from simulator.config import SimulatorConfig
from simulator.server import serve

#: A host that was cut off answers nothing: ask the next one soon.
PATIENCE_S = 4.0

if __name__ == "__main__":
    folder, address, port, ca = sys.argv[1:]
    logs.configure_logging("simulator")
    config = SimulatorConfig(
        data_dir=Path(folder), public_url=f"http://{address}:{port}", pace=0.05, small=True, seed=7,
        at_once=16, webhook_timeout_s=PATIENCE_S, webhook_ca=Path(ca),
    )  # fmt: skip
    serve(address, int(port), config)
