"""Get the files of a dataset: local files, published checksums, downloads."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path

from prunepipe.artifacts import atomic_path
from prunepipe.errors import ArtifactError, ConfigError

SECONDS_OF_SILENCE = 60.0  # compute nodes often drop packets instead of refusing a connection


def file_md5(path: Path) -> str:
    """Return a file's MD5 (the checksum that dataset authors publish) without reading it into memory at once."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    except OSError as error:
        raise ArtifactError(f"{path}: cannot be read ({error.strerror}).") from error


def bytes_md5(content: bytes) -> str:
    """Return the MD5 of bytes in memory."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def require_md5(source: Path | str, found: str, expected: str) -> None:
    """Raise an error if content does not have the published checksum.

    Args:
        source: the file that the content came from, for the message.
        found: MD5 of the content.
        expected: MD5 published by the dataset's authors.
    Raises:
        ArtifactError: the checksums differ.
    """
    if found != expected:
        remedy = (
            "It is damaged or another file: delete it to download it again, or put the official one there."
        )
        raise ArtifactError(f"{source}: wrong checksum: MD5 {found}, expected {expected}. {remedy}")


def download(url: str, path: Path, md5: str) -> None:
    """Download one file with torchvision; it appears at `path` only if its checksum matches.

    Args:
        url: the file's address.
        path: the file to write; its folder is created if it is missing.
        md5: published checksum.
    Raises:
        ConfigError: there is no connection, or the file is not the expected one.
        ArtifactError: the folder cannot be written.
    """
    from torchvision.datasets.utils import download_url  # imports torch, which only a download needs

    with atomic_path(path) as temporary, _socket_timeout():
        try:
            download_url(url, str(temporary.parent), temporary.name, md5)
        except (OSError, RuntimeError, HTTPException) as error:
            raise ConfigError(f"the download of {url} failed ({error}).") from error


def found_or_downloaded(folder: Path, dataset: str, names: Sequence[str], url: str, md5: str) -> Path:
    """Return a data set's extracted folder or archive; if there is none, download its archive.

    Args:
        folder: searched, as is its subfolder with the data set's name; the archive is downloaded to it.
        dataset: name of the data set.
        names: of extracted folders and archives, in order of preference.
        url: the archive's address.
        md5: published checksum of that archive.
    Raises:
        ConfigError: there is none, and it cannot be downloaded.
    """
    candidates = [root / name for name in names for root in (folder, folder / dataset)]
    target = folder / url.rpartition("/")[2]
    found = next((path for path in candidates if path.exists()), None)
    if found is None:
        archives = " or ".join(name for name in names if Path(name).suffix)
        remedy = (
            f"Put {archives} (or its extracted folder) into {folder}, or set `data_folder` in config.yaml to the "
            "folder that has it."
        )
        download_or_explain(url, target, md5, dataset=dataset, looked=candidates, remedy=remedy)
    return found or target


def download_or_explain(
    url: str, path: Path, md5: str, *, dataset: str, looked: Sequence[str | Path], remedy: str
) -> None:
    """Download a file that was not found locally; if that fails, say where it was searched for and what to do.

    Args:
        url: the file's address.
        path: the file to write.
        md5: published checksum.
        dataset: name for the message.
        looked: the files and folders that were searched.
        remedy: what the user can do.
    Raises:
        ConfigError: the dataset cannot be downloaded.
    """
    try:
        download(url, path, md5)
    except ConfigError as error:
        places = ", ".join(str(place) for place in looked)
        raise ConfigError(f"dataset '{dataset}': not found in {places}; {error} {remedy}") from error


@contextmanager
def _socket_timeout() -> Iterator[None]:
    """Give up on silent connections, for which torchvision would wait forever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SECONDS_OF_SILENCE)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
