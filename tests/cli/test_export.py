"""`prunepipe export`: every form is loaded by the code that the command prints, and is as accurate as was recorded."""

from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from prunepipe.artifacts import read_json, write_json
from prunepipe.cli.export import FORMS
from prunepipe.cli.main import main
from prunepipe.datasets import prepare, read_dataset, write_dataset
from prunepipe.pruning.checks import apply_mask
from prunepipe.pruning.tickets import read_mask, write_ticket
from prunepipe.results.layout import CELL
from prunepipe.stages import settings as stage_settings
from prunepipe.stages.evaluation import measure
from prunepipe.stages.execution import Execution
from prunepipe.stages.exporting import LOADING, WRITERS
from prunepipe.stages.initialising import initialise
from prunepipe.stages.outcome import write_run
from prunepipe.stages.schemas.evaluating import PlaceSettings
from prunepipe.stages.training import retrain
from prunepipe.study.study import Study

STUDY = {
    "datasets": ["digits"],
    "networks": ["vgg_digits"],
    "recipe": {"epochs": 4, "learning_rate": 0.1, "batch_size": 32},
    "tickets": ["random"],
    "prune_ratios": [0.5],
    "seeds": [0],
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one pruned run of a network that has learnt something."""
    root = tmp_path_factory.mktemp("project")
    (root / "data").mkdir()
    data = str(root / "data" / "digits.safetensors")
    write_dataset(
        data, prepare("prunepipe.datasets.digits:load", root, train_images=400, test_images=200), "digits"
    )
    (root / "data" / "raw.safetensors").write_bytes(b"somebody else's")
    study = Study.model_validate(STUDY)
    weights, structure = initialise(data, stage_settings.initial_settings(study, "vgg_digits", "init", 0))
    generator = np.random.default_rng(0)
    mask = {layer.name: generator.random(layer.shape) < 0.5 for layer in structure.layers}
    numerics = {"precision": "float32", "channels_last": False}
    settings = stage_settings.retrain_settings(study, "vgg_digits", "random", 0.9, 0, numerics)
    outcome = retrain(data, apply_mask(weights, mask), mask, settings, Execution())
    cell = {"study": "s", "dataset": "digits", "network": "vgg_digits", "ticket": "random", "check": "none"}
    place = PlaceSettings(**cell, prune_ratio=0.5, seed=0, precision="float32", version="0", code="0")
    folder = root / CELL.format(**place.model_dump())
    folder.mkdir(parents=True)
    files = SimpleNamespace(
        data=data,
        trained=str(folder / "trained.safetensors"),
        history=str(folder / "history.json"),
        logits=str(folder / "logits.safetensors"),
        timing=str(folder / "timing.json"),
        layers=str(folder / "layers.json"),
    )
    write_json(files.layers, outcome.shape)
    write_ticket(files.trained, outcome.weights, mask, settings=settings.model_dump(mode="json"))
    write_run(outcome, files)
    write_json(folder / "metrics.json", measure(files, place))
    return root


def run_folder(project: Path) -> Path:
    return next(project.glob("results/runs/**/metrics.json")).parent


@pytest.mark.parametrize("form", FORMS)
def test_what_is_exported_is_loaded_by_the_printed_code_and_as_accurate_as_recorded(
    project: Path, tmp_path: Path, monkeypatch, capsys, form: str
) -> None:
    packages = ("onnx", "onnxscript", "onnxruntime")
    if form == "onnx" and any(find_spec(name) is None for name in packages):
        pytest.skip("needs onnx, onnxscript and onnxruntime")
    monkeypatch.chdir(tmp_path)
    folder = run_folder(project)
    assert main(["export", str(folder), "--to", form]) == 0
    code = capsys.readouterr().out.partition("To load it:\n")[2]
    (written,) = tmp_path.iterdir()
    assert str(written) in code
    dataset = read_dataset(project / "data" / "digits.safetensors")
    names = {"images": torch.from_numpy(dataset.test_images)}
    exec(code, names)  # the lines that a reader would copy
    assert (
        "torch.nn.utils.prune." not in code or "\nimport torch.nn.utils.prune\n" in code
    )  # it is imported here already
    assert "images: uint8 [B, 1, 8, 8]" in code
    right = np.asarray(names["logits"].detach() if form != "onnx" else names["logits"]).argmax(1)
    recorded = read_json(folder / "metrics.json", "accuracy")["accuracy"]
    assert recorded > 40  # chance is 10
    assert 100 * np.mean(right == dataset.test_labels) == pytest.approx(recorded, abs=1e-9)


def test_masks_come_along_and_pruned_weights_are_zero(project: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = run_folder(project)
    mask = read_mask(folder / "trained.safetensors")[0]
    for form in ("state_dict", "torch_prune"):
        assert main(["export", str(folder), "--to", form, "--output", f"{form}.pt"]) == 0
    plain = torch.load("state_dict.pt", weights_only=True)
    pruned = torch.load("torch_prune.pt", weights_only=True)
    for name, kept in mask.items():
        assert np.array_equal(plain["masks"][name].numpy(), kept)
        assert not plain["weights"][name][~torch.from_numpy(kept)].any()
        assert np.array_equal(pruned[f"{name}_mask"].bool().numpy(), kept)


def test_every_form_has_its_writer_and_its_example() -> None:
    assert set(FORMS) == set(WRITERS) == set(LOADING)


@pytest.mark.parametrize(
    ("place", "options", "message"),
    [
        (".", ["--to", "state_dict"], "not a folder of a run"),
        ("nowhere", ["--to", "state_dict"], "no such folder"),
        ("RUN", ["--to", "state_dict", "--data-folder", "."], "holds no prepared data set with the checksum"),
        ("RUN", ["--to", "onnx"], "torch needs onnx and onnxscript for it; pip install"),
    ],
)
def test_what_cannot_be_exported_is_told_in_a_line(
    project: Path, tmp_path: Path, monkeypatch, capsys, place: str, options: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("prunepipe.stages.exporting.find_spec", lambda name: None)
    folder = str(run_folder(project)) if place == "RUN" else place
    assert main(["export", folder, *options]) == 1
    told = capsys.readouterr().err
    assert message in told
    assert len(told.splitlines()) == 1
    assert not list(tmp_path.iterdir())
