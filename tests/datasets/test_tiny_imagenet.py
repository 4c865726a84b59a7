"""Tiny-ImageNet from a small zip file and folder in the real layout, with JPEGs written by Pillow."""

import hashlib
import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from prunepipe.datasets import tiny_imagenet
from prunepipe.datasets.tiny_imagenet import Archive
from prunepipe.errors import ArtifactError, ConfigError

WNIDS = ["n02124075", "n01443537", "n04067472"]  # not sorted, as in the official file
LABELS = {"n01443537": 0, "n02124075": 1, "n04067472": 2}
COLOURS = {"n01443537": (250, 10, 10), "n02124075": (10, 250, 10), "n04067472": (10, 10, 250)}
VALIDATION = [("val_0.JPEG", "n04067472"), ("val_1.JPEG", "n01443537"), ("val_10.JPEG", "n02124075")]
ROOT = "tiny-imagenet-200"


def jpeg(colour, size=(64, 64), mode="RGB"):
    stream = io.BytesIO()
    Image.new(mode, size, colour).save(stream, "JPEG", quality=95)
    return stream.getvalue()


def official_files():
    """Name inside the dataset's folder -> content; one training and one validation image are grey."""
    files = {"wnids.txt": "".join(f"{wnid}\n" for wnid in WNIDS).encode(), "words.txt": b"not read"}
    for wnid in WNIDS:
        files[f"train/{wnid}/{wnid}_boxes.txt"] = b"not read"
        for number in range(2):
            files[f"train/{wnid}/images/{wnid}_{number}.JPEG"] = jpeg(COLOURS[wnid])
    files["train/n01443537/images/n01443537_1.JPEG"] = jpeg(200, mode="L")
    rows = [f"{name}\t{wnid}\t0\t32\t44\t62\n" for name, wnid in VALIDATION]
    files["val/val_annotations.txt"] = "".join(rows).encode()
    for name, wnid in VALIDATION:
        files[f"val/images/{name}"] = jpeg(COLOURS[wnid])
    files["val/images/val_1.JPEG"] = jpeg(100, mode="L")
    files["test/images/test_0.JPEG"] = b"not read"
    return files


def put_folder(folder, files):
    for name, content in files.items():
        path = folder / ROOT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder / ROOT


