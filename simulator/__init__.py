"""fal.ai, simulated: its queue, webhooks, uploads, listing and media, over real HTTP, with real videos.

The demo mode runs on it without a key, and the tests put it behind the real client code. What can
be made to go wrong, and how to ask for it, is the table in `simulator.faults`.

Needs flask, requests, cryptography, av, numpy, pillow; nothing else of backend.
"""

from simulator.app import Simulator
from simulator.config import SimulatorConfig
from simulator.server import listening, serve

__all__ = ["Simulator", "SimulatorConfig", "listening", "serve"]
