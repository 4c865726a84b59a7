"""Nothing but the official files is unpickled, and of those nothing but arrays of bytes."""

import os
import pickle
import warnings

import numpy as np
import pytest
from cifar_files import md5, python2_pickle

from prunepipe.datasets.official_pickle import load_batch
from prunepipe.errors import ArtifactError

PIXELS = np.random.default_rng(0).integers(256, size=(3, 3072), dtype=np.uint8)
OFFICIAL = python2_pickle(PIXELS, [5, 0, 9], "labels")


class Hostile:
    """Unpickling it makes a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_the_official_form_is_read():
    batch = load_batch(OFFICIAL, md5(OFFICIAL), "data_batch_1")
    assert np.array_equal(batch["data"], PIXELS)
    assert batch["data"].dtype == np.uint8
    assert batch["labels"] == [5, 0, 9]


def test_the_hand_made_file_is_what_pickle_reads_too():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # new numpy versions warn about names and flags of 2009
        batch = pickle.loads(OFFICIAL, encoding="latin1")
    assert np.array_equal(batch["data"], PIXELS)
    assert (batch["batch_label"], batch["labels"]) == ("training batch 1 of 5", [5, 0, 9])


def test_a_hostile_pickle_stops_at_the_checksum(tmp_path):
    hostile = pickle.dumps(Hostile(tmp_path / "harm"), protocol=2)
    with pytest.raises(
        ArtifactError, match=f"test: wrong checksum: MD5 {md5(hostile)}, expected {md5(OFFICIAL)}"
    ):
        load_batch(hostile, md5(OFFICIAL), "test")
    assert not (tmp_path / "harm").exists()


def test_a_hostile_pickle_with_the_right_checksum_stops_at_the_unpickler(tmp_path):
    hostile = pickle.dumps(Hostile(tmp_path / "harm"), protocol=2)
    with pytest.raises(ArtifactError, match=r"test: refused: the pickle asks for posix\.mkdir"):
        load_batch(hostile, md5(hostile), "test")
    assert not (tmp_path / "harm").exists()
    pickle.loads(hostile)  # the file is not harmless
    assert (tmp_path / "harm").exists()


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"\x80\x02cnumpy\ndtype\n(U\x02O8K\x00K\x01tR.", "refused: the pickle holds an array of type b'O8'"),
        (
            b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n(cnumpy\ndtype\nK\x00\x85U\x01btR.",
            "refused: the pickle builds an array of a foreign type",
        ),
        (b"\x80\x02cbuiltins\neval\n.", "refused: the pickle asks for builtins.eval"),
        (b"\x80\x02cnumpy\nload\n.", "refused: the pickle asks for numpy.load"),
    ],
)
def test_what_no_array_of_bytes_needs_is_refused(content, text):
    with pytest.raises(ArtifactError) as error:
        load_batch(content, md5(content), "cifar: test")
    assert str(error.value).startswith("cifar: test")
    assert text in str(error.value)
