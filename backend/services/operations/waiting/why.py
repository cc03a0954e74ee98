"""Why does this take wait? By its row, and by how everything around it does."""

from collections.abc import Sequence
from datetime import datetime

from backend.domain.kinds import Health, Verdict
from backend.domain.states import JobState
from backend.domain.trouble import Trouble
from backend.models import Delivery, Job
from backend.services.deps import Deps
from backend.services.gallery import takes as gallery
from backend.services.gallery.durations import usual_time
from backend.services.gallery.take_files import missing_files
from backend.services.gallery.takes import Take
from backend.services.operations.waiting.answer import Cause, Waiting
from backend.services.operations.waiting.surroundings import Surroundings, look_around
from backend.services.patient_look import NoAnswer
from backend.store.jobs import claims, deliveries

#: The code of a provider's "too many requests".
TOO_MANY = "http_429"
NO_WORKER = "Nothing looks at it until a worker is there."
#: Deliveries that came and by which nothing could be done.
_UNCLEAR = frozenset({Verdict.STALE, Verdict.UNREADABLE, Verdict.CONFLICT, Verdict.ASKED})


def why_waiting(deps: Deps, take: Take) -> Waiting | None:
    """What this take waits for now; None: for nothing, it has ended and all that it made is here."""
    job, now = take.job, deps.clock.now()
    state, lacks = JobState(job.state), bool(missing_files(take.files))
    if state in (JobState.FAILED, JobState.CANCELLED) or (state == JobState.STORED and not lacks):
        return None
    try:
        around = look_around(deps)
    except NoAnswer:
        words = "Our own database or storage does not answer just now. Nothing is lost; it goes on by itself."
        return Waiting(Cause.DATABASE, words, job.state_at, job.due_at, "Nothing of ours answers just now.")
    found = _of_us(around, job, now) or _in_hand(around, job, now)
    if found is not None:
        return found
    match state:
        case JobState.CREATED:
            return _to_be_sent(deps, around, job, now)
        case JobState.SUBMITTING:
            words = "Whoever was sending it has stopped. It is found out next whether it was accepted."
            return Waiting(Cause.TURN, words, job.state_at, job.due_at)
        case JobState.QUEUED | JobState.RUNNING:
            return _at_provider(deps, job, now)
        case JobState.HELD:
            return _for_person(deps, job)
        case _:
            return _for_files(around, job, now)


def _of_us(around: Surroundings, job: Job, now: datetime) -> Waiting | None:
    """What is wrong with us, so that nothing goes on whatever the take's own matter is."""
    if says := around.is_bad("database"):
        words = f"The database can't be written to, so nothing moves. {says}"
        return Waiting(Cause.DATABASE, words, job.state_at, why_not="Nothing can be written down just now.")
    if around.working == Health.RED and job.state != JobState.HELD:
        heard = max((sign.last_seen_at for sign in around.workers), default=job.due_at or job.state_at)
        words = "No worker is at work. It is kept, and goes on by itself once one is there again."
        return Waiting(Cause.WORKER, words, max(heard, job.state_at), why_not=NO_WORKER)
    return None


def _in_hand(around: Surroundings, job: Job, now: datetime) -> Waiting | None:
    """A worker has it, or had it until it fell silent."""
    if job.claimed_until is None or job.claimed_until <= now:
        return None
    if around.working != Health.GREEN:
        words = "The worker that has it says nothing. Another one takes it over once its time is up."
        return Waiting(Cause.WORKER, words, job.state_at, job.claimed_until, NO_WORKER)
    cause = Cause.FETCHING if job.state in (JobState.RENDERED, JobState.STORED) else Cause.IN_HAND
    words = _does_now(JobState(job.state), job.provider)
    return Waiting(cause, words, job.state_at, why_not="A worker is at it right now.")


def _does_now(state: JobState, provider: str) -> str:
    match state:
        case JobState.CREATED:
            return "A worker is about to send it."
        case JobState.SUBMITTING:
            return f"It was sent, and {provider} has not answered yet."
        case JobState.RENDERED:
            return "Its files are coming."
        case JobState.STORED:
            return "What is missing of its files is being downloaded."
        case _:
            return f"{provider} is being asked right now."


def _to_be_sent(deps: Deps, around: Surroundings, job: Job, now: datetime) -> Waiting:
    provider, pause = deps.providers.get(job.provider), around.pauses.get(job.provider)
    trouble, next_try = Trouble.of(job.error), job.due_at
    if provider is None:
        words = f"{job.provider} is no provider of this installation any more."
        return Waiting(Cause.NO_PROVIDER, words, job.state_at, next_try)
    if pause is not None:
        refuses = "has locked the account" if pause.is_of_account else "refuses our key"
        words = f"{job.provider} {refuses}, so nothing is sent there. One take is let through now and then."
        waits = "It is sent when the pause ends; an admin can end it on Operations."
        return Waiting(Cause.PAUSE, words, max(pause.at, job.state_at), pause.until, waits)
    if trouble is not None and next_try is not None and next_try > now:
        if trouble.code == TOO_MANY:
            words = f"{job.provider} takes no more requests just now, and asked us to wait."
            not_yet = "It asked us to wait until then."
            return Waiting(Cause.TURNED_AWAY, words, job.state_at, next_try, not_yet, trouble.message)
        words = f"It could not be sent{_times(job)}, and is tried again."
        return Waiting(Cause.UNSENT, words, job.state_at, next_try, detail=trouble.message)
    if provider.max_concurrent_calls is not None and (line := _line(deps, job, now)):
        return Waiting(Cause.LINE, line, job.state_at, next_try, "It is sent as soon as a call ends.")
    return _turn(deps, around, job, now)


