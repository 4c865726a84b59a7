"""Checksum the user's own files, on which a prepared data set depends in addition to code and settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prunepipe.datasets.contents import files_checksum, shown
from prunepipe.datasets.image_folder import list_images
from prunepipe.datasets.rows import ARRAY_FILE, IMAGE_FOLDER
from prunepipe.errors import ConfigError


def content_checksum(loader: Mapping[str, Any], record: Path) -> str | None:
    """Return the checksum of the files that a loader reads, or None if it is neither `folder` nor `arrays`.

    Args:
        loader: its reference and options, as in the settings of `prepare_dataset`.
        record: a small file that stores the checksum; see `files_checksum`.
    Raises:
        ConfigError: the file does not exist, or the folder is not a folder of images.
        ArtifactError: a file cannot be read.
    """
    if loader["reference"] == IMAGE_FOLDER:
        images = list_images(Path(loader["options"]["root"]))
        return files_checksum(images.root, (*images.train, *images.test), record)
    if loader["reference"] == ARRAY_FILE:
        path = Path(loader["options"]["path"])
        if not path.is_file():
            raise ConfigError(f"{shown(path)} is no file; `arrays` names an .npz or .safetensors file.")
        return files_checksum(path.parent, (path.name,), record)
    return None
