"""The simulator put together: its Flask program, and the installation that answers behind it."""

from flask import Flask, request

from simulator.config import SimulatorConfig
from simulator.engine.installation import Current, Installation
from simulator.engine.ledger import Ended, Ledger
from simulator.engine.offer import Offer
from simulator.engine.signing import Signer
from simulator.http import (
    account,
    blackbox,
    control,
    files,
    media,
    platform_api,
    request_status,
    submit,
    uploads,
    webhook_keys,
)
from simulator.http.answers import hang_up
from simulator.paint.painter import Painter

#: A data URI of a large photo fits into an input; more than this is no input.
BODY_MAX_BYTES = 128 * 1024 * 1024
#: How long a reset waits for webhooks that are on the wire; it doesn't wait for a receiver that hangs.
ON_THE_WIRE_S = 0.25


class Simulator:
    """`app` answers HTTP; between `start` and `close` requests run and webhooks go out.

    config: with the `public_url` under which clients reach `app`.
    """

    def __init__(self, config: SimulatorConfig) -> None:
        config.data_dir.mkdir(parents=True, exist_ok=True)
        self.config = config
        self._signer = Signer(config.data_dir / "signing.key")
        self._painter = Painter(in_process=config.small)
        self.installation = self._installed(Ledger.open(config.data_dir / "ledger.db"))
        self.app = _create_app(lambda: self.installation)

    @property
    def url(self) -> str:
        """Where clients reach it."""
        return self.config.public_url

    @property
    def offer(self) -> Offer:
        """The models on offer, for tests to change."""
        return self.installation.offer

    @property
    def ledger(self) -> Ledger:
        """What happened since the start or the last reset."""
        return self.installation.ledger

    def start(self) -> None:
        """Begin; what was under way when it last stopped goes on."""
        self.installation.start()

    def reset(self) -> None:
        """Afterwards all is as after a first start: no records, no faults, the models and seeds as they came.

        Nothing that was under way goes on: calls are cut off, requests and owed webhooks are forgotten. A
        webhook that is on the wire may still arrive. Address, signing key and settings stay.
        """
        self.installation.end(ON_THE_WIRE_S)
        ledger = self.installation.ledger.empty_successor()
        for folder in self.config.folders:
            for path in folder.iterdir():
                path.unlink(missing_ok=True)
        self.installation = self._installed(ledger)
        self.installation.start()

    def close(self) -> None:
        """Afterwards its ledger is whole, and no child is left, nor a thread but as `Painter.close` says."""
        self.installation.end()
        self._painter.close()
        self.installation.ledger.close()

    def _installed(self, ledger: Ledger) -> Installation:
        return Installation(self.config, ledger, self._signer, self._painter)


def _create_app(current: Current) -> Flask:
    app = Flask("simulator", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = BODY_MAX_BYTES
    app.json.sort_keys = False  # type: ignore[attr-defined]  # Flask's default provider has it
    for routes in (
        account,
        blackbox,
        control,
        files,
        media,
        platform_api,
        request_status,
        uploads,
        webhook_keys,
        submit,
    ):
        app.register_blueprint(routes.routes(current))

    @app.errorhandler(Ended)
    def cut_off(error: Ended) -> tuple[str, int]:
        hang_up(request.environ)
        return "", 503  # reaches nobody

    return app
