"""`python -m simulator [PORT]`: fal.ai and Blackbox on loopback, by themselves."""

import sys
import tempfile
from pathlib import Path

from simulator.config import SimulatorConfig
from simulator.server import serve

#: Where it listens when nothing else is said.
PORT = 8790

if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else PORT
    folder = Path(tempfile.mkdtemp(prefix="dailies-simulator-"))
    serve("127.0.0.1", port, SimulatorConfig(data_dir=folder, public_url=f"http://127.0.0.1:{port}"))
