"""Choose and configure where a stage computes: device, arithmetic, threads, determinism."""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from prunepipe.datasets.memory import available_memory
from prunepipe.errors import ConfigError, TrainingError
from prunepipe.execution.cores import usable_cores

CPU_OUT_OF_MEMORY = "can't allocate memory"
"""Part of torch's message when CPU memory runs out; torch has no exception for it."""

NO_DETERMINISTIC_FORM = "does not have a deterministic implementation"
"""Part of torch's message for an operation that deterministic mode refuses."""

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Constants of glibc's malloc.h."""


def resolve_device(name: str) -> torch.device:
    """Return the device that `auto`, `cpu` or `cuda` means on this machine.

    Raises:
        ConfigError: CUDA is requested but not available.
    """
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise ConfigError(
            "config.yaml asks for device: cuda, but torch finds no CUDA device; use cpu or auto."
        )
    return torch.device("cuda" if available and name != "cpu" else "cpu")


def prepare_process(threads: int, deterministic: bool = True) -> None:
    """Set this process's thread count and make its arithmetic reproducible; call once at the start of a stage.

    TF32 stays off: float32 means float32, and faster arithmetic has to be requested by name (bfloat16).

    Args:
        threads: CPU threads of this process.
        deterministic: refuse operations without a deterministic implementation.

    Raises:
        ConfigError: more threads than cores.
    """
    cores = usable_cores()
    if threads > cores:
        raise ConfigError(f"config.yaml asks for threads: {threads}, but this machine has {cores} cores.")
    torch.set_num_threads(threads)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS reads it at first use
    # Same as torch.use_deterministic_algorithms(True), without its import of torch._dynamo: 1.5 s per training stage.
    torch.set_deterministic_debug_mode("error" if deterministic else "default")
    # Deterministic mode would also fill every new tensor with NaN, 3 to 8 % of a step, to no benefit here.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    _keep_freed_memory()


def _keep_freed_memory() -> None:
    """Make glibc keep freed memory: every step allocates the same tensors, and new pages take 2 to 9 % of its time."""
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(
            M_MMAP_THRESHOLD, 32 * 2**20
        )  # the largest allowed value; larger tensors get their own pages
        library.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def require_precision(device: torch.device, precision: str) -> None:
    """Refuse a precision that the device does not support natively, since emulation is slower than float32.

    Raises:
        ConfigError: bfloat16 is requested on a device without native support.
    """
    if precision == "bfloat16" and not has_bfloat16(device):
        raise ConfigError(
            f"config.yaml asks for precision: bfloat16, but {device_name(device)} lacks it; use float32."
        )


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device supports bfloat16 natively."""
    if device.type == "cuda":
        with torch.cuda.device(device):
            return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if platform.machine() in ("x86_64", "AMD64"):  # oneDNN also reports bfloat16 that it only emulates
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def require_room(device: torch.device, size: int, what: str, remedy: str) -> None:
    """Raise an error if something does not fit into the free memory of a device, before it is put there.

    Args:
        device: where it would be.
        size: bytes that it needs at least.
        what: subject and verb of the message, for example "the images take".
        remedy: the settings to change.

    Raises:
        TrainingError: names the needed and the free memory, and the remedy.
    """
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else available_memory()
    if size > free:
        raise TrainingError(
            f"{what} {size / 1e9:,.1f} GB on {device_name(device)}, which has {free / 1e9:,.1f} GB free: {remedy}."
        )


@contextmanager
def explain_out_of_memory(device: torch.device, batch_size: int) -> Iterator[None]:
    """Convert out-of-memory errors to an error that names the settings to change.

    Args:
        device: where the code inside runs.
        batch_size: images per step, for the message.

    Raises:
        TrainingError: the device ran out of memory.
    """
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, torch.OutOfMemoryError) and CPU_OUT_OF_MEMORY not in str(error):
            raise
        fewer = "jobs_per_gpu in config.yaml" if device.type == "cuda" else "the number of jobs (--cores)"
        raise TrainingError(
            f"out of memory on {device_name(device)}: lower {fewer}, or recipe.batch_size = {batch_size}."
        ) from error


@contextmanager
def explain_nondeterminism() -> Iterator[None]:
    """Convert torch's refusal of a nondeterministic operation to an error that names the key to change.

    Raises:
        TrainingError: the code inside uses such an operation.
    """
    try:
        yield
    except RuntimeError as error:
        operation, found, _ = str(error).partition(f" {NO_DETERMINISTIC_FORM}")
        if not found:
            raise
        raise TrainingError(
            f"{operation} has no deterministic form, so equal runs would differ; avoid it, or accept that with "
            "deterministic: false in config.yaml."
        ) from error


def device_name(device: torch.device) -> str:
    """Return the device name to record with a run."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
