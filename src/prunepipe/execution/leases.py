"""Lease GPUs to jobs: one lease per device, held by file locks and taken before CUDA is initialised.

Snakemake counts GPUs but does not assign them. A lock belongs to an open file, so the kernel frees it however
the process ends; a lock file left behind by a dead process is harmless. Nothing here needs torch.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from prunepipe.errors import ConfigError, TrainingError

Environment = MutableMapping[str, str]

VISIBLE = "CUDA_VISIBLE_DEVICES"
FIRST_SPECIAL_STEP = 0xFFFF0000
"""Slurm numbers the steps that srun starts from 0; batch, extern and interactive steps have larger ids than this."""


@dataclass(frozen=True)
class Pool:
    """The devices to choose from, and the locks that show which are taken.

    Attributes:
        devices: ids, as in CUDA_VISIBLE_DEVICES.
        jobs_per_device: jobs that may share a device.
        folder: holds the lock files.
    """

    devices: Sequence[str]
    jobs_per_device: int
    folder: Path


@contextmanager
def lease_devices(
    count: int,
    *,
    jobs_per_device: int = 1,
    required: bool = False,
    found: int | None = None,
    folder: Path | None = None,
    poll_seconds: float = 0.5,
    environment: Environment = os.environ,
    say: Callable[[str], None] = print,
) -> Iterator[tuple[str, ...]]:
    """Lease `count` free devices, and make them the only ones that CUDA sees.

    Enter before torch initialises CUDA. Either all devices are taken at once or none, so that two jobs that need
    several cannot block each other with half of them each.

    Args:
        count: number of devices for this job; 0 changes nothing.
        jobs_per_device: jobs that may share a device.
        required: whether a machine without devices is an error; otherwise the job continues on the CPU.
        found: number of devices of this machine; None counts them.
        folder: folder of the lock files; default: one per user and Slurm job.
        poll_seconds: time between two attempts while too few devices are free.
        environment: CUDA_VISIBLE_DEVICES is read from it and, during the lease, written to it.
        say: called with a message when the job gets its devices or has to wait.

    Yields:
        Ids of the leased devices, as in CUDA_VISIBLE_DEVICES; empty if there are none.

    Raises:
        ConfigError: more devices are requested than exist, or the locks cannot be used.
        TrainingError: a device failed during the lease.
    """
    visible = visible_devices(environment, found) if count else ()
    if not visible and not (count and required):
        yield ()
        return
    if count > len(visible):
        raise ConfigError(_too_many(count, visible, environment))
    with ExitStack() as held:
        devices = visible
        if not (len(visible) == count and in_step(environment)):  # a step's devices are exclusive
            pool = Pool(visible, jobs_per_device, folder or lock_folder(environment))
            devices = _wait(held, pool, count, poll_seconds, say)
        say(f"GPU {', '.join(devices)} (of {', '.join(visible)})")
        held.callback(_restore, environment, environment.get(VISIBLE))
        environment[VISIBLE] = ",".join(devices)
        with _failures_named(devices):
            yield devices


def lock_folder(environment: Environment) -> Path:
    """Return the folder of this user's locks; it is created if it is missing.

    Slurm may number devices from 0 in every job, so each Slurm job has its own folder.

    Raises:
        ConfigError: the folder cannot be created, or belongs to another user.
    """
    base = Path(tempfile.gettempdir()) / f"prunepipe-{os.getuid()}"
    job = environment.get("SLURM_JOB_ID")
    folder = base / (f"slurm-{job}" if job else "machine")
    try:
        base.mkdir(mode=0o700, exist_ok=True)
        if base.is_symlink() or base.stat().st_uid != os.getuid():
            raise ConfigError(
                f"{base}: GPU locks belong there, but it is a link or another user's folder; "
                "remove it, or set TMPDIR to a folder of your own."
            )
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise ConfigError(_unusable(folder, error)) from error
    return folder


def _wait(
    held: ExitStack, pool: Pool, count: int, poll_seconds: float, say: Callable[[str], None]
) -> tuple[str, ...]:
    """Retry until `count` devices are locked; `held` keeps the lock files open."""
    told = False
    while not (taken := _try(held, pool, count)):
        if not told:
            devices, jobs = len(pool.devices), pool.jobs_per_device
            say(
                f"waiting for {count} of the GPUs {', '.join(pool.devices)}: too few are free ({pool.folder}). "
                f"--resources gpu={devices * jobs} ({devices} GPUs x jobs_per_gpu = {jobs}) makes Snakemake start only "
                "as many jobs as fit."
            )
            told = True
        time.sleep(poll_seconds)
    return taken


def _try(held: ExitStack, pool: Pool, count: int) -> tuple[str, ...]:
    """Lock `count` different devices and return them, or lock none and return nothing."""
    taken: set[str] = set()
    with ExitStack() as door, ExitStack() as locks:
        door.callback(os.close, _open(pool.folder / "door", fcntl.LOCK_EX))  # only one job tries at a time
        # Every device gets one job before any gets two.
        for slot, device in product(range(pool.jobs_per_device), pool.devices):
            if len(taken) < count and device not in taken and _lock(locks, pool.folder, device, slot):
                taken.add(device)
        if len(taken) == count:
            held.push(locks.pop_all())
            return tuple(device for device in pool.devices if device in taken)
    return ()


def _lock(locks: ExitStack, folder: Path, device: str, slot: int) -> bool:
    try:
        descriptor = _open(folder / f"{device.replace('/', '_')}.{slot}", fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    locks.callback(os.close, descriptor)
    # Tells people who holds it, and keeps cleaners of /tmp from deleting the file. Truncating would cost milliseconds.
    os.pwrite(descriptor, f"{os.getpid():<10}\n".encode(), 0)
    return True


def _open(path: Path, operation: int) -> int:
    """Open and lock a file; child programs do not inherit it."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise ConfigError(_unusable(path, error)) from error
    try:
        fcntl.flock(descriptor, operation)
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            raise
        raise ConfigError(_unusable(path, error)) from error
    return descriptor


