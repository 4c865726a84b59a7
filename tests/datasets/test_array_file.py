"""A file of four arrays as a data set."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from prunepipe.datasets import Dataset, memory
from prunepipe.datasets.array_file import load
from prunepipe.datasets.fingerprint import content_checksum
from prunepipe.datasets.rows import ARRAY_FILE
from prunepipe.errors import ArtifactError, ConfigError

GENERATOR = np.random.default_rng(0)


def arrays(**changes: np.ndarray) -> dict[str, np.ndarray]:
    return {
        "train_images": GENERATOR.integers(256, size=(6, 3, 4, 5), dtype=np.uint8),
        "train_labels": np.array([0, 1, 2, 0, 1, 2], np.uint8),
        "test_images": GENERATOR.integers(256, size=(3, 3, 4, 5), dtype=np.uint8),
        "test_labels": np.array([2, 1, 0], np.int32),
        **changes,
    }


def loaded(path: Path, given: dict[str, np.ndarray], **options: str | None) -> Dataset:
    if path.suffix == ".npz":
        np.savez_compressed(path, **given)
    else:
        save_file(given, path)
    return load(Path("unused"), path=str(path), **options)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_it_is_read_as_it_is(tmp_path: Path, suffix: str) -> None:
    given = arrays()
    dataset = loaded(tmp_path / f"mine{suffix}", given)
    for name, array in dataset.arrays().items():
        assert np.array_equal(array, given[name])
    assert dataset.classes == 3
    np.testing.assert_allclose(dataset.mean, given["train_images"].mean((0, 2, 3)) / 255)
    np.testing.assert_allclose(dataset.std, given["train_images"].std((0, 2, 3)) / 255)


def test_channels_may_come_last_and_grey_needs_none(tmp_path: Path) -> None:
    given = arrays()
    last = {name: given[name].transpose(0, 2, 3, 1) for name in ("train_images", "test_images")}
    assert np.array_equal(loaded(tmp_path / "a.npz", given | last).train_images, given["train_images"])
    grey = {name: given[name][:, 0] for name in ("train_images", "test_images")}
    assert np.array_equal(loaded(tmp_path / "b.npz", given | grey).test_images, given["test_images"][:, :1])


@pytest.mark.parametrize(
    ("shape", "channels", "size"),
    [((4, 5, 7), 4, (5, 7)), ((5, 7, 4), 4, (5, 7)), ((4, 5, 3), 3, (4, 5)), ((4, 16, 1), 1, (4, 16))],
)
def test_images_of_four_channels_are_read_and_short_ones_of_three_are_not_taken_for_them(
    tmp_path: Path, shape: tuple[int, ...], channels: int, size: tuple[int, int]
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (6, *shape), np.uint8)
    given = arrays() | {"train_images": images, "test_images": images[:3]}
    assert loaded(tmp_path / "a.npz", given).train_images.shape == (6, channels, *size)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"train_images": np.zeros((6, 3, 4, 5), np.float32)},
            r"train_images are float32 \[6, 3, 4, 5\]; expected uint8",
        ),
        ({"train_images": np.zeros((6, 2, 4, 5), np.uint8)}, r"with 1, 3 or 4 channels"),
        (
            {"test_images": np.ones((4, 3, 4, 5), np.uint8)},
            r"test_labels are int64 \[3\]; expected int64 \[4\]",
        ),
        (
            {"test_images": np.ones((3, 3, 4, 4), np.uint8)},
            r"train_images are \(3, 4, 5\) \(C, H, W\) but test_images",
        ),
        (
            {"train_labels": np.zeros((6, 3), np.int64)},
            r"train_labels are int64 \[6, 3\]; expected whole numbers \[N\]",
        ),
        (
            {"train_labels": np.array([0, 1, 3, 0, 1, 3])},
            "train_labels lack the class 2; labels count from 0 to 3",
        ),
        ({"test_labels": np.array([2, 2, 0])}, "test_labels lack the class 1"),
        ({"test_labels": np.array([-1, 1, 0])}, "test_labels hold the label -1"),
        ({"train_images": np.full((6, 3, 4, 5), 7, np.uint8)}, "same value everywhere in channel 0"),
    ],
)
def test_arrays_of_another_form_are_refused(
    tmp_path: Path, changes: dict[str, np.ndarray], text: str
) -> None:
    with pytest.raises(ConfigError, match=text):
        loaded(tmp_path / "mine.npz", arrays(**changes))


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_missing_arrays_are_named(tmp_path: Path, suffix: str) -> None:
    given = {name: array for name, array in arrays().items() if name != "test_labels"}
    with pytest.raises(ConfigError, match="lacks test_labels; it must hold train_images"):
        loaded(tmp_path / f"mine{suffix}", given)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_a_damaged_file_is_one_line(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"mine{suffix}"
    loaded(path, arrays())
    for content in (b"", b"nothing", path.read_bytes()[:-100]):
        path.write_bytes(content)
        with pytest.raises(ArtifactError, match=f"mine{suffix}: cannot be read"):
            load(tmp_path, path=str(path))


def test_pickled_arrays_are_not_read(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"cannot be read .*allow_pickle"):
        loaded(tmp_path / "mine.npz", arrays(train_labels=np.array([{}] * 6, dtype=object)))


def test_too_little_memory_is_said_before_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_memory", lambda: 100)
    with pytest.raises(ConfigError, match=r"mine\.npz: its images take"):
        loaded(tmp_path / "mine.npz", arrays())


def test_the_checksum_follows_the_content(tmp_path: Path) -> None:
    path, record = tmp_path / "mine.npz", tmp_path / "record.json"
    loader = {"reference": ARRAY_FILE, "options": {"path": str(path)}}
    with pytest.raises(ConfigError, match=r"mine\.npz is no file"):
        content_checksum(loader, record)
    loaded(path, arrays())
    before = content_checksum(loader, record)
    load(tmp_path, path=str(path), content=before)
    loaded(path, arrays())
    assert content_checksum(loader, record) != before
    with pytest.raises(ArtifactError, match="it changed while it was read"):
        load(tmp_path, path=str(path), content=before)
