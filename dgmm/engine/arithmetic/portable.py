"""Portable arithmetic: what all processors of x86-64 have that have AVX2, and nothing beyond it."""

from collections.abc import Mapping
from importlib.metadata import version
from types import MappingProxyType

BLAS_CORE = "Haswell"
COMPILATION_TARGET = "x86-64-v3"

_FEATURES = "+avx2,+bmi,+bmi2,+f16c,+fma,+lzcnt,+movbe"
_AVX512 = ("F", "CD", "_KNL", "_KNM", "_SKX", "_CLX", "_CNL", "_ICL", "_SPR")


def portable_environment() -> Mapping[str, str]:
    """Variables under which a process that starts has portable arithmetic.

    OpenBLAS, NumPy and Numba read them as they are imported: in a process that runs they are of no
    use. Names of instructions are those of the NumPy that is installed.
    """
    major, minor = (int(part) for part in version("numpy").split(".")[:2])
    avx512 = " ".join(f"AVX512{name}" for name in _AVX512)
    beyond = "X86_V4 AVX512_ICL AVX512_SPR" if (major, minor) >= (2, 4) else avx512
    return MappingProxyType(
        {
            "OPENBLAS_CORETYPE": BLAS_CORE,
            "NPY_DISABLE_CPU_FEATURES": beyond,
            "NUMBA_CPU_NAME": COMPILATION_TARGET,
            "NUMBA_CPU_FEATURES": _FEATURES,
        }
    )
