"""Measure how many training jobs should share a GPU: several processes train side by side for a few seconds."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Mapping, Sequence
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from queue import Empty

from prunepipe.errors import PrunepipeError
from prunepipe.study.loading import Site
from prunepipe.study.study import Study

COUNTS = (1, 2, 4, 8)
"""Jobs that are tried side by side on one device."""

SECONDS = 3.0
"""Seconds of training that are measured for each count."""

START_SECONDS = 120.0
"""Seconds that processes may take to import torch, to capture their step, and to report."""

ENOUGH = 0.95
"""Share of the highest throughput that is good enough: fewer jobs need less memory."""

Place = tuple[str, str]
"""A data set and a network of a study."""


def side_by_side(
    study: Study, site: Site, place: Place, *, counts: Sequence[int] = COUNTS, seconds: float = SECONDS
) -> dict[int, float]:
    """Return the images per second of all jobs together, by the number of jobs that share one device.

    Args:
        study, site: how to train.
        place: the data set (of known shape) and the network to train.
        counts: numbers of jobs, increasing.
        seconds: how long each number is measured.

    Returns:
        Counts from the first one at which a job fails on, for example because memory runs out, are missing.
    """
    found: dict[int, float] = {}
    for count in counts:
        rate = _together(study, site, place, count, seconds)
        if rate is None:
            break
        found[count] = rate
    return found


def recommended(rates: Mapping[int, float]) -> int:
    """Return the smallest number of jobs whose throughput is within 5 % of the highest.

    Args:
        rates: images per second by number of jobs, not empty.
    """
    best = max(rates.values())
    return min(count for count, rate in rates.items() if rate >= ENOUGH * best)


def _together(study: Study, site: Site, place: Place, count: int, seconds: float) -> float | None:
    """Return the throughput of so many jobs on one device, or None if one of them fails."""
    spawn = multiprocessing.get_context("spawn")
    barrier, queue = spawn.Barrier(count), spawn.Queue()
    arguments = (study, site, place, barrier, queue, seconds)
    jobs = [spawn.Process(target=_train, args=arguments, daemon=True) for _ in range(count)]
    for job in jobs:
        job.start()
    try:
        rates = [queue.get(timeout=START_SECONDS + seconds) for _ in jobs]
    except Empty:
        rates = [None]
    for job in jobs:
        job.join(timeout=1)
        job.terminate()
    return None if None in rates else sum(rates)


def _train(
    study: Study, site: Site, place: Place, barrier: Barrier, queue: Queue[float | None], seconds: float
) -> None:
    """Train one job's steps when all jobs are ready, and report its images per second; None: it failed."""
    from prunepipe.planning.speed import steps_of

    try:
        take = steps_of(study, *place, site)
        for _ in range(3):
            take()
        barrier.wait(START_SECONDS)
        started, taken = time.perf_counter(), 0
        while (passed := time.perf_counter() - started) < seconds:
            take()
            taken += 1
        queue.put(taken * study.recipe.batch_size / passed)
    except (RuntimeError, PrunepipeError):  # a broken barrier is a RuntimeError: another job failed
        barrier.abort()
        queue.put(None)
