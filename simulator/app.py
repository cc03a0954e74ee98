"""The simulator put together: its parts, its Flask program, its threads."""

import threading
from collections import Counter

from flask import Flask, Response, jsonify

from simulator.config import SimulatorConfig
from simulator.engine import faults as wanted
from simulator.engine.deliver import Deliverer
from simulator.engine.ledger import JSON, Ledger
from simulator.engine.offer import Offer
from simulator.engine.queue import Engine
from simulator.engine.signing import Signer
from simulator.http import blackbox, control, media, platform_api, request_status, submit, uploads

#: A data URI of a large photo fits into an input; more than this is no input.
BODY_MAX_BYTES = 128 * 1024 * 1024


class Simulator:
    """`app` answers HTTP; between `start` and `close` requests run and webhooks go out."""

    def __init__(self, config: SimulatorConfig) -> None:
        config.data_dir.mkdir(parents=True, exist_ok=True)
        self.config = config
        self.url = config.public_url.rstrip("/")
        self.ledger = Ledger(config.data_dir / "ledger.db")
        self.signer = Signer(config.data_dir / "signing.key")
        self.offer = Offer(config.catalog, config.synthetic)
        self.deliverer = Deliverer(config, self.ledger, self.signer)
        self.engine = Engine(config, self.ledger, self.offer, self.deliverer, lambda: self.url)
        self.stop = threading.Event()
        self._lock = threading.Lock()
        self._polls: Counter[str] = Counter()
        self.app = _create_app(self)

    def start(self) -> None:
        """Begin; what was under way when it last stopped goes on."""
        self.deliverer.start()
        self.engine.start()

    def close(self) -> None:
        """Afterwards no thread and no child of it is left, and the ledger is whole."""
        self.stop.set()
        self.engine.stop()
        self.deliverer.stop()
        self.ledger.close()

    def knows(self, authorization: str | None) -> bool:
        """Is this an `Authorization` header that fal would let in?"""
        kind, _, key = (authorization or "").partition(" ")
        if kind.lower() not in ("key", "bearer") or not key.strip():
            return False
        return not self.config.key or key.strip() == self.config.key

    def faults_for(self, endpoint: str, given: JSON, text: str, posted: JSON | None = None) -> wanted.Faults:
        """The faults of a POST: its prompt's markers, and those of every rule that matches, used once."""
        faults = wanted.of_prompt(given.get("prompt"))
        if "times" in faults and self._seen(endpoint, posted or given) > wanted.number(faults, "times"):
            faults = {}
        for rule in self.ledger.rules():
            if wanted.of_catalog(rule.faults):
                continue
            if (rule.match is None or rule.match in endpoint or rule.match in text) and self.ledger.spend(
                rule
            ):
                faults |= rule.faults
        return faults

    def catalog_faults(self, asked: str) -> wanted.Faults:
        """The faults of a question for the catalogue: those of every rule for it that matches, used once."""
        faults: wanted.Faults = {}
        for rule in self.ledger.rules():
            if not wanted.of_catalog(rule.faults) or not (rule.match is None or rule.match in asked):
                continue
            if self.ledger.spend(rule):
                faults |= rule.faults
        return faults

    def count_poll(self, request_id: str) -> int:
        """How often this request was asked about before; counts this time."""
        with self._lock:
            self._polls[request_id] += 1
            return self._polls[request_id] - 1

    def _seen(self, endpoint: str, given: JSON) -> int:
        return sum(post.endpoint == endpoint and post.input == given for post in self.ledger.posts())


def _create_app(sim: Simulator) -> Flask:
    app = Flask("simulator", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = BODY_MAX_BYTES
    app.json.sort_keys = False  # type: ignore[attr-defined]
    for routes in (blackbox, control, media, platform_api, request_status, uploads, submit):
        app.register_blueprint(routes.routes(sim))

    @app.get("/.well-known/jwks.json")
    def jwks() -> Response:
        return jsonify(sim.signer.jwks())

    return app
