"""Measure scores and exact masks at the size of VGG19: twenty million weights."""

from __future__ import annotations

import sys

import numpy as np
import torch
from measuring import ROOT, Options, Section, interleaved, milliseconds
from processes import Cost, cost_of
from steps import build, made_up
from torch.nn import functional as F

from prunepipe.networks.tracing import trace
from prunepipe.pruning.allocations.scored import global_
from prunepipe.pruning.allocations.shapes import uniform_all
from prunepipe.pruning.masks import select
from prunepipe.pruning.rounds import score_network
from prunepipe.pruning.scores.enforcing import Scorer
from prunepipe.pruning.scores.snip import snip
from prunepipe.pruning.scores.squared_gradients import IMAGES
from prunepipe.pruning.updaters.gmp import gmp
from prunepipe.pruning.updaters.rigl import rigl
from prunepipe.pruning.updaters.sparse_evolution import sparse_evolution
from prunepipe.seeds import numpy_generator, torch_generator


def scores_and_masks(options: Options) -> Section:
    """Time SNIP on 100 images, the global allocation with its mask, and the same mask by sorting."""
    network, _ = build("vgg19", options)
    images, labels = made_up(100)
    pixels = torch.from_numpy(images).to(options.device).float() / 255
    batches = [(pixels, torch.from_numpy(labels).to(options.device))]
    structure = trace(network.cpu(), (3, 32, 32))
    network.to(options.device)
    generator = numpy_generator(0, "scores")
    scores = {layer.name: generator.random(layer.shape, dtype=np.float32) for layer in structure.layers}
    kept = structure.size // 10

    def score() -> object:
        generator = torch_generator(0, "snip")
        return score_network(network, Scorer(snip, "snip"), batches, F.cross_entropy, generator=generator)

    def mask() -> object:
        return select(scores, global_(scores, structure, kept))

    def by_sorting() -> object:
        everything = np.concatenate([layer.ravel() for layer in scores.values()])
        threshold = np.sort(everything)[-kept]
        return {name: layer >= threshold for name, layer in scores.items()}

    calls = {"SNIP, 100 images": score, "mask, exact and global": mask, "the same by sorting": by_sorting}
    seconds = interleaved(calls, 1 if options.quick else 3, options.device)
    rows = [
        {
            "what": name,
            "ms": milliseconds(values),
            "device": options.device.type if name.startswith("SNIP") else "cpu",
        }
        for name, values in seconds.items()
    ]
    text = (
        f"{structure.size:,} weights, a tenth kept, one thread. SNIP includes the checks of the score's contract "
        "(it scores a copy of the network)."
    )
    return Section("Scores and masks", text, rows)


def memory_of_scores(options: Options) -> Section:
    """Measure time and peak memory of each score that is computed by gradients, each in a separate process."""
    fewer, count = (4, 8) if options.quick else (32, 64)
    networks = ("vgg19",) if options.quick else ("vgg19", "resnet32")
    scores = ("nothing", "magnitude", "synflow", "snip", "grasp", "obd")
    rows = [
        _memory_row(score, network, count, options, fewer if score in ("snip", "grasp") else 0)
        for network in networks
        for score in (("nothing", "snip") if options.quick else scores)
    ]
    text = (
        f"{count} images of 32x32 pixels and 10 classes in one batch, one CPU thread, float64 (magnitude: float32); "
        "each in its own process, which imports torch and builds the network. `nothing` does no more than that. SNIP "
        f"and GraSP pass a batch as a whole: the last column compares with {fewer} images. OBD passes {IMAGES} images "
        "at a time, SynFlow one. Jobs ask for more than this, and add the data set ([how "
        "much](clusters.md#memory-time-cores-and-disk)). By `python benchmarks/benchmark.py --only memory`."
    )
    return Section("Memory of scores", text, rows)


def _memory_row(score: str, network: str, count: int, options: Options, fewer: int = 0) -> dict[str, str]:
    def peak(images: int) -> Cost:
        arguments = (score, network, str(images), "10", *(["quick"] if options.quick else []))
        return cost_of([sys.executable, str(ROOT / "benchmarks" / "one_score.py"), *arguments], ROOT)

    cost = peak(count)
    each = f"{(cost.megabytes - peak(fewer).megabytes) / (count - fewer):.1f} MB" if fewer else ""
    return {
        "network": network,
        "score": score,
        "CPU": f"{cost.cpu:.1f} s",
        "memory": f"{cost.megabytes:,.0f} MB",
        "for each further image": each,
    }


def mask_updates(options: Options) -> Section:
    """Time an update of VGG19's mask by each built-in updater."""
    network, _ = build("vgg19", options)
    structure = trace(network.cpu(), (3, 32, 32))
    generator = torch_generator(0, "updates")

    def drawn() -> dict[str, torch.Tensor]:
        return {layer.name: torch.randn(layer.shape, generator=generator) for layer in structure.layers}

    gradients, dense = drawn(), drawn()
    sparse = {
        name: layer > 1.645 for name, layer in drawn().items()
    }  # the upper 5 % of a normal distribution
    full = {name: torch.ones_like(layer) for name, layer in sparse.items()}
    weights = {name: layer * sparse[name] for name, layer in dense.items()}

    def allocate(scores: object, mask: object, kept: int) -> dict[str, int]:
        return dict(uniform_all(scores, structure, kept))  # type: ignore[arg-type]

    calls = {
        "GMP, from all weights to half": lambda: gmp(dense, None, full, density=0.5, allocate=allocate),
        "SET, 5 % kept": lambda: sparse_evolution(weights, None, sparse, generator=generator),
        "RigL, 5 % kept": lambda: rigl(weights, gradients, sparse, step=1, steps=100),
    }
    seconds = interleaved(calls, 1 if options.quick else 5, torch.device("cpu"))
    rows = [{"update": name, "ms": milliseconds(values)} for name, values in seconds.items()]
    return Section("Updates of a mask", f"{structure.size:,} weights, one thread, target 100 ms.", rows)
