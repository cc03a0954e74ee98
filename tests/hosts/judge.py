"""What the clients were told, held against the database and the provider's own ledger."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from tests.e2e.checker import broken_promises, ledger_at, ledgers_by_job, never_lost, no_secret_told, one_bill
from tests.hosts.cluster import Cluster
from tests.hosts.load import Asked


def at_rest(cluster: Cluster) -> bool:
    """Nothing moves: no take wants a look, and no webhook is owed."""
    busy = "SELECT 1 FROM job WHERE due_at IS NOT NULL AND state <> 'held' LIMIT 1"
    if cluster.any_host.rows(busy):
        return False
    return all(delivery["done"] for delivery in ledger_at(cluster.fal_url, "/webhook/")["deliveries"])


def verdict(cluster: Cluster, asked: Iterable[Asked]) -> list[str]:
    """Every promise that was broken, as sentences. Asked when all has come to rest."""
    one, *others = cluster.hosts.values()
    found = broken_promises(one) + never_lost(one) + one_bill(one)
    for other in others:
        found += no_secret_told(other)
    return found + _told_is_kept(cluster, list(asked)) + _nothing_of_nobody(cluster)


def _told_is_kept(cluster: Cluster, asked: list[Asked]) -> list[str]:
    """Who was told that a take was saved finds it: his own, and one."""
    rows = cluster.any_host.rows("SELECT id, form_key, prompt, state FROM job")
    jobs = {row["form_key"]: row for row in rows}
    ledgers = ledgers_by_job(cluster.fal_url)
    found = []
    for one in asked:
        found += [f"acknowledged is kept: {one.key} was refused: {words}" for words in one.refusals]
        kept = jobs.get(one.key)
        if len(one.ids) > 1 or (one.ids and (kept is None or {kept["id"]} != one.ids)):
            found.append(f"acknowledged is kept: {one.key} was told {one.ids}, and is {kept}")
        elif kept is not None:
            found += _has_an_end(kept, ledgers[kept["id"]])
    return found


def _has_an_end(job: Any, ledger: dict[str, Any]) -> list[str]:
    """Stored; or held, and then nothing was ever accepted. No take here has a reason to fail."""
    if job["state"] == "stored" or (job["state"] == "held" and not ledger["accepted"]):
        return []
    return [f"never lost: {job['id']} ({job['prompt']}) is {job['state']}; accepted {ledger['accepted']}"]


def _nothing_of_nobody(cluster: Cluster) -> list[str]:
    """Whatever was paid for belongs to a take, and each file to one."""
    known = {row["id"] for row in cluster.any_host.rows("SELECT id FROM job")}
    found = [
        f"paid once: {ledger['accepted']} requests were accepted for {job}, which nobody knows"
        for job, ledger in ledgers_by_job(cluster.fal_url).items()
        if job not in known and ledger["accepted"]
    ]
    sql = "SELECT video_id FROM job WHERE video_id IS NOT NULL"
    shared = Counter(row["video_id"] for row in cluster.any_host.rows(sql))
    return found + [f"one file: video {video} is of {n} takes" for video, n in shared.items() if n > 1]


def summary(cluster: Cluster, asked: list[Asked]) -> str:
    """The numbers of a run, in a line."""
    states = Counter(row["state"] for row in cluster.any_host.rows("SELECT state FROM job"))
    whole = ledger_at(cluster.fal_url, "/webhook/")
    again, tries = sum(one.tries - 1 for one in asked), [one["attempts"] for one in whole["deliveries"]]
    return (
        f"{len(asked)} takes asked for ({again} times again), "
        f"{sum(bool(one.ids) for one in asked)} acknowledged; {dict(states)}; {len(whole['posts'])} posts, "
        f"{whole['billed']} billed; {len(tries)} webhooks, {sum(map(len, tries))} deliveries of them"
    )
