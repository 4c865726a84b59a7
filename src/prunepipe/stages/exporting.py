"""Export the trained network of a pruned run for use without this package, with the code that loads it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils import prune

from prunepipe.artifacts import Arrays, atomic_path, read_arrays, read_json
from prunepipe.datasets.dataset import Dataset, read_dataset
from prunepipe.errors import ArtifactError, ConfigError
from prunepipe.networks.state import load_arrays
from prunepipe.pruning.tickets import read_ticket
from prunepipe.stages.inputs import build
from prunepipe.stages.schemas.training import RetrainSettings

MASK_PREFIX = "mask/"
"""Prefix of mask names in a safetensors file of weights."""


@dataclass(frozen=True)
class TrainedRun:
    """A finished pruned run.

    Attributes:
        weights: weights of the trained network, zero where pruned.
        mask: True = kept.
        settings: settings of its training, including how to build the network.
        dataset: the data set it was trained and tested on.
        accuracy: the recorded accuracy in percent.
    """

    weights: Arrays
    mask: Arrays
    settings: RetrainSettings
    dataset: Dataset
    accuracy: float


def read_run(folder: Path, data_folder: Path) -> TrainedRun:
    """Read a pruned run and the prepared data set with the checksum that it recorded.

    Raises:
        ArtifactError: the folder holds no finished pruned run, or the data set is missing.
    """
    trained = folder / "trained.safetensors"
    if not trained.is_file() or not (folder / "metrics.json").is_file():
        raise ArtifactError(f"{folder}: no finished pruned run; that is a folder below tickets/.")
    weights, mask, facts = read_ticket(trained)
    metrics = read_json(folder / "metrics.json", "accuracy", "data_checksum")
    dataset = _dataset(data_folder, metrics["data_checksum"])
    told = {key: value for key, value in facts["settings"].items() if key in RetrainSettings.model_fields}
    settings = RetrainSettings.model_validate_json(json.dumps(told))  # a search has more settings
    return TrainedRun(weights, mask, settings, dataset, metrics["accuracy"])


def _dataset(folder: Path, checksum: str) -> Dataset:
    for path in sorted(folder.glob("*.safetensors")):
        try:
            found = read_arrays(path, only=())[1].get("checksum")
        except ArtifactError:  # raw data, or a foreign file
            continue
        if found == checksum:
            return read_dataset(path)
    raise ArtifactError(
        f"{folder}: holds no prepared data set with the checksum {checksum} of the run; name its folder with "
        "--data-folder."
    )


def network_of(run: TrainedRun) -> nn.Module:
    """Return the trained network, in eval mode."""
    network = build(run.dataset, run.settings.network, run.settings.seed)
    load_arrays(network, run.weights)
    return network.eval()


def write_state_dict(run: TrainedRun, path: Path) -> None:
    """Write {"weights": state dict, "masks": bool by name} with torch.save; load it with weights_only=True."""
    masks = {name: torch.from_numpy(layer) for name, layer in run.mask.items()}
    _save({"weights": network_of(run).state_dict(), "masks": masks}, path)


def write_torch_prune(run: TrainedRun, path: Path) -> None:
    """Write the state dict of a network that torch.nn.utils.prune has pruned: NAME_orig and NAME_mask."""
    network = network_of(run)
    for name, layer in run.mask.items():
        module, _, parameter = name.rpartition(".")
        prune.custom_from_mask(  # type: ignore[no-untyped-call]
            network.get_submodule(module), parameter, torch.from_numpy(layer)
        )
    _save(network.state_dict(), path)


def write_safetensors(run: TrainedRun, path: Path) -> None:
    """Write the weights by name, and each mask as `mask/` and its weight's name."""
    masks = {MASK_PREFIX + name: torch.from_numpy(layer) for name, layer in run.mask.items()}
    with atomic_path(path) as temporary:
        # A module with two names has its weights in the state twice, which this format stores as two tensors.
        weights = {name: value.clone() for name, value in network_of(run).state_dict().items()}
        save_file({**weights, **masks}, temporary)


