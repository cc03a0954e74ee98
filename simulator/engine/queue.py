"""The queue: requests wait, run, and are over; each step is in the ledger before anybody hears of it.

IN_QUEUE → IN_PROGRESS → COMPLETED, as fal has them: a failure and a cancel are COMPLETED too, with an
error. What was under way when the simulator was killed goes on after its next start.
"""

import logging
import math
import random
import time
from concurrent.futures import Future
from functools import partial

from simulator.config import SimulatorConfig
from simulator.engine import inputs, outcome
from simulator.engine.deliver import Deliverer, owed_for
from simulator.engine.faults import Faults, fault_number
from simulator.engine.inputs import BadInput
from simulator.engine.ledger import JSON, Ledger, Post, Request
from simulator.engine.loop import Loop
from simulator.engine.offer import Offer
from simulator.engine.stamps import new_id
from simulator.paint.painter import Painter

log = logging.getLogger(__name__)

#: Times at pace 1, in seconds: how long a request waits, and how long one second of video runs.
QUEUE_S = (1.5, 3.5)
RUN_FIRST_S = 4.0
RUN_PER_SECOND_S = 0.8
#: How many others stand before a fresh request in the queue, at the most.
OTHERS = 4
#: A refused input is noticed this soon, as a part of the usual run.
REFUSED_AFTER = 0.2


