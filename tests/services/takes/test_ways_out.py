"""Every state of a take × every fault that can be met there: it is looked at again, or a person can decide.

No take waits for ever: while it moves it is due at some time and can be ended by a person, whatever the
provider, the file's server, our storage or the database do; one that has ended without files that are paid
for can be fetched.
"""

import itertools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
import requests

from backend.domain import policy
from backend.domain.errors import (
    ProviderBusy,
    ProviderForgot,
    ProviderRefused,
    ProviderUnanswered,
    ProviderUnsent,
    StorageDown,
    StorageFull,
    StoreUnavailable,
)
from backend.domain.output_files import OutputFile
from backend.domain.states import ACTIVE_STATES, ENDED_STATES, JobEvent
from backend.media.download.address_guard import AddressGuard
from backend.models import Job, TakeFile
from backend.providers.base import UNREADABLE, Errored, Finished, Receipt, Unclear, Working
from backend.services.lifecycle.fetching import choices
from backend.services.takes import held_choices
from backend.services.takes.cancel import ANSWER_WAIT, cancel_job
from backend.services.takes.ways_out import WayOut, ways_out
from backend.store.jobs import claims, jobs
from backend.store.records import take_files, videos
from tests.services.receiving import WAY
from tests.world import ANA, World, picture, run_sql, throw

#: One more than any number of answers in a row that decides something.
LOOKS = 1 + max(policy.FORGOTTEN_AFTER, policy.LOST_AFTER)
GONE, BUSY = ProviderForgot("No such request.", code="forgotten"), ProviderBusy("503", code="http_503")
AWAY = StoreUnavailable("The server is starting up.")
#: What the provider says to a POST, and to every question, by the name of the fault.
PROVIDER: dict[str, tuple[Any, Any]] = {
    "busy": (ProviderUnsent("503", code="http_503"), BUSY),
    "silent": (ProviderUnanswered("No answer.", code="timeout"), BUSY),
    "forgot": (Receipt("r", "", "", ""), GONE),
    "unreadable": (
        ProviderUnanswered("A page.", code=UNREADABLE), ProviderBusy("A page.", code=UNREADABLE),
    ),
    "errored": (ProviderRefused("No.", code="http_422"), Errored("http_500", "It broke down.")),
    "unclear": (Unclear("What?", {"video": "gs://a/b.mp4"}), Unclear("What?", {"video": "gs://a/b.mp4"})),
    "never done": (Receipt("r", "", "", ""), Working()),
}  # fmt: skip
#: What is laid at the link, as what, and whatever else is wrong.
FILES: dict[str, dict[str, Any]] = {
    "gone": {},
    "a page": {"content": b"<html>It works!</html>"},
    "nobody answers": {"url": "http://127.0.0.1:1/wanted.bin", "guard": AddressGuard(("127.0.0.1",))},
    "no video": {"content": b"#EXTM3U\n"},
    "denied": {"content": b"x", "guard": AddressGuard()},
    "storage full": {"content": b"#EXTM3U\n", "storage": StorageFull("No room.")},
    "storage down": {"content": b"#EXTM3U\n", "storage": StorageDown("No answer.")},
}
MOMENTS = ("the database goes away", "a person stops it meanwhile", "the worker is killed")


class Faulty:
    """Something of ours, of whose methods some are broken: each call of these is answered by `answer`."""

    def __init__(self, whole: Any, answer: Callable[[str], Any], *broken: str) -> None:
        self._whole, self._answer, self._broken = whole, answer, broken

    def __getattr__(self, name: str) -> Any:
        if name not in self._broken:
            return getattr(self._whole, name)
        return lambda *_, **__: self._answer(name)


def answer(said: Any) -> Any:
    return throw(said) if isinstance(said, Exception) else said


