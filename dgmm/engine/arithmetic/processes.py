"""What the last bits of numbers depend on beside the data: processor, libraries, code.

BLAS, NumPy and Numba choose instructions by the processor they find. Sums are then taken in other
orders and exponentials by other polynomials, so that last bits differ between types of processor.
"""

import hashlib
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Self

import numpy as np
from threadpoolctl import threadpool_info

from dgmm.engine.arithmetic.portable import BLAS_CORE, COMPILATION_TARGET

_LIBRARIES = ("numpy", "scipy", "numba", "llvmlite")
_CODE = ("engine", "mixture")
_SIMD = frozenset({"X86_V3", "AVX2"})  # by NumPy from 2.4 on, and before
_BEYOND_AVX2 = ("X86_V4", "AVX512")


@dataclass(frozen=True, slots=True, order=True)
class Arithmetic:
    """What the last bits of the numbers of a process depend on.

    Attributes
    ----------
    dgmm : str
        Its version, and a digest of the code that computes.
    libraries : str
        Versions of what it computes with.
    blas : str
        The kernels that each BLAS library has chosen.
    simd : str
        The instructions that NumPy has chosen.
    target : str
        The processor that Numba compiles for, and a digest of its features.
    system : str
        The architecture, and the C library that exp and log come from.
    """

    dgmm: str
    libraries: str
    blas: str
    simd: str
    target: str
    system: str

    def differences(self, other: Self) -> list[str]:
        """What differs, as ``"blas: openblas 0.3.30 Haswell, not openblas 0.3.30 SkylakeX"``."""
        pairs = ((f.name, getattr(self, f.name), getattr(other, f.name)) for f in fields(self))
        return [f"{name}: {own}, not {its}" for name, own, its in pairs if own != its]

    @property
    def is_portable(self) -> bool:
        """Whether all of it is what :mod:`dgmm.engine.arithmetic.portable` says."""
        cores = {library.rpartition(" ")[2] for library in self.blas.split(", ")}
        has_more = any(name in self.simd for name in _BEYOND_AVX2)
        return (
            cores == {BLAS_CORE}
            and not has_more
            and not _SIMD.isdisjoint(self.simd.split())
            and self.target.split()[0] == COMPILATION_TARGET
        )


@dataclass(frozen=True, slots=True)
class Processes:
    """The kinds of process that have computed, told apart by their arithmetic.

    Attributes
    ----------
    drivers : tuple of Arithmetic
        Of the command itself, which takes the steps of EM; several where it was resumed elsewhere.
    workers : tuple of Arithmetic
        Of those that work on blocks.
    """

    drivers: tuple[Arithmetic, ...] = ()
    workers: tuple[Arithmetic, ...] = ()

    def __or__(self, other: Self) -> Self:
        """Those of both."""
        drivers, workers = ({*self.drivers, *other.drivers}, {*self.workers, *other.workers})
        return type(self)(tuple(sorted(drivers)), tuple(sorted(workers)))

    def news(self, other: Self) -> list[str]:
        """How others differ that are not among these; empty if they are, or none is known."""
        pairs = ((self.drivers, other.drivers), (self.workers, other.workers))
        found = (
            each.differences(known[0])
            for known, others in pairs
            for each in others
            if known and each not in known
        )
        return list(dict.fromkeys(line for lines in found for line in lines))


@cache
def describe_process() -> Arithmetic:
    """The arithmetic of this process."""
    import scipy.linalg  # noqa: F401 - SciPy's own BLAS is among the libraries then

    instructions = np.show_config(mode="dicts")["SIMD Extensions"]
    blas = {
        f"{library['internal_api']} {library['version']} {library.get('architecture', '')}".strip()
        for library in threadpool_info()
        if library["user_api"] == "blas"
    }
    return Arithmetic(
        dgmm=f"{version('dgmm')} (code {_code_digest()})",
        libraries=", ".join(f"{name} {version(name)}" for name in _LIBRARIES),
        blas=", ".join(sorted(blas)),
        simd=" ".join(instructions.get("found", ())),
        target=_compilation_target(os.environ),
        system=f"{platform.machine()}, {' '.join(platform.libc_ver())}",
    )


def _compilation_target(environment: Mapping[str, str]) -> str:
    """What Numba compiles for, by its own variables."""
    import llvmlite.binding as llvm  # which is slow to import

    name = environment.get("NUMBA_CPU_NAME") or llvm.get_host_cpu_name()
    features = environment.get("NUMBA_CPU_FEATURES")
    if features is None:
        features = llvm.get_host_cpu_features().flatten()
    return f"{name} ({hashlib.sha256(features.encode()).hexdigest()[:8]})"


def _code_digest() -> str:
    """Of the modules whose results are the bits of a fit."""
    root = Path(__file__).parents[2]
    found = hashlib.sha256()
    for path in sorted(path for folder in _CODE for path in (root / folder).rglob("*.py")):
        found.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return found.hexdigest()[:8]
