"""Load as good clients make it: a take is asked for with a key, until it is acknowledged."""

import json
import threading
import time
import uuid
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from urllib3.exceptions import HTTPError

from tests.deploy.front import DASHBOARD, HOOKS, KNOWN, Front
from tests.world import MODEL

#: How long a client waits for a sign of life, in seconds, before it asks again.
PATIENCE_S = 4.0
#: Between two tries of a client.
AGAIN_S = 0.25
#: How often a client asks how its take is. nginx lets one address ask 20 times a second.
FOLLOW_EVERY_S = 1.2
#: After this long a client asks for its next take, whatever became of the last one: shorter than any fault.
FOLLOW_S = 3.0
#: What a client waits for.
ENDS = {"stored", "held", "failed", "cancelled"}
#: What is in somebody's hands for a while when a fault comes: files that come slowly, answers that come
#: late; and takes whose webhook never comes.
MARKERS = ("[sim:media-slow={slow}]", "[sim:stall=1.5]", "[sim:media-slow={slow}]", "[sim:never]", "")
#: Kilobytes a second of files that come slowly, for each client: the fewer ask, the longer each has to wait.
SLOW_KB_S = 3


@dataclass
class Wait:
    """What somebody asked for until it came, as a page in a browser. Moments are monotonic, in seconds."""

    begun: float
    answered: float | None = None


@dataclass
class Asked(Wait):
    """A take that a client asked for, until it was acknowledged."""

    key: str = field(default_factory=lambda: uuid.uuid4().hex)
    prompt: str = ""
    ids: set[str] = field(default_factory=set)  #: every id that it was told; more than one is wrong
    tries: int = 0
    refusals: list[str] = field(default_factory=list)  #: answers that a client could not make sense of


class Load:
    """Clients in threads of their own, from `start` to `stop`; each asks for one take after the other."""

    def __init__(self, front: Front, token: str, *, clients: int) -> None:
        self.asked: list[Asked] = []
        self.visits: list[Wait] = []
        self._front = front
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._numbers, self._slow = count(), SLOW_KB_S * clients
        self._stopping = threading.Event()
        work = [self._be_a_client] * clients + [self._be_a_browser]
        self._threads = [threading.Thread(target=one, daemon=True) for one in work]

    def start(self) -> "Load":
        """The clients are where the calling thread is."""
        for thread in self._threads:
            thread.start()
        return self

    def stop(self) -> None:
        """No new takes; what was asked for is asked for until it is acknowledged."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive(), "a client is not answered"

    def _be_a_client(self) -> None:
        while not self._stopping.is_set():
            number = next(self._numbers)
            marker = MARKERS[number % len(MARKERS)].format(slow=self._slow)
            prompt = f"Three hosts, take {number} {marker}"
            asked = Asked(time.monotonic(), prompt=prompt)
            self.asked.append(asked)
            self._ask(asked)
            if asked.ids:
                self._follow(next(iter(asked.ids)))

    def _ask(self, asked: Asked) -> None:
        """The same request with the same key, until it is answered for good."""
        body = json.dumps({"model": MODEL, "prompt": asked.prompt})
        headers = {**self._headers, "Idempotency-Key": asked.key}
        while True:
            asked.tries += 1
            answer = self._call(HOOKS, "POST", "/api/video/start", body, headers)
            if answer is None or answer.status == 429 or answer.status >= 500:
                time.sleep(AGAIN_S)
                continue
            if answer.status == 202:
                asked.ids.add(answer.json()["id"])
                asked.answered = time.monotonic()
            else:
                asked.refusals.append(f"{answer.status} {answer.data[:300]!r}")
            return

    def _follow(self, job_id: str) -> None:
        until = time.monotonic() + FOLLOW_S
        while time.monotonic() < until and not self._stopping.wait(FOLLOW_EVERY_S):
            answer = self._call(HOOKS, "GET", f"/api/video/status/{job_id}", None, self._headers)
            if answer is not None and answer.status == 200 and answer.json()["state"] in ENDS:
                return

    def _be_a_browser(self) -> None:
        while not self._stopping.wait(AGAIN_S):
            visit = Wait(time.monotonic())
            self.visits.append(visit)
            while visit.answered is None and not self._stopping.is_set():
                answer = self._call(DASHBOARD, "GET", "/", None, KNOWN)
                if answer is not None and answer.status == 200:
                    visit.answered = time.monotonic()
                else:
                    time.sleep(AGAIN_S)

    def _call(self, name: str, method: str, path: str, body: Any, headers: Any) -> Any:
        """None: no answer came, or none that is whole."""
        try:
            return self._front.call(name, method, path, body, headers, within_s=PATIENCE_S)
        except HTTPError:
            return None
