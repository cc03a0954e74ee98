"""When things are due: how long to back off, when to ask again, when an answer is overdue."""

import random

#: The first pause after a fault, in seconds; it doubles from there.
BACKOFF_FIRST_S = 1.0
#: No pause is longer than this: a provider that comes back is noticed within five minutes.
BACKOFF_CAP_S = 300.0
#: How much of a pause is random, either way: jobs that failed together don't return together.
JITTER = 0.2
#: Asking a provider about a running job: the first gaps are short, then they stretch to this.
POLL_CAP_S = 60.0
#: A 5xx with the provider's own error is tried this often before it counts as a failure.
SERVER_ERROR_TRIES = 5
#: A question answered "no such request" is believed after this many answers in a row.
FORGOTTEN_AFTER = 6
#: A dead link and a dead result, seen this often in a row (half a minute), mean that the video is lost, as
#: far as anybody can tell: it is still asked for as long as any take that has ended.
LOST_AFTER = 6
#: A held job is looked for at the provider this often at the most (doubles up to the cap).
RECONCILE_FIRST_S = 5.0
RECONCILE_CAP_S = 900.0
#: After a cancel, a loss or a doubted failure the provider is asked this often whether a video came anyway,
#: more and more seldom: within a day and a bit.
LATE_VIDEO_CHECKS = 16
LATE_VIDEO_FIRST_S = 5.0
LATE_VIDEO_CAP_S = 6 * 3600.0
#: How long nothing is submitted after the provider refused our key; doubles with each refusal.
PAUSE_FIRST_S = 20.0
PAUSE_CAP_S = 300.0
#: A job that waits for a free call of a blocking provider looks again after this.
SLOT_RETRY_S = 1.0
#: A `Retry-After` beyond this is not believed (an hour).
RETRY_AFTER_CAP_S = 3600.0


def backoff_s(
    attempts: int,
    *,
    first_s: float = BACKOFF_FIRST_S,
    cap_s: float = BACKOFF_CAP_S,
    rng: random.Random | None = None,
) -> float:
    """Seconds to wait after the `attempts`-th fault in a row (1, 2, 3 …): 1, 2, 4, 8 … with jitter.

    The jitter is ± 20 %, and the result never passes `cap_s`.
    """
    exact = min(cap_s, first_s * 2.0 ** max(0, min(attempts, 40) - 1))
    spread = (rng or random).uniform(1 - JITTER, 1 + JITTER)
    return min(cap_s, exact * spread)


def poll_interval_s(polls: int, *, first_s: float, rng: random.Random | None = None) -> float:
    """Seconds until a job that is under way is asked about again, after `polls` looks.

    Where webhooks work (`first_s` is large) polls are a safety net; where they don't (`first_s` is
    small) polls are all there is, so the gaps start small and stretch slowly, by a half each time.
    """
    base = max(0.5, min(first_s, 5.0))
    exact = min(POLL_CAP_S, base * 1.5 ** max(0, min(polls, 20)))
    return exact * (rng or random).uniform(1 - JITTER, 1 + JITTER)
