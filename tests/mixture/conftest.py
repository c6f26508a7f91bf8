"""The mathematics is tested in the compiled loops; the others are compared with them."""

import pytest

from dgmm.mixture.kernels import tiling


@pytest.fixture(scope="package", autouse=True)
def _compiled_loops():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiling, "COMPILED_FROM", 0)
        yield
