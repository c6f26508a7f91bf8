"""Outliers of runs whose sample is a part of the rows."""

import numpy as np
import pytest
import zarr

import dgmm
from dgmm.mixture.density import assign
from dgmm.run.config.configuration import loads
from dgmm.run.fit_run import run

SHARE = 0.01


@pytest.mark.parametrize("kept", ["outlier", "labels"])
def test_the_threshold_is_that_of_all_rows_where_outliers_are_written(tmp_path, kept):
    rows = np.random.default_rng(0).normal(size=(20_000, 2))
    zarr.create_array(tmp_path / "rows.zarr", data=rows, chunks=(5_000, 2))
    text = f"""
        input: {{path: {tmp_path / "rows.zarr"}}}
        model: {{n_components: 1, covariance_type: full, sample_size: 500}}
        output: {{path: {tmp_path / "out"}, assignments: [{kept}], report: false}}
        cluster: {{kind: threads}}
        """
    passes = []
    run(loads(text), passes.append)
    result = dgmm.open_result(tmp_path / "out")
    is_outlier = assign(result.model, rows).log_density < result.outlier_threshold
    assert result.attributes["outlier_share"] == pytest.approx(is_outlier.mean(), rel=1e-12)
    stages = {event.stage for event in passes if hasattr(event, "stage")}
    assert ("outliers" in stages) == (kept == "outlier")
    if kept == "outlier":
        np.testing.assert_array_equal(result.assignments[kept][:], is_outlier)
        assert is_outlier.mean() == pytest.approx(SHARE, abs=1 / len(rows))
    else:
        assert is_outlier.mean() == pytest.approx(SHARE, abs=4 * np.sqrt(SHARE / 500))
