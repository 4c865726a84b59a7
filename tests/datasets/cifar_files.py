"""Small CIFAR files in the published formats, for the tests of their loader."""

import hashlib
import io
import struct
import tarfile
from dataclasses import replace

import numpy as np

COUNT, TEST_COUNT = 4, 3
BINARY, PYTHON = 0, 1


def md5(content):
    return hashlib.md5(content).hexdigest()


def contents_of(release):
    """Pixels [n, 3072] and labels [n] of every file of a release."""
    generator = np.random.default_rng(release.classes)
    counts = {**dict.fromkeys(release.train, COUNT), release.test: TEST_COUNT}
    return {
        name: (
            generator.integers(256, size=(count, 3072), dtype=np.uint8),
            generator.integers(release.classes, size=count).tolist(),
        )
        for name, count in counts.items()
    }


def records(pixels, labels, label_bytes):
    """Binary records; CIFAR-100's first label byte is the coarse class."""
    coarse = [[7]] * len(labels) if label_bytes == 2 else [[]] * len(labels)
    rows = zip(coarse, labels, pixels, strict=True)
    return b"".join(bytes([*first, label]) + row.tobytes() for first, label, row in rows)


def short(text):
    return b"U" + bytes([len(text)]) + text


def python2_pickle(pixels, labels, label_key):
    """The byte stream that Python 2's cPickle and numpy wrote in 2009 (protocol 2)."""
    integers = b"".join(b"K" + bytes([value]) for value in labels)
    shape = b"".join(b"M" + struct.pack("<H", size) for size in pixels.shape)
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85" + short(b"b") + b"tR"
        b"(K\x01" + shape + b"\x86cnumpy\ndtype\n(" + short(b"u1") + b"K\x00K\x01tR(K\x03" + short(b"|")
        + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T" + struct.pack("<I", pixels.nbytes)
        + pixels.tobytes() + b"tb"
    )  # fmt: skip
    items = short(b"batch_label") + short(b"training batch 1 of 5") + short(b"data") + array
    return b"\x80\x02}(" + items + short(label_key.encode()) + b"](" + integers + b"eu."


def file_contents(release, version):
    """Name inside the folder -> bytes, and the release that takes them for official."""
    data = contents_of(release)
    if version == BINARY:
        files = {f"{name}.bin": records(*part, release.label_bytes) for name, part in data.items()}
    else:
        files = {name: python2_pickle(*part, release.label_key) for name, part in data.items()}
    sums = {name: md5(content) for name, content in files.items()}
    small = replace(
        release, train_images=COUNT, test_images=TEST_COUNT, checksums={**release.checksums, **sums}
    )
    return files, small


def put_folder(root, release, version):
    files, small = file_contents(release, version)
    folder = root / release.folders[version]
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder, small


def put_archive(root, release, version):
    files, small = file_contents(release, version)
    path = root / release.archives[version]
    root.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{release.folders[version]}/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path, accept(small, path)


def accept(release, path):
    return replace(release, checksums={**release.checksums, path.name: md5(path.read_bytes())})
