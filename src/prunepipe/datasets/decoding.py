"""Decode image files: every format and mode becomes uint8 channels of the requested size."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, UnidentifiedImageError

FORMATS = ("JPEG", "PNG", "BMP", "WEBP")
"""Accepted formats, recognised by content and not by suffix."""

GREY, COLOUR = 1, 3
SIXTEEN_BITS = 65_535


def decode(content: bytes, *, channels: int, image_size: int | None = None) -> np.ndarray:
    """Decode an image file.

    Palettes, CMYK, black-and-white and 16-bit grey images are converted; transparency is dropped, an animation yields
    its first image, and a rotation noted in EXIF is not applied, as in torchvision's loader. With `image_size` the
    image is resized and cropped as by torchvision's `Resize(image_size)` and `CenterCrop(image_size)`: the shorter side
    becomes `image_size` (bilinear, antialiased when shrinking), and the central square is kept.

    Args:
        content: the file's bytes.
        channels: 3 for RGB, 1 for grey.
        image_size: side of the square, pixels; None keeps the image's own size.
    Returns:
        uint8 [C, H, W].
    Raises:
        Exception: whatever Pillow raises for a file that is damaged or not an image.
    """
    with _opened(content) as image:
        converted = _converted(image, channels)
    if image_size is not None:
        converted = _centre_crop(_resized(converted, image_size), image_size)
    return np.asarray(converted).reshape(converted.height, converted.width, channels).transpose(2, 0, 1)


def read_size(content: bytes) -> tuple[int, int]:
    """Return height and width of an image file without decoding it."""
    with _opened(content) as image:
        return image.height, image.width


def _opened(content: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(content), formats=FORMATS)
    except UnidentifiedImageError as error:  # its own text shows a memory address in place of the file
        found = "it is no " + ", ".join(FORMATS) if content else "it is empty"
        raise ValueError(found) from error


def _converted(image: Image.Image, channels: int) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit grey: Pillow would clip every value above 255
        image = _eight_bits(image)
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")  # Pillow warns about the direct conversion
    if image.mode != "L":
        image = _in_mode(image, "RGB")
    return _in_mode(image, "L" if channels == GREY else "RGB")


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    """Return the image in a mode; Pillow's `convert` would copy an image that has it already."""
    image.load()
    return image if image.mode == mode else image.convert(mode)


def _eight_bits(image: Image.Image) -> Image.Image:
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > SIXTEEN_BITS:
        raise ValueError(f"its values span {values.min()} .. {values.max()}; at most 16 bits are read")
    return Image.fromarray(np.rint(values * (255 / SIXTEEN_BITS)).astype(np.uint8))


def _resized(image: Image.Image, side: int) -> Image.Image:
    width, height = image.size
    shorter, longer = sorted(image.size)
    long_side = side * longer // shorter
    size = (side, long_side) if width <= height else (long_side, side)
    return image if size == image.size else image.resize(size, Image.Resampling.BILINEAR)


def _centre_crop(image: Image.Image, side: int) -> Image.Image:
    left, top = round((image.width - side) / 2), round((image.height - side) / 2)
    return image.crop((left, top, left + side, top + side))
