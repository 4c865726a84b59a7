"""Details that a stage must not lose on the way from the study to the library."""

from pathlib import Path

import numpy as np
import pytest
import torch

from prunepipe.artifacts import Arrays
from prunepipe.datasets import read_dataset, write_dataset
from prunepipe.datasets.digits import load
from prunepipe.datasets.reduction import balanced_first
from prunepipe.stages import scoring as stage_scoring
from prunepipe.stages import settings as stage_settings
from prunepipe.stages import training as stage_training
from prunepipe.stages.execution import Execution
from prunepipe.stages.initialising import initialise
from prunepipe.stages.schemas.initialising import InitialSettings
from prunepipe.stages.schemas.network import NetworkSettings
from prunepipe.study.study import Study

NUMERICS = {"precision": "float32", "channels_last": False}
RECIPE = {
    "epochs": 3,
    "learning_rate": 0.05,
    "milestones": [1],
    "augmentation": {"crop_padding": 2, "flip": True},
}
LATE = {
    "scored": "final",
    "score": "magnitude",
    "allocation": "smart",
    "start": "epoch 1",
    "schedule": "remaining",
}


@pytest.fixture
def study(small: dict) -> Study:
    tickets = {"late": LATE, "lottery": {"checks": ["first_half"]}, "grasp": {}}
    return Study.model_validate(small | {"recipe": RECIPE, "tickets": tickets})


@pytest.fixture
def data(tmp_path: Path) -> str:
    whole = load(Path())
    chosen = balanced_first(whole.train_labels, 10, 200, key="train_images")
    images, labels = whole.train_images[chosen], whole.train_labels[chosen]
    path = tmp_path / "small.safetensors"
    write_dataset(path, type(whole)(images, labels, images, labels, 10, whole.mean, whole.std), "small")
    return str(path)


def initial_weights(data: str) -> Arrays:
    network = NetworkSettings(reference="prunepipe.networks.vgg:vgg_digits")
    weights, _ = initialise(data, InitialSettings(network=network, seed=0, draw="init"))
    return weights


def test_late_rewinding_trains_the_remaining_epochs_from_the_weights_of_its_epoch(
    study: Study, data: str
) -> None:
    dense_settings = stage_settings.dense_settings(study, "vgg_digits", "clean", 0, NUMERICS)
    dense = stage_training.train_dense(data, initial_weights(data), dense_settings, Execution())
    snapshot = dense.snapshots[1]
    assert any((snapshot[name] != dense.weights[name]).any() for name in snapshot)
    mask = {name: np.ones_like(value, bool) for name, value in snapshot.items() if value.ndim > 1}
    settings = stage_settings.retrain_settings(study, "vgg_digits", "late", 0.9, 0, NUMERICS)
    end = stage_training.retrain(data, snapshot, mask, settings, Execution())
    assert [(row["epoch"], row["learning_rate"]) for row in end.history] == [
        (2, pytest.approx(0.005)),
        (3, pytest.approx(0.005)),
    ]


@pytest.mark.parametrize(("variant", "shuffle"), [("first_half", False), ("clean", True)])
def test_the_first_half_is_trained_in_file_order(
    study: Study, data: str, monkeypatch: pytest.MonkeyPatch, variant: str, shuffle: bool
) -> None:
    plans = []

    def stop(network, training_set, test_set, plan, **others):
        plans.append(plan)
        raise KeyboardInterrupt

    monkeypatch.setattr(stage_training, "train", stop)
    monkeypatch.setattr(
        stage_training, "corrupted", lambda dataset, *_: (dataset.train_images, dataset.train_labels)
    )
    settings = stage_settings.dense_settings(study, "vgg_digits", variant, 0, NUMERICS)
    with pytest.raises(KeyboardInterrupt):
        stage_training.train_dense(data, initial_weights(data), settings, Execution())
    assert plans[0].shuffle is shuffle


def test_the_images_that_a_score_reads_are_augmented_ones(study: Study, data: str) -> None:
    settings = stage_settings.score_settings(study, "vgg_digits", "grasp", "clean", "_any", 0)
    dataset = read_dataset(data)
    (images, labels), *others = stage_scoring._batches(dataset, settings)
    assert not others
    assert labels.bincount().tolist() == [10] * 10
    black = (0.0 - dataset.mean[0]) / dataset.std[0]
    padded = np.pad(dataset.train_images, ((0, 0), (0, 0), (2, 2), (2, 2)))
    known = {}
    for flip in (False, True):
        for row in range(5):
            for column in range(5):
                crops = padded[:, :, row : row + 8, column : column + 8]
                for crop in crops[..., ::-1] if flip else crops:
                    known.setdefault(crop.tobytes(), (flip, row, column))
    pixels = ((images * dataset.std[0] + dataset.mean[0]) * 255).round().to(torch.uint8).numpy()
    found = [known[image.tobytes()] for image in pixels]  # every one is a crop of a training image
    assert len({(row, column) for _, row, column in found}) > 10
    assert {flip for flip, _, _ in found} == {False, True}
    assert images.min().item() == pytest.approx(black, abs=1e-6)


def test_the_grasp_ticket_draws_its_linear_weights_anew_as_the_reference_does(study: Study) -> None:
    settings = stage_settings.score_settings(study, "vgg_digits", "grasp", "clean", "_any", 0)
    assert settings.options == {"redraw_linear": True}
