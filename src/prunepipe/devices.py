"""Where a stage computes: device, arithmetic, threads, determinism."""

from __future__ import annotations

import os

import torch

from prunepipe.errors import ConfigError


def resolve_device(name: str) -> torch.device:
    """Return the device that `auto`, `cpu` or `cuda` means here.

    Raises:
        ConfigError: CUDA is asked for and there is none.
    """
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise ConfigError(
            "config.yaml: device: cuda asked for, but torch finds no CUDA device; use cpu or auto."
        )
    return torch.device("cuda" if available and name != "cpu" else "cpu")


def prepare_process(threads: int) -> None:
    """Set this process's thread count and make its arithmetic reproducible; call once at the start of a stage.

    TF32 stays off: float32 means float32, and the faster arithmetic is asked for by name (bfloat16).

    Args:
        threads: CPU threads of this process.

    Raises:
        ConfigError: more threads than cores.
    """
    cores = len(os.sched_getaffinity(0))
    if threads > cores:
        raise ConfigError(f"config.yaml: threads: {threads} asked for, this machine has {cores} cores.")
    torch.set_num_threads(threads)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # deterministic cuBLAS reads it at first use
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False


def device_name(device: torch.device) -> str:
    """Return what to record as the device of a run."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
