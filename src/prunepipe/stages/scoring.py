"""The stage that scores a network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from prunepipe.artifacts import Arrays
from prunepipe.datasets.dataset import Dataset, read_dataset
from prunepipe.errors import ScoreError
from prunepipe.execution.devices import prepare_process, resolve_device
from prunepipe.networks.state import load_arrays
from prunepipe.networks.structure import Structure, read_structure
from prunepipe.plugins import is_external, load_function
from prunepipe.pruning.masks import kept_total
from prunepipe.pruning.rounds import Rounds, balanced_batches, blank_batches, score_network
from prunepipe.pruning.scores.answers import Answer
from prunepipe.pruning.scores.calling import asked_ratios
from prunepipe.pruning.scores.contract import Batch, Batches
from prunepipe.pruning.scores.enforcing import Scorer
from prunepipe.seeds import torch_generator
from prunepipe.stages.allocating import allocate
from prunepipe.stages.execution import Execution
from prunepipe.stages.inputs import build, corrupted
from prunepipe.stages.schemas.scoring import (
    NoImages,
    RatioSettings,
    RefreshSettings,
    ScoreSettings,
    TrainingSet,
)
from prunepipe.study.batches import batch_bounds
from prunepipe.study.recipe import Augmentation
from prunepipe.training.batch_norm import refresh
from prunepipe.training.images import ImageSet, draw_epoch


def score(
    data: str,
    structure: str,
    weights: Arrays,
    settings: ScoreSettings,
    execution: Execution,
    mask: Arrays | None = None,
) -> Arrays:
    """Score every prunable weight.

    Args:
        data: path of the prepared data set.
        structure: path of the network's structure.
        weights: the weights to score.
        settings: the settings from `score_settings`.
        execution: device and threads.
        mask: of the weights, if an earlier cycle pruned them; True = kept.

    Returns:
        Scores by layer; -inf where an earlier round or cycle pruned.
    """
    prepare_process(execution.threads, execution.deterministic)
    task = scoring_task(read_dataset(data), read_structure(structure), weights, settings, execution)
    scores = task.scores(task.scorer)
    return {name: np.where(mask[name], layer, -np.inf) if mask else layer for name, layer in scores.items()}


@dataclass(frozen=True)
class ScoringTask:
    """A network with everything needed to score it.

    Attributes:
        network: the network with its weights, on its device.
        scorer: the score with its settings.
        batches: the data that the score reads.
        settings: the settings from `score_settings`.
        rounds: iterative pruning down to the prune ratio, or None if one set of scores serves all ratios.
    """

    network: nn.Module
    scorer: Scorer
    batches: Batches
    settings: ScoreSettings
    rounds: Rounds | None

    def scores(self, scorer: Scorer) -> Arrays:
        """Return the scores after all rounds."""
        generator = self.generator()
        return score_network(
            self.network, scorer, self.batches, F.cross_entropy, generator=generator, rounds=self.rounds
        )

    def answer(self) -> Answer:
        """Call the score on the unpruned network, and return scores or a mask."""
        return self.scorer.answer(self.network, self.batches, F.cross_entropy, generator=self.generator())

    def generator(self) -> torch.Generator:
        """Return a new generator at the start of the score's random stream."""
        return torch_generator(self.settings.seed, "score")


def scoring_task(
    dataset: Dataset, structure: Structure, weights: Arrays, settings: ScoreSettings, execution: Execution
) -> ScoringTask:
    """Build the network, load its weights, and move everything to the device."""
    network = build(dataset, settings.network, settings.seed)
    load_arrays(network, weights)
    kept, rounds, ratio = None, None, settings.ratio
    if ratio is not None:
        kept = kept_total(structure.size, ratio.prune_ratio)
        rounds = Rounds(ratio.rounds, kept / structure.size, partial(_allocate, ratio, structure))
    device = resolve_device(execution.device)
    network.to(device)
    if settings.refresh is not None:
        _refresh(network, dataset, settings.refresh, settings.seed, device)
    return ScoringTask(
        network=network,
        scorer=scorer_of(settings, kept, structure.size, execution),
        batches=_Moved(_batches(dataset, settings), device),
        settings=settings,
        rounds=rounds,
    )


