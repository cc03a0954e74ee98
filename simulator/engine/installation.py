"""The simulated fal from one start or reset to the next: what its routes are given."""

import threading
from collections import Counter
from collections.abc import Callable

from simulator.config import SimulatorConfig
from simulator.engine.deliver import Deliverer
from simulator.engine.faults import Faults, fault_number, faults_in_prompt, is_for_listing
from simulator.engine.ledger import JSON, Ended, Ledger
from simulator.engine.offer import Offer
from simulator.engine.queue import RequestQueue
from simulator.engine.signing import Signer
from simulator.paint.painter import Painter

#: The credit of an account of which nobody says how much it was given (USD).
CREDIT_USD = 1000.0


class Installation:
    """Its records, models, queue and webhooks; between `start` and `end` requests run and webhooks go out.

    A call that is under way when it ends is cut off: it keeps this installation, whose ledger says `Ended`.
    """

    def __init__(self, config: SimulatorConfig, ledger: Ledger, signer: Signer, painter: Painter) -> None:
        for folder in config.folders:
            folder.mkdir(exist_ok=True)
        self.config = config
        self.url = config.public_url
        self.ledger = ledger
        self.signer = signer
        self.offer = Offer(config.synthetic)
        self.deliverer = Deliverer(config, ledger, signer)
        self.queue = RequestQueue(config, ledger, self.offer, self.deliverer, painter)
        self.ended = threading.Event()
        #: Path and query of every question for the listing of models and its prices.
        self.listing_queries: list[str] = []
        #: What the account was given (USD); None: nobody said, and it is never locked.
        self.credit_usd: float | None = None
        self._lock = threading.Lock()
        self._polls: Counter[str] = Counter()

    def start(self) -> None:
        """Begin; what the ledger holds of requests and webhooks under way goes on."""
        self.deliverer.start()
        self.queue.start()

    def end(self, patience_s: float | None = None) -> None:
        """Afterwards no request moves and no webhook sets out, and calls that waited are awake.

        patience_s: how long a webhook that is on the wire is waited for; None: until its receiver answers.
        """
        self.ended.set()
        self.queue.stop()
        self.deliverer.stop(patience_s)

    def pause(self, seconds: float) -> None:
        """Wait, as a fault has it; Ended: the simulator was reset or closed meanwhile."""
        if self.ended.wait(seconds):
            raise Ended

    def faults_of_post(self, endpoint: str, given: JSON, text: str, posted: JSON | None = None) -> Faults:
        """The faults of a POST: its prompt's markers, and those of every rule that matches, used once.

        text: the POST's body, for rules to match; posted: what the ledger has of it, if not `given`.
        """
        faults = faults_in_prompt(given.get("prompt"))
        if "times" in faults:
            this = endpoint, posted or given
            times = sum((post.endpoint, post.input) == this for post in self.ledger.list_posts())
            faults = {} if times > fault_number(faults, "times") else faults
        return faults | self._faults_of_rules((endpoint, text), for_listing=False)

    def faults_of_listing(self, query: str) -> Faults:
        """The faults of a question for the listing of models: those of every rule that matches, used once."""
        self.listing_queries.append(query)
        return self._faults_of_rules((query,), for_listing=True)

    def balance_usd(self) -> float:
        """What is left of the account's credit (USD) after every charge of the cashbook."""
        given = CREDIT_USD if self.credit_usd is None else self.credit_usd
        return round(given - sum(made.charged_usd for made in self.ledger.list_requests()), 6)

    @property
    def is_locked(self) -> bool:
        """Its credit was set, and nothing is left of it: submits are refused."""
        return self.credit_usd is not None and self.balance_usd() <= 0

    def count_poll(self, request_id: str) -> int:
        """How often this request was asked about before; counts this time."""
        with self._lock:
            self._polls[request_id] += 1
            return self._polls[request_id] - 1

    def _faults_of_rules(self, texts: tuple[str, ...], *, for_listing: bool) -> Faults:
        faults: Faults = {}
        for rule in self.ledger.list_rules():
            matches = rule.match is None or any(rule.match in text for text in texts)
            if matches and is_for_listing(rule.faults) == for_listing and self.ledger.spend_rule(rule):
                faults |= rule.faults
        return faults


#: The installation of this moment; a route asks once, so that a call stays with it when a reset comes.
Current = Callable[[], Installation]
