"""How loops are compiled by Numba, which takes half a second to import."""

from collections.abc import Callable
from typing import TypeVar

from numba import njit

Loop = TypeVar("Loop", bound=Callable[..., object])

# Products and sums may be fused, which is exact; nothing else may be rearranged.
_OPTIONS = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}

inlined = njit(**_OPTIONS)

summing = njit(**{**_OPTIONS, "fastmath": {"contract", "reassoc"}})
"""For sums whose terms may be added in any order, which is that of the processor's vectors."""


def compiled(*signatures: str) -> Callable[[Loop], Loop]:
    """Compile for signatures, or load what was compiled before."""

    def compile_(function: Loop) -> Loop:
        try:
            return njit(list(signatures), cache=True, **_OPTIONS)(function)
        except Exception:  # the cache cannot be written, is damaged, or the disk is full
            return njit(list(signatures), **_OPTIONS)(function)

    return compile_
