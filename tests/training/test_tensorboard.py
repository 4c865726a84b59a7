"""TensorBoard's event files: the whole curve, also of a run that was interrupted; nothing unless asked for."""

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from prunepipe.errors import ConfigError
from prunepipe.stages.execution import Execution
from prunepipe.study.loading import load_site
from prunepipe.training.checkpoint import TrainState
from prunepipe.training.tensorboard import CURVES, event_writer


def row(epoch: int) -> dict[str, float]:
    return {"epoch": epoch, **dict.fromkeys(CURVES.values(), 10.0 * epoch)}


def curve(folder: Path, name: str) -> list[tuple[int, float]]:
    events = EventAccumulator(str(folder))
    events.Reload()
    return [(event.step, event.value) for event in events.Scalars(name)]


@pytest.mark.parametrize("name", CURVES)
def test_a_run_that_goes_on_from_a_checkpoint_has_one_unbroken_curve(tmp_path: Path, name: str) -> None:
    write = event_writer(tmp_path)
    for epoch in (1, 2, 3):
        write(TrainState(epoch, history=[row(k) for k in range(1, epoch + 1)]))
    resumed = event_writer(tmp_path)  # from a checkpoint after epoch 2
    resumed(TrainState(3, history=[row(1), row(2), row(3)]))
    resumed(TrainState(4, history=[row(1), row(2), row(3), row(4)]))
    assert curve(tmp_path, name) == [(epoch, 10.0 * epoch) for epoch in (1, 2, 3, 4)]


def test_event_files_lie_beside_the_checkpoint_and_only_if_asked_for(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.safetensors"
    assert Execution(checkpoint=checkpoint).watchers() == []
    (write,) = Execution(checkpoint=checkpoint, tensorboard=True).watchers()
    write(TrainState(1, history=[row(1)]))
    assert curve(tmp_path, "accuracy/test") == [(1, 10.0)]


def test_without_the_package_the_option_is_refused_before_any_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prunepipe.study.loading.find_spec", lambda name: None)
    with pytest.raises(
        ConfigError, match=r"config.yaml: tensorboard: .*pip install 'prunepipe\[tensorboard\]'"
    ):
        load_site({"tensorboard": True})
    assert load_site({}).tensorboard is False
