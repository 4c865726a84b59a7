"""Leases of GPUs: no two jobs on a device, whoever is killed; quick when one is free; errors that say what to do."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from prunepipe import leases
from prunepipe.errors import ConfigError, TrainingError
from prunepipe.leases import lease_devices, lock_folder
from prunepipe.visible import VISIBLE, count_devices, in_step, visible_devices

SCRIPTS = Path(__file__).parent.parent / "workflow" / "scripts"

# A job that takes a device, counts who else says to be on it and is alive, and leaves a line of what it saw.
JOB = """
import os, sys, time
from pathlib import Path
from prunepipe.leases import lease_devices

folder, count, jobs, seconds = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])

def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False

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


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (VISIBLE, "SLURM_JOB_ID", "SLURM_STEP_ID"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def four(tmp_path: Path):
    """Leases on a machine of four devices."""
    return partial(lease_devices, found=4, folder=tmp_path, poll_seconds=0.01, say=lambda text: None)


def start(folder: Path, count: int = 1, jobs: int = 1, seconds: float = 0.05) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", JOB, folder, *map(str, (count, jobs, seconds))])


def wait_for(condition, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


@pytest.mark.parametrize(("jobs", "several"), [(1, 1), (2, 1), (1, 3)])
def test_jobs_never_meet_on_a_device_whoever_is_killed(tmp_path: Path, jobs: int, several: int) -> None:
    generator = random.Random(jobs)
    running = [start(tmp_path, generator.randint(1, several), jobs) for _ in range(28)]
    killed = generator.sample(running, 8)
    for process in killed:
        time.sleep(generator.uniform(0, 0.1))
        process.kill()
    codes = [process.wait(timeout=60) for process in running]
    assert sum(code == 0 for code in codes) >= 20
    assert set(codes) <= {0, -signal.SIGKILL}
    seen = [tuple(map(int, line.split())) for line in (tmp_path / "seen").read_text().splitlines()]
    assert {device for device, _ in seen} == {0, 1, 2, 3}
    assert max(number for _, number in seen) == jobs


def test_the_kernel_frees_the_device_of_a_killed_job(tmp_path: Path, four) -> None:
    process = start(tmp_path, count=4, seconds=60)
    wait_for(lambda: len([*tmp_path.glob("on-*")]) == 4)
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
            others.enter_context(lease())
        for _ in range(20):
            started = time.perf_counter()
            with lease():
                seconds.append(time.perf_counter() - started)
    assert sorted(seconds)[10] < 0.01


def test_devices_are_taken_all_or_none(four) -> None:
    with ExitStack() as all_but_two:
        for _ in range(2):
            all_but_two.enter_context(four(1))
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


def test_cuda_sees_the_leased_devices_only_while_they_are_leased(four, monkeypatch: pytest.MonkeyPatch) -> None:
    with four(2):
        assert os.environ[VISIBLE] == "0,1"
        with four(1, found=4, environment={}) as other:
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


@pytest.mark.parametrize(("count", "found"), [(0, 4), (1, 0), (0, 0)])
def test_without_gpus_nothing_changes(tmp_path: Path, count: int, found: int) -> None:
    environment: dict[str, str] = {}
    with lease_devices(count, found=found, folder=tmp_path, environment=environment) as devices:
        assert devices == ()
        assert environment == {}
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    ("value", "found", "expected"),
    [
        (None, 2, ("0", "1")),
        ("", 2, ()),
        ("-1", 2, ()),
        ("1,-1,0", 2, ("1",)),
        (" 3, 1 ", 4, ("3", "1")),
        ("GPU-5a1f,MIG-77/1/0", 1, ("GPU-5a1f", "MIG-77/1/0")),
        ("5", 0, ("5",)),
    ],
)
def test_the_pool_is_what_cuda_would_see(value: str | None, found: int, expected: tuple[str, ...]) -> None:
    assert visible_devices({} if value is None else {VISIBLE: value}, found) == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [("2", "names device 2, but this machine has 2 (numbered from 0)"), ("1,1", "names a device twice")],
)
def test_devices_that_are_not_there_are_named(value: str, text: str) -> None:
    with pytest.raises(ConfigError, match=f"^{VISIBLE}={value} ") as error:
        visible_devices({VISIBLE: value}, 2)
    assert text in str(error.value)


