"""Image files of every format, mode and size, against torchvision's loader and transforms."""

import io
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision import transforms

from prunepipe.datasets.decoding import decode, read_size

MODES = {
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA"),
    "JPEG": ("L", "RGB", "CMYK"),
    "BMP": ("1", "L", "P", "RGB"),
    "WEBP": ("RGB", "RGBA"),
}


def picture(height: int, width: int, mode: str = "RGB") -> Image.Image:
    pixels = np.random.default_rng(0).integers(256, size=(height, width, 4), dtype=np.uint8)
    image = Image.fromarray(pixels)
    return image if mode == "RGBA" else image.convert("RGB").convert(mode)


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    content = io.BytesIO()
    image.save(content, form, **options)
    return content.getvalue()


def by_torchvision(content: bytes, channels: int, image_size: int | None) -> np.ndarray:
    image = Image.open(io.BytesIO(content)).convert("RGB")
    steps = [transforms.Resize(image_size), transforms.CenterCrop(image_size)] if image_size else []
    steps += [transforms.Grayscale()] if channels == 1 else []
    return (transforms.PILToTensor())(transforms.Compose(steps)(image)).numpy()


@pytest.mark.parametrize(("form", "mode"), [(form, mode) for form, modes in MODES.items() for mode in modes])
def test_every_format_and_mode_is_read_as_torchvision_reads_it(form: str, mode: str) -> None:
    content = encoded(picture(7, 5, mode), form)
    assert np.array_equal(decode(content, channels=3), by_torchvision(content, 3, None))
    assert np.array_equal(decode(content, channels=1), by_torchvision(content, 1, None))
    assert read_size(content) == (7, 5)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 30))
def test_images_are_resized_and_cropped_as_by_torchvision(height: int, width: int, side: int) -> None:
    content = encoded(picture(height, width), "PNG")
    found = decode(content, channels=3, image_size=side)
    assert found.shape == (3, side, side)
    assert np.array_equal(found, by_torchvision(content, 3, side))


def test_a_palette_with_transparency_is_read_without_a_warning() -> None:
    content = encoded(picture(4, 4, "P"), "PNG", transparency=bytes([0, 128, 255]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = decode(content, channels=3)
    assert np.array_equal(found, np.asarray(picture(4, 4, "P").convert("RGB")).transpose(2, 0, 1))


def test_sixteen_bit_grey_keeps_its_levels() -> None:
    levels = np.array([[0, 257, 300, 32_896, 65_535]], np.uint16)
    found = decode(encoded(Image.fromarray(levels), "PNG"), channels=1)
    assert found.tolist() == [[[0, 1, 1, 128, 255]]]  # Pillow alone gives 255 for all but the first


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "BMP"])
def test_a_damaged_image_is_an_error_and_never_a_partial_image(form: str) -> None:
    content = encoded(picture(32, 32), form)
    for damaged in (b"", b"not an image", content[: len(content) // 2]):
        with pytest.raises(Exception, match=r"."):
            decode(damaged, channels=3)


def test_formats_that_are_not_announced_are_not_read() -> None:
    with pytest.raises(ValueError, match="it is no JPEG, PNG"):
        decode(encoded(picture(4, 4), "TIFF"), channels=3)
