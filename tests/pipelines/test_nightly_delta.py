"""A Delta Lake table night after night: the live rows are fitted, and only new ones are scored."""

import json

import numpy as np
import pytest

from dgmm import GaussianMixture, open_result
from dgmm.run.config.configuration import loads
from dgmm.run.run_plan import plan_run
from pipelines import nightly, score

deltalake = pytest.importorskip("deltalake", reason="needs deltalake")
pandas = pytest.importorskip("pandas", reason="needs pandas")


def rows(n, seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, 2)) + 6 * rng.integers(0, 2, (n, 1))
    return pandas.DataFrame(
        {"id": np.arange(n) + 10_000 * seed, "a": values[:, 0], "b": values[:, 1]}
    )


@pytest.fixture
def configured(tmp_path):
    run = f"""
    input: {{path: {tmp_path}/t, columns: [a, b], id_columns: id, partition_size: 4kB}}
    output: {{path: {tmp_path}/OUTPUT, report: false}}
    cluster: {{kind: threads}}
    """
    fit = f"""
    run:{run.replace("OUTPUT", "out").replace(chr(10), chr(10) + "  ")}
      model: {{n_components: 2, covariance_type: full, n_init: 1, start_from: {tmp_path}/out}}
    """
    scored = f"""
    model: {tmp_path}/out
    run:{run.replace("OUTPUT", "scored").replace(chr(10), chr(10) + "  ")}
    """
    (tmp_path / "nightly.yaml").write_text(fit)
    (tmp_path / "score.yaml").write_text(scored)
    (tmp_path / "rows.yaml").write_text(run.replace("OUTPUT", "none"))
    return tmp_path


def night(folder, capfd):
    assert nightly.main([str(folder / "nightly.yaml"), "--log-format", "json"]) == 0
    return json.loads(capfd.readouterr().err.splitlines()[-1])


def test_nights_see_the_live_rows(configured, capfd):
    path = str(configured / "t")
    deltalake.write_deltalake(path, rows(900, 1))
    changes = [
        lambda: None,
        lambda: deltalake.write_deltalake(path, rows(300, 2), mode="append"),
        lambda: deltalake.DeltaTable(path).delete("id < 10100"),
        lambda: deltalake.DeltaTable(path).optimize.compact(),
        lambda: deltalake.write_deltalake(path, rows(800, 3), mode="overwrite"),
    ]
    for change in changes:
        change()
        event = night(configured, capfd)
        live = deltalake.DeltaTable(path).to_pyarrow_table().to_pandas()
        found = open_result(configured / "out")
        assert found.attributes["n_samples"] == event["rows"] == len(live)
        assert sorted(found.coordinates["id"][:]) == sorted(live["id"])
        assert event["is_new"]
        assert event["event"] == "nightly_finished"
        assert event["components"] == 2
        assert event["run_id"] == found.path.stem
        plain = GaussianMixture(2, random_state=0).fit(live[["a", "b"]])
        assert event["log_likelihood_per_row"] == pytest.approx(plain.lower_bound_, abs=1e-5)
        by_id = dict(zip(found.coordinates["id"][:], found.assignments["labels"][:], strict=True))
        means = found.model.means
        nearest = plain.predict(live[["a", "b"]])
        own = np.array([by_id[each] for each in live["id"]])
        same = np.linalg.norm(means[0] - plain.means_[0]) < 1
        assert (own == (nearest if same else 1 - nearest)).all()


def score_night(folder):
    """The result of a night, and the rows of its last block."""
    assert score.main([str(folder / "score.yaml")]) == 0
    found = open_result(folder / "scored")
    planned = plan_run(loads((folder / "rows.yaml").read_text()))
    return found, planned.source.grid.block_rows[-1]


def test_only_new_rows_are_scored_where_nothing_else_changed(configured, capfd):
    path = str(configured / "t")
    deltalake.write_deltalake(path, rows(1_000, 1))
    night(configured, capfd)
    n_rows, (_, last) = 1_000, score_night(configured)
    for seed, n in enumerate((70, 600), start=2):
        deltalake.write_deltalake(path, rows(n, seed), mode="append")
        found, after = score_night(configured)
        n_rows += n
        assert found.attributes["n_samples"] == n_rows
        assert n <= found.attributes["n_new"] <= n + last  # a block that has grown counts as new
        last = after
    deltalake.DeltaTable(path).delete("id < 10100")
    found, _ = score_night(configured)
    assert found.attributes["n_samples"] == n_rows - 100