def _refresh(
    network: nn.Module, dataset: Dataset, settings: RefreshSettings, seed: int, device: torch.device
) -> None:
    """Recompute BatchNorm's running statistics in one pass over the training images, with its own random stream."""
    data = corrupted(dataset, settings.corruption, seed)
    training_set = _image_set(dataset, *data, settings.augmentation, device)
    generator = torch_generator(seed, "score", "batch norm")
    refresh(network, training_set, settings.augmentation, settings.batch_size, generator)


def _image_set(
    dataset: Dataset,
    images: np.ndarray,
    labels: np.ndarray,
    augmentation: Augmentation,
    device: torch.device,
) -> ImageSet:
    padding, cutout = augmentation.crop_padding, augmentation.cutout
    constants = dataset.mean, dataset.std
    return ImageSet(images, labels, *constants, crop_padding=padding, cutout=cutout, device=device)


def scorer_of(settings: ScoreSettings, kept: int | None, size: int, execution: Execution) -> Scorer:
    """Return the score with all its settings.

    Args:
        settings: the settings from `score_settings`.
        kept: number of weights that the prune ratio keeps, or None if one set of scores serves all ratios.
        size: number of prunable weights.
        execution: the time limit for a call of user code, and whether it must be deterministic.

    Raises:
        ScoreError: the score asks for the prune ratio, but its ticket does not pass it.
    """
    method = load_function(settings.score)
    asked = asked_ratios(method)
    if kept is None and not asked.keys() <= settings.options.keys():
        raise ScoreError(
            f"score {settings.score}: asks for {' and '.join(sorted(asked))}, which differ between prune "
            "ratios; set `per_prune_ratio: true` in its ticket (or `allocation: constructed`, if it returns a mask)."
        )
    told = (
        {} if kept is None else {"kept_total": kept, "density": kept / size, "prune_ratio": 1 - kept / size}
    )
    return Scorer(
        method,
        title=f"score {settings.score}",
        options=settings.options,
        ratios=told,
        constructive=settings.ratio is not None and settings.ratio.constructive,
        missing=settings.missing,
        zeros=settings.zeros,
        external=is_external(settings.score),
        check_determinism=is_external(settings.score) and execution.deterministic,
        time_limit=execution.score_time_limit,
    )


def _allocate(ratio: RatioSettings, structure: Structure, scores: Arrays, total: int) -> dict[str, int]:
    chosen = ratio.allocation
    exact = not ratio.constructive
    return allocate(chosen.reference, scores, structure, total, chosen.options, exact=exact)


def _batches(dataset: Dataset, settings: ScoreSettings) -> Sequence[Batch] | _Plain:
    """Return the batches that a score reads: one blank image, a few images per class, or the training set."""
    read, seed = settings.images, settings.seed
    if isinstance(read, NoImages):
        return blank_batches(*dataset.train_images.shape[1:])
    images, labels = corrupted(dataset, read.corruption, seed)
    if isinstance(read, TrainingSet):
        image_set = ImageSet(images, labels, dataset.mean, dataset.std, device=torch.device("cpu"))
        return _Plain(image_set, read.batch_size)
    return balanced_batches(
        images,
        labels,
        read.images_per_class,
        read.batches,
        dataset.classes,
        partial(_augmented, dataset, read.augmentation, torch_generator(seed, "score augmentation")),
        generator=torch_generator(seed, "score images"),
    )


def _augmented(
    dataset: Dataset, augmentation: Augmentation, generator: torch.Generator, images: torch.Tensor
) -> torch.Tensor:
    count = len(images)
    labels = np.zeros(count, np.int64)  # they do not matter
    chosen = _image_set(dataset, images.numpy(), labels, augmentation, torch.device("cpu"))
    return chosen.batch(draw_epoch(count, augmentation, generator, shuffle=False), 0, count)[0]


class _Plain:
    """The training set in file order, without augmentation, batch by batch; can be iterated repeatedly."""

    def __init__(self, images: ImageSet, size: int) -> None:
        self._images = images
        self._bounds = batch_bounds(len(images), size)

    def __len__(self) -> int:
        return len(self._bounds)

    def __iter__(self) -> Iterator[Batch]:
        for start, end in self._bounds:
            yield self._images.plain(start, end)


class _Moved:
    """Copies of batches on a device; can be iterated repeatedly, even if a copy was changed."""

    def __init__(self, batches: Sequence[Batch] | _Plain, device: torch.device) -> None:
        self._batches = batches
        self._device = device

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[Batch]:
        for images, labels in self._batches:
            yield images.to(self._device, copy=True), labels.to(self._device, copy=True)
