"""An image and the components of its pixels."""

from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from dgmm.io.results.record import Record
from dgmm.io.results.result import Result
from dgmm.io.sources.image import pixel_stride
from dgmm.plots.colours import NOISE, component_colours
from dgmm.report.figure_style import Picture, encode_jpeg, encode_png

Pixels = NDArray[np.uint8]

_LABELS_AT_A_TIME = 1 << 22


def draw_image_labels(result: Result, record: Record) -> tuple[Picture, ...]:
    """The image, and its pixels coloured by component; empty if the input is not an image."""
    if record.picture is None or record.picture_shape is None:
        return ()
    picture = Picture(
        "The picture",
        "What was clustered.",
        encode_jpeg(_rgb(record.picture)),
        "The input, an image.",
    )
    labels = result.assignments.get("labels")
    if labels is None:
        return (picture,)
    components, has_noise = result.labelling, "noise" in result.assignments
    seen = components.places(_labels(labels, record.picture_shape))
    colours = (*component_colours(components.labels), NOISE if has_noise else "#ffffff")
    palette = np.array([_parse_colour(colour) for colour in colours], np.uint8)
    segmentation = Picture(
        "Its segments",
        "Each pixel in the colour of its most probable component, as in the other figures"
        f"{'; noise is black' if has_noise else ''}.",
        encode_png(palette[seen], min(256, len(colours))),  # the last colour where there is none
        "The pixels in the colours of their components.",
    )
    return picture, segmentation


def _labels(labels: zarr.Array[Any], shape: tuple[int, int]) -> NDArray[np.integer]:
    """Labels of the pixels shown, read a few lines at a time."""
    step, (height, width) = pixel_stride(shape), shape
    n_lines = step * max(1, _LABELS_AT_A_TIME // (step * width))
    parts = []
    for y in range(0, height, n_lines):
        if labels.ndim == 2:
            lines = np.asarray(labels[y : y + n_lines])
        else:
            lines = np.asarray(labels[y * width : (y + n_lines) * width]).reshape(-1, width)
        parts.append(lines[::step, ::step])
    return np.concatenate(parts)


def _rgb(pixels: Pixels) -> Pixels:
    """Grey, colour and transparent pixels as red, green and blue."""
    n_bands = pixels.shape[2]
    return pixels[..., :3] if n_bands >= 3 else np.repeat(pixels[..., :1], 3, axis=2)


def _parse_colour(colour: str) -> tuple[int, ...]:
    """``#332288`` as three numbers."""
    return tuple(bytes.fromhex(colour[1:]))
