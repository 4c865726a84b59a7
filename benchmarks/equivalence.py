"""Do channels_last and bfloat16 train as well as float32 NCHW? Paired seeds, an equivalence test, and their speed.

`make equivalence` writes docs/equivalence.md.
"""

from __future__ import annotations

import argparse
import datetime
import os
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from measuring import ROOT, Options, Section, interleaved, machine, median_ratio, milliseconds, versions
from scipy import stats
from steps import OURS, our_step, variants_on

from prunepipe.artifacts import Arrays
from prunepipe.datasets import prepare
from prunepipe.datasets.dataset import Dataset
from prunepipe.execution.devices import prepare_process, resolve_device
from prunepipe.networks.building import make_network
from prunepipe.networks.initialisation import initialise
from prunepipe.networks.state import load_arrays
from prunepipe.networks.tracing import trace
from prunepipe.pruning.allocations.depth import smart
from prunepipe.pruning.masks import kept_total, select
from prunepipe.seeds import numpy_generator, torch_generator
from prunepipe.stages.settings import dataset_settings, network_settings
from prunepipe.study.loading import load_study
from prunepipe.study.recipe import Recipe
from prunepipe.study.study import Study
from prunepipe.training.images import ImageSet
from prunepipe.training.loop import TrainingPlan, train
from prunepipe.verdicts.families import holm
from prunepipe.verdicts.statistics import paired_intervals

PRUNE_RATIO = 0.9
DATASET, NETWORK = "fashion_mnist", "vgg_fashion"
BASE, *CANDIDATES = OURS
GRAPHS = "float32, CUDA graphs"  # the base with captured steps, as in all other variants on a GPU


def variants(device: torch.device) -> dict[str, tuple[str, bool]]:
    """Return the precision and layout of each variant; CUDA graphs are a variant only on a GPU."""
    graphed = {GRAPHS: OURS[BASE]} if device.type == "cuda" else {}
    return {BASE: OURS[BASE], **graphed, **{name: OURS[name] for name in CANDIDATES}}


class Task(NamedTuple):
    """One seed of the comparison."""

    data: Dataset
    study: Study
    recipe: Recipe
    device: str
    seed: int


def compare(task: Task) -> list[dict[str, object]]:
    """Train the dense network and a random ticket in every variant, from the same weights and in the same order."""
    prepare_process(1)
    weights, mask = _start(task)
    runs = {"dense": None, "pruned": mask}
    return [
        {"seed": task.seed, "run": run, "variant": name, **_train(task, weights, kept, *how, name != BASE)}
        for name, how in variants(resolve_device(task.device)).items()
        for run, kept in runs.items()
    ]


def _network(task: Task) -> torch.nn.Module:
    settings = network_settings(task.study, NETWORK)
    channels, side = task.data.train_images.shape[1:3]
    shape = {"channels": channels, "classes": task.data.classes, "image_size": side}
    return make_network(settings.reference, **shape, options=settings.options)


def _start(task: Task) -> tuple[Arrays, Arrays]:
    network = _network(task)
    initialise(network, generator=torch_generator(task.seed, "init"))
    channels, side = task.data.train_images.shape[1:3]
    structure = trace(network, (channels, side, side))
    generator = numpy_generator(task.seed, "score")
    scores = {layer.name: generator.random(layer.shape) for layer in structure.layers}
    mask = select(scores, smart(scores, structure, kept_total(structure.size, PRUNE_RATIO)))
    return {name: value.numpy().copy() for name, value in network.state_dict().items()}, mask


def _train(
    task: Task, weights: Arrays, mask: Arrays | None, precision: str, channels_last: bool, graphs: bool
) -> dict[str, object]:
    device, data = resolve_device(task.device), task.data
    network = _network(task)
    load_arrays(network, weights)
    network.to(device)
    if channels_last:
        network.to(memory_format=torch.channels_last)
    images = partial(ImageSet, mean=data.mean, std=data.std, channels_last=channels_last, device=device)
    padding = task.recipe.augmentation.crop_padding
    training = images(data.train_images, data.train_labels, crop_padding=padding)
    plan = TrainingPlan(task.recipe, task.seed, "retrain" if mask else "dense", precision, graphs=graphs)
    started = time.process_time()
    end = train(network, training, images(data.test_images, data.test_labels), plan, mask=mask)
    return {"accuracy": end.history[-1]["test_accuracy"], "seconds": time.process_time() - started}


def judge(runs: pd.DataFrame, margin: float) -> tuple[list[dict[str, str]], list[str]]:
    """Test every variant against float32 NCHW.

    Args:
        runs: columns seed, run, variant, accuracy.
        margin: points of accuracy that count as no difference.
    Returns:
        Rows to print, and the variants that are equivalent dense and pruned, after Holm's correction.
    """
    table = runs.pivot_table(index="seed", columns=["run", "variant"], values="accuracy")
    candidates = [variant for variant in dict.fromkeys(runs["variant"]) if variant != BASE]
    pairs = [(run, variant) for variant in candidates for run in ("dense", "pruned")]
    differences = np.stack([(table[run, variant] - table[run, BASE]).to_numpy() for run, variant in pairs])
    effects = paired_intervals(differences, 0.05)
    equivalent = holm(np.array([equivalence(own, margin) for own in differences]))
    rows = []
    for number, (run, variant) in enumerate(pairs):
        row = effects.iloc[number]
        rows.append(
            {
                "variant": variant,
                "run": run,
                "accuracy": f"{table[run, variant].mean():.2f}",
                f"{BASE}": f"{table[run, BASE].mean():.2f}",
                "difference": f"{row['effect']:+.2f} [{row['interval_low']:+.2f}, {row['interval_high']:+.2f}]",
                "p (TOST, Holm)": f"{equivalent[number]:.2g}",
                "equivalent": "yes" if equivalent[number] <= 0.05 else "not shown",
            }
        )
    failed = {row["variant"] for row in rows if row["equivalent"] != "yes"}
    return rows, [variant for variant in candidates if variant not in failed]


