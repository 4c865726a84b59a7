"""Leases of GPUs: no two jobs on a device, whoever is killed; quick when one is free."""

import os
import random
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from prunepipe.execution.leases import VISIBLE, lease_devices

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"

# A job that takes a device, counts who else says to be on it and is alive, and leaves a line of what it saw.
JOB = """
import os, sys, time
from pathlib import Path
from prunepipe.execution.leases import lease_devices

folder, count, jobs, seconds = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])

def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False

(folder / f"ready-{os.getpid()}").touch()
while not (folder / "go").exists():  # start together, however long the starts take
    time.sleep(0.01)
with lease_devices(count, jobs_per_device=jobs, found=4, folder=folder, poll_seconds=0.02, say=lambda text: None):
    for device in os.environ["CUDA_VISIBLE_DEVICES"].split(","):
        (folder / f"on-{device}-{os.getpid()}").touch()
    time.sleep(seconds)
    for device in os.environ["CUDA_VISIBLE_DEVICES"].split(","):
        others = [path for path in folder.glob(f"on-{device}-*") if alive(path.name.split("-")[2])]
        with open(folder / "seen", "a") as seen:
            seen.write(f"{device} {len(others)}\\n")
        (folder / f"on-{device}-{os.getpid()}").unlink()
"""


def start(folder: Path, count: int = 1, jobs: int = 1, seconds: float = 0.05) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", JOB, folder, *map(str, (count, jobs, seconds))])


def holders(folder: Path) -> set[int]:
    return {int(path.name.split("-")[2]) for path in folder.glob("on-*")}


