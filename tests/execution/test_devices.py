"""A device that cannot do what is asked says which setting to change."""

import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch

from prunepipe.errors import ConfigError, TrainingError
from prunepipe.execution import devices
from prunepipe.execution.cores import usable_cores
from prunepipe.execution.devices import (
    explain_nondeterminism,
    explain_out_of_memory,
    prepare_process,
    require_precision,
    resolve_device,
)

CPU = torch.device("cpu")


def test_bfloat16_is_refused_where_it_is_only_emulated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "has_bfloat16", lambda device: False)
    with pytest.raises(
        ConfigError, match=r"config.yaml asks for precision: bfloat16, but cpu lacks it; use float32"
    ):
        require_precision(CPU, "bfloat16")
    require_precision(CPU, "float32")


def test_bfloat16_is_allowed_where_the_device_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "has_bfloat16", lambda device: True)
    assert require_precision(CPU, "bfloat16") is None


def test_the_cpu_is_asked_whether_it_has_bfloat16() -> None:
    flags = set(Path("/proc/cpuinfo").read_text().split())
    if "flags" not in flags:
        pytest.skip("a processor that says it otherwise")
    # Not _is_mkldnn_bf16_supported: on AVX-512 without bfloat16, where it takes twice as long as float32, that is true.
    assert devices.has_bfloat16(CPU) == bool(flags & {"avx512_bf16", "amx_bf16"})


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="needs glibc")
def test_a_step_gets_the_memory_back_that_the_last_one_freed() -> None:
    program = (
        "import resource, sys, torch; from prunepipe.execution.devices import prepare_process\n"
        "if sys.argv[1] == 'prepared': prepare_process(1)\n"
        "def step():\n    tensors = [torch.ones(2**20) for _ in range(20)]\n"
        "for _ in range(3): step()\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "for _ in range(5): step()\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)"
    )
    environment = {
        **os.environ,
        "MALLOC_MMAP_THRESHOLD_": str(2**17),
    }  # else glibc sometimes adapts by itself
    faults = {
        how: int(
            subprocess.run(
                [sys.executable, "-c", program, how], env=environment, capture_output=True, check=True
            ).stdout
        )
        for how in ("plain", "prepared")
    }
    assert faults["prepared"] < faults["plain"] / 10


@pytest.mark.parametrize(
    ("kind", "setting"), [("cpu", r"the number of jobs \(--cores\)"), ("cuda", "jobs_per_gpu in config.yaml")]
)
def test_out_of_memory_names_the_settings(monkeypatch: pytest.MonkeyPatch, kind: str, setting: str) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "a small GPU")
    with (
        pytest.raises(
            TrainingError, match=f"out of memory on .*: lower {setting}, or recipe.batch_size = 64"
        ),
        explain_out_of_memory(torch.device(kind), 64),
    ):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def test_a_cpu_without_memory_is_recognised() -> None:
    with pytest.raises(TrainingError, match="out of memory on cpu"), explain_out_of_memory(CPU, 64):
        torch.empty(2**60)


def test_other_errors_pass_unchanged() -> None:
    with pytest.raises(RuntimeError, match="size mismatch"), explain_out_of_memory(CPU, 64):
        raise RuntimeError("size mismatch")


def test_more_threads_than_cores_are_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"config.yaml asks for threads: 4096, but this machine has \d+ cores"
    ):
        prepare_process(4096)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_cuda_is_refused_where_there_is_none() -> None:
    with pytest.raises(ConfigError, match="config.yaml asks for device: cuda.*use cpu or auto"):
        resolve_device("cuda")


def test_what_does_not_fit_into_memory_is_refused_before_it_is_put_there() -> None:
    cpu, remedy = torch.device("cpu"), "lower recipe.batch_size = 64"
    devices.require_room(cpu, 10**6, "the images take", remedy)
    with pytest.raises(
        TrainingError,
        match=rf"^the images take 1,000,000.0 GB on cpu, which has [\d.,]+ GB free: {remedy}\.$",
    ):
        devices.require_room(cpu, 10**15, "the images take", remedy)


@pytest.fixture
def mode() -> Iterator[None]:
    before = torch.get_deterministic_debug_mode()
    yield
    torch.set_deterministic_debug_mode(before)


@pytest.mark.parametrize("deterministic", [True, False])
def test_deterministic_mode_can_be_switched_off(mode: None, deterministic: bool) -> None:
    prepare_process(1, deterministic)
    with ExitStack() as stack:
        if deterministic:
            text = r"^put_ has no deterministic form.* deterministic: false in config.yaml\.$"
            stack.enter_context(pytest.raises(TrainingError, match=text))
        stack.enter_context(explain_nondeterminism())
        torch.zeros(3).put_(torch.tensor([0, 0]), torch.ones(2))


def test_a_system_without_core_affinity_counts_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    assert usable_cores() == os.cpu_count()
    prepare_process(1)
