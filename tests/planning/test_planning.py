"""What a study will cost: counts and sizes worked out by hand, and compared with real networks and files."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from prunepipe.cli.main import main
from prunepipe.datasets.dataset import Dataset, write_dataset
from prunepipe.networks.building import make_network
from prunepipe.networks.state import arrays_of
from prunepipe.networks.structure import Layer
from prunepipe.planning.costs import Calibration, plan
from prunepipe.planning.plan import plan_text
from prunepipe.planning.side_by_side import recommended, side_by_side
from prunepipe.planning.speed import measure
from prunepipe.planning.storage import dataset_bytes, network_bytes
from prunepipe.pruning.masks import kept_total
from prunepipe.pruning.tickets import write_ticket
from prunepipe.study.loading import Site, load_study
from prunepipe.study.study import Study

CONFIG = Path(__file__).parents[2] / "config"


def test_the_papers_study_by_hand() -> None:
    """2 data sets x 2 networks x 5 seeds; 3 dense runs and 15 tickets with checks at 3 prune ratios.

    LT, LR rewinding (3 rows each), OBD and hybrid need a dense run: 8 x 3 ratios of their own, and 1 for the table.
    """
    cost = plan(load_study(CONFIG / "paper.yaml"))
    assert cost.runs == 20 * (3 + 15 * 3) == 960
    assert cost.runs_not_shared == 20 * (1 + 8 * 3 + 15 * 3) == 1400
    assert cost.epochs == 960 * 160
    assert cost.submissions == 960 + 20 * 9 == 1140  # as docs/clusters.md and profiles/slurm say
    vgg = cost.parts[0]
    assert (vgg.dense_runs, vgg.cells, vgg.network) == (15, 225, "vgg19")
    assert vgg.trained_images == 160 * (235 * 50_000 + 5 * 25_000)  # five dense runs see half of the data
    assert vgg.tested_images == 240 * 20 * 10_000  # of 160 epochs every eighth
    assert vgg.step_flops is not None
    assert 64 * vgg.step_flops == pytest.approx(152.7e9, rel=0.002)
    assert cost.flops == pytest.approx(15.5e18, rel=0.01)


def test_a_tiny_study_by_hand(small: dict) -> None:
    """One convolution layer costs 2 operations a weight and place: digits are 8x8, pooled after layers 1 and 3."""
    cost = plan(Study.model_validate(small | {"tickets": ["random"], "checks": {"initial": []}}))
    part = cost.parts[0]
    forward = 2 * (
        16 * 9 * 64 + 32 * 16 * 9 * 16 + 32 * 32 * 9 * 16 + 64 * 32 * 9 * 4 + 64 * 64 * 9 * 4 + 640
    )
    assert part.forward_flops == forward
    assert part.step_flops == 3 * forward - 2 * 16 * 9 * 64
    assert (part.dense_runs, part.cells, cost.epochs) == (1, 1, 8)
    assert part.flops == 8 * (898 * part.step_flops + 899 * forward)
    assert cost.datasets_disk == (898 + 899) * (64 + 8)


def test_the_remaining_schedule_and_smaller_data_cost_less(small: dict) -> None:
    row = {
        "scored": "epoch 1",
        "score": "magnitude",
        "allocation": "global",
        "start": "epoch 1",
        "checks": [],
    }
    datasets = {"digits": {"train_images": 100, "test_images": 10}}
    values = small | {"datasets": datasets, "tickets": {"mine": row}}
    full = plan(Study.model_validate(values)).parts[0]
    values["tickets"] = {"mine": row | {"schedule": "remaining"}}
    rest = plan(Study.model_validate(values)).parts[0]
    assert (full.epochs, rest.epochs) == (4 + 4, 4 + 3)
    assert (full.trained_images, rest.trained_images) == (800, 700)
    assert (full.tested_images, rest.tested_images) == (80, 70)


def test_what_is_the_users_own_is_unknown(small: dict) -> None:
    networks = {"vgg_digits": {}, "mine": {"architecture": "package.module:build"}}
    cost = plan(Study.model_validate(small | {"networks": networks}))
    assert cost.parts[0].flops
    assert (cost.parts[1].flops, cost.parts[1].disk, cost.flops, cost.disk) == (None,) * 4
    assert cost.parts[1].epochs == cost.parts[0].epochs
    foreign = Study.model_validate(small | {"datasets": {"mine": {"source": "package.module:load"}}})
    text = plan_text(foreign, gpus=2)
    assert "Arithmetic: unknown" in text
    assert "Time on 2 GPUs: unknown" in text


def test_hours_follow_the_calibration() -> None:
    study = load_study(CONFIG / "paper.yaml")
    cost = plan(study)
    pace = {(part.dataset, part.network): 1e-3 for part in cost.parts}
    images = sum(part.trained_images + part.tested_images / 3 for part in cost.parts)  # type: ignore[operator]
    one = Calibration("a test", True, 1, pace).seconds(cost)
    assert one == pytest.approx(1e-3 * images)
    assert Calibration("a test", True, 4, pace).seconds(cost) == pytest.approx(one / 4)
    del pace["cifar10", "vgg19"]
    assert Calibration("a test", True, 1, pace).seconds(cost) is None


def test_the_text_says_what_is_shared_and_how_long_it_takes() -> None:
    study = load_study(CONFIG / "paper.yaml")
    pace = {(part.dataset, part.network): 1e-4 for part in plan(study).parts}
    text = plan_text(study, gpus=10, calibration=Calibration("a test", True, 2, pace))
    assert "960 runs: 60 dense, shared by 900 of tickets" in text
    assert "(1,400 runs if" in text
    seconds = Calibration("a test", True, 2, pace).seconds(plan(study))
    assert seconds is not None
    assert f"Time on a test, 2 jobs side by side: about {seconds / 86400:.1f} days" in text
    assert f"Time on 10 GPUs like this one: about {seconds / 36000:.0f} hours" in text
    assert "assumed" in plan_text(study, gpus=1)


def test_the_assumed_speed_of_a_gpu_counts_launches_of_small_networks(small: dict, monkeypatch) -> None:
    """898 images are 14 batches and 2 images, 8 epochs: 0.1 s at 1 ms a step, far above their arithmetic."""
    study = Study.model_validate(small | {"tickets": ["random"], "checks": {"initial": []}})
    assert "Time on 1 GPU: about 0.1 seconds, assumed from 50 TFLOP/s and 1 ms a step." in plan_text(study)
    monkeypatch.setattr("prunepipe.planning.plan.ASSUMED_GPU_GFLOPS", 1e-3)
    slow = plan_text(study, gpus=2)
    flops = plan(study).flops
    assert flops is not None
    assert f"Time on 2 GPUs: about {flops / 1e6 / 2 / 3600:.1f} hours" in slow


def test_a_calibration_times_every_network(small: dict) -> None:
    study = Study.model_validate(small | {"networks": ["vgg_digits", "resnet8_small"]})
    found = measure(study, Site(device="cpu"), steps=1)
    assert set(found.seconds_per_image) == {("digits", "vgg_digits"), ("digits", "resnet8_small")}
    assert all(0 < seconds < 0.1 for seconds in found.seconds_per_image.values())
    assert found.jobs == len(os.sched_getaffinity(0))
    assert measure(study, Site(device="cpu", channels_last=True), steps=1).seconds(plan(study))


def test_jobs_side_by_side_are_measured_and_one_that_fails_ends_the_series(study: Study) -> None:
    place = ("digits", "vgg_digits")
    found = side_by_side(study, Site(device="cpu"), place, counts=(2,), seconds=0.2)
    assert found[2] > 100
    if not torch.cuda.is_available():
        assert side_by_side(study, Site(device="cuda"), place, counts=(1, 2), seconds=0.2) == {}


@pytest.mark.parametrize(
    ("rates", "number"),
    [
        ({1: 100.0}, 1),
        ({1: 100.0, 2: 190.0, 4: 198.0, 8: 199.0}, 2),
        ({1: 100.0, 2: 101.0, 4: 90.0}, 1),
        ({1: 100.0, 2: 150.0, 4: 200.0, 8: 250.0}, 8),
    ],
)
def test_the_fewest_jobs_that_reach_nearly_the_most_are_recommended(rates: dict, number: int) -> None:
    assert recommended(rates) == number


def test_a_plan_recommends_a_number_of_jobs_that_suits_every_network(small: dict) -> None:
    study = Study.model_validate(small | {"networks": ["vgg_digits", "resnet8_small"]})
    rates = {
        "vgg_digits": {1: 1000.0, 2: 1900.0, 4: 3600.0, 8: 7000.0},
        "resnet8_small": {1: 500.0, 2: 990.0},
    }
    shared = {("digits", network): found for network, found in rates.items()}
    text = plan_text(study, calibration=Calibration("a GPU", True, 1, {}, shared))
    assert "vgg_digits on digits: 1: 1,000, 2: 1,900, 4: 3,600, 8: 7,000.\n" in text
    assert "resnet8_small on digits: 1: 500, 2: 990; more jobs failed." in text
    assert "Recommended: jobs_per_gpu: 2 in config.yaml" in text
    text = plan_text(study, calibration=Calibration("a CPU", False, 1))
    assert "jobs_per_gpu: not measured, since torch finds no CUDA device" in text


def test_planning_without_a_calibration_imports_no_torch() -> None:
    code = (
        "import sys; from pathlib import Path; from prunepipe.study.loading import load_study;"
        "from prunepipe.planning.plan import plan_text;"
        f"plan_text(load_study(Path({str(CONFIG / 'paper.yaml')!r}))); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Disk.


@pytest.mark.parametrize("ratio", [0.5, 0.98])
def test_the_size_of_a_ticket_is_that_of_its_file(tmp_path: Path, small: dict, ratio: float) -> None:
    network = make_network("prunepipe.networks.vgg:vgg_digits", channels=1, classes=10, image_size=8)
    weights = arrays_of(network)
    names = [name for name, value in weights.items() if value.ndim > 1]
    layers = [Layer(name, "conv", weights[name].shape) for name in names]
    total = sum(layer.size for layer in layers)
    everything = np.zeros(total, dtype=bool)
    everything[: kept_total(total, ratio)] = True
    mask, start = {}, 0
    for layer in layers:
        mask[layer.name] = everything[start : start + layer.size].reshape(layer.shape)
        weights[layer.name] = weights[layer.name] * mask[layer.name]
        start += layer.size
    write_ticket(tmp_path / "ticket.safetensors", weights, mask)
    one, none = (
        network_bytes(
            Study.model_validate(
                small | {"tickets": ["random"], "checks": {"initial": []}, "prune_ratios": ratios}
            ),
            layers,
            0,
        )
        for ratios in ([ratio, 0.9], [0.9])
    )
    added = one - none - total / 8 - 17_000  # a ticket before and after retraining, its mask, its texts
    assert added / 2 == pytest.approx((tmp_path / "ticket.safetensors").stat().st_size, rel=0.1)


def test_the_size_of_a_data_set_is_that_of_its_file(tmp_path: Path) -> None:
    pixels = np.zeros((500, 3, 16, 16), np.uint8)
    labels = np.arange(500) % 2
    dataset = Dataset(pixels, labels, pixels[:100], labels[:100], 2, (0.5,) * 3, (0.5,) * 3)
    write_dataset(tmp_path / "data.safetensors", dataset, "made up")
    assert dataset_bytes(3, 16, 600) == pytest.approx(
        (tmp_path / "data.safetensors").stat().st_size, rel=0.01
    )


def test_a_plan_is_of_the_site_and_promises_no_gpu_to_a_cpu(tmp_path: Path, monkeypatch, capsys) -> None:
    asked: list[object] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("prunepipe.planning.speed.measure", lambda study, site: asked.append(site))
    (tmp_path / "config.yaml").write_text("{device: cpu, precision: bfloat16, threads: 2}")
    assert main(["plan", "--calibrate"]) == 0
    assert asked == [Site(device="cpu", precision="bfloat16", threads=2)]
    told = capsys.readouterr().out
    assert "GPU" not in told
    assert "Time on this machine: not measured" in told
    (tmp_path / "config.yaml").write_text("a: [")
    assert main(["plan"]) == 1
    assert "cannot be read as YAML" in capsys.readouterr().err


def test_a_plan_takes_its_study_once(capsys) -> None:
    with pytest.raises(SystemExit):
        main(["plan", "fashion", "--study", "paper"])
    assert "not allowed with" in capsys.readouterr().err
