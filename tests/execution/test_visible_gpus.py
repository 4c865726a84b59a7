"""Which devices a job may choose from, and what is said when there are too few or the locks cannot be used."""

import os
import threading
from pathlib import Path

import pytest

from prunepipe.errors import ConfigError, TrainingError
from prunepipe.execution import leases
from prunepipe.execution.leases import (
    VISIBLE,
    count_devices,
    in_step,
    lease_devices,
    lock_folder,
    visible_devices,
)


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
    program.write_text(
        "#!/bin/sh\necho 'GPU 0: H200 (UUID: GPU-1)'\necho '  MIG 1g Device 0: (UUID: MIG-1)'\n"
    )
    program.chmod(0o755)
    assert count_devices(tmp_path) == 1
    for name in ("dev/nvidia0", "dev/nvidia1", "dev/nvidiactl", "dev/nvidia-uvm"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert count_devices(tmp_path) == 2
    (tmp_path / "proc/driver/nvidia/gpus/0000:01:00.0").mkdir(parents=True)
    assert count_devices(tmp_path) == 1


@pytest.mark.parametrize(
    ("step", "expected"),
    [(None, False), ("0", True), ("12", True), ("4294967290", False), ("4294967291", False)],
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
    done = threading.Event()

    def second() -> None:
        with four(1, environment=dict(environment), say=said.append):
            done.set()

    with four(1, environment=dict(environment)) as first:
        assert first == ("2",)
        thread = threading.Thread(target=second)
        thread.start()
        assert done.wait(0.2) is ("," in environment[VISIBLE])
    thread.join(10)
    assert done.is_set()
    assert said[0].startswith("GPU 3 " if "," in environment[VISIBLE] else "waiting for 1 of the GPUs 2")


def test_each_slurm_job_has_its_own_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases.tempfile, "gettempdir", lambda: str(tmp_path))
    folders = [lock_folder({"SLURM_JOB_ID": "7"}), lock_folder({"SLURM_JOB_ID": "8"}), lock_folder({})]
    assert [folder.name for folder in folders] == ["slurm-7", "slurm-8", "machine"]
    assert {folder.parent for folder in folders} == {tmp_path / f"prunepipe-{os.getuid()}"}
    assert folders[0].stat().st_mode & 0o777 == 0o700


def test_a_stale_lock_folder_is_used_again(tmp_path: Path, four) -> None:
    for name in ("door", "0.0", "1.0", "2.0", "3.0"):
        (tmp_path / name).write_text("999999999\n")
    with four(4, environment={}) as devices:
        assert len(devices) == 4
        assert (tmp_path / "0.0").read_text().split() == [str(os.getpid())]


def test_a_lock_folder_of_someone_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases.tempfile, "gettempdir", lambda: str(tmp_path))
    (tmp_path / "prunepipe-12345").mkdir()
    monkeypatch.setattr(leases.os, "getuid", lambda: 12345)
    with pytest.raises(
        ConfigError, match=r"prunepipe-12345: .* another user's folder; remove it, or set TMPDIR"
    ):
        lock_folder({})
    (tmp_path / "target").mkdir()
    monkeypatch.setattr(leases.os, "getuid", lambda: 0)
    (tmp_path / "prunepipe-0").symlink_to(tmp_path / "target")
    with pytest.raises(ConfigError, match="it is a link"):
        lock_folder({})


def test_locks_that_cannot_be_written_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, four
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(leases.tempfile, "gettempdir", lambda: str(tmp_path / "file"))
    with pytest.raises(ConfigError, match=r"machine: the lock of a GPU cannot be used \(Not a directory\)"):
        lock_folder({})
    (tmp_path / "0.0").symlink_to("elsewhere")
    with pytest.raises(ConfigError, match=r"0\.0: the lock of a GPU cannot be used"), four(1):
        pass


@pytest.mark.parametrize(
    ("count", "found", "text"), [(3, 2, "asks for 3, only 0, 1 can be seen;"), (1, 0, "none can")]
)
def test_more_gpus_than_there_are_is_an_error(tmp_path: Path, count: int, found: int, text: str) -> None:
    with (
        pytest.raises(ConfigError, match=text),
        lease_devices(count, found=found, required=True, folder=tmp_path),
    ):
        pass


@pytest.mark.parametrize(
    ("raised", "error", "text"),
    [
        (
            "CUDA error: device lost\nCompile with",
            TrainingError,
            "GPU 0 failed: CUDA error: device lost; look at",
        ),
        ("CUDA out of memory. Tried to allocate", TrainingError, "GPU 0 failed: .*; lower jobs_per_gpu"),
        ("shapes do not fit", RuntimeError, "^shapes do not fit$"),
    ],
)
def test_a_device_that_fails_is_named(four, raised: str, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text), four(1):
        raise RuntimeError(raised)
    assert VISIBLE not in os.environ
