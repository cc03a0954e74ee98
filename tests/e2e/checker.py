"""Judges an installation by what others can see: the provider's ledger, the database, the disk, the logs.

Every broken promise is one sentence. A drill wants none; a control, which is a build broken on
purpose, must get the sentence that names what it broke.
"""

import hashlib
import json
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

from backend.services.lifecycle.webhook_target import job_token
from tests.e2e.installation import FAL_KEY, SECRET_KEY, Installation, http_call

#: Once a video is known to exist a take only rises; before that a refusal may send it back to wait.
RISES = {"rendered": 1, "stored": 2}
#: Units in a header and prices are rounded.
ROUNDING_USD = 0.0005


def ledger_of(fal_url: str, job_id: str) -> dict[str, Any]:
    """What the provider knows of one take: its webhook URL holds the take's id."""
    return ledger_at(fal_url, f"/webhook/{job_id}/")


def ledger_at(fal_url: str, match: str) -> dict[str, Any]:
    """What the provider knows of everything that holds this text, in its input or its webhook URL."""
    answer: dict[str, Any] = http_call("GET", f"{fal_url}/sim/ledger", params={"match": match}).json()
    return answer


def ledgers_by_job(fal_url: str) -> dict[str, dict[str, Any]]:
    """Take -> what the provider knows of it, as `ledger_of` tells it; all of it read at one moment."""
    whole = ledger_at(fal_url, "/webhook/")
    owners = {request["request_id"]: _job_of(request) for request in whole["requests"]}
    found: dict[str, dict[str, Any]] = defaultdict(
        lambda: {"posts": [], "requests": [], "deliveries": [], "accepted": 0, "billed": 0}
    )
    for post in whole["posts"]:
        found[_job_of(post)]["posts"].append(post)
        found[_job_of(post)]["accepted"] += post["accepted"]
    for request in whole["requests"]:
        found[_job_of(request)]["requests"].append(request)
        found[_job_of(request)]["billed"] += request["billed"]
    for delivery in whole["deliveries"]:
        found[owners[delivery["request_id"]]]["deliveries"].append(delivery)
    return found


def _job_of(sent: dict[str, Any]) -> str:
    """The take that a POST or a request was for, by its webhook URL."""
    return str(sent["webhook"]).partition("/webhook/")[2].partition("/")[0]


def broken_promises(installation: Installation) -> list[str]:
    """Every promise that this installation has broken by now, as sentences; none is what is wanted."""
    found: list[str] = []
    jobs = installation.rows("SELECT * FROM job ORDER BY id")
    ledgers = ledgers_by_job(str(installation.settings["FAL_QUEUE_URL"]))
    kept = {row["request_id"] for row in installation.rows("SELECT request_id FROM delivery")}
    videos = {row["id"]: row for row in installation.rows("SELECT * FROM video")}
    files, histories = defaultdict(list), defaultdict(list)
    for row in installation.rows("SELECT job_id, role, position, video_id FROM file"):
        files[row["job_id"]].append(row)
    for line in installation.rows("SELECT job_id, state FROM history ORDER BY id"):
        histories[line["job_id"]].append(line["state"])
    for job in jobs:
        ledger = ledgers[job["id"]]
        found += _paid_once(job, ledger)
        found += _never_falls(job, histories[job["id"]])
        found += _acked_is_kept(kept, job, ledger)
        if job["state"] == "stored":
            found += _all_here(job, files[job["id"]])
            found += _whole(installation, job, videos.get(job["video_id"]), _made_by_fal(ledger))
            for file in files[job["id"]]:
                if file["position"]:
                    made = _named_by_fal(job, file["role"])
                    found += _whole(installation, job, videos.get(file["video_id"]), made)
    return found + _no_stranger(installation) + no_secret_told(installation)


def _paid_once(job: Any, ledger: dict[str, Any]) -> list[str]:
    posts, accepted, billed = len(ledger["posts"]), ledger["accepted"], ledger["billed"]
    if max(posts, accepted, billed) > 1 or (job["state"] == "stored" and billed != 1):
        return [
            f"paid once: {job['id']} is {job['state']}: {posts} posts, {accepted} accepted, {billed} billed"
        ]
    return []


def never_lost(installation: Installation) -> list[str]:
    """What the provider made and this installation doesn't have. Asked when all has come to rest."""
    ledgers = ledgers_by_job(str(installation.settings["FAL_QUEUE_URL"]))
    return [
        f"never lost: {job['id']} was made and billed, and is {job['state']} here"
        for job in installation.rows("SELECT id, state FROM job WHERE state != 'stored'")
        if ledgers[job["id"]]["billed"]
    ]