def equivalence(differences: np.ndarray, margin: float) -> float:
    """Return the p-value of "the mean lies within the margin": two one-sided t tests, or if all are equal 2^-n.

    Source: Schuirmann, "A comparison of the two one-sided tests procedure", J. Pharmacokin. Biopharm. 1987.
    """
    if np.ptp(differences) < 1e-9:
        return float(0.5 ** len(differences)) if abs(differences[0]) < margin - 1e-9 else 1.0
    above = stats.ttest_1samp(differences, -margin, alternative="greater").pvalue
    return float(max(above, stats.ttest_1samp(differences, margin, alternative="less").pvalue))


def speeds(runs: pd.DataFrame, options: Options) -> list[dict[str, str]]:
    """Return how much faster each variant is, on the study's small network and on the paper's."""
    known = variants_on(options.device)  # emulation shows the accuracy, but its speed is meaningless
    small = {name: runs.loc[runs["variant"] == name, "seconds"].to_list() for name in known}
    rows = [_speed(f"{NETWORK}, a run (CPU s)", small, 1.0)]
    for name in () if options.quick else ("vgg19", "resnet32"):
        calls = {variant: our_step(name, *how, options) for variant, how in known.items()}
        rows.append(_speed(f"{name}, a step (ms)", interleaved(calls, 3, options.device), 1000.0))
    return rows


def _speed(what: str, seconds: dict[str, list[float]], scale: float) -> dict[str, str]:
    row = {"what": what, BASE: f"{scale * statistics.median(seconds[BASE]):.3g}"}
    for variant in CANDIDATES:
        if variant not in seconds:
            row[variant] = "-"
            continue
        ratio = median_ratio(seconds[BASE], seconds[variant])
        value = milliseconds(seconds[variant]) if scale > 1 else f"{statistics.median(seconds[variant]):.3g}"
        row[variant] = f"{value} ({ratio:.2f} times faster)"
    return row


TEXT = """# Equivalence of the faster ways to train

Made by `make equivalence` on {date}; {machine}; {versions}.

channels_last and bfloat16 change the last digits of every sum, and therefore every run. Whether they change the
*conclusions* is tested as everything else in this project: {seeds} paired seeds (same weights, images and order), the
recipe of the study `fashion` (epochs: {epochs}) on {network}, dense and as a random ticket with smart ratios at a prune
ratio of {ratio}. Each is compared with float32 in the usual layout (NCHW), which is bit-identical to a plain training
loop. Equivalent: the mean of the paired differences lies within ±{margin} points, by two one-sided tests at 5 % after
Holm's correction over the {tests} comparisons. Interval: 90 %.

{judged}
{fast}
{conclusion}
"""


def conclusion(passed: Sequence[str]) -> str:
    """Say which variants the test allows as a default; they are in ascending order of speed."""
    passed = [variant for variant in passed if variant in OURS]  # graphs are always used if possible
    if not passed:
        return "None is shown to be equivalent: stay with `precision: float32`, `channels_last: false`."
    precision, channels_last = OURS[passed[-1]]
    text = f"The fastest equivalent setting: `precision: {precision}`, `channels_last: {str(channels_last).lower()}`."
    if precision == "bfloat16":
        text += (
            " Not every processor has bfloat16 (the pipeline refuses it where it is only emulated), so config.yaml "
            "defaults to the fastest setting that runs everywhere: `precision: float32`, `channels_last: true`."
        )
    return text


def main() -> None:
    """Train, judge, write the document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=12, help="paired seeds, at least 2")
    parser.add_argument("--epochs", type=int, help="instead of the study's; for a trial")
    parser.add_argument("--margin", type=float, help="points of accuracy; default: the study's")
    parser.add_argument("--device", default="cpu", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--data-folder", type=Path, default=ROOT / "data")
    parser.add_argument("--quick", action="store_true", help="leave out the speed on large networks")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "equivalence.md")
    arguments = parser.parse_args()
    study = load_study(ROOT / "config" / "fashion.yaml")
    settings = dataset_settings(study, DATASET, str(arguments.data_folder))
    amount = settings.model_dump(exclude={"reference", "folder"})
    data = prepare(settings.reference, arguments.data_folder, **amount)
    short = {"epochs": arguments.epochs, "milestones": ()} if arguments.epochs else {}
    recipe = study.recipe.model_copy(update=short)
    tasks = [Task(data, study, recipe, arguments.device, seed) for seed in range(arguments.seeds)]
    device = resolve_device(arguments.device)
    workers = 1 if device.type == "cuda" else len(os.sched_getaffinity(0))
    with ProcessPoolExecutor(workers) as pool:
        runs = pd.DataFrame([row for rows in pool.map(compare, tasks) for row in rows])
    margin = arguments.margin or study.verdict.margin
    rows, passed = judge(runs, margin)
    prepare_process(1)
    fast = speeds(runs, Options(device, arguments.quick))
    facts = {"date": datetime.date.today().isoformat(), "machine": machine(device), "versions": versions()}
    text = TEXT.format(
        **facts,
        seeds=arguments.seeds,
        epochs=recipe.epochs,
        network=NETWORK,
        ratio=PRUNE_RATIO,
        margin=margin,
        tests=len(rows),
        judged=Section("Accuracy", "Mean test accuracy in percent over the seeds.", rows).markdown(),
        fast=Section(
            "Speed",
            "Medians, one thread; steps are timed alternately. -: this processor only emulates bfloat16.",
            fast,
        ).markdown(),
        conclusion=conclusion(passed),
    )
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
