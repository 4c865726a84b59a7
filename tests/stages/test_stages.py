"""The stages on the library's side: which data they see, what they refuse, how a collapsed ticket ends."""

from fractions import Fraction
from math import floor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from prunepipe.artifacts import Arrays, checksum, write_json
from prunepipe.datasets import read_dataset, write_dataset
from prunepipe.datasets.digits import load
from prunepipe.datasets.reduction import balanced_first
from prunepipe.errors import ArtifactError, TrainingError
from prunepipe.networks.structure import Structure
from prunepipe.networks.vgg import vgg_digits
from prunepipe.pruning.checks import apply_mask
from prunepipe.pruning.tickets import write_ticket
from prunepipe.stages import settings as stage_settings
from prunepipe.stages import training as stage_training
from prunepipe.stages.checking import apply_check
from prunepipe.stages.describing import describe
from prunepipe.stages.evaluation import measure
from prunepipe.stages.execution import Execution
from prunepipe.stages.initialising import initialise
from prunepipe.stages.masking import make_mask
from prunepipe.stages.outcome import Outcome, write_run
from prunepipe.stages.schemas.evaluating import PlaceSettings
from prunepipe.stages.schemas.initialising import InitialSettings
from prunepipe.stages.schemas.network import NetworkSettings
from prunepipe.stages.scoring import score
from prunepipe.study.study import Study
from prunepipe.training.images import ImageSet