def one_bill(installation: Installation) -> list[str]:
    """Where ledger, bill and the provider's cashbook differ. Asked when all has come to rest."""
    fal_url = str(installation.settings["FAL_QUEUE_URL"])
    paid: dict[str, float] = defaultdict(float)
    for entry in http_call("GET", f"{fal_url}/sim/cashbook").json()["entries"]:
        paid[_job_of(entry)] += entry["charged_usd"]
    lines = installation.rows("SELECT job_id, SUM(micros) AS micros FROM line GROUP BY job_id")
    counted = {line["job_id"]: int(line["micros"]) / 1e6 for line in lines}
    found = []
    for job in installation.rows("SELECT id, state, billed_usd FROM job"):
        name, billed, counts = f"{job['id']} ({job['state']})", job["billed_usd"], counted.get(job["id"])
        if counts is None:
            found.append(f"one bill: {name} has no line in the ledger")
        elif billed is not None and abs(billed - paid[job["id"]]) > ROUNDING_USD:
            found.append(f"one bill: {name} is billed ${billed:g}, in the cashbook ${paid[job['id']]:g}")
        elif billed is not None and abs(billed - counts) > ROUNDING_USD:
            found.append(f"one bill: {name} is billed ${billed:g}, and counts for ${counts:g}")
        elif billed is None and counts < paid[job["id"]] - ROUNDING_USD:
            found.append(
                f"one bill: {name} counts for ${counts:g}, in the cashbook it is ${paid[job['id']]:g}"
            )
    return found


def _never_falls(job: Any, history: list[str]) -> list[str]:
    heights = [RISES.get(state, 0) for state in history]
    falls = any(after < before for before, after in pairwise(heights))
    if falls or history.count("stored") > 1 or history[-1] != job["state"]:
        return [f"one effect: {job['id']} is {job['state']} and went {' → '.join(history)}"]
    return []


def _acked_is_kept(kept: set[str], job: Any, ledger: dict[str, Any]) -> list[str]:
    return [
        f"acked is kept: a delivery for {job['id']} was acknowledged, and is not here"
        for delivery in ledger["deliveries"]
        if delivery["request_id"] not in kept and any(a["status"] == 200 for a in delivery["attempts"])
    ]


def _all_here(job: Any, files: list[Any]) -> list[str]:
    """Every file that the output names has come."""
    named = {file["role"] for file in json.loads(job["outputs"] or "[]")}
    missing = named - {file["role"] for file in files if file["video_id"]}
    return [f"all files: {job['id']} is stored without {', '.join(sorted(missing))}"] if missing else []


def _whole(installation: Installation, job: Any, video: Any, made: bytes | None) -> list[str]:
    """The file is there, and has the very bytes that the provider made."""
    if video is None:
        return [f"whole files: {job['id']} is stored, and has no video"]
    content = installation.file(video["key"])
    if content is None:
        return [f"whole files: {job['id']} is stored, and its file is not there"]
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != video["sha256"] or len(content) != video["size_bytes"] or Path(video["key"]).stem != sha256:
        return [f"whole files: {job['id']}: the file is not the one that the row describes"]
    if made is not None and content != made:
        return [f"whole files: {job['id']}: {len(content)} bytes are here, the provider made {len(made)}"]
    return []


def _made_by_fal(ledger: dict[str, Any]) -> bytes | None:
    """The provider's own file, past its HTTP and whatever goes wrong there."""
    folder = FAL_MEDIA.get("folder")
    if folder is None or not ledger["requests"]:
        return None
    return (folder / f"{ledger['requests'][0]['request_id']}.mp4").read_bytes()


def _named_by_fal(job: Any, role: str) -> bytes | None:
    """The provider's own file of another role than the main one's."""
    folder = FAL_MEDIA.get("folder")
    url = next(file["url"] for file in json.loads(job["outputs"]) if file["role"] == role)
    return None if folder is None else (folder.parent / "files" / url.rsplit("/", 1)[-1]).read_bytes()


#: Where the simulated fal keeps its files; set once by the fixture that starts it.
FAL_MEDIA: dict[str, Path] = {}


def _no_stranger(installation: Installation) -> list[str]:
    """Every video file on storage belongs to a row: one take, one file."""
    known = {row["key"] for row in installation.rows("SELECT key FROM video")}
    coming = bool(installation.rows("SELECT 1 FROM job WHERE state = 'rendered'"))
    strangers = [name for name in installation.file_names() if name not in known]
    return [] if coming else [f"one file: {name} belongs to nothing" for name in strangers]


def no_secret_told(installation: Installation) -> list[str]:
    """What stands in its processes' logs and must not."""
    told = "".join(process.said() for process in installation.processes)
    secrets = [("FAL_KEY", FAL_KEY.split(":")[1]), ("SECRET_KEY", SECRET_KEY)]
    secrets += [
        (f"the token of {job['id']}", job_token(SECRET_KEY, job["id"]))
        for job in installation.rows("SELECT id FROM job")
    ]
    return [f"no secrets: {name} stands in a log" for name, secret in secrets if secret in told]