def put_zip(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{ROOT}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{ROOT}/", b"")
        for name, content in files.items():
            archive.writestr(f"{ROOT}/{name}", content)
    return path


def small_release(path=None):
    md5 = hashlib.md5(path.read_bytes()).hexdigest() if path and path.is_file() else "0" * 32
    return Archive(md5=md5, classes=3, train_per_class=2, test_images=3)


def load_folder(folder, files):
    return tiny_imagenet.load(folder, release=small_release(put_folder(folder, files)))


@pytest.mark.parametrize("put", [put_folder, put_zip])
@pytest.mark.parametrize("inside", [".", "tiny_imagenet"])
def test_zip_and_folder_give_the_same_dataset(tmp_path, put, inside):
    path = put(tmp_path / inside, official_files())
    dataset = tiny_imagenet.load(tmp_path, release=small_release(path))
    assert dataset.train_images.shape == (6, 3, 64, 64)
    assert dataset.train_labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert dataset.test_labels.tolist() == [2, 0, 1]
    assert (dataset.classes, dataset.mean[0], dataset.std[0]) == (3, 0.48025, 0.27699)
    for position, wnid in enumerate(["n01443537", None, "n02124075", "n02124075", "n04067472", "n04067472"]):
        colour = COLOURS[wnid] if wnid else (200, 200, 200)  # the grey image, the same in three channels
        assert np.abs(dataset.train_images[position].mean((1, 2)) - colour).max() < 3
    for position, colour in enumerate([COLOURS["n04067472"], (100, 100, 100), COLOURS["n02124075"]]):
        assert np.abs(dataset.test_images[position].mean((1, 2)) - colour).max() < 3


def test_rows_and_columns_of_an_image_stay_in_place(tmp_path):
    stream = io.BytesIO()
    picture = Image.new("RGB", (64, 64))
    picture.paste((255, 255, 255), (32, 0, 64, 16))  # left, top, right, bottom
    picture.save(stream, "JPEG", quality=95)
    image = load_folder(
        tmp_path, {**official_files(), "val/images/val_0.JPEG": stream.getvalue()}
    ).test_images[0]
    bright = image.mean(0) > 128  # [row, column]
    assert bright[:16, 32:].all()
    assert bright.sum() == 16 * 32


def test_a_zip_with_another_checksum_is_refused(tmp_path):
    path = put_zip(tmp_path, official_files())
    found = hashlib.md5(path.read_bytes()).hexdigest()
    with pytest.raises(ArtifactError) as error:
        tiny_imagenet.load(tmp_path)
    expected = "90528d7ca1a48142e341f4ef8d21d0de"
    assert f"{path}: wrong checksum: MD5 {found}, expected {expected}" in str(error.value)


def without(name):
    return {key: content for key, content in official_files().items() if key != name}


IMAGE = "train/n02124075/images/n02124075_1.JPEG"
ANNOTATIONS = "val/val_annotations.txt"


@pytest.mark.parametrize(
    ("files", "text"),
    [
        (without("wnids.txt"), "wnids.txt cannot be read (No such file"),
        (without(ANNOTATIONS), f"{ANNOTATIONS} cannot be read (No such file"),
        (without(IMAGE), "train/n02124075/images holds 1 .JPEG files, expected 2"),
        (without("val/images/val_0.JPEG"), "val/images/val_0.JPEG is only in the annotations"),
        (
            {**official_files(), "val/images/val_7.JPEG": b""},
            "val/images/val_7.JPEG is not in the annotations",
        ),
        (
            {**official_files(), "wnids.txt": b"n01443537\nn01443537\nn02124075\n"},
            "names 2 different classes, expected 3",
        ),
        (
            {**official_files(), "train/n09/images/n09_0.JPEG": jpeg((0, 0, 0))},
            "train/n09 is a class that wnids.txt does not name",
        ),
        (
            {**official_files(), ANNOTATIONS: b"val_0.JPEG\tn09\t0\t0\t9\t9\n"},
            "['val_0.JPEG', 'n09', '0', '0', '9', '9']",
        ),
        ({**official_files(), ANNOTATIONS: b"val_0.JPEG\n"}, "names no known class"),
        (
            {**official_files(), ANNOTATIONS: official_files()[ANNOTATIONS] + b"val_0.JPEG\tn02124075\n"},
            "has 4 rows for 3 images, expected 3",
        ),
        (
            {
                **without("val/images/val_10.JPEG"),
                ANNOTATIONS: b"val_0.JPEG\tn02124075\nval_1.JPEG\tn02124075\nval_0.JPEG\tn02124075\n",
            },
            "has 3 rows for 2 images, expected 3",
        ),
        ({**official_files(), IMAGE: jpeg((0, 0, 0))[:-200]}, f"{IMAGE} is not a sound 64 x 64 JPEG"),
        ({**official_files(), IMAGE: b"GIF89a"}, f"{IMAGE} is not a sound 64 x 64 JPEG"),
        ({**official_files(), IMAGE: jpeg((0, 0, 0), size=(64, 32))}, "it has 64 x 32 pixels"),
    ],
)
def test_a_folder_that_is_not_whole_is_named(tmp_path, files, text):
    with pytest.raises(ArtifactError) as error:
        load_folder(tmp_path, files)
    assert str(error.value).startswith(str(tmp_path / ROOT))
    assert text in str(error.value)


def test_nothing_found_downloads_the_zip(tmp_path, monkeypatch):
    source = put_zip(tmp_path / "elsewhere", official_files())
    fetched = []

    def fetch(url, path, md5):
        fetched.append((url, md5))
        path.write_bytes(source.read_bytes())

    release = small_release(source)
    monkeypatch.setattr("prunepipe.datasets.sources.download", fetch)
    assert len(tiny_imagenet.load(tmp_path, release=release).train_labels) == 6
    assert fetched == [("http://cs231n.stanford.edu/tiny-imagenet-200.zip", release.md5)]


def test_nothing_found_and_no_network_says_what_to_do(tmp_path):
    with pytest.raises(ConfigError) as error:
        tiny_imagenet.load(tmp_path)
    for part in (
        f"not found in {tmp_path / ROOT},",
        "(no network)",
        f"Put {ROOT}.zip (or its extracted folder) into {tmp_path}",
        "`data_folder`",
    ):
        assert part in str(error.value)
