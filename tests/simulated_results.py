"""Results, histories, layers and overlaps that look like those of a study, made up for tests."""

import numpy as np
import pandas as pd

from prunepipe.networks.structure import Layer, Structure
from prunepipe.plugins import load_function
from prunepipe.pruning.allocations import ALLOCATIONS
from prunepipe.pruning.masks import kept_total
from prunepipe.results import layout
from prunepipe.results import mask_overlap as forensics
from prunepipe.results.collected import Collected
from prunepipe.results.table import COLUMNS
from prunepipe.study.study import Study

CHANCE = {"cifar10": 10.0, "cifar100": 1.0, "digits": 10.0}
DENSE = {"cifar10": 93.7, "cifar100": 72.6, "digits": 98.9}
ROWS = {
    "snip": {"scored": "init", "score": "magnitude", "allocation": "global", "start": "init"},
    "grasp": {"scored": "init", "score": "magnitude", "allocation": "global", "start": "init"},
    "obd": {"scored": "final", "score": "magnitude", "allocation": "global", "start": "final"},
}
PAPER_TICKETS = ("lottery", "snip", "grasp", "random", "obd", "learning_rate_rewinding", "hybrid")


def make_study(
    name="simulated", tickets=("lottery", "random", "learning_rate_rewinding", "hybrid"), **changes
):
    rows = {ticket: ROWS.get(ticket, {}) for ticket in tickets} if isinstance(tickets, tuple) else tickets
    values = {
        "name": name,
        "datasets": ["cifar10"],
        "networks": ["vgg19"],
        "recipe": {"epochs": 4, "learning_rate": 0.1},
        "tickets": rows,
        "prune_ratios": [0.9, 0.98],
        "seeds": [0, 1, 2],
    }
    return Study.model_validate({**values, **changes})


PAPER_RECIPE = {
    "epochs": 160,
    "learning_rate": 0.1,
    "milestones": [80, 120],
    "augmentation": {"crop_padding": 4, "flip": True},
}


def make_paper_study(seeds=3):
    return make_study(
        "paper",
        PAPER_TICKETS,
        recipe=PAPER_RECIPE,
        datasets=["cifar10", "cifar100"],
        networks=["vgg19", "resnet32"],
        prune_ratios=[0.9, 0.95, 0.98],
        seeds=list(range(seeds)),
    )


def make_results(study, *, noise=0.15, collapse=False):
    """Fabricate finished runs; with `collapse`, LT and LR rewinding collapse on VGG at 98 %."""
    generator = np.random.default_rng(0)
    runs = pd.DataFrame([{"run": run.folder, **run.place} for run in layout.runs(study)])
    ratio = runs["prune_ratio"]
    dense = runs["dataset"].map(DENSE)
    drop = 60 * (ratio - 0.88).clip(lower=0) * np.where(runs["network"] == "vgg19", 0.3, 0.8)
    trained = runs["ticket"].isin(["learning_rate_rewinding", "hybrid"])
    hurt = trained & (runs["check"] != "none")
    accuracy = dense - drop - 0.8 * hurt + 0.4 * trained + generator.normal(0, noise, len(runs))
    magnitude = runs["ticket"].isin(["lottery", "learning_rate_rewinding"])
    gone = magnitude & (ratio == 0.98) & (runs["network"] == "vgg19") & collapse
    return runs.assign(
        study=study.name,
        accuracy=accuracy.where(~gone, runs["dataset"].map(CHANCE)),
        best_accuracy=accuracy + 0.1,
        loss=0.3,
        density=1 - ratio,
        effective_density=(1 - ratio).where(~gone, 0.0),
        dead_units=(100 * ratio).round(),
        unreachable_outputs=0.0,
        collapsed=gone,
        epochs=4,
        seconds=1.5,
        device="cpu",
        precision="float32",
        version="0.1",
        code="abc123",
        data_checksum=runs["dataset"].map({"cifar10": "d10", "cifar100": "d100"}).fillna("d0"),
        status="done",
        cause="",
    ).reindex(columns=list(COLUMNS))


def lose(results, reason="error: the disk is full.", **where):
    """Turn the runs at a place into missing ones."""
    chosen = np.logical_and.reduce([results[column] == value for column, value in where.items()])
    measured = COLUMNS[COLUMNS.index("accuracy") : COLUMNS.index("status")]
    results = results.astype({"collapsed": object})
    results.loc[chosen, list(measured)] = np.nan
    results.loc[chosen, ["status", "cause"]] = ["missing", reason]
    return results