class Walk(World):
    """Takes in any state, and looks at them under a fault."""

    def made(self, state: str, *, home: int = 0, url: str = "") -> Job:
        """A take in this state, whose file's link is `url`; home: another of its files is ours."""
        job, url = self.ask(), url or f"{self.sim.url}/files/wanted.bin"
        outputs = [{"role": "video", "url": url}, {"role": "mask", "url": f"{url}?mask"}][: 1 + home]
        values: dict[JobEvent, dict[str, Any]] = {
            JobEvent.ACCEPTED: {"request_id": f"request-{job.id}"},
            JobEvent.FINISHED: {"outputs": outputs, "result_url": url, "rendered_at": job.created_at},
        }
        for event in WAY[state]:
            if event == JobEvent.SAVED:
                self.saved(job, job.id.encode())
            else:
                job = self.advance(job, event, **values.get(event, {}))
        if home:
            other = self.made("stored")
            row = TakeFile(job_id=job.id, role="mask", position=1, video_id=other.video_id)
            with self.deps.store.begin() as session:
                take_files.put_rows(session, [row])
        return self.job(job)

    def lacking(self, url: str = "") -> Job:
        """A stored take whose file is missing."""
        job = self.made("stored", url=url)
        with self.deps.store.begin() as session:
            videos.mark_missing(session, job.video_id or "", at=self.deps.clock.now())
        self.deps.storage.remove(f"{self.take(job).files[0].video.sha256}.mp4")
        return self.job(job)

    def named(self, url: str = "") -> Job:
        """A held take of which a person has named a link."""
        job = self.made("held")
        return choices.name_link(self.deps, ANA, job.id, url or f"{self.sim.url}/files/wanted.bin")

    def ended(self, event: JobEvent, url: str = "") -> Job:
        """A take that has ended like this once it was rendered."""
        return self.advance(self.made("rendered", url=url), event)

    def under(self, *, provider: Any = BUSY, submit: Any = PROVIDER["busy"][0], **broken: Any) -> "Walk":
        """The same installation, whose provider says this, and in which this is broken."""
        real, deps = self.deps.get_provider("fal"), self.deps
        calls = ("submit", "status", "result", "cancel", "list_requests")
        said = lambda call: answer(submit if call == "submit" else provider)  # noqa: E731
        changed: dict[str, Any] = {"providers": {"fal": Faulty(real, said, *calls)}}
        if "guard" in broken:
            changed["guard"] = broken["guard"]
        if "storage" in broken:
            changed["storage"] = Faulty(deps.storage, lambda _: throw(broken["storage"]), "put_file", "size")
        return Walk(replace(deps, **changed), self.sim)

    def waits_for_nothing(self, job: Job) -> str:
        """Why nobody and nothing would lead this take out of where it stands; "" when something does."""
        take = self.take(job)
        ways, due = ways_out(take, self.deps.clock.now()), take.job.due_at is not None
        lacks = any(not file.here for file in take.files) if take.job.rendered_at else False
        stopping = take.job.cancel_requested_at is not None
        if take.status == "processing" and not (due and (ways or stopping)):
            return f"{take.job.state}, due {take.job.due_at}, ways out {ways}"
        if (take.status == "held" or lacks) and not ways:
            return f"{take.job.state}: nothing can be decided"
        return ""

    def end(self, job: Job) -> str:
        """Have a person end it, the fault going on; returns where it then stands."""
        acts: dict[WayOut, Callable[..., Job]] = {
            WayOut.CANCEL: cancel_job, WayOut.STOP_WAITING: cancel_job, WayOut.GIVE_UP: held_choices.give_up,
            WayOut.GIVE_UP_FILES: choices.give_up_files,
        }  # fmt: skip
        for _ in range(3):
            take = self.take(job)
            for way in ways_out(take, self.deps.clock.now()):
                if way in acts:
                    acts[way](self.deps, ANA, job.id)
                    break
            self.looks(job, 1)
            if self.job(job).cancel_requested_at and self.job(job).state in ACTIVE_STATES:
                self.hurry(job, cancel_requested_at=self.deps.clock.now() - ANSWER_WAIT)  # a minute later
        return str(self.take(job).status)


@pytest.fixture
def walk(world: World) -> Walk:
    return Walk(world.deps, world.sim)


def lay(walk: Walk, content: bytes | None = None, **_: Any) -> None:
    """What the link of a take's file leads to."""
    url = f"{walk.sim.url}/sim/files/wanted.bin"
    requests.delete(url, timeout=10).raise_for_status()
    if content is not None:
        kind = {"Content-Type": "video/mp4"}
        requests.put(url, data=content, headers=kind, timeout=10).raise_for_status()


