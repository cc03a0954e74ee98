"""Alive, ready, and how much of what: for load balancers and Prometheus."""

import math
from collections.abc import Iterator

from flask import Blueprint, Response, jsonify
from flask.typing import ResponseReturnValue
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from backend.domain.kinds import Health
from backend.services.deps import Deps
from backend.services.operations import backlog, heartbeat, readiness, status


def routes(deps: Deps) -> Blueprint:
    """GET /healthz, /readyz, /metrics."""
    blueprint = Blueprint("health", __name__)
    registry = CollectorRegistry()
    registry.register(_Numbers(deps))

    @blueprint.get("/healthz")
    def healthz() -> ResponseReturnValue:
        return jsonify(status.HEALTHZ_BODY)

    @blueprint.get("/readyz")
    def readyz() -> ResponseReturnValue:
        checks = readiness.check_readiness(deps)
        ready = all(check.good for check in checks)
        said = {
            check.name: {"good": check.good, "state": check.health, "says": check.says} for check in checks
        }
        return jsonify(status="ready" if ready else "not ready", checks=said), 200 if ready else 503

    @blueprint.get("/metrics")
    def metrics() -> ResponseReturnValue:
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)

    return blueprint


class _Numbers(Collector):
    """Read from the database when asked, so that every sidecar tells the same."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    def describe(self) -> list[Metric]:
        """Nothing is read at start."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Every number, as it is now."""
        seen = status.collect_numbers(self._deps)
        jobs = GaugeMetricFamily("dailies_jobs", "Jobs by state", labels=["state"])
        for state, count in seen.jobs.items():
            jobs.add_metric([state], count)
        yield jobs
        title = "Webhook deliveries by verdict"
        deliveries = GaugeMetricFamily("dailies_deliveries", title, labels=["verdict"])
        for verdict, count in seen.deliveries.items():
            deliveries.add_metric([verdict], count)
        yield deliveries
        for name, help_text, value in (
            ("dailies_videos", "Stored videos", seen.videos),
            ("dailies_videos_bytes", "Bytes of stored videos", seen.videos_bytes),
            ("dailies_videos_missing", "Stored videos whose file is missing", seen.videos_missing),
            ("dailies_workers", "Workers at work: seen within two of their leases", seen.workers),
            ("dailies_due_jobs", "Jobs that are due", seen.due),
            ("dailies_sweep_age_seconds", "Seconds since the last sweep", seen.sweep_age_s),
            ("dailies_delivery_age_seconds", "Seconds since the last believed delivery", seen.delivery_age_s),
            ("dailies_free_bytes", "Bytes free on storage", seen.free_bytes),
            (
                "dailies_backup_age_seconds",
                "Seconds since the last whole backup began; +Inf: there is none",
                math.inf if seen.backup_age_s is None else seen.backup_age_s,
            ),
        ):
            if value is not None:
                yield GaugeMetricFamily(name, help_text, value=float(value))
        yield from self._workers()
        yield from self._work()

    def _workers(self) -> Iterator[Metric]:
        swept = status.last_sweep(self._deps)
        heard = "Seconds since a worker was last seen"
        age = GaugeMetricFamily("dailies_worker_heartbeat_age_seconds", heard, labels=["worker"])
        in_hand = GaugeMetricFamily("dailies_worker_in_hand", "Jobs in a worker's hand", labels=["worker"])
        ahead = "Seconds that the clock of a worker's host is ahead of the database's"
        clock = GaugeMetricFamily("dailies_worker_clock_off_seconds", ahead, labels=["worker"])
        colours = "1 for how a worker does: amber after two leases of silence, red after three"
        health = GaugeMetricFamily("dailies_worker_state", colours, labels=["worker", "state"])
        for sign in heartbeat.list_workers(self._deps):
            clock.add_metric([sign.name], sign.clock_skew_s)
            age.add_metric([sign.name], sign.silent_s)
            for state in Health:
                health.add_metric([sign.name, state], float(sign.health == state))
            in_hand.add_metric([sign.name], sign.in_hand)
        sweeps = GaugeMetricFamily(
            "dailies_sweeper", "1 for the worker that ran the last sweep", labels=["worker"]
        )
        if swept is not None and swept.by:
            sweeps.add_metric([swept.by], 1)
        yield from (age, health, in_hand, clock, sweeps)

    def _work(self) -> Iterator[Metric]:
        waiting = "Jobs that are due or looked at"
        work = GaugeMetricFamily("dailies_work_jobs", waiting, labels=["kind", "is"])
        tasks = GaugeMetricFamily("dailies_queue_tasks", "Tasks in PostgreSQL's queue", labels=["kind", "is"])
        kinds = backlog.list_work_kinds(self._deps)
        for kind in kinds:
            work.add_metric([kind.name, "waiting"], kind.waiting)
            work.add_metric([kind.name, "running"], kind.running)
            tasks.add_metric([kind.name, "waiting"], kind.queued_tasks[0])
            tasks.add_metric([kind.name, "taken"], kind.queued_tasks[1])
        leases = sum(kind.running for kind in kinds)
        yield GaugeMetricFamily("dailies_leases", "Claims of workers that are alive", value=leases)
        yield work
        if not self._deps.store.embedded:
            yield tasks
