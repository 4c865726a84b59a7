"""Devices to lease: a machine of four, and no environment variable that narrows the choice."""

from functools import partial
from pathlib import Path

import pytest

from prunepipe.execution.leases import VISIBLE, lease_devices


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VISIBLE, raising=False)


@pytest.fixture
def four(tmp_path: Path):
    """Leases on a machine of four devices."""
    return partial(lease_devices, found=4, folder=tmp_path, poll_seconds=0.01, say=lambda text: None)
