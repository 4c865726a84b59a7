"""A folder of images through the workflow: prepared once, made again when an image changes, refused in one line."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from workflow_runs import edit, make_project, planned, snakemake

from prunepipe.datasets import read_dataset
from prunepipe.results.layout import dataset_name
from prunepipe.study.rows import DatasetChoice

pytestmark = [pytest.mark.workflow, pytest.mark.xdist_group("workflow")]

CHOICE = {"folder": "images", "image_size": 8}


def draw(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(256, size=(9, 12, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def test_a_folder_is_prepared_again_when_an_image_changes_and_only_then(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    edit(project / "config" / "tiny.yaml", "digits: {train_images: 200, test_images: 100}", f"mine: {CHOICE}")
    images = project / "images"
    for number, folder in enumerate(("train/ant", "train/bee", "test/ant", "test/bee")):
        draw(images / folder / "0.png", number)
    target = f"data/{dataset_name('mine', DatasetChoice(**CHOICE))}.safetensors"

    done = snakemake(project, target)
    assert done.returncode == 0, done.stderr
    assert read_dataset(project / target).train_images.shape == (2, 3, 8, 8)
    for path in images.rglob("*"):
        path.touch()
    assert planned(project, target) == {}

    draw(images / "test/bee/0.png", 9)
    assert planned(project, target) == {"prepare_dataset": 1}
    (images / "test/bee").rename(images / "bee")
    refused = snakemake(project, target)
    assert refused.returncode == 1
    said = [line for line in refused.stderr.splitlines() if "error" in line.lower()]
    assert said == [
        "error: datasets.mine: images/test lacks bee, which the other split has as a class; both splits need the same "
        "class folders."
    ]