def wait_for(condition, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


@pytest.mark.parametrize(("jobs", "several"), [(1, 1), (2, 1), (1, 3)])
def test_jobs_never_meet_on_a_device_whoever_is_killed(tmp_path: Path, jobs: int, several: int) -> None:
    generator = random.Random(jobs)
    started = [start(tmp_path, generator.randint(1, several), jobs) for _ in range(28)]
    running = {process.pid: process for process in started}
    wait_for(lambda: len([*tmp_path.glob("ready-*")]) == len(started))
    (tmp_path / "go").touch()
    for _ in range(8):
        wait_for(lambda: holders(tmp_path) & running.keys())
        for pid in sorted(holders(tmp_path) & running.keys())[:1]:
            running.pop(pid).kill()
    killed = [process for process in started if process.pid not in running]
    ends = {process.wait(timeout=60) for process in killed}
    assert -9 in ends <= {-9, 0}  # one may have ended just before it was killed
    assert {process.wait(timeout=60) for process in running.values()} == {0}
    seen = [tuple(map(int, line.split())) for line in (tmp_path / "seen").read_text().splitlines()]
    assert {device for device, _ in seen} == {0, 1, 2, 3}
    assert max(number for _, number in seen) == jobs


def test_the_kernel_frees_the_device_of_a_killed_job(tmp_path: Path, four) -> None:
    (tmp_path / "go").touch()
    process = start(tmp_path, count=4, seconds=60)
    wait_for(lambda: holders(tmp_path))
    process.kill()
    process.wait()
    started = time.monotonic()
    with four(4) as devices:
        assert devices == ("0", "1", "2", "3")
    assert time.monotonic() - started < 1


def test_a_free_device_is_leased_in_less_than_ten_milliseconds(tmp_path: Path) -> None:
    lease = partial(lease_devices, 1, jobs_per_device=4, found=8, folder=tmp_path, say=lambda text: None)
    seconds = []
    with ExitStack() as others:
        for _ in range(31):
            others.enter_context(lease(environment={}))
        for _ in range(20):
            started = time.perf_counter()
            with lease(environment={}):
                seconds.append(time.perf_counter() - started)
    assert sorted(seconds)[10] < 0.01


def test_devices_are_taken_all_or_none(four) -> None:
    with ExitStack() as all_but_two:
        for _ in range(2):
            all_but_two.enter_context(four(1, environment={}))
        waiting = threading.Event()
        done = threading.Event()

        def wants_three() -> None:
            with four(3, environment={}, say=lambda text: waiting.set()):
                done.set()

        thread = threading.Thread(target=wants_three)
        thread.start()
        assert waiting.wait(10)
        with four(2, environment={}) as devices:  # the one that waits for three holds none of these
            assert devices == ("2", "3")
        assert not done.is_set()
    thread.join(10)
    assert done.is_set()


def test_a_device_gets_a_second_job_only_when_all_have_one(four) -> None:
    with ExitStack() as held:
        taken = [held.enter_context(four(1, jobs_per_device=2, environment={}))[0] for _ in range(8)]
    assert sorted(taken[:4]) == sorted(taken[4:]) == ["0", "1", "2", "3"]


def test_a_job_with_two_devices_takes_one_place_on_each(four) -> None:
    with four(4, environment={}), four(2, jobs_per_device=2, environment={}), ExitStack() as held:
        for expected in ("2", "3"):  # the second places on 0 and 1 are taken, those on 2 and 3 are not
            assert held.enter_context(four(1, jobs_per_device=2, environment={})) == (expected,)
    with (
        four(1, environment={VISIBLE: "1"}),
        four(2, jobs_per_device=2, environment={VISIBLE: "0,1"}) as both,
        four(1, jobs_per_device=2, environment={VISIBLE: "0"}) as second,
    ):
        assert (both, second) == (("0", "1"), ("0",))


def test_cuda_sees_the_leased_devices_only_while_they_are_leased(
    four, monkeypatch: pytest.MonkeyPatch
) -> None:
    with four(2):
        assert os.environ[VISIBLE] == "0,1"
        with four(1, environment={}) as other:
            assert other == ("2",)
    assert VISIBLE not in os.environ
    monkeypatch.setenv(VISIBLE, "3,1")
    with four(1):
        assert os.environ[VISIBLE] == "3"
    assert os.environ[VISIBLE] == "3,1"


def test_a_program_that_a_job_leaves_behind_does_not_keep_its_device(four) -> None:
    with four(4, environment={}):
        left = subprocess.Popen(["sleep", "60"], close_fds=False)
    try:
        with four(4, environment={}) as devices:
            assert len(devices) == 4
    finally:
        left.kill()
        left.wait()


def test_a_job_that_waits_says_for_what(four) -> None:
    said: list[str] = []
    with four(4, environment={}):
        thread = threading.Thread(target=lambda: four(2, environment={}, say=said.append).__enter__())
        thread.start()
        wait_for(lambda: said)
        time.sleep(0.05)
    thread.join(10)
    assert said[0].startswith("waiting for 2 of the GPUs 0, 1, 2, 3: too few are free")
    assert "--resources gpu=4 (4 GPUs x jobs_per_gpu = 1)" in said[0]
    assert [text[:8] for text in said] == ["waiting ", "GPU 0, 1"]  # it says so once, however long it waits


STAGE = """
import os, sys
sys.path.insert(0, sys.argv.pop(1))
from prunepipe.stages.command_line import run

def main(files):
    print(os.environ.get("CUDA_VISIBLE_DEVICES"), "torch" in sys.modules)

run(__doc__, main)
"""


@pytest.mark.parametrize(
    ("gpus", "code", "text"),
    [
        (1, 0, "GPU 5 (of 5, 7)\n5 False\n"),
        (2, 0, "5,7 False\n"),
        (0, 0, "5,7 False\n"),
        (3, 1, "error: resources: gpu"),
    ],
)
def test_a_stage_leases_before_torch_is_imported(tmp_path: Path, gpus: int, code: int, text: str) -> None:
    environment = {**os.environ, VISIBLE: "5,7", "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", STAGE, SCRIPTS, "--gpus", str(gpus), "--device", "auto"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert text in done.stdout + done.stderr