class RequestQueue(Loop):
    """Moves the requests along."""

    def __init__(
        self, config: SimulatorConfig, ledger: Ledger, offer: Offer, deliverer: Deliverer, painter: Painter
    ) -> None:
        super().__init__("simulator-queue")
        self._config = config
        self._ledger = ledger
        self._offer = offer
        self._deliverer = deliverer
        self._painter = painter
        self._active: dict[str, Request] = {r.request_id: r for r in ledger.active_requests()}
        self._paintings: dict[str, Future[JSON]] = {}
        self._random = random.Random(config.seed) if config.seed is not None else random.SystemRandom()

    def stop(self) -> None:
        """Afterwards nothing moves; a video that is being painted is thrown away when it is done."""
        super().stop()
        for request_id, painting in self._paintings.items():
            painting.cancel()
            painting.add_done_callback(partial(self._throw_away, request_id))

    def accept_request(self, post: Post, given: JSON, faults: Faults) -> Request:
        """Take a request in; it is in the ledger, with its POST, when this returns."""
        now, pace = time.time(), self._config.pace
        seed = given.get("seed")
        known_seed = isinstance(seed, int) and not isinstance(seed, bool)
        queue_s = self._random.uniform(*QUEUE_S) * pace
        length_s = inputs.duration_s(given, self._offer.default_of(post.endpoint, "duration"))
        run_s = (RUN_FIRST_S + RUN_PER_SECOND_S * min(length_s, inputs.LONGEST_S)) * pace
        if "early" in faults:
            queue_s = run_s = 0.0
        request = Request(
            request_id=new_id(),
            endpoint=post.endpoint,
            input=given,
            webhook=post.webhook,
            faults=faults,
            seed=int(seed) if known_seed and seed is not None else self._random.randrange(1, 2**31),
            sent_at=now,
            queue_s=queue_s,
            run_s=fault_number(faults, "slow", run_s),
            start_at=now + queue_s,
        )
        post.accepted, post.request_id = True, request.request_id
        with self.changed:
            self._ledger.save_request(request, post)
            self._active[request.request_id] = request
        log.info("event=simulator_accepted request=%s endpoint=%s", request.request_id, request.endpoint)
        self.wake_up()
        return request

    def queue_position(self, request: Request) -> int:
        """How many stand before it: others that are only said to be there, and real ones."""
        with self.changed:
            waiting = [other for other in self._active.values() if other.status == "IN_QUEUE"]
            ahead = sum(other.sent_at < request.sent_at for other in waiting)
        left_s = request.start_at - time.time()
        share = min(1.0, max(0.0, left_s / request.queue_s)) if request.queue_s else 0.0
        return ahead + math.ceil(share * OTHERS)

    def cancel_request(self, request_id: str) -> int:
        """Ask for a stop; returns fal's status code: 200 gone, 202 asked for, 400 too late, 404 unknown."""
        with self.changed:
            request = self._active.get(request_id)
            if request is None:
                return 400 if self._ledger.find_request(request_id) else 404
            request.cancelled_at = time.time()
            waiting = request.status == "IN_QUEUE"
            if "cancel-ignored" in request.faults:
                self._ledger.save_request(request)
                return 202
            outcome.set_cancelled(request)
            self._over(request)
        return 200 if waiting else 202

    def replace_faults(self, request_id: str, faults: Faults) -> bool:
        """Replace the faults of one request; False when there is no such request."""
        with self.changed:
            request = self._active.get(request_id) or self._ledger.find_request(request_id)
            if request is None:
                return False
            request.faults = faults
            self._ledger.save_request(request)
        self.wake_up()
        return True

    def wait_over(self, request_id: str, timeout_s: float) -> bool:
        """Wait until a request is over."""
        return self.wait_until(lambda: request_id not in self._active, timeout_s)

    def wait_moved(self, request_id: str, status: str, timeout_s: float) -> bool:
        """Wait until a request is over, or stands otherwise than so."""

        def moved() -> bool:
            request = self._active.get(request_id)
            return request is None or request.status != status

        return self.wait_until(moved, timeout_s)

    def run_due(self, now: float) -> float | None:
        """Start what may start, go on with what runs."""
        with self.changed:
            for request in list(self._active.values()):
                if request.status == "IN_QUEUE" and request.start_at <= now and self._has_room():
                    request.status, request.started_at = "IN_PROGRESS", now
                    self._ledger.save_request(request)
                    self.changed.notify_all()
                if request.status == "IN_PROGRESS" and "stuck" not in request.faults:
                    self._look(request, now)
            moments = [self._due(request) for request in self._active.values()]
        return min((moment for moment in moments if moment > now), default=None)

    def _has_room(self) -> bool:
        running = (r for r in self._active.values() if r.status == "IN_PROGRESS" and "stuck" not in r.faults)
        return sum(1 for _ in running) < self._config.at_once

    def _due(self, request: Request) -> float:
        """When something happens to it next."""
        if request.status == "IN_QUEUE":
            return request.start_at
        share = 0.5 if self._goes_back(request) else REFUSED_AFTER if self._refusal(request) else 1.0
        return (request.started_at or 0.0) + request.run_s * share

    def _goes_back(self, request: Request) -> bool:
        return "requeue" in request.faults and not request.requeued

    def _look(self, request: Request, now: float) -> None:
        """One look at a running request."""
        is_due = now >= self._due(request)
        refusal = self._refusal(request)
        if refusal is None and "error" not in request.faults and not self._goes_back(request):
            self._paint(request, finish=is_due)
        elif not is_due:
            return
        elif self._goes_back(request):
            request.requeued, request.status, request.start_at = True, "IN_QUEUE", now + request.queue_s
            self._ledger.save_request(request)
        elif refusal is not None:
            outcome.set_refusal(request, 422, refusal.detail)
            self._over(request)
        else:
            outcome.set_failure(request, int(fault_number(request.faults, "error")))
            self._over(request)

    def _refusal(self, request: Request) -> BadInput | None:
        try:
            inputs.check_input(request.input, self._offer.input_schema(request.endpoint))
        except BadInput as refusal:
            return refusal
        return None

    def _paint(self, request: Request, *, finish: bool) -> None:
        """Have it rendered, and when that is done and its time has come, hand it out."""
        painting = self._paintings.get(request.request_id)
        if painting is None:
            wanted = self._ledger.find_output(str(request.input.get("prompt")))
            seen = wanted is None or outcome.names_video(wanted)
            spec = partial(outcome.spec_for, request, offer=self._offer, config=self._config, seen=seen)
            painting = self._paintings[request.request_id] = self._painter.paint(spec, self.wake_up)
        if not (finish and painting.done()):
            return
        del self._paintings[request.request_id]
        if painting.cancelled():
            return
        trouble = painting.exception()
        if isinstance(trouble, BadInput):
            outcome.set_refusal(request, 422, trouble.detail)
        elif trouble is not None:
            log.error("event=simulator_render_failed request=%s error=%r", request.request_id, trouble)
            outcome.set_failure(request, 500)
        else:
            wanted = self._ledger.find_output(str(request.input.get("prompt")))
            made = painting.result()
            outcome.set_success(request, made, self._offer, self._config, wanted=wanted)
        self._over(request)

    def _throw_away(self, request_id: str, _: Future[JSON]) -> None:
        outcome.video_path(self._config, request_id).unlink(missing_ok=True)

    def _over(self, request: Request) -> None:
        """It is over: in the ledger with the webhooks that are owed for it, which then go out."""
        request.status, request.ended_at = "COMPLETED", time.time()
        if request.code != 200:
            outcome.charge_for_nothing(request, self._offer)
        deliveries = owed_for(request, self._config)
        self._ledger.complete_request(request, deliveries)
        self._deliverer.take_over(deliveries)
        self._paintings.pop(request.request_id, None)
        with self.changed:
            del self._active[request.request_id]
        self.wake_up()
        what = "event=simulator_finished request=%s code=%d billed=%s"
        log.info(what, request.request_id, request.code, request.billed)
