"""Webhooks: what is owed, signed and sent as fal does it, with fal's patience and its refusals.

A 2xx acknowledges. A 3xx is a permanent failure. Anything else is tried again, ever further apart,
until the result expires. Every try is signed anew.

Source: fal documentation, "Webhooks"; for the retries, readers of its newest text.
"""

import json
import logging
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait

import requests

from simulator.config import SimulatorConfig
from simulator.engine.faults import fault_number
from simulator.engine.ledger import JSON, Delivery, Ended, Ledger, Request
from simulator.engine.loop import Loop
from simulator.engine.signing import Signer

log = logging.getLogger(__name__)

#: Webhooks on their way at the same time.
SENDERS = 8


class Deliverer(Loop):
    """Sends what the ledger owes; what was on its way when the simulator was killed is sent again."""

    def __init__(self, config: SimulatorConfig, ledger: Ledger, signer: Signer) -> None:
        super().__init__("simulator-deliver")
        self._config = config
        self._ledger = ledger
        self._signer = signer
        self._owed: dict[int, Delivery] = {d.id: d for d in ledger.owed_deliveries()}
        self._sending: dict[int, Future[None]] = {}
        self._pool = ThreadPoolExecutor(SENDERS, "simulator-send")

    def stop(self, patience_s: float | None = None) -> None:
        """Afterwards no webhook sets out; those on the wire are waited for, `patience_s` at the most."""
        super().stop()
        self._pool.shutdown(wait=patience_s is None, cancel_futures=True)
        with self.changed:
            on_the_wire = [sending for sending in self._sending.values() if not sending.cancelled()]
        wait(on_the_wire, timeout=patience_s)

    def take_over(self, deliveries: list[Delivery]) -> None:
        """Take these over, already in the ledger, and send them when they are due."""
        with self.changed:
            self._owed |= {delivery.id: delivery for delivery in deliveries}
        self.wake_up()

    def wait_tried(self, request_id: str, timeout_s: float) -> None:
        """Wait until every delivery of this request has been tried once."""

        def tried() -> bool:
            return all(d.attempts for d in self._owed.values() if d.request_id == request_id)

        self.wait_until(tried, timeout_s)

    def run_due(self, now: float) -> float | None:
        """Hand over what is due."""
        with self.changed:
            waiting = [d for d in self._owed.values() if d.id not in self._sending]
            for delivery in waiting:
                if delivery.next_at <= now:
                    self._sending[delivery.id] = self._pool.submit(self._send, delivery)
        return min((d.next_at for d in waiting if d.next_at > now), default=None)

    def _send(self, delivery: Delivery) -> None:
        try:
            self._try_once(delivery)
        except Ended:
            return
        except Exception:
            log.exception("event=simulator_delivery_broke request=%s", delivery.request_id)
            delivery.next_at = time.time() + 1.0
        with self.changed:
            del self._sending[delivery.id]
            if delivery.done:
                del self._owed[delivery.id]
        self.wake_up()

    def _try_once(self, delivery: Delivery) -> None:
        request = self._ledger.find_request(delivery.request_id)
        if request is None:
            delivery.done = True
            return
        body = json.dumps(_payload(request), separators=(",", ":")).encode()
        sent_at = time.time()
        status, trouble = self._post(delivery, body, int(sent_at))
        delivery.attempts.append({"at": sent_at, "status": status, "error": trouble})
        self._decide(delivery, status)
        self._ledger.save_delivery(delivery)
        what = "event=simulator_delivered request=%s try=%d status=%s done=%s"
        log.info(what, delivery.request_id, len(delivery.attempts), status or trouble, delivery.done)

    def _post(self, delivery: Delivery, body: bytes, now: int) -> tuple[int | None, str | None]:
        signed = self._signer.signed_headers(body, request_id=delivery.request_id, timestamp=now)
        headers = {"Content-Type": "application/json", "User-Agent": "fal-webhook/simulated", **signed}
        try:
            with requests.Session() as session:
                session.trust_env = False
                answer = session.post(
                    delivery.url,
                    data=body,
                    headers=headers,
                    timeout=self._config.webhook_timeout_s,
                    verify=str(self._config.webhook_ca or "") or True,
                    allow_redirects=False,
                )
                return answer.status_code, None
        except (requests.RequestException, ValueError) as error:
            return None, type(error).__name__

    def _decide(self, delivery: Delivery, status: int | None) -> None:
        """Done, or due again?"""
        pauses = self._config.webhook_retries_s
        pause_s = pauses[min(len(delivery.attempts), len(pauses)) - 1] * self._config.pace
        delivery.next_at = time.time() + pause_s
        answered = status is not None and 200 <= status < 400  # 3xx: refused for good
        delivery.done = answered or delivery.next_at > delivery.give_up_at


def owed_for(request: Request, config: SimulatorConfig) -> list[Delivery]:
    """The deliveries that a completed request calls for, as its faults have it."""
    if not request.webhook or "never" in request.faults or request.error_type == "client_cancelled":
        return []
    first_at = (request.ended_at or time.time()) + fault_number(request.faults, "late")
    give_up_at = first_at + config.result_ttl_s
    copies = int(fault_number(request.faults, "duplicated", 1)) or 1
    return [Delivery(request.request_id, request.webhook, first_at, give_up_at) for _ in range(copies)]


def _payload(request: Request) -> JSON:
    """The JSON of a delivery: OK with the output, or ERROR with the error's body."""
    return {
        "request_id": request.request_id,
        "gateway_request_id": request.request_id,
        "status": "ERROR" if request.error else "OK",
        "error": request.error,
        "payload": request.output,
    }