def test_devices_are_counted_without_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert count_devices(tmp_path) == 0
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'GPU 0: H200 (UUID: GPU-1)'\necho '  MIG 1g Device 0: (UUID: MIG-1)'\n")
    program.chmod(0o755)
    assert count_devices(tmp_path) == 1
    for name in ("dev/nvidia0", "dev/nvidia1", "dev/nvidiactl", "dev/nvidia-uvm"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert count_devices(tmp_path) == 2
    (tmp_path / "proc/driver/nvidia/gpus/0000:01:00.0").mkdir(parents=True)
    assert count_devices(tmp_path) == 1


@pytest.mark.parametrize(
    ("step", "expected"), [(None, False), ("0", True), ("12", True), ("4294967290", False), ("4294967291", False)]
)
def test_a_step_is_what_srun_started(step: str | None, expected: bool) -> None:
    assert in_step({} if step is None else {"SLURM_STEP_ID": step}) is expected


def test_a_slurm_step_uses_its_own_devices_without_locks(tmp_path: Path, four) -> None:
    step = {VISIBLE: "2", "SLURM_JOB_ID": "7", "SLURM_STEP_ID": "0"}
    with four(4, environment={}), four(1, environment=step) as devices:
        assert devices == ("2",)
        assert step[VISIBLE] == "2"


@pytest.mark.parametrize(
    "environment",
    [
        {VISIBLE: "2,3", "SLURM_JOB_ID": "7", "SLURM_STEP_ID": "0"},  # a step with more than this job needs
        {VISIBLE: "2", "SLURM_JOB_ID": "7"},  # a batch script that starts several jobs by itself
    ],
)
def test_other_slurm_jobs_take_turns(four, environment: dict[str, str]) -> None:
    said: list[str] = []
    with four(1, environment=dict(environment)) as first:
        assert first == ("2",)
        thread = threading.Thread(target=lambda: run_one(environment, said))

        def run_one(environment: dict[str, str], said: list[str]) -> None:
            with four(1, environment=dict(environment), say=said.append):
                pass

        thread.start()
        wait_for(lambda: said)
    thread.join(10)
    assert said[0].startswith("GPU 3 " if "," in environment[VISIBLE] else "waiting for 1 of the GPUs 2")


def test_each_slurm_job_has_its_own_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases.tempfile, "gettempdir", lambda: str(tmp_path))
    folders = [lock_folder({"SLURM_JOB_ID": "7"}), lock_folder({"SLURM_JOB_ID": "8"}), lock_folder({})]
    assert [folder.name for folder in folders] == ["slurm-7", "slurm-8", "machine"]
    assert {folder.parent for folder in folders} == {tmp_path / f"prunepipe-{os.getuid()}"}
    assert folders[0].stat().st_mode & 0o777 == 0o700


def test_a_job_that_waits_says_for_what(four) -> None:
    said: list[str] = []
    with four(4, environment={}):
        thread = threading.Thread(target=lambda: four(2, environment={}, say=said.append).__enter__())
        thread.start()
        wait_for(lambda: said)
        time.sleep(0.05)
    thread.join(10)
    assert said[0].startswith("waiting for 2 of the GPUs 0, 1, 2, 3: too few are free")
    assert "--resources gpu=4 is 4 GPUs x jobs_per_gpu = 1" in said[0]
    assert [text[:8] for text in said] == ["waiting ", "GPU 0, 1"]  # it says so once, however long it waits


def test_a_stale_lock_folder_is_used_again(tmp_path: Path, four) -> None:
    for name in ("door", "0.0", "1.0", "2.0", "3.0"):
        (tmp_path / name).write_text("999999999\n")
    with four(4, environment={}) as devices:
        assert len(devices) == 4
        assert (tmp_path / "0.0").read_text() == f"{os.getpid()}\n"


def test_a_lock_folder_of_someone_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases.tempfile, "gettempdir", lambda: str(tmp_path))
    (tmp_path / "prunepipe-12345").mkdir()
    monkeypatch.setattr(leases.os, "getuid", lambda: 12345)
    with pytest.raises(ConfigError, match=r"prunepipe-12345: .* another user's; remove it, or set TMPDIR"):
        lock_folder({})
    (tmp_path / "target").mkdir()
    monkeypatch.setattr(leases.os, "getuid", lambda: 0)
    (tmp_path / "prunepipe-0").symlink_to(tmp_path / "target")
    with pytest.raises(ConfigError, match="it is a link"):
        lock_folder({})


def test_locks_that_cannot_be_written_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, four) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(leases.tempfile, "gettempdir", lambda: str(tmp_path / "file"))
    with pytest.raises(ConfigError, match=r"machine: the lock of a GPU cannot be used \(Not a directory\)"):
        lock_folder({})
    (tmp_path / "0.0").symlink_to("elsewhere")
    with pytest.raises(ConfigError, match=r"0\.0: the lock of a GPU cannot be used"), four(1):
        pass


@pytest.mark.parametrize(("count", "found", "text"), [(3, 2, "asks for 3, only 0, 1 can be seen;"), (1, 0, "none can")])
def test_more_gpus_than_there_are_is_an_error(tmp_path: Path, count: int, found: int, text: str) -> None:
    with pytest.raises(ConfigError, match=text), lease_devices(count, found=found, required=True, folder=tmp_path):
        pass


def test_a_device_that_fails_is_named(four) -> None:
    with pytest.raises(TrainingError, match=r"GPU 0 failed: CUDA error: device lost; .* goes on from its checkpoint"):
        with four(1):
            raise RuntimeError("CUDA error: device lost\nCompile with TORCH_USE_CUDA_DSA")
    with pytest.raises(TrainingError, match="lower jobs_per_gpu"), four(1):
        raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")
    with pytest.raises(RuntimeError, match="shape"), four(1):
        raise RuntimeError("shape mismatch")
    assert VISIBLE not in os.environ


STAGE = """
import os, sys
sys.path.insert(0, sys.argv.pop(1))
from stage import run

def main(files, settings):
    print(os.environ.get("CUDA_VISIBLE_DEVICES"), "torch" in sys.modules)

run(__doc__, main)
"""


@pytest.mark.parametrize(
    ("gpus", "code", "text"),
    [(1, 0, "GPU 5 (of 5, 7)\n5 False\n"), (2, 0, "5,7 False\n"), (0, 0, "5,7 False\n"), (3, 1, "error: resources: gpu")],
)
def test_a_stage_leases_before_torch_is_imported(tmp_path: Path, gpus: int, code: int, text: str) -> None:
    environment = {**os.environ, VISIBLE: "5,7", "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", STAGE, SCRIPTS, "--gpus", str(gpus), "--device", "auto"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert text in done.stdout + done.stderr
