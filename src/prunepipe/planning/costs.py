"""Count what a study consists of without running it: runs, epochs, arithmetic, disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from prunepipe.networks.structure import Layer
from prunepipe.planning.storage import dataset_bytes, network_bytes, score_files
from prunepipe.study.feasibility import facts_of, layers_of
from prunepipe.study.study import CLEAN, Study


@dataclass(frozen=True)
class CostItem:
    """The runs of one network on one data set.

    Attributes:
        dataset, network: names in the study.
        dense_runs: trainings of the unpruned network, shared by tickets, checks and prune ratios.
        own_dense_runs: the same if every pruned run that needs one trained its own, plus one per seed for the table.
        cells: trainings of tickets, if there is no layer collapse; cycles on clean data are among them.
        searches: other trainings that lead to a mask.
        epochs: epochs of all runs.
        trained_images, tested_images: number of images passed through training steps, or tested; None: unknown.
        step_flops, forward_flops: operations per image of a training step, or a forward pass; None: unknown.
        disk: disk space in bytes; None: unknown.
    """

    dataset: str
    network: str
    dense_runs: int
    own_dense_runs: int
    cells: int
    searches: int
    epochs: int
    trained_images: int | None = None
    tested_images: int | None = None
    step_flops: int | None = None
    forward_flops: int | None = None
    disk: int | None = None

    @property
    def flops(self) -> int | None:
        """Floating-point operations of training and testing."""
        if self.step_flops is None or self.forward_flops is None:
            return None
        return (self.trained_images or 0) * self.step_flops + (self.tested_images or 0) * self.forward_flops


@dataclass(frozen=True)
class StudyCost:
    """The counted cost of a study.

    Attributes:
        study: its name.
        parts: one per data set and network.
        batch_size: images per step.
        datasets_disk: size in bytes of the prepared data sets; None: unknown.
        scorings: number of sets of scores, which tickets share.
    """

    study: str
    parts: tuple[CostItem, ...]
    batch_size: int
    datasets_disk: int | None
    scorings: int

    @property
    def submissions(self) -> int:
        """Number of jobs that use a GPU and are submitted to a cluster: trainings and sets of scores."""
        return self.runs + self.scorings

    @property
    def runs(self) -> int:
        """Number of trainings with shared dense runs."""
        return sum(part.dense_runs + part.cells + part.searches for part in self.parts)

    @property
    def runs_not_shared(self) -> int:
        """Number of trainings if no two pruned runs shared a dense run."""
        return sum(part.own_dense_runs + part.cells + part.searches for part in self.parts)

    @property
    def epochs(self) -> int:
        """Number of epochs of all runs."""
        return sum(part.epochs for part in self.parts)

    @property
    def flops(self) -> int | None:
        """Number of operations of all runs, or None if that of one network is unknown."""
        return _sum(part.flops for part in self.parts)

    @property
    def disk(self) -> int | None:
        """Size of all files in bytes, or None if that of one network is unknown."""
        return _sum([self.datasets_disk, *(part.disk for part in self.parts)])


@dataclass(frozen=True)
class Calibration:
    """How fast a device trains.

    Attributes:
        device: its name.
        gpu: whether it is a GPU.
        jobs: number of training jobs that run on it in parallel.
        seconds_per_image: time of a training step per image, by (data set, network); missing entries are unknown.
        side_by_side: images per second of all jobs that share one GPU, by (data set, network) and number of jobs.
    """

    device: str
    gpu: bool
    jobs: int
    seconds_per_image: Mapping[tuple[str, str], float] = field(default_factory=dict)
    side_by_side: Mapping[tuple[str, str], Mapping[int, float]] = field(default_factory=dict)

    def seconds(self, plan: StudyCost) -> float | None:
        """Return the wall time in seconds of a plan on this one device, or None if part of it is unknown."""
        times = []
        for part in plan.parts:
            pace = self.seconds_per_image.get((part.dataset, part.network))
            if pace is None or part.trained_images is None or part.tested_images is None:
                return None
            times.append(pace * (part.trained_images + part.tested_images / 3))  # forward: a third of a step
        return sum(times) / self.jobs


def plan(study: Study) -> StudyCost:
    """Count the cost of a study, without running jobs and without torch.

    Args:
        study: a validated study.
    Returns:
        The cost; it is None where it depends on the user's own network or data set.
    """
    parts = tuple(_part(study, *place) for place in study.places)
    images = [facts_of(study, name) for name in study.datasets]
    disks = [
        dataset_bytes(one.channels, one.image_size, one.train_images + one.test_images) if one else None
        for one in images
    ]
    scorings = len(parts) * len(study.seeds) * len(score_files(study))
    return StudyCost(study.name, parts, study.recipe.batch_size, _sum(disks), scorings)


def _part(study: Study, dataset: str, network: str) -> CostItem:
    place = dataset, network
    dense = [run for run in study.dense_runs() if run[:2] == place]
    cells = [cell for cell in study.cells() if cell[:2] == place]
    searches = [search for search in study.searches() if search[:2] == place]
    whole = study.recipe.epochs, study.recipe.evaluations()
    trainings = Counter((run.data, *whole) for run in dense)
    trainings += Counter((CLEAN, *_length(study, cell.ticket, cell.prune_ratio)) for cell in cells)
    trainings += Counter(
        (search.data, *_length(study, search.ticket, search.prune_ratio)) for search in searches
    )
    own = sum(study.tickets[cell.ticket].needs_dense_run for cell in cells) + len(study.seeds)
    total = sum(count * epochs for (_, epochs, _), count in trainings.items())
    facts, maps = facts_of(study, dataset), layers_of(study, dataset, network)
    known: dict[str, int] = {}
    if facts:
        passes = ((data, epochs * count) for (data, epochs, _), count in trainings.items())
        tests = sum(count * evaluations for (_, _, evaluations), count in trainings.items())
        known["trained_images"] = sum(n * _images(study, data, facts.train_images) for data, n in passes)
        known["tested_images"] = tests * facts.test_images
    if facts and maps:
        known["step_flops"], known["forward_flops"] = flops_of(maps)
        layers = [layer for layer, _ in maps]
        known["disk"] = network_bytes(study, layers, facts.test_images * facts.classes)
    return CostItem(dataset, network, len(dense), own, len(cells), len(searches), total, **known)


def _length(study: Study, ticket: str, prune_ratio: float) -> tuple[int, int]:
    """Return how many epochs a ticket is trained, and how often it is tested."""
    row = study.tickets[ticket]
    recipe, first = study.recipe_of(row, prune_ratio), study.skipped_epochs(row)
    return recipe.epochs - first, recipe.evaluations(first)


def _images(study: Study, data: str, count: int) -> int:
    """Return the number of training images of a data variant; the user's own checks are assumed to keep all."""
    return count if data == CLEAN else study.check(data).images_left(count)


def flops_of(maps: list[tuple[Layer, int]]) -> tuple[int, int]:
    """Return the operations per image of a training step and of a forward pass.

    The backward pass costs twice the forward pass; the images themselves need no gradient.
    """
    costs = [2 * layer.size * side**2 for layer, side in maps]
    return 3 * sum(costs) - costs[0], sum(costs)


def _sum(values: Iterable[int | None]) -> int | None:
    known = list(values)
    return None if None in known else sum(value for value in known if value is not None)