def write_onnx(run: TrainedRun, path: Path) -> None:
    """Write an ONNX graph, images [B, C, H, W] -> logits [B, K], with zeros where the mask prunes.

    Raises:
        ConfigError: packages that torch needs for ONNX export are missing.
    """
    lacking = [name for name in ("onnx", "onnxscript") if find_spec(name) is None]
    if lacking:
        raise ConfigError(
            f"--to onnx: torch needs {' and '.join(lacking)} for it; pip install onnx "
            "onnxscript (and onnxruntime to load the file)."
        )
    images = torch.zeros(2, *run.dataset.test_images.shape[1:])
    with atomic_path(path) as temporary:
        torch.onnx.export(
            network_of(run),
            (images,),
            temporary,
            input_names=["images"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            external_data=False,
            dynamo=True,
            verbose=False,
        )


def _save(values: Any, path: Path) -> None:
    with atomic_path(path) as temporary:
        torch.save(values, temporary)


WRITERS: dict[str, tuple[str, Callable[[TrainedRun, Path], None]]] = {
    "state_dict": (".pt", write_state_dict),
    "torch_prune": (".torch_prune.pt", write_torch_prune),
    "safetensors": (".safetensors", write_safetensors),
    "onnx": (".onnx", write_onnx),
}
"""Every export format, with its file suffix and its writer."""

LOADING = {
    "state_dict": """
import torch
{build}
network.load_state_dict(torch.load({path!r}, weights_only=True)["weights"])
# images: uint8 [B, {shape}], from 0 to 255
logits = network.eval()({images})
""",
    "torch_prune": """
import torch
import torch.nn.utils.prune
{build}
state = torch.load({path!r}, weights_only=True)
for key in [key.removesuffix("_mask") for key in state if key.removesuffix("_mask") + "_orig" in state]:
    module, _, name = key.rpartition(".")
    torch.nn.utils.prune.identity(network.get_submodule(module), name)
network.load_state_dict(state)
# images: uint8 [B, {shape}], from 0 to 255
logits = network.eval()({images})
""",
    "safetensors": """
import torch
from safetensors.torch import load_file
{build}
tensors = load_file({path!r})
network.load_state_dict({{name: value for name, value in tensors.items() if not name.startswith("mask/")}})
# images: uint8 [B, {shape}], from 0 to 255
logits = network.eval()({images})
""",
    "onnx": """
import onnxruntime, torch
session = onnxruntime.InferenceSession({path!r})
# images: uint8 [B, {shape}], from 0 to 255
(logits,) = session.run(None, {{"images": ({images}).numpy()}})
""",
}


def loading_example(run: TrainedRun, form: str, path: Path) -> str:
    """Return Python code that loads the exported file and computes `logits` of `images`."""
    mean, std = (
        f"torch.tensor({list(values)}).view(-1, 1, 1)" for values in (run.dataset.mean, run.dataset.std)
    )
    text = LOADING[form].format(
        build=_building(run),
        path=str(path),
        images=f"(images / 255 - {mean}) / {std}",
        shape=", ".join(map(str, run.dataset.test_images.shape[1:])),
    )
    return text.strip()


def _building(run: TrainedRun) -> str:
    """Return the lines that build the network, without its weights."""
    chosen = run.settings.network
    place, _, name = chosen.reference.rpartition(":")
    channels, height, width = run.dataset.test_images.shape[1:]
    size = height if height == width else (height, width)
    options = {"channels": channels, "classes": run.dataset.classes, "image_size": size, **chosen.options}
    arguments = ", ".join(f"{key}={value!r}" for key, value in options.items())
    if place.endswith(".py"):
        return f"import runpy\nnetwork = runpy.run_path({place!r})[{name!r}]({arguments})"
    return f"from {place} import {name}\nnetwork = {name}({arguments})"
