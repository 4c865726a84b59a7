"""Resume: a run stopped anywhere ends with the bytes of one that never stopped."""

import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_training import RECIPE, image_set, network, random_mask

from prunepipe.study.recipe import Augmentation
from prunepipe.training.checkpoint import Checkpoint, StopRequestedError, TrainState
from prunepipe.training.loop import TrainingPlan, train
from prunepipe.training.step import TrainingStep

PLAN = TrainingPlan(RECIPE, 0, "retrain", snapshot_epochs=(1,))
IDENTITY = {"settings": {"a": 1}, "mask": "m"}


MIXED = replace(
    PLAN, recipe=RECIPE.model_copy(update={"augmentation": Augmentation(crop_padding=1, cutmix=1.0)})
)


def run(checkpoint: Checkpoint | None, plan: TrainingPlan = PLAN) -> TrainState:
    model = network()
    return train(model, image_set(), image_set(20, 0), plan, mask=random_mask(model), checkpoint=checkpoint)


def assert_same(one: TrainState, other: TrainState) -> None:
    assert one.history == other.history
    assert list(one.snapshots) == list(other.snapshots)
    for group in ("weights", "optimizer"):
        for name, value in getattr(one, group).items():
            np.testing.assert_array_equal(value, getattr(other, group)[name], err_msg=name)
    for name, value in one.snapshots[1].items():
        np.testing.assert_array_equal(value, other.snapshots[1][name], err_msg=name)


@pytest.mark.parametrize(
    ("stopped_after", "number", "plan"),
    [
        *((after, number, PLAN) for after in (1, 6, 7, 10, 13) for number in (signal.SIGTERM, signal.SIGINT)),
        (10, signal.SIGTERM, MIXED),
    ],
)
def test_a_run_stopped_by_a_signal_goes_on_at_its_step(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stopped_after: int,
    number: signal.Signals,
    plan: TrainingPlan,
) -> None:
    path = tmp_path / "checkpoint.safetensors"
    taken = 0
    call = TrainingStep.__call__

    def counted(step: TrainingStep, *arguments: object) -> None:
        nonlocal taken
        call(step, *arguments)
        taken += 1
        if taken == stopped_after:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(TrainingStep, "__call__", counted)
    with pytest.raises(StopRequestedError, match="stopped by signal"):
        run(Checkpoint(path, IDENTITY, 1e9), plan)
    resumed = run(Checkpoint(path, IDENTITY, 1e9), plan)
    assert taken == 14  # 2 epochs of 7 steps: none was taken twice
    monkeypatch.undo()
    assert_same(resumed, run(None, plan))


def test_a_run_killed_after_an_epoch_goes_on_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "checkpoint.safetensors"
    save = Checkpoint.save

    def killed(checkpoint: Checkpoint, progress: TrainState) -> None:
        save(checkpoint, progress)
        raise KeyboardInterrupt  # stands for kill -9: nothing after this line runs

    monkeypatch.setattr(Checkpoint, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        run(Checkpoint(path, IDENTITY, 0))
    monkeypatch.undo()
    stored = Checkpoint(path, IDENTITY, 0).load()
    assert stored is not None
    assert stored.epoch == 1
    assert_same(run(Checkpoint(path, IDENTITY, 0)), run(None))


@pytest.mark.parametrize("key", ["settings", "mask", "code"])
def test_a_checkpoint_of_another_run_is_refused_with_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture, key: str
) -> None:
    path = tmp_path / "checkpoint.safetensors"
    Checkpoint(path, IDENTITY, 0).save(TrainState(epoch=1))
    assert Checkpoint(path, {**IDENTITY, key: "other"}, 0).load() is None
    assert f"checkpoint refused: it belongs to a run with other {key}." in capsys.readouterr().out


def test_a_truncated_checkpoint_is_refused_and_the_run_starts_over(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    path = tmp_path / "checkpoint.safetensors"
    Checkpoint(path, IDENTITY, 0).save(run(None))
    path.write_bytes(path.read_bytes()[:-9])
    assert_same(run(Checkpoint(path, IDENTITY, 1e9)), run(None))
    assert "checkpoint refused" in capsys.readouterr().out


def test_the_interval_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    run(Checkpoint(path, IDENTITY, 1e9))
    assert not path.exists()
    run(Checkpoint(path, IDENTITY, 0))
    assert path.exists()


def test_signals_mean_what_they_did_after_training() -> None:
    before = signal.getsignal(signal.SIGTERM)
    run(None)
    assert signal.getsignal(signal.SIGTERM) is before
