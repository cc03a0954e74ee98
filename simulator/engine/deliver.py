"""Webhooks: what is owed, signed and sent as fal does it, with fal's patience and its refusals.

A 2xx acknowledges. A 3xx is a permanent failure. Anything else is tried again, ever further apart,
until the result expires. Every try is signed anew.

Source: fal documentation, "Webhooks"; for the retries, readers of its newest text.
"""

import json
import logging
import time
from concurrent.futures import ThreadPoolExecutor

import requests

from simulator.config import SimulatorConfig
from simulator.engine import faults as wanted
from simulator.engine.ledger import JSON, Delivery, Ledger, Request
from simulator.engine.loop import Loop
from simulator.engine.signing import Signer

log = logging.getLogger(__name__)

#: Webhooks on their way at the same time.
SENDERS = 8
#: How old the timestamp of a stale delivery is, in seconds; fal's receivers accept 300.
STALE_S = 600
#: The account that a foreign delivery is signed for.
FOREIGN_ID = "somebody-else"


class Deliverer(Loop):
    """Sends what the ledger owes; what was on its way when the simulator was killed is sent again."""

    def __init__(self, config: SimulatorConfig, ledger: Ledger, signer: Signer) -> None:
        super().__init__("simulator-deliver")
        self._config = config
        self._ledger = ledger
        self._signer = signer
        self._owed: dict[int, Delivery] = {d.id: d for d in ledger.owed()}
        self._sending: set[int] = set()
        self._pool = ThreadPoolExecutor(SENDERS, "simulator-send")

    def stop(self) -> None:
        """Afterwards nothing is being sent."""
        super().stop()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def owe(self, deliveries: list[Delivery]) -> None:
        """Take these over, already in the ledger, and send them when they are due."""
        with self.changed:
            self._owed |= {delivery.id: delivery for delivery in deliveries}
        self.wake()

    def wait_tried(self, request_id: str, timeout_s: float) -> bool:
        """Wait until every delivery of this request has been tried once."""

        def tried() -> bool:
            mine = [d for d in self._owed.values() if d.request_id == request_id]
            return all(d.attempts for d in mine)

        with self.changed:
            return self.changed.wait_for(tried, timeout=timeout_s)

    def tick(self, now: float) -> float | None:
        """Hand over what is due; one request's deliveries go by their order."""
        with self.changed:
            waiting = [d for i, d in self._owed.items() if i not in self._sending and self._is_next(d)]
            due = [d for d in waiting if d.next_at <= now]
            self._sending |= {d.id for d in due}
            later = [d.next_at for d in waiting if d.next_at > now]
        for delivery in due:
            self._pool.submit(self._send, delivery)
        return min(later, default=None)

    def _is_next(self, delivery: Delivery) -> bool:
        mine = (d for d in self._owed.values() if d.request_id == delivery.request_id)
        return delivery.seq == min(d.seq for d in mine)

    def _send(self, delivery: Delivery) -> None:
        try:
            self._try_once(delivery)
        except Exception:
            log.exception("event=simulator_delivery_broke request=%s", delivery.request_id)
            delivery.next_at = time.time() + 1.0
        finally:
            with self.changed:
                self._sending.discard(delivery.id)
                if delivery.done:
                    self._owed.pop(delivery.id, None)
            self.wake()

    def _try_once(self, delivery: Delivery) -> None:
        request = self._ledger.request(delivery.request_id)
        if request is None:
            delivery.done = True
            return
        body = json.dumps(_payload(delivery.kind, request), separators=(",", ":")).encode()
        sent_at = time.time()
        status, trouble = self._post(delivery, body, int(sent_at))
        delivery.attempts.append({"at": sent_at, "status": status, "error": trouble, "kind": delivery.kind})
        self._decide(delivery, status)
        self._ledger.save_delivery(delivery)
        log.info(
            "event=simulator_delivered request=%s kind=%s try=%d status=%s done=%s",
            delivery.request_id, delivery.kind, len(delivery.attempts), status or trouble, delivery.done,
        )  # fmt: skip

    def _post(self, delivery: Delivery, body: bytes, now: int) -> tuple[int | None, str | None]:
        kind = delivery.kind
        signed = self._signer.headers(
            body,
            request_id=delivery.request_id,
            user_id=FOREIGN_ID if kind == "foreign" else self._config.user_id,
            timestamp=now - STALE_S if kind == "stale" else now,
            forged=kind == "forged",
        )
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
        tries = len(delivery.attempts)
        pause = pauses[min(tries, len(pauses)) - 1] * self._config.pace if pauses else 0.0
        delivery.next_at = time.time() + pause
        acknowledged = status is not None and 200 <= status < 400  # 3xx: refused for good
        used_up = not pauses or (delivery.tries is not None and tries >= delivery.tries)
        delivery.done = acknowledged or used_up or delivery.next_at > delivery.give_up_at


def owed_for(request: Request, config: SimulatorConfig) -> list[Delivery]:
    """The deliveries that a completed request calls for, as its faults have it."""
    faults = request.faults
    if not request.webhook or "never" in faults or request.error_type == "client_cancelled":
        return []
    first_at = (request.ended_at or time.time()) + wanted.number(faults, "late")
    give_up_at = first_at + config.result_ttl_s

    def owe(kind: str, seq: int = 0, tries: int | None = None) -> Delivery:
        return Delivery(request.request_id, str(request.webhook), kind, seq, first_at, tries, give_up_at)

    special = next((k for k in ("null-payload", "stale", "foreign", "new-status") if k in faults), "real")
    deliveries = [owe(special, seq=1) for _ in range(int(wanted.number(faults, "duplicated", 1)) or 1)]
    if "forged" in faults:
        deliveries.append(owe("forged", seq=0, tries=1))
    if "error-then-ok" in faults:
        deliveries.append(owe("contradiction", seq=0))
    if "ok-then-error" in faults:
        deliveries.append(owe("contradiction", seq=2))
    return deliveries


def _payload(kind: str, request: Request) -> JSON:
    """The JSON of one delivery: OK with the output, or ERROR with the error's body."""
    ids = {"request_id": request.request_id, "gateway_request_id": request.request_id}
    if kind == "null-payload":
        trouble = "Response payload is not JSON serializable. Fetch the result instead."
        return {**ids, "status": "OK", "error": None, "payload": None, "payload_error": trouble}
    if kind == "contradiction":
        detail = [{"loc": ["body"], "msg": "Internal server error", "type": "internal_server_error"}]
        return {**ids, "status": "ERROR", "error": "Invalid status code: 500", "payload": {"detail": detail}}
    if kind == "new-status":
        return {**ids, "status": "PARTIAL", "error": None, "payload": request.output}
    if request.error:
        return {**ids, "status": "ERROR", "error": request.error, "payload": request.output}
    return {**ids, "status": "OK", "error": None, "payload": request.output}
