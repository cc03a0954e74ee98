"""The points at which a drill kills a process: every step of a take's path, and each side of every commit.

A point names a function of the program, and whether the process dies before it or after it. "Written"
means that the rows are changed inside a transaction that is not committed yet.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from backend.domain.states import JobEvent

Called = Callable[[tuple[Any, ...], Mapping[str, Any]], bool]


def moved_by(event: JobEvent, at: int = 2) -> Called:
    """Calls whose argument number `at` is this event."""
    return lambda args, options: args[at] == event


def named(ending: str) -> Called:
    """Calls that place a file of this ending."""
    return lambda args, options: str(args[2]).endswith(ending)


def sent_part(first: bytes) -> Called:
    """Calls of `HTTPConnection.send` that send the head (`POST `) or the body (`{`) of a submit."""
    return lambda args, options: bytes(args[1][: len(first)]) == first


@dataclass(frozen=True)
class Point:
    """One point. `target` is `module:function` or `module:Class.method`."""

    name: str
    process: str  #: "worker" or "sidecar": who dies
    target: str
    when: str  #: "before" or "after"
    counts: Called = lambda args, options: True  #: which of its calls
    marker: str = ""  #: faults of the provider that belong to it
    ends: str = "stored"  #: where the take must come to rest
    cancels: bool = False  #: the take is cancelled once it is queued
    later: bool = False  #: armed once the take is queued: it strikes by itself, at any moment

    @property
    def about_rows(self) -> bool:
        """Does the process die while rows are read and written, or beside a commit?"""
        return any(word in self.name for word in ("written", "committed", "claim", "no row", "sweep"))


E = JobEvent
LIFECYCLE = "backend.services.lifecycle"
FETCH, STEP = f"{LIFECYCLE}.fetching", f"{LIFECYCLE}.dispatch"
ADVANCE, STORAGE = "backend.store.jobs.jobs:advance", "backend.media.storage.local"
PLACE, BRING_IN = f"{STORAGE}:LocalStorage.put_file", f"{STORAGE}:_bring_in"
WRITE = "backend.media.partial.partial_file:PartialFile.write"
ACCEPT = "backend.services.lifecycle.receive_webhook:accept_delivery"
INSERT = "backend.store.jobs.deliveries:insert_delivery"
RECEIVE = "backend.web.webhooks:receive_delivery"
POST = "http.client:HTTPConnection.send"
FAL = "backend.providers.fal.client:FalProvider"
#: Whatever a sidecar's statements on its quick paths do has just been done; on a server it is committed.
RUN = "backend.store.fast.compiled:_DialectSql.run"
#: Two of its files are GIFs.
THREE = "[sim:files=3]"

POINTS = (
    # 1 · the request becomes a row
    Point("asked: the row is written", "sidecar", "backend.services.takes.create:insert_take", "after"),
    Point("asked: committed, not answered", "sidecar", "backend.services.takes.create:create_job", "after"),
    # 2 · the worker takes the job, and says that it will send
    Point("claim: written", "worker", "backend.store.jobs.claims:try_claim", "after"),
    Point("claim: committed", "worker", f"{STEP}:submit_job", "before"),
    Point("submitting: written", "worker", ADVANCE, "after", moved_by(E.SUBMIT_BEGUN)),
    Point("submitting: committed, nothing sent", "worker", f"{LIFECYCLE}.claims:Claim.record", "after",
          moved_by(E.SUBMIT_BEGUN, at=1), ends="held"),
    # 3 · one POST
    Point("POST: connected, nothing sent", "worker", POST, "before", sent_part(b"POST "), ends="held"),
    Point("POST: head sent, body not", "worker", POST, "before", sent_part(b"{"), ends="held"),
    Point("POST: all sent, no answer read", "worker", POST, "after", sent_part(b"{")),
    Point("POST: accepted, answer not read", "worker", "backend.http.calls:HttpCall.send", "after",
          lambda args, options: args[1] == "POST"),
    Point("POST: all sent, no answer read, no webhook ever", "worker", POST, "after", sent_part(b"{"),
          marker="[sim:never]"),
    Point("queued: answer read", "worker", f"{FAL}.submit", "after"),
    Point("queued: written", "worker", ADVANCE, "after", moved_by(E.ACCEPTED)),
    Point("queued: written, no webhook ever", "worker", ADVANCE, "after", moved_by(E.ACCEPTED),
          marker="[sim:never]"),
    Point("queued: committed", "worker", f"{LIFECYCLE}.record_answer:_accepted", "after"),
    Point("claim: about to be given back", "worker", "backend.store.jobs.claims:release_claim", "before"),
    # 4 · the webhook
    Point("webhook: believed, nothing written", "sidecar", ACCEPT, "before"),
    Point("webhook: written", "sidecar", RUN, "after", lambda args, options: "old_status" in args[2]),
    Point("webhook after a lost answer: nothing written", "sidecar", INSERT, "before",
          marker="[sim:lost-answer]"),
    Point("webhook after a lost answer: written", "sidecar", INSERT, "after", marker="[sim:lost-answer]"),
    Point("webhook: committed, not acknowledged", "sidecar", RECEIVE, "after"),
    # 4' · the same by polling
    Point("poll: answer read", "worker", f"{FAL}.status", "after", marker="[sim:never]"),
    Point("poll: written", "worker", ADVANCE, "after", moved_by(E.FINISHED), marker="[sim:never]"),
    Point("cancel: told to the provider", "worker", f"{FAL}.cancel", "after", marker="[sim:slow=60]",
          ends="cancelled", cancels=True),
    # 5 · the file comes home
    Point("fetch: claimed", "worker", f"{STEP}:fetch_files", "before"),
    Point("fetch: part made, no byte in it", "worker", WRITE, "before"),
    Point("fetch: in the middle", "worker", WRITE, "after",
          lambda args, options: args[0].size_bytes > 8_000, marker="[sim:media-slow=20]"),
    Point("fetch: all bytes there", "worker", f"{FETCH}.one_file:download_file", "after"),
    Point("fetch: judged", "worker", "backend.media.decode.inspect:inspect_file", "after"),
    Point("place: before fsync", "worker", PLACE, "before", named(".mp4")),
    Point("place: synced, before rename", "worker", BRING_IN, "before", named(".mp4")),
    Point("place: renamed, folder not synced", "worker", BRING_IN, "after", named(".mp4")),
    Point("place: done, no row", "worker", PLACE, "after", named(".mp4")),
    Point("stored: written", "worker", ADVANCE, "after", moved_by(E.SAVED)),
    Point("stored: committed", "worker", f"{FETCH}.fetch:_save", "after"),
    # 5' · several files, of which some can't be checked: each comes twice, and is kept as it came
    Point("files: one of three kept, written", "worker", "backend.store.records.take_files:put_rows", "after",
          marker=THREE),
    Point("files: one of three kept, committed", "worker", f"{FETCH}.fetch:_save", "after", marker=THREE),
    Point("files: the second came, not kept yet, written", "worker",
          "backend.store.records.take_files:put_rows", "after", lambda args, options: len(args[1]) == 2,
          marker=THREE),
    Point("files: the second came again, no row", "worker", PLACE, "after", named(".gif"), marker=THREE),
    Point("files: all but the last kept", "worker", f"{FETCH}.fetch:_save", "after",
          lambda args, options: args[2].row.position == 1, marker=THREE),
    Point("files: the last written", "worker", ADVANCE, "after", moved_by(E.SAVED), marker=THREE),
    # 6 · what is made besides
    Point("preview: drawn, not placed", "worker", PLACE, "before", named(".webm")),
    Point("preview: placed, no row", "worker", PLACE, "after", named(".webm")),
    Point("sweep: in the middle", "worker", "backend.services.operations.sweep:repair_all", "after",
          marker="[sim:slow=3]", later=True),
)  # fmt: skip

RUNNING, EXPERIMENTS = "backend.store.experiments.running", "backend.services.experiments"
#: Where whoever makes the takes of an experiment is killed, or whoever is told what is to become of it.
EXPERIMENT_POINTS = (
    Point("plan: its rows are written", "sidecar", "backend.store.experiments.plans:insert_rows", "after",
          lambda args, options: len(args[1]) > 1),
    Point("plan: kept, not answered", "sidecar", f"{EXPERIMENTS}.create:create_experiment", "after"),
    Point("start: the canary is chosen, written", "sidecar", f"{RUNNING}:put_in_wave", "after"),
    Point("wave: its price counts, written", "worker", f"{RUNNING}:reserve", "after"),
    Point("wave: its place is filled, written", "worker", f"{RUNNING}:note_made", "after"),
    Point("wave: made, nothing else", "worker", "backend.services.takes.create:create_job", "after"),
    Point("wave: the bills are counted, written", "worker", "backend.store.experiments.outcomes:set_spent",
          "after"),
    Point("cap: about to pause", "worker", f"{EXPERIMENTS}.waves:pause_by_itself", "before"),
    Point("cap: paused, written", "worker", f"{RUNNING}:change", "after"),
    Point("resume: a wave is begun, written", "sidecar", f"{RUNNING}:begin_wave", "after"),
    Point("retry: places are put in, written", "sidecar", "backend.store.experiments.outcomes:replace_trials",
          "after"),
    Point("close: one is cancelled, written", "sidecar", f"{EXPERIMENTS}.control:cancel_if_unsent", "after"),
)  # fmt: skip


def point_called(name: str) -> Point:
    return next(point for point in (*POINTS, *EXPERIMENT_POINTS) if point.name == name)
