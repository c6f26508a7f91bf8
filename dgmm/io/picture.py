"""An image as small as a page needs it."""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgmm.errors import DgmmError
from dgmm.io.image_source import pillow
from dgmm.io.storage.location import absolute_location, open_binary, place_of

_MOST_PIXELS = 300_000

_logger = logging.getLogger(__name__)


def stride(shape: tuple[int, int]) -> int:
    """Every so many pixels of an image, across and down, are few enough to be shown.

    Examples
    --------
    >>> stride((427, 640)), stride((3000, 4000))
    (1, 7)
    """
    return max(1, math.ceil(math.sqrt(math.prod(shape) / _MOST_PIXELS)))


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """Every so many pixels of an image.

    Attributes
    ----------
    pixels : ndarray of shape (height, width, n_bands), uint8
    shape : (int, int)
        Height and width of the image itself.
    """

    pixels: NDArray[np.uint8]
    shape: tuple[int, int]


def picture_of(path: str, storage_options: Mapping[str, Any]) -> Picture | None:
    """The image at a path; None, with a warning, if it cannot be read any more."""
    try:
        place = place_of(absolute_location(path, storage_options))
        with open_binary(place) as file, pillow(place).open(file) as image:
            pixels: NDArray[np.uint8] = np.asarray(image)
    except (DgmmError, OSError) as error:
        _logger.warning("The report goes without a picture of the input: %s", error)
        return None
    height, width = pixels.shape[:2]
    step = stride((height, width))
    seen = np.ascontiguousarray(pixels[::step, ::step])
    return Picture(seen.reshape(*seen.shape[:2], -1), (height, width))