NUMERICS = {"precision": "float32", "channels_last": False}
NETWORK = "vgg_digits"
PLACE = PlaceSettings(
    study="small",
    dataset="digits",
    network=NETWORK,
    ticket="lottery",
    check="none",
    prune_ratio=0.9,
    seed=0,
    precision="float32",
    version="0",
    code="0",
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The path of a small prepared data set."""
    whole = load(Path())
    chosen = balanced_first(whole.train_labels, 10, 200, key="train_images")
    small = type(whole)(
        whole.train_images[chosen],
        whole.train_labels[chosen],
        whole.test_images[:100],
        whole.test_labels[:100],
        whole.classes,
        whole.mean,
        whole.std,
    )
    path = tmp_path_factory.mktemp("data") / "small.safetensors"
    write_dataset(path, small, "small")
    return str(path)


@pytest.fixture(scope="module")
def start(data: str) -> tuple[Arrays, Structure]:
    """Initial weights and structure."""
    network = NetworkSettings(reference="prunepipe.networks.vgg:vgg_digits")
    return initialise(data, InitialSettings(network=network, seed=0, draw="init"))


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Checksums of the image sets that training stages make, training set first."""
    sums: list[str] = []

    def watched(images: np.ndarray, labels: np.ndarray, **options: Any) -> ImageSet:
        sums.append(checksum({"images": images, "labels": labels}))
        return ImageSet(images, labels, **options)

    monkeypatch.setattr(stage_training, "ImageSet", watched)
    return sums


def clean_checksum(data: str) -> str:
    dataset = read_dataset(data)
    return checksum({"images": dataset.train_images, "labels": dataset.train_labels})


def pruned(start: tuple[Arrays, Structure], density: float) -> tuple[Arrays, Arrays]:
    weights, structure = start
    generator = np.random.default_rng(0)
    mask = {layer.name: generator.random(layer.shape) < density for layer in structure.layers}
    return apply_mask(weights, mask), mask


def test_retraining_sees_the_clean_data_whatever_the_check(
    data: str, start: tuple[Arrays, Structure], small: dict, seen: list[str]
) -> None:
    study = Study.model_validate(small | {"recipe": {"epochs": 1, "learning_rate": 0.1}})
    settings = stage_settings.retrain_settings(study, NETWORK, "lottery", 0.9, 0, NUMERICS)
    stage_training.retrain(data, *pruned(start, 0.5), settings, Execution())
    assert seen[0] == clean_checksum(data)


def test_what_a_run_starts_from_are_its_weights_its_mask_and_its_data(
    start: tuple[Arrays, Structure],
) -> None:
    weights, mask = pruned(start, 0.5)
    labels = np.zeros(2, np.int64)

    def started(weights: Arrays, mask: Arrays | None, labels: np.ndarray) -> str:
        identity = stage_training._inputs((np.zeros((2, 1, 8, 8), np.uint8), labels), weights, mask)
        return stage_training._facts(torch.device("cpu"), Execution(), identity, 0.0)["start"]

    whole = {name: ~layer | layer for name, layer in mask.items()}
    cases = [(weights, mask, labels), (start[0], mask, labels), (weights, whole, labels)]
    cases += [(weights, None, labels), (weights, mask, labels + 1)]
    found = [started(*case) for case in cases]
    assert len(set(found)) == len(cases)
    assert started(*cases[0]) == found[0]


@pytest.mark.parametrize(
    ("free", "text"),
    [
        (10_000, "the images of the data set take .* lower datasets.NAME.train_images"),
        (100_000, "a training step of 64 images takes at least .* lower recipe.batch_size = 64"),
    ],
)
def test_training_that_does_not_fit_into_memory_is_refused_before_its_first_step(
    data: str,
    start: tuple[Arrays, Structure],
    small: dict,
    monkeypatch: pytest.MonkeyPatch,
    free: int,
    text: str,
) -> None:
    study = Study.model_validate(small | {"recipe": {"epochs": 1, "learning_rate": 0.1}})
    settings = stage_settings.dense_settings(study, NETWORK, "clean", 0, NUMERICS)
    monkeypatch.setattr("prunepipe.execution.devices.available_memory", lambda: free)
    with pytest.raises(TrainingError, match=text):
        stage_training.train_dense(data, start[0], settings, Execution())


@pytest.mark.parametrize("variant", ["random_labels", "random_pixels", "corrupted_data", "half_dataset"])
def test_the_dense_run_behind_a_data_check_sees_other_training_data_and_the_same_test_set(
    data: str, start: tuple[Arrays, Structure], small: dict, seen: list[str], variant: str
) -> None:
    study = Study.model_validate(small | {"recipe": {"epochs": 1, "learning_rate": 0.1}})
    for chosen in ("clean", variant):
        settings = stage_settings.dense_settings(study, NETWORK, chosen, 0, NUMERICS)
        stage_training.train_dense(data, start[0], settings, Execution())
    train_clean, test_clean, train_varied, test_varied = seen
    assert train_clean == clean_checksum(data) != train_varied
    assert test_clean == test_varied


@pytest.mark.parametrize("name", ["snip", "grasp", "obd"])
def test_data_scores_see_the_corruption_and_others_do_not(
    data: str, start: tuple[Arrays, Structure], small: dict, tmp_path: Path, name: str
) -> None:
    study = Study.model_validate(small | {"tickets": {name: {"scored": "init"}, "random": {}}})
    write_json(tmp_path / "structure.json", start[1].to_json())

    def scores(ticket: str, variant: str) -> str:
        settings = stage_settings.score_settings(study, NETWORK, ticket, variant, "_any", 0)
        return checksum(score(data, str(tmp_path / "structure.json"), start[0], settings, Execution()))

    assert scores(name, "clean") != scores(name, "corrupted_data")
    assert scores(name, "clean") == scores(name, "clean")
    assert scores("random", "clean") == scores("random", "corrupted_data")


def test_a_mask_keeps_exactly_what_the_prune_ratio_leaves(
    start: tuple[Arrays, Structure], small: dict
) -> None:
    weights, structure = start
    scores = {layer.name: np.abs(weights[layer.name]) for layer in structure.layers}
    study = Study.model_validate(small)
    for prune_ratio in (0.9, 0.95, 0.98):
        for ticket in ("lottery", "hybrid"):
            settings = stage_settings.mask_settings(study, ticket, "clean", prune_ratio)
            mask = make_mask(scores, structure, settings)
            kept = sum(int(layer.sum()) for layer in mask.values())
            assert kept == floor(structure.size * (1 - Fraction(str(prune_ratio))))


def test_the_inverted_mask_keeps_the_lowest_scores(start: tuple[Arrays, Structure], small: dict) -> None:
    weights, structure = start
    scores = {layer.name: np.abs(weights[layer.name]) for layer in structure.layers}
    study = Study.model_validate(small | {"tickets": {"hybrid": {"checks": ["invert"]}}})
    highest = make_mask(scores, structure, stage_settings.mask_settings(study, "hybrid", "clean", 0.9))
    lowest = make_mask(scores, structure, stage_settings.mask_settings(study, "hybrid", "invert", 0.9))
    last = structure.layers[-2].name
    assert not (highest[last] & lowest[last]).any()
    assert scores[last][lowest[last]].max() < scores[last][~lowest[last]].min()


@pytest.mark.parametrize("check", ["none", "rearrange", "shuffle_weights", "reinit"])
def test_each_check_changes_its_stage_and_no_other(
    start: tuple[Arrays, Structure], small: dict, check: str
) -> None:
    weights, mask = pruned(start, 0.3)
    fresh = {name: value + 1 for name, value in start[0].items()}
    settings = stage_settings.check_settings(Study.model_validate(small), check, 0)
    changed, new_mask = apply_check(start[0], mask, fresh, settings)
    for name, kept in mask.items():
        assert not changed[name][~new_mask[name]].any()
        assert kept.sum() == new_mask[name].sum()
        assert (kept == new_mask[name]).all() == (check != "rearrange" or kept.all()), name
        same = np.array_equal(changed[name], weights[name])
        assert same == (check == "none"), name
        if check == "shuffle_weights":
            np.testing.assert_array_equal(np.sort(changed[name][kept]), np.sort(weights[name][kept]))


def cut_off(start: tuple[Arrays, Structure]) -> tuple[Arrays, Arrays]:
    weights, mask = pruned(start, 0.3)
    third = list(mask)[2]
    mask[third] = np.zeros_like(mask[third])
    return apply_mask(weights, mask), mask


def shape_of(mask: Arrays) -> dict[str, Any]:
    return describe(mask, vgg_digits(channels=1, classes=10, image_size=8), (1, 8, 8))


def files_of(folder: Path, data: str, outcome: Outcome, mask: Arrays) -> SimpleNamespace:
    names = ("trained", "history", "logits", "timing", "layers")
    files = SimpleNamespace(data=data, **{name: str(folder / name) for name in names})
    write_json(files.layers, outcome.shape)
    write_ticket(files.trained, outcome.weights, mask)
    write_run(outcome, files)
    return files


def test_a_collapsed_ticket_is_recorded_at_chance_without_training(
    data: str, start: tuple[Arrays, Structure], small: dict, tmp_path: Path
) -> None:
    weights, mask = cut_off(start)
    settings = stage_settings.retrain_settings(
        Study.model_validate(small), NETWORK, "lottery", 0.9, 0, NUMERICS
    )
    outcome = stage_training.retrain(data, weights, mask, settings, Execution())
    assert outcome.history == []
    metrics = measure(files_of(tmp_path, data, outcome, mask), PLACE)
    assert (metrics["collapsed"], metrics["epochs"], metrics["accuracy"]) == (True, 0, 10.0)
    assert metrics["effective_density"] == 0.0
    assert metrics["dead_units"] == sum(layer["dead_units"] for layer in outcome.shape["layers"]) > 0
    assert metrics["unreachable_outputs"] == 10


def test_classes_that_no_path_reaches_are_counted_and_the_ticket_is_trained(
    data: str, start: tuple[Arrays, Structure], small: dict, tmp_path: Path
) -> None:
    weights, mask = pruned(start, 0.5)
    mask["classifier.weight"][[2, 7]] = False
    settings = stage_settings.retrain_settings(
        Study.model_validate(small), NETWORK, "lottery", 0.9, 0, NUMERICS
    )
    outcome = stage_training.retrain(data, apply_mask(weights, mask), mask, settings, Execution())
    metrics = measure(files_of(tmp_path, data, outcome, mask), PLACE)
    assert (metrics["collapsed"], metrics["epochs"], metrics["unreachable_outputs"]) == (False, 4, 2)
    assert (np.ptp(outcome.logits, axis=0) == 0).tolist() == [unit in (2, 7) for unit in range(10)]


def test_a_ticket_is_evaluated_before_it_is_trained(
    data: str, start: tuple[Arrays, Structure], small: dict, tmp_path: Path
) -> None:
    weights, mask = pruned(start, 0.5)
    settings = stage_settings.retrain_settings(
        Study.model_validate(small), NETWORK, "lottery", 0.9, 0, NUMERICS
    )
    outcome = stage_training.retrain(data, weights, mask, settings, Execution())
    dataset = read_dataset(data)
    network = vgg_digits(channels=1, classes=10, image_size=8).eval()
    network.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    mean, std = (np.reshape(values, (1, -1, 1, 1)) for values in (dataset.mean, dataset.std))
    images = torch.from_numpy((dataset.test_images / 255 - mean) / std).float()
    labels = torch.from_numpy(dataset.test_labels)
    with torch.no_grad():
        logits = network(images)
    metrics = measure(files_of(tmp_path, data, outcome, mask), PLACE)
    expected = float(torch.nn.functional.cross_entropy(logits, labels))
    assert metrics["loss_before"] == pytest.approx(expected, rel=1e-4)
    assert metrics["accuracy_before"] == pytest.approx(
        100 * float((logits.argmax(1) == labels).float().mean())
    )
    assert metrics["loss_before"] != metrics["loss"]


def test_a_run_of_an_older_version_is_measured_without_the_state_before(
    data: str, start: tuple[Arrays, Structure], small: dict, tmp_path: Path
) -> None:
    weights, mask = pruned(start, 0.5)
    settings = stage_settings.retrain_settings(
        Study.model_validate(small), NETWORK, "lottery", 0.9, 0, NUMERICS
    )
    outcome = stage_training.retrain(data, weights, mask, settings, Execution())
    files = files_of(tmp_path, data, outcome, mask)
    write_json(files.history, {"epochs": outcome.history})
    assert "loss_before" not in measure(files, PLACE)


def test_training_a_collapsed_ticket_all_the_same_ends_with_a_constant_network(
    data: str, start: tuple[Arrays, Structure], small: dict, tmp_path: Path
) -> None:
    weights, mask = cut_off(start)
    study = Study.model_validate(small | {"train_collapsed": True})
    settings = stage_settings.retrain_settings(study, NETWORK, "lottery", 0.9, 0, NUMERICS)
    outcome = stage_training.retrain(data, weights, mask, settings, Execution())
    assert len(outcome.history) == 4
    np.testing.assert_allclose(outcome.logits, outcome.logits[:1].repeat(100, 0), rtol=1e-6)
    metrics = measure(files_of(tmp_path, data, outcome, mask), PLACE)
    assert metrics["collapsed"]
    assert metrics["accuracy"] < 20


def test_a_run_whose_files_do_not_belong_together_is_refused(
    data: str, start: tuple[Arrays, Structure], tmp_path: Path
) -> None:
    logits = np.zeros((100, 10), np.float32)
    weights, mask = pruned(start, 0.3)
    outcome = Outcome(weights, [{"epoch": 1, "test_accuracy": 77.0}], logits, [], {}, shape=shape_of(mask))
    files = files_of(tmp_path, data, outcome, mask)
    with pytest.raises(ArtifactError, match=r"history's last epoch says 77"):
        measure(files, PLACE)
    write_json(files.layers, shape_of(pruned(start, 0.4)[1]))
    with pytest.raises(ArtifactError, match=r"trained: keeps 0\.\d+ of the weights, .*layers says 0\.\d+"):
        measure(files, PLACE)
