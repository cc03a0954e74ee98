"""POST /api/video/start against a bare Flask route with one durable insert; and its p99 at 20 a second."""

import json
import statistics
import tempfile
from pathlib import Path

from benchmarks.common import Result, at_least, at_most, free_port, paced, percentile, process, rate

MODEL = "fal-ai/kling-video/v3/turbo/pro/text-to-video"
#: As in `webhooks`: many short rounds, in turns with the bare route.
ROUNDS, N, CLIENTS = 11, 250, 4


def run() -> list[Result]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        token = _token(folder)
        ours, bare = free_port(), free_port()
        body = json.dumps({"model": MODEL, "prompt": "A red dress in the wind"}).encode()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        env = {"DATA_DIR": folder, "PORT": str(ours)}
        with (
            process("webhook_server.py", port=ours, env=env),
            process("-m", "benchmarks.bare", str(bare), str(Path(folder) / "bare.db"), port=bare),
        ):
            start = lambda _: ("POST", "/api/video/start", body, headers)  # noqa: E731
            insert = lambda _: ("POST", "/insert", body, headers)  # noqa: E731
            for port, request in ((ours, start), (bare, insert)):
                rate(port, request, n=100, clients=CLIENTS)
            ratios, rates = [], []
            for _ in range(ROUNDS):
                b, o = rate(bare, insert, n=N, clients=CLIENTS), rate(ours, start, n=N, clients=CLIENTS)
                ratios.append(o / b)
                rates.append((o, b))
            took = paced(ours, start, n=200, a_second=20)
    o, b = (statistics.median(column) for column in zip(*rates, strict=True))
    return [
        at_least(
            "start, rate against a bare durable insert",
            statistics.median(ratios),
            0.5,
            note=f"{o:.0f}/s against {b:.0f}/s",
        ),
        at_most("start, p99 at 20 a second", percentile(took, 99) * 1000, 50, "ms"),
    ]


def _token(folder: str, **given: str) -> str:
    from backend.bootstrap import open_deps
    from backend.services import access
    from backend.services.team import tokens
    from backend.services.team.token_request import parse_token_request
    from backend.settings import load_settings

    deps = open_deps(load_settings(data_dir=folder, **given))
    try:
        asked = parse_token_request({"name": "bench", "role": "creator"}, now=deps.clock.now())
        return tokens.create_token(deps, access.cli_viewer(deps), asked).secret
    finally:
        deps.store.close()
