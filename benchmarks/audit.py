"""Audit VGG19 at 95 %: `python audit.py [shapes]` says seconds and memory, the start of torch included."""

from __future__ import annotations

import resource
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from prunepipe.networks.vgg import vgg19
from prunepipe.pruning.audit.audit import audit
from prunepipe.pruning.audit.building import NetworkRequest

torch.set_num_threads(1)
request = None if "shapes" in sys.argv else NetworkRequest("prunepipe.networks.vgg:vgg19")
generator = torch.Generator().manual_seed(0)
state = vgg19(channels=3, classes=10, image_size=32).state_dict()
for name, weight in state.items():
    if weight.ndim in (2, 4):
        state[name] = weight * (torch.rand(weight.shape, generator=generator) < 0.05)
with TemporaryDirectory() as folder:
    path = Path(folder) / "vgg19.pt"
    torch.save(state, path)
    size = path.stat().st_size
    del state
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    found = audit(path, request=request)
used = resource.getrusage(resource.RUSAGE_SELF)
peak = used.ru_maxrss * 1024
network = "no network" if request is None else "the network"
print(f"{found.measures.size:,} weights, file of {size / 1e6:.0f} MB, with {network}:")
print(
    f"  {used.ru_utime + used.ru_stime:.1f} CPU seconds; peak {peak / 1e6:.0f} MB, {before / 1e6:.0f} MB before it"
)
