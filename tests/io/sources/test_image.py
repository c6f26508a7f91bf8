"""Images of any size are read; headers that no file of this size can have are refused."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from dgmm.errors import DataError
from dgmm.io.sources.source import open_source


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_an_image_that_pillow_would_take_for_an_attack_is_read(tmp_path, suffix, monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 255, (40, 30, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / f"x{suffix}")
    with Image.open(tmp_path / f"x{suffix}") as image:
        expected = np.asarray(image)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(Image.DecompressionBombError):
        Image.open(tmp_path / f"x{suffix}")
    source = open_source(tmp_path / f"x{suffix}")
    found = source.blocks.compute(scheduler="synchronous")
    assert len(found) == 1_200
    np.testing.assert_array_equal(np.sort(found, axis=0), np.sort(expected.reshape(-1, 3), axis=0))


def test_a_blank_image_is_genuine(tmp_path):
    Image.new("RGB", (3_000, 2_000)).save(tmp_path / "x.png", optimize=True)
    assert open_source(tmp_path / "x.png").blocks.shape == (6_000_000, 3)


def test_a_header_that_declares_too_much_is_refused(tmp_path):
    Image.new("L", (8, 8)).save(tmp_path / "x.png")
    content = bytearray((tmp_path / "x.png").read_bytes())
    content[16:24] = struct.pack(">II", 90_000, 90_000)
    content[29:33] = struct.pack(">I", zlib.crc32(bytes(content[12:29])))
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(
        DataError, match=r"declares 90000 x 90000 pixels, more than its .* can hold"
    ):
        open_source(tmp_path / "x.png")
