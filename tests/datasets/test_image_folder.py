"""A folder of images as a data set: layout, sizes, constants, and everything that can be wrong with it."""

import os
import threading
import unicodedata
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from torchvision.datasets import ImageFolder

from prunepipe.datasets import Dataset, contents, image_reading, memory, prepare
from prunepipe.datasets.contents import by_parts, files_checksum
from prunepipe.datasets.fingerprint import content_checksum
from prunepipe.datasets.image_folder import list_images, load
from prunepipe.datasets.rows import IMAGE_FOLDER
from prunepipe.errors import ArtifactError, ConfigError

GENERATOR = np.random.default_rng(0)


def draw(path: Path, height: int = 8, width: int = 8) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(GENERATOR.integers(256, size=(height, width, 3), dtype=np.uint8)).save(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two classes, three training images and two test images of each, in four formats, one in a deeper folder."""
    for name in ("dog", "ant"):
        for file in ("b.PNG", "a.jpg", "deeper/c.bmp"):
            draw(tmp_path / "root" / "train" / name / file)
        for file in ("x.webp", "y.jpeg"):
            draw(tmp_path / "root" / "test" / name / file)
    return tmp_path / "root"


def loaded(root: Path, **options: object) -> Dataset:
    return load(Path("unused"), root=str(root), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("test", ["test", "val"])
def test_it_is_read_as_by_torchvision(root: Path, test: str) -> None:
    (root / "test").rename(root / test)
    dataset = loaded(root)
    for split, images, labels in (
        ("train", dataset.train_images, dataset.train_labels),
        (test, dataset.test_images, dataset.test_labels),
    ):
        expected = ImageFolder(root / split)
        pixels = np.stack([np.asarray(image).transpose(2, 0, 1) for image, _ in expected])
        assert np.array_equal(images, pixels)
        assert labels.tolist() == expected.targets
    assert dataset.classes == 2
    assert list_images(root).classes == ("ant", "dog")


def test_mean_and_standard_deviation_are_those_of_the_training_images(root: Path) -> None:
    dataset = loaded(root)
    pixels = dataset.train_images.astype(np.float64) / 255
    np.testing.assert_allclose(dataset.mean, pixels.mean((0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(dataset.std, pixels.std((0, 2, 3)), rtol=1e-12)


def test_images_of_many_sizes_are_brought_to_one(root: Path) -> None:
    draw(root / "train" / "ant" / "wide.png", 10, 30)
    assert loaded(root, image_size=6).train_images.shape == (7, 3, 6, 6)
    assert loaded(root, image_size=6, channels=1).test_images.shape == (4, 1, 6, 6)
    with pytest.raises(ArtifactError) as error:
        loaded(root)
    assert "1 of 11 images cannot be used: train/ant/wide.png (it has 10 x 30 pixels" in str(error.value)
    assert "train/ant/a.jpg has 8 x 8; set image_size" in str(error.value)


def test_it_is_reduced_like_every_data_set(root: Path) -> None:
    options = {"root": str(root), "image_size": 8}
    dataset = prepare(IMAGE_FOLDER, root, pool=2, train_images=4, test_images=2, options=options)
    assert dataset.train_images.shape == (4, 3, 4, 4)
    assert dataset.test_labels.tolist() == [0, 1]
    assert dataset.mean == loaded(root).mean  # of the whole, unpooled data set


def test_images_that_are_not_square_stay_so(tmp_path: Path) -> None:
    for split in ("train", "test"):
        for name in ("a", "b"):
            draw(tmp_path / split / name / "0.png", 4, 6)
    assert loaded(tmp_path).train_images.shape == (2, 3, 4, 6)


def test_every_broken_image_is_counted_and_named(root: Path) -> None:
    (root / "train" / "dog" / "broken.png").write_bytes(b"")
    whole = (root / "test" / "ant" / "y.jpeg").read_bytes()
    (root / "test" / "ant" / "y.jpeg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ArtifactError) as error:
        loaded(root)
    text = str(error.value)
    assert "2 of 11 images cannot be used: train/dog/broken.png (it is empty)" in text
    (root / "train" / "dog" / "broken.png").write_text("<html>404</html>")
    with pytest.raises(ArtifactError, match=r"broken.png \(it is no JPEG, PNG, BMP, WEBP\)"):
        loaded(root)
    assert "; test/ant/y.jpeg (" in text


def test_the_first_image_may_be_broken_too(root: Path) -> None:
    (root / "train" / "ant" / "a.jpg").write_bytes(b"GIF89a")
    with pytest.raises(ArtifactError, match=r"1 of 1 images cannot be used: train/ant/a\.jpg \("):
        loaded(root)


def test_files_that_are_no_images_are_counted_and_named(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("notes.txt", ".DS_Store", "._a.jpg", "scan.tif"):
        (root / "train" / "ant" / name).write_bytes(b"")
    assert len(loaded(root).train_images) == 6
    said = capsys.readouterr().out
    assert "left out 4 files that are no images of a class" in said
    assert "train/ant/scan.tif" in said


def test_an_image_beside_the_class_folders_is_left_out_and_named(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw(root / "train" / "stray.png")
    assert len(loaded(root).train_images) == 6
    assert "left out 1 files that are no images of a class: train/stray.png" in capsys.readouterr().out


def test_names_that_only_look_the_same_are_said_to_be_encoded_differently(tmp_path: Path) -> None:
    for split, form in (("train", "NFC"), ("test", "NFD")):
        for name in ("bär", "hund"):
            draw(tmp_path / split / unicodedata.normalize(form, name) / "0.png")
    with pytest.raises(
        ConfigError, match="test lacks .*r, which .* encoded differently .*NFC and NFD.*; rename"
    ):
        list_images(tmp_path)


def empty(root: Path, folder: str) -> None:
    for path in (root / folder).rglob("*.*"):
        path.rename(path.with_suffix(".txt"))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            lambda root: empty(root, "test/dog"),
            r"test/dog holds no image \(2 other files there\); images end in",
        ),
        (
            lambda root: (root / "test" / "dog").rename(root / "dog"),
            "test lacks dog, which the other split has",
        ),
        (lambda root: draw(root / "test" / "cat" / "0.png"), "train lacks cat, which the other split has"),
        (
            lambda root: (root / "test").rename(root / "testing"),
            "root holds testing, train; a folder of images",
        ),
        (
            lambda root: root.rename(root.with_name("other")),
            "root is no folder; a folder of images holds train",
        ),
        (
            lambda root: [
                (root / split / "dog").rename(root / split / ".dog") for split in ("train", "test")
            ],
            "train holds only the class ant; it needs a folder for each class, at least two",
        ),
        (
            lambda root: (root / "train" / "ant" / "again").symlink_to(root / "train"),
            "train/ant/again.* is a link to a folder that holds it",
        ),
    ],
)
def test_a_folder_of_another_form_is_refused(root: Path, change, text: str) -> None:  # type: ignore[no-untyped-def]
    change(root)
    with pytest.raises(ConfigError, match=text):
        list_images(root)


def test_a_link_to_another_folder_is_followed(root: Path, tmp_path: Path) -> None:
    (root / "train" / "dog").rename(tmp_path / "elsewhere")
    (root / "train" / "dog").symlink_to(tmp_path / "elsewhere")
    assert len(loaded(root).train_images) == 6


def test_too_little_memory_is_said_before_reading(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_memory", lambda: 10**9)
    monkeypatch.setattr(image_reading, "read_images", lambda *_, **__: pytest.fail("it was read"))
    with pytest.raises(ConfigError) as error:
        loaded(root, image_size=5000)
    assert "its images take 0.8 GB, and preparing them 2.2 GB of memory; 1.0 GB are free" in str(error.value)
    assert "Set image_size to a smaller side" in str(error.value)


def test_a_constant_channel_is_refused(tmp_path: Path) -> None:
    for split in ("train", "test"):
        for name in ("a", "b"):
            (tmp_path / split / name).mkdir(parents=True)
            Image.new("RGB", (4, 4), (9, 9, 9)).save(tmp_path / split / name / "0.png")
    with pytest.raises(ConfigError, match="same value everywhere in channel 0"):
        loaded(tmp_path)


def aged(root: Path) -> None:
    """Set all files' times to the past, as those of a folder at rest are."""
    for path in root.rglob("*"):
        os.utime(path, (1e9, 1e9))


def test_the_checksum_follows_the_content_and_nothing_else(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loader = {"reference": IMAGE_FOLDER, "options": {"root": str(root)}}
    record = tmp_path / "record.json"
    before = content_checksum(loader, record)
    loaded(root, content=before)
    for path in root.rglob("*"):
        path.touch()
    assert content_checksum(loader, record) == before
    first, second = root / "train" / "ant" / "b.PNG", root / "train" / "dog" / "b.PNG"
    first.rename(root / "kept")
    second.rename(first)
    (root / "kept").rename(second)
    assert content_checksum(loader, record) != before  # two images exchanged
    with pytest.raises(ArtifactError, match="its images changed while they were read"):
        loaded(root, content=before)


def test_files_at_rest_are_not_read_twice(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, record = list_images(root), tmp_path / "record.json"
    before = files_checksum(root, images.train, record)
    assert not record.exists()  # too young: it could change again within the resolution of its time stamp
    monkeypatch.setattr("prunepipe.datasets.contents.SETTLED_SECONDS", -10.0)
    files_checksum(root, images.train, record)
    monkeypatch.setattr("prunepipe.datasets.contents.read_file", lambda path: pytest.fail(f"{path} was read"))
    assert files_checksum(root, images.train, record) == before
    record.write_text("damaged")
    with pytest.raises(BaseException, match="was read"):
        files_checksum(root, images.train, record)


@pytest.mark.parametrize(
    ("wall", "cpu", "several"),
    [(0.03, 0.02, False), (0.05, 0.02, True), (0.1, 0.09, True)],
    ids=["small files", "a slow disk", "large images"],
)
def test_several_threads_read_where_they_help(
    wall: float, cpu: float, several: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(monotonic=count(0, wall).__next__, thread_time=count(0, cpu).__next__)
    monkeypatch.setattr(contents, "time", clock)
    made = list(by_parts(lambda part: (part, threading.current_thread()), range(20)))
    assert [part for part, _ in made] == list(range(20))
    assert any(thread is not threading.main_thread() for _, thread in made) == several
