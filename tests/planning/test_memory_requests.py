"""The memory that jobs ask for: above measured peaks and what real networks keep, and as the docs say."""

from pathlib import Path

import pytest

from prunepipe.networks import NETWORKS
from prunepipe.networks.building import make_network
from prunepipe.networks.shapes import layer_maps
from prunepipe.planning.memory import (
    KEPT,
    initialising_megabytes,
    preparing_megabytes,
    score_megabytes,
    training_megabytes,
)
from prunepipe.study.loading import load_study
from prunepipe.study.study import Study
from prunepipe.training.memory import activation_bytes

ROOT = Path(__file__).parents[2]
MEBIBYTE = 2**20 / 1e6


def measured() -> list[dict[str, str]]:
    """Return the rows of the table of measured peaks."""
    text = (ROOT / "docs" / "benchmarks.md").read_text().split("## Memory of scores\n")[1].split("\n## ")[0]
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("| ") and "---" not in line
    ]
    names = lines[0]
    return [dict(zip(names, line, strict=True)) for line in lines[1:] if line != names]


def number(text: str) -> float:
    return float(text.split()[0].replace(",", "")) * MEBIBYTE


def paper(images_per_class: int) -> Study:
    study = load_study(ROOT / "config" / "paper.yaml")
    return Study.model_validate({
        **study.model_dump(mode="json", exclude_unset=True),
        "scoring": {"images_per_class": images_per_class},
    })  # fmt: skip


@pytest.mark.parametrize("row", measured(), ids=lambda row: f"{row['score']} of {row['network']}")
def test_a_score_asks_for_more_than_was_measured(row: dict[str, str]) -> None:
    score = {"magnitude": "lottery", "nothing": "lottery", "synflow": "lottery"}.get(
        row["score"], row["score"]
    )
    place = "cpu", "cifar100", row["network"], score
    asked, more = (score_megabytes(paper(count), *place) for count in (10, 20))
    if each := row["for each further image"]:
        assert (more - asked) / 1000 > number(each)
        assert asked > number(row["memory"]) + (1000 - 64) * number(each)
    else:
        assert asked == more > number(row["memory"])


@pytest.mark.parametrize("name", NETWORKS)
def test_layers_bound_what_a_forward_pass_of_every_network_keeps(name: str) -> None:
    network = make_network(
        NETWORKS[name].function, channels=3, classes=10, image_size=32, options={"width": 0.25}
    )
    outputs = sum(layer.shape[0] * side**2 for layer, side in layer_maps(name, 3, 10, 32, 0.25))
    # GraSP keeps about as much again for the second derivative, of half of a batch at a time.
    assert activation_bytes(network, (3, 32, 32), "float32") <= 4 * KEPT * outputs


def test_the_papers_largest_score_by_hand() -> None:
    """1000 images; the layers of VGG19 make 303,204 numbers of each, and its second layer reads 9 x 64 x 32 x 32."""
    outputs = 2 * 64 * 1024 + 2 * 128 * 256 + 4 * 256 * 64 + 4 * 512 * 16 + 4 * 512 * 4 + 100
    images = 8 * 1000 * (5 * outputs + 9 * 64 * 32 * 32)
    data, padded = 60_000 * (3 * 32**2 + 8), 50_000 * (3 * 40**2 + 8)
    weights = 20_018_880 + 512 * 100
    assert outputs == 303_204
    found = score_megabytes(load_study(ROOT / "config" / "paper.yaml"), "cpu", "cifar100", "vgg19", "snip")
    assert found - 100 < (1.3e9 + images + 2 * data + padded + 80 * weights) / 1e6 <= found


def test_a_gpu_holds_the_images_and_needs_its_libraries() -> None:
    study = load_study(ROOT / "config" / "paper.yaml")
    cpu, auto, cuda = (
        score_megabytes(study, device, "cifar100", "vgg19", "snip") for device in ("cpu", "auto", "cuda")
    )
    assert cpu == auto > cuda
    cpu, auto, cuda = (
        training_megabytes(study, device, "cifar100", "vgg19") for device in ("cpu", "auto", "cuda")
    )
    assert cpu < auto == cuda


def test_what_is_unknown_asks_for_the_default(small: dict) -> None:
    own = {"networks": {"mine": {"architecture": "torchvision:resnet18"}}}
    study = Study.model_validate(small | own)
    assert score_megabytes(study, "auto", "digits", "mine", "snip") == 4000
    assert training_megabytes(study, "auto", "digits", "mine") == 4000
    assert initialising_megabytes(study, "digits", "mine") == 2000
    images = Study.model_validate(small | {"datasets": {"mine": {"folder": "somewhere"}}})
    assert preparing_megabytes(images, "mine") == 3000


def test_the_page_on_clusters_says_what_jobs_ask_for() -> None:
    studies = {name: load_study(ROOT / "config" / f"{name}.yaml") for name in ("paper", "tiny_imagenet")}
    places = [
        ("paper", "cifar10", "vgg19"),
        ("paper", "cifar100", "vgg19"),
        ("paper", "cifar100", "resnet32"),
        ("tiny_imagenet", "tiny_imagenet", "vgg19"),
        ("tiny_imagenet", "tiny_imagenet", "resnet32"),
    ]
    rows = {
        "`score` by SNIP or GraSP": [
            score_megabytes(studies[study], "cpu", *place, "grasp") for study, *place in places
        ],
        "`score` by OBD": [score_megabytes(studies[study], "cpu", *place, "obd") for study, *place in places],
        "`train_dense`, `retrain`, `search`": [
            training_megabytes(studies[study], "cpu", *place) for study, *place in places
        ],
        "`initialise`": [initialising_megabytes(studies[study], *place) for study, *place in places],
        "`prepare_dataset`": [preparing_megabytes(studies[study], dataset) for study, dataset, _ in places],
    }
    page = (ROOT / "docs" / "clusters.md").read_text()
    for name, asked in rows.items():
        line = f"| {name} | {' | '.join(f'{megabytes:,}' for megabytes in asked)} |"
        assert line in page, line
