"""Colours that remain distinct with colour vision deficiencies, as far as possible."""

import colorsys
from collections.abc import Iterable

from dgmm.registry import STRUCTURES

INK, PALE, GRID, ALARM = "#1f2933", "#7b8794", "#e4e7eb", "#b42318"
NOISE = "#000000"

# P. Tol's muted scheme and three more; then each the farthest from all before it, in the OKLab
# space, as seen with and without deuteranopia, of those neither pale nor dark.
_COMPONENTS = (
    "#332288",
    "#cc6677",
    "#44aa99",
    "#ddcc77",
    "#88ccee",
    "#882255",
    "#117733",
    "#e08214",
    "#aa4499",
    "#999933",
    "#4477cc",
    "#777777",
    "#ff00ff",
    "#3c2d00",
    "#0000ff",
    "#780fc3",
    "#00f0c3",
    "#005a87",
    "#d20f00",
    "#d2a5a5",
    "#9669ff",
    "#5a003c",
    "#e178d2",
    "#5ad25a",
    "#782d00",
    "#5a4bff",
    "#e11eb4",
    "#4b3c5a",
    "#c3e100",
    "#b4a5ff",
)
_GOLDEN = 0.618034

# P. Tol's high-contrast scheme, grey, and colours of his bright and vibrant schemes; with markers
_STRUCTURES = (
    ("#004488", "o"),
    ("#DDAA33", "s"),
    ("#BB5566", "^"),
    ("#555555", "D"),
    ("#228833", "v"),
    ("#AA3377", "P"),
    ("#66CCEE", "<"),
    ("#EE7733", ">"),
    ("#009988", "X"),
    ("#882255", "h"),
    ("#999933", "p"),
    ("#332288", "*"),
    ("#CC3311", "d"),
    ("#BBBBBB", "H"),
)


def structure_style(covariance_type: str) -> tuple[str, str]:
    """Colour and marker of a covariance structure.

    Examples
    --------
    >>> structure_style("full"), structure_style("spherical")
    (('#004488', 'o'), ('#555555', 'D'))
    """
    return _STRUCTURES[list(STRUCTURES).index(covariance_type) % len(_STRUCTURES)]


def component_colours(labels: Iterable[int]) -> tuple[str, ...]:
    """A colour for each component by its label; with many, neighbouring labels differ.

    Examples
    --------
    >>> component_colours([0, 1]), component_colours([1])
    (('#332288', '#cc6677'), ('#cc6677',))
    >>> len(set(component_colours(range(100))))
    100
    """
    n = len(_COMPONENTS)
    return tuple(_COMPONENTS[i] if i < n else _generate_colour(i - n) for i in labels)


def text_colour(colour: str) -> str:
    """The colour of text on this one, by its luma (ITU-R BT.601).

    Examples
    --------
    >>> text_colour("#332288"), text_colour("#ddcc77")
    ('#ffffff', '#1f2933')
    """
    red, green, blue = bytes.fromhex(colour[1:])
    return INK if 0.299 * red + 0.587 * green + 0.114 * blue > 150 else "#ffffff"


def _generate_colour(i: int) -> str:
    lightness = (0.35, 0.5, 0.65)[i % 3]
    red, green, blue = colorsys.hls_to_rgb((0.05 + i * _GOLDEN) % 1, lightness, 0.55)
    return f"#{round(255 * red):02x}{round(255 * green):02x}{round(255 * blue):02x}"
