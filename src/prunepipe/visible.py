"""Which GPUs this process may use, found out without torch."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from prunepipe.errors import ConfigError

VISIBLE = "CUDA_VISIBLE_DEVICES"
FIRST_SPECIAL_STEP = 0xFFFF0000
"""Slurm numbers the steps that srun starts from 0; batch, extern and interactive steps have ids above this."""


def visible_devices(environment: Mapping[str, str], found: int | None = None) -> tuple[str, ...]:
    """Return the ids of the devices that this process may use: those of CUDA_VISIBLE_DEVICES, or all.

    Args:
        environment: may hold CUDA_VISIBLE_DEVICES.
        found: devices of this machine; None counts them.

    Raises:
        ConfigError: CUDA_VISIBLE_DEVICES names a device that this machine does not have, or one twice.
    """
    found = count_devices() if found is None else found
    if VISIBLE not in environment:
        return tuple(str(number) for number in range(found))
    text = environment[VISIBLE]
    named = [part.strip() for part in text.split(",") if part.strip()]
    end = next((place for place, name in enumerate(named) if name.startswith("-")), len(named))
    devices = tuple(named[:end])  # CUDA, too, stops reading at the first negative id
    if len(set(devices)) < len(devices):
        raise ConfigError(f"{VISIBLE}={text} names a device twice; name each once.")
    for name in devices:
        # Where none is found the variable is trusted: a device may be hidden from us, but not from CUDA.
        if name.isdigit() and 0 < found <= int(name):
            raise ConfigError(
                f"{VISIBLE}={text} names device {name}, but this machine has {found} (numbered from 0); "
                f"unset {VISIBLE}, or name devices that nvidia-smi lists."
            )
    return devices


def count_devices(root: Path = Path("/")) -> int:
    """Return how many NVIDIA devices this machine has.

    The driver's own list costs microseconds; nvidia-smi is asked where that list is hidden (some containers).

    Args:
        root: folder in which proc/ and dev/ are looked for.
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
    """Whether Slurm started this process as a step of its own, by srun."""
    step = environment.get("SLURM_STEP_ID", "")
    return step.isdigit() and int(step) < FIRST_SPECIAL_STEP