@contextmanager
def _failures_named(devices: Sequence[str]) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        if not any(word in str(error) for word in ("CUDA", "cuDNN", "NVML")):
            raise
        reason = str(error).strip().splitlines()[0]
        remedy = "lower jobs_per_gpu" if "out of memory" in reason else "look at nvidia-smi"
        raise TrainingError(
            f"GPU {', '.join(devices)} failed: {reason}; {remedy}. Start again to resume from the checkpoint."
        ) from error


def _restore(environment: Environment, before: str | None) -> None:
    if before is None:
        del environment[VISIBLE]
    else:
        environment[VISIBLE] = before


def _too_many(count: int, visible: Sequence[str], environment: Environment) -> str:
    have = f"only {', '.join(visible)} can be seen" if visible else "none can be seen"
    source = f" ({VISIBLE}={environment[VISIBLE]})" if VISIBLE in environment else ""
    return (
        f"resources: gpu: this job asks for {count}, {have}{source}; ask for fewer "
        "(--set-resources RULE:gpu=N), or set device: cpu in config.yaml."
    )


def _unusable(path: Path, error: OSError) -> str:
    return f"{path}: the lock of a GPU cannot be used ({error.strerror}); set TMPDIR to a local folder you can write."


def visible_devices(environment: Mapping[str, str], found: int | None = None) -> tuple[str, ...]:
    """Return the ids of the devices that this process may use: those in CUDA_VISIBLE_DEVICES, or all.

    Args:
        environment: may contain CUDA_VISIBLE_DEVICES.
        found: number of devices of this machine; None counts them.

    Raises:
        ConfigError: CUDA_VISIBLE_DEVICES names a device that does not exist, or names one twice.
    """
    found = count_devices() if found is None else found
    if VISIBLE not in environment:
        return tuple(str(number) for number in range(found))
    text = environment[VISIBLE]
    named = [part.strip() for part in text.split(",") if part.strip()]
    end = next((place for place, name in enumerate(named) if name.startswith("-")), len(named))
    devices = tuple(named[:end])  # like CUDA, stop reading at the first negative id
    if len(set(devices)) < len(devices):
        raise ConfigError(f"{VISIBLE}={text} names a device twice; name each once.")
    for name in devices:
        # If none is found, the variable is trusted: a device may be hidden from us but not from CUDA.
        if name.isdigit() and 0 < found <= int(name):
            raise ConfigError(
                f"{VISIBLE}={text} names device {name}, but this machine has {found} (numbered from 0); "
                f"unset {VISIBLE}, or name devices that nvidia-smi lists."
            )
    return devices


def count_devices(root: Path = Path("/")) -> int:
    """Return the number of NVIDIA devices of this machine.

    Reading the driver's own list takes microseconds; nvidia-smi is used where that list is hidden (some containers).

    Args:
        root: the folder that contains proc/ and dev/.
    """
    listed = [*(root / "proc/driver/nvidia/gpus").glob("*")] or [*(root / "dev").glob("nvidia[0-9]*")]
    program = shutil.which("nvidia-smi")
    if listed or program is None:
        return len(listed)
    try:
        answer = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return sum(line.startswith("GPU ") for line in answer.stdout.splitlines())


def in_step(environment: Mapping[str, str]) -> bool:
    """Whether Slurm started this process as a separate step, with srun."""
    step = environment.get("SLURM_STEP_ID", "")
    return step.isdigit() and int(step) < FIRST_SPECIAL_STEP
