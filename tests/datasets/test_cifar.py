"""CIFAR-10 and CIFAR-100 from small files in the real binary and python formats."""

import numpy as np
import pytest
from cifar_files import BINARY, PYTHON, accept, contents_of, md5, put_archive, put_folder

from prunepipe.datasets.cifar import CIFAR10, CIFAR100, cifar10, load_release
from prunepipe.errors import ArtifactError, ConfigError


def assert_loaded(dataset, release):
    data = contents_of(release)
    pixels = np.concatenate([data[name][0] for name in release.train])
    labels = [label for name in release.train for label in data[name][1]]
    assert np.array_equal(dataset.train_images, pixels.reshape(-1, 3, 32, 32))
    assert dataset.train_labels.tolist() == labels
    assert np.array_equal(dataset.test_images, data[release.test][0].reshape(-1, 3, 32, 32))
    assert dataset.test_labels.tolist() == data[release.test][1]
    assert (dataset.classes, dataset.mean, dataset.std) == (release.classes, release.mean, release.std)


@pytest.mark.parametrize("release", [CIFAR10, CIFAR100], ids=lambda release: release.name)
@pytest.mark.parametrize("version", [BINARY, PYTHON], ids=["binary", "python"])
@pytest.mark.parametrize("put", [put_folder, put_archive])
@pytest.mark.parametrize("inside", [False, True])
def test_every_published_form_gives_the_same_dataset(tmp_path, release, version, put, inside):
    root = tmp_path / release.name if inside else tmp_path
    _, small = put(root, release, version)
    assert_loaded(load_release(tmp_path, small), release)


def test_pixels_are_red_green_blue_planes_row_by_row(tmp_path):
    folder, small = put_folder(tmp_path, CIFAR10, BINARY)
    record = np.frombuffer((folder / "test_batch.bin").read_bytes(), np.uint8)[:3073]
    image = load_release(tmp_path, small).test_images[0]
    assert image[2, 5, 9] == record[1 + 2 * 1024 + 5 * 32 + 9]


@pytest.mark.parametrize("version", [BINARY, PYTHON], ids=["binary", "python"])
def test_an_archive_with_another_checksum_is_refused(tmp_path, version):
    path, small = put_archive(tmp_path, CIFAR10, version)
    path.write_bytes(path.read_bytes() + b"\x00")
    found, expected = md5(path.read_bytes()), small.checksums[path.name]
    with pytest.raises(ArtifactError) as error:
        load_release(tmp_path, small)
    assert f"{path}: wrong checksum: MD5 {found}, expected {expected}" in str(error.value)


def test_the_published_checksums_are_the_default(tmp_path):
    path, _ = put_archive(tmp_path, CIFAR10, BINARY)
    with pytest.raises(ArtifactError, match=f"{path.name}: .* expected c32a1d4ab5d03f1284b67883e8d87530"):
        cifar10(tmp_path)


def test_an_incomplete_folder_is_named_and_not_replaced_by_another_source(tmp_path):
    folder, small = put_folder(tmp_path, CIFAR10, BINARY)
    put_archive(tmp_path, CIFAR10, BINARY)
    (folder / "data_batch_2.bin").unlink()
    with pytest.raises(ArtifactError, match=r"data_batch_2\.bin: cannot be read \(No such file"):
        load_release(tmp_path, small)


@pytest.mark.parametrize("length", [-1, -3073, 3073])
def test_binary_files_of_another_length_are_named(tmp_path, length):
    folder, small = put_folder(tmp_path, CIFAR10, BINARY)
    path = folder / "data_batch_5.bin"
    content = path.read_bytes()
    path.write_bytes(content[:length] if length < 0 else content + content[:length])
    with pytest.raises(ArtifactError, match=r"data_batch_5\.bin holds \d+ bytes, expected 12292"):
        load_release(tmp_path, small)


def test_a_binary_label_out_of_range_is_named(tmp_path):
    folder, small = put_folder(tmp_path, CIFAR10, BINARY)
    content = (folder / "test_batch.bin").read_bytes()
    (folder / "test_batch.bin").write_bytes(b"\x0a" + content[1:])
    with pytest.raises(ArtifactError, match=r"test_batch\.bin holds the label 10; the highest is 9"):
        load_release(tmp_path, small)


def test_a_hostile_python_file_in_a_folder_is_never_unpickled(tmp_path):
    folder, small = put_folder(tmp_path, CIFAR10, PYTHON)
    (folder / "data_batch_1").write_bytes(b"\x80\x02cposix\nmkdir\n(X\x04\x00\x00\x00harmtR.")
    with pytest.raises(ArtifactError, match="data_batch_1: wrong checksum"):
        load_release(tmp_path, small)
    with pytest.raises(ArtifactError, match=r"data_batch_1: refused: the pickle asks for posix\.mkdir"):
        load_release(tmp_path, accept(small, folder / "data_batch_1"))


def test_nothing_found_downloads_the_binary_archive(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    source, small = put_archive(tmp_path / "elsewhere", CIFAR10, BINARY)
    fetched = []

    def fetch(url, path, md5):
        fetched.append((url, path, md5))
        path.write_bytes(source.read_bytes())

    monkeypatch.setattr("prunepipe.datasets.sources.download", fetch)
    assert_loaded(load_release(tmp_path, small), CIFAR10)
    url = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
    assert fetched == [(url, tmp_path / source.name, small.checksums[source.name])]


def test_nothing_found_and_no_network_says_what_to_do(tmp_path):
    with pytest.raises(ConfigError) as error:
        load_release(tmp_path, CIFAR100)
    for part in (
        f"dataset 'cifar100': not found in {tmp_path / 'cifar-100-binary'},",
        str(tmp_path / "cifar100" / "cifar-100-python.tar.gz"),
        "(no network)",
        f"Put cifar-100-binary.tar.gz or cifar-100-python.tar.gz (or its extracted folder) into {tmp_path}",
        "`data_folder`",
    ):
        assert part in str(error.value)