def _line(deps: Deps, job: Job, now: datetime) -> str:
    """How long the line is before a provider whose calls stay open; "": a call is free."""
    most = deps.get_provider(job.provider).max_concurrent_calls
    with deps.store.read() as session:
        open_calls = claims.count_open_calls(session, job.provider, now=now)
    if most is None or open_calls < most:
        return ""
    ahead = gallery.queue_position(deps, job) or 0
    place = f"{ahead} are ahead of it." if ahead > 1 else "One is ahead of it." if ahead else "It is next."
    return f"{job.provider} makes {most} at a time, and all {most} are under way. {place}"


def _turn(deps: Deps, around: Surroundings, job: Job, now: datetime) -> Waiting:
    """Nothing stands in its way: a worker takes it."""
    if around.working != Health.GREEN:
        words = "No worker was seen for a while. If that lasts, another one takes over by itself."
        return Waiting(Cause.WORKER, words, job.state_at, job.due_at, NO_WORKER)
    with deps.store.read() as session:
        due = claims.count_due(session, now=now)
    others = f" {due - 1:,} others wait for that, too." if due > 1 else ""
    since = min(job.due_at or now, now)
    return Waiting(Cause.TURN, f"A worker looks at it next.{others}", max(since, job.state_at), job.due_at)


def _at_provider(deps: Deps, job: Job, now: datetime) -> Waiting:
    trouble, since, next_try = Trouble.of(job.error), job.state_at, job.due_at
    if job.cancel_requested_at is not None:
        words = f"{job.provider} is asked to stop it, and has not said yet that it does."
        return Waiting(Cause.STOPPING, words, job.cancel_requested_at, next_try)
    if trouble is not None and job.attempts:
        words = f"{job.provider} gave no answer that can be used{_times(job)}, and is asked again."
        return Waiting(Cause.ASKING, words, since, next_try, detail=trouble.message)
    usual = usual_time(deps, job.model, job.params)
    took_s = (now - (job.started_at or job.submitted_at or since)).total_seconds()
    late = usual is not None and took_s > usual.late_s
    with deps.store.read() as session:
        came = deliveries.of_job(session, job.id)
    if missing := _missing_webhook(job, came, late=late):
        return Waiting(Cause.WEBHOOK, f"{missing} {job.provider} is asked instead.", since, next_try)
    then = (
        "Its webhook tells at once." if job.webhook_asked else f"{job.provider} is asked, at growing pauses."
    )
    if job.state == JobState.RUNNING:
        long = " It is slower than usual; still safe." if late else ""
        words = f"{job.provider} is at work on it.{long} {then}"
        return Waiting(Cause.RENDERING, words, job.started_at or since, next_try)
    place = job.queue_position
    ahead = "" if place is None else f", {place} ahead" if place else ", and is next"
    return Waiting(Cause.PROVIDER_LINE, f"It is queued at {job.provider}{ahead}. {then}", since, next_try)


def _missing_webhook(job: Job, came: Sequence[Delivery], *, late: bool) -> str:
    """What is wrong with its webhook; "": nothing that is known."""
    if any(one.verdict in _UNCLEAR for one in came):
        return "A webhook came for it that says nothing we could act on."
    if job.webhook_asked and late:
        return "It is slower than usual, and its webhook has not come."
    return ""


def _for_person(deps: Deps, job: Job) -> Waiting:
    provider = deps.providers.get(job.provider)
    if provider is None or provider.blocking:
        words = f"It needs your decision: {job.provider} can't be asked what became of it."
        return Waiting(Cause.PERSON, words, job.state_at, why_not=f"{job.provider} can't be asked.")
    words = f"It needs your decision. Meanwhile it is looked for in {job.provider}'s records."
    return Waiting(Cause.PERSON, words, job.state_at, job.due_at)


def _for_files(around: Surroundings, job: Job, now: datetime) -> Waiting:
    trouble, next_try = Trouble.of(job.error), job.due_at
    if says := around.is_bad("data folder", "storage"):
        words = f"It is rendered, and can't be kept here just now. {says}"
        return Waiting(Cause.STORAGE, words, job.state_at, next_try)
    if trouble is not None:
        words = f"It is rendered; its files did not come{_times(job)}, and are tried again."
        cause = Cause.STORAGE if trouble.code.startswith("storage") else Cause.FETCH
        return Waiting(cause, words, job.state_at, next_try, detail=trouble.message)
    return Waiting(Cause.FETCHING, "It is rendered; its files are downloaded next.", job.state_at, next_try)


def _times(job: Job) -> str:
    return f" ({job.attempts} times so far)" if job.attempts > 1 else ""