def make_structure(channels=(64, 64, 128, 128, 256, 256, 512, 512), classes=10):
    inputs = (3, *channels)
    layers = [Layer(f"features.{i}.weight", "conv", (out, inputs[i], 3, 3)) for i, out in enumerate(channels)]
    layers.append(Layer("classifier.weight", "linear", (classes, channels[-1])))
    return Structure(tuple(layers))


def make_layers(study, results, structure):
    """Fabricate the layer tables: counts by an allocation that resembles each ticket's."""
    frames = {}
    pruned = results[results["ticket"] != "full_network"]
    rows = []
    for run, ticket, ratio in pruned[["run", "ticket", "prune_ratio"]].itertuples(index=False, name=None):
        allocation = {"random": "smart", "hybrid": "smart", "snip": "uniform_plus"}.get(ticket, "erk")
        key = allocation, ratio
        if key not in frames:
            frames[key] = load_function(ALLOCATIONS[allocation].function)(
                {}, structure, kept_total(structure.size, ratio)
            )
        for position, layer in enumerate(structure.layers, start=1):
            count = frames[key][layer.name]
            rows.append((run, layer.name, layer.kind, layer.size, count, layer.shape[0], 0, position))
    columns = ["run", "layer", "kind", "size", "kept", "units", "dead_units", "position"]
    layers = pd.DataFrame(rows, columns=columns)
    gone = layers["run"].isin(results.loc[results["collapsed"].eq(True), "run"])
    return layers.assign(
        kept=layers["kept"].mask(gone & (layers["position"] == len(structure.layers) - 1), 0)
    )


def make_histories(results, epochs=4):
    done = results.loc[(results["status"] == "done") & ~results["collapsed"].eq(True), ["run", "accuracy"]]
    epoch = np.tile(np.arange(1, epochs + 1), len(done))
    frame = done.loc[done.index.repeat(epochs)].reset_index(drop=True)
    rise = 1 - 0.6 * np.exp(-4 * epoch / epochs)
    return pd.DataFrame({"run": frame["run"], "epoch": epoch, "test_accuracy": frame["accuracy"] * rise})


def make_overlap(study):
    """Fabricate overlaps: the masks of magnitude depend on the data, the others are at chance."""
    generator = np.random.default_rng(1)
    rows = []
    for dataset in study.datasets:
        for network in study.networks:
            for ticket, row in study.tickets.items():
                own = 0.0 if row.score == "random" else 0.35
                for ratio in study.prune_ratios:
                    chance = (1 - ratio) / (1 + ratio)
                    place = (study.name, dataset, network, ticket, ratio)
                    for kind, source in (("data", "corrupted_data"), ("seeds", "clean")):
                        for seed in study.seeds:
                            jaccard = chance + own * (1 - ratio) + generator.normal(0, 0.001)
                            rows.append((*place, kind, "clean", seed, source, seed + 1, jaccard, chance, ""))
    return pd.DataFrame(rows, columns=list(forensics.COLUMNS))


def make_collected(study, results=None, epochs=4):
    results = make_results(study, collapse=True) if results is None else results
    structure = make_structure()
    return Collected(
        results,
        make_layers(study, results, structure),
        make_histories(results, epochs),
        make_overlap(study),
        {(dataset, network): structure for dataset in study.datasets for network in study.networks},
    )


def with_accuracies(results, values):
    """Set the accuracies of runs: {(ticket, check, prune_ratio): one number a seed}."""
    results = results.copy()
    for (ticket, check, ratio), numbers in values.items():
        chosen = (
            (results["ticket"] == ticket) & (results["check"] == check) & (results["prune_ratio"] == ratio)
        )
        results.loc[chosen, "accuracy"] = numbers
    return results


def cell_of(table, ticket, check="none", ratio=0.9, **where):
    chosen = table[(table["ticket"] == ticket) & (table["check"] == check) & (table["prune_ratio"] == ratio)]
    for column, value in where.items():
        chosen = chosen[chosen[column] == value]
    assert len(chosen) == 1
    return chosen.iloc[0]


def line_of(text, start):
    return next(line for line in text.splitlines() if line.startswith(start))