def at_the_moment(walk: Walk, job: Job, moment: str) -> Walk:
    """A worker to whom this happens while it looks at this job."""

    def stopped(_: str) -> Any:
        cancel_job(walk.deps, ANA, job.id)
        return throw(BUSY)

    met = walk.under()
    if moment == "a person stops it meanwhile":
        provider = Faulty(
            met.deps.get_provider("fal"), stopped, "status", "result", "cancel", "list_requests"
        )
        storage = Faulty(walk.deps.storage, lambda _: stopped("put_file"), "put_file", "size")
        return Walk(replace(met.deps, providers={"fal": provider}, storage=storage), walk.sim)
    if moment == "the database goes away":
        begin, calls = walk.deps.store.begin, itertools.count()
        away = lambda _: throw(AWAY) if next(calls) in (1, 2) else begin()  # noqa: E731 -- after its claim
        return Walk(replace(met.deps, store=Faulty(walk.deps.store, away, "begin")), walk.sim)
    now = walk.deps.clock.now()
    with walk.deps.store.begin() as session:
        claims.try_claim(session, job.id, lease_token="dead", now=now, lease_s=9)
        if job.state == "created":
            jobs.advance(session, job.id, JobEvent.SUBMIT_BEGUN, at=now, by="worker", due_at=now)
    return met


def walked(walk: Walk, job: Job, first: Walk, then: Walk) -> str:
    """What is wrong with where a take stands after any look, or once a person ended it; "": nothing."""
    for number in range(LOOKS):
        walk.hurry(job)
        with suppress(StoreUnavailable):  # a worker's loop goes on
            (then if number else first).look(job)
        # Whoever held it then is not heard of again.
        run_sql(
            walk.deps, "UPDATE job SET claimed_by = NULL, claimed_until = NULL WHERE id = :job", job=job.id
        )
        if why := walk.waits_for_nothing(job):
            return f"after {number + 1} looks: {why}"
        now = walk.job(job)
        if now.state in ENDED_STATES and now.due_at is None:
            break
    status = then.end(job)
    return "" if status in ("completed", "failed", "cancelled") else f"can't be ended: {walk.job(job).state}"


def complaints(walk: Walk, make: Callable[[str], Job], *, files: bool) -> dict[str, str]:
    """fault -> what is wrong, for a take that is made anew for each fault that can be met there."""
    found = {}
    for name, (submit, said) in PROVIDER.items():
        met = walk.under(provider=said, submit=submit)
        lay(walk)
        found[name] = walked(walk, make(""), met, met)
    for name, fault in FILES.items() if files else ():
        job = make(fault.get("url", ""))
        lay(walk, **fault)
        again = Finished([OutputFile.of(kept) for kept in job.outputs or ()] or [OutputFile("video", "")])
        met = walk.under(**{"provider": again} | fault)
        found[name] = walked(walk, job, met, met)
    for name in MOMENTS:
        job = make("")
        lay(walk, picture("PNG"))
        found[name] = walked(walk, job, at_the_moment(walk, job, name), walk.under())
    return {name: why for name, why in found.items() if why}


#: How a take comes to stand where it stands, given its file's link.
STANDS: dict[str, Callable[[Walk, str], Job]] = {
    **{state: lambda walk, url, state=state: walk.made(state, url=url) for state in WAY},
    "rendered, one of two files here": lambda walk, url: walk.made("rendered", home=1, url=url),
    "stored, and its file is missing": Walk.lacking,
    "given up once it was rendered": lambda walk, url: walk.ended(JobEvent.CANCELLED, url),
    "held, and a link was named": lambda walk, url: walk.named(url),
    "lost at the provider": lambda walk, url: walk.ended(JobEvent.LOST, url),
}


@pytest.mark.parametrize("stands", STANDS)
def test_no_take_waits_for_ever_whatever_goes_wrong_where_it_stands(walk, stands):
    files = stands.startswith(("rendered", "stored,", "held,"))
    assert complaints(walk, lambda url: STANDS[stands](walk, url), files=files) == {}
