"""The pipeline that follows growing data: folds in what is new, and refits when that is due."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr

import dgmm
from dgmm import GaussianMixture
from dgmm.io.results.output import Output
from dgmm.run.history import publish
from pipelines.online import main
from pipelines.online.refit_rule import (
    Limits,
    OnlineStatistics,
    UpdateResult,
    is_worse,
    reason_to_refit,
    update_log_densities,
)
from pipelines.online.state import Store

pytestmark = pytest.mark.usefixtures("folder")

CONFIG = """\
refit_every: 3
skipped_exit_code: 99
run:
  input: {path: rows.zarr, partition_size: 4kB}
  model: {n_components: 2, covariance_type: diag, n_init: 1, start_from: out}
  output: {path: out, report: false}
  cluster: {kind: threads}
"""
LIMITS = Limits(refit_every=5, tolerance=0.05)


def night(seed, n=500, spread=1.0):
    rng = np.random.default_rng(seed)
    centres = np.array([[0.0, 0.0], [6.0, 1.0]])
    return centres[rng.choice(2, n, p=[0.7, 0.3])] + spread * rng.normal(size=(n, 2))


def begin(rows):
    zarr.create_array("rows.zarr", data=rows, chunks=(100, 2), overwrite=True)


def grow(rows):
    zarr.open_array("rows.zarr", mode="r+").append(rows)


def all_rows():
    return zarr.open_array("rows.zarr", mode="r")[:]


def mixture():
    return GaussianMixture.from_zarr("out/online/latest.zarr")


def counted():
    found = mixture()
    return found.n_samples_fitted_, found.n_samples_seen_, found.status_


def state(folder):
    files = sorted(path for path in (folder / "out" / "online").rglob("*") if path.is_file())
    return {str(path): path.read_bytes() for path in files if ".zarr" in str(path)}


@pytest.fixture(scope="module")
def after_the_first_call(tmp_path_factory):
    folder = tmp_path_factory.mktemp("first")
    with pytest.MonkeyPatch.context() as context:
        context.chdir(folder)
        begin(night(0))
        (folder / "online.yaml").write_text(CONFIG)
        assert main(["online.yaml"]) == 0
    return folder


@pytest.fixture
def folder(after_the_first_call, tmp_path, monkeypatch):
    """Where the first call has found 500 rows."""
    shutil.copytree(after_the_first_call, tmp_path / "folder", symlinks=True)
    monkeypatch.chdir(tmp_path / "folder")
    return tmp_path / "folder"


def test_new_rows_are_added_and_every_third_time_all_are_refitted(capsys):
    shutil.rmtree("out")
    assert main(["online.yaml"]) == 0
    assert counted() == (500, 500, "converged")
    for seed, expected in [(1, (500, 1000, "online")), (2, (500, 1500, "online"))]:
        grow(night(seed))
        assert main(["online.yaml"]) == 0
        assert counted() == expected
    grow(night(3))
    assert main(["online.yaml"]) == 0
    assert counted() == (2000, 2000, "converged")
    exact = dgmm.open_result("out").model
    np.testing.assert_array_equal(mixture().means_, exact.means)
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == ["500 new rows", f"fitted to all 500 rows: {said[1].split(': ')[1]}"]
    assert said[4] == "added by stepwise EM, 1 since the exact fit"
    assert said[10].startswith("refitted to all 2,000 rows (after every 3 calls with new rows)")
    assert said[11].endswith("online/latest.zarr")


def test_it_folds_in_what_partial_fit_does():
    fitted = mixture()
    grow(night(1))
    assert main(["online.yaml", "--set", "learning_decay=0.9"]) == 0
    expected = fitted.set_params(learning_decay=0.9).partial_fit(night(1))
    np.testing.assert_allclose(mixture().means_, expected.means_, rtol=1e-9)
    assert mixture().predictive_score_ == pytest.approx(expected.predictive_score_, rel=1e-12)


def test_nothing_new_changes_nothing(folder, capsys):
    before = state(folder)
    assert main(["online.yaml"]) == 99
    begin(night(0))  # other files, the same rows
    assert main(["online.yaml"]) == 99
    assert capsys.readouterr().out.startswith("nothing new: out/online/latest.zarr")
    assert state(folder) == before


def test_rows_that_fit_worse_than_usual_have_all_refitted(capsys):
    grow(night(1, spread=3.0))
    assert main(["online.yaml"]) == 0
    assert "(new rows fit worse than usual (" in capsys.readouterr().out
    assert counted() == (1000, 1000, "converged")


def test_an_exact_fit_that_is_held_back_is_adopted_when_a_person_has_published_it(capsys):
    grow(night(1, n=2_000) + 20.0)
    for _ in range(2):
        assert main(["online.yaml"]) == 65
        assert "held back" in capsys.readouterr().err
        assert counted() == (500, 500, "converged")
    (waiting,) = {run.run_id for run in Output(Path("out")).runs() if not run.is_latest}
    publish("out", waiting)
    assert main(["online.yaml"]) == 0
    assert counted() == (2_500, 2_500, "converged")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[:400], "The input has 400 rows, and had 500; expected data that grow"),
        (lambda rows: np.concatenate([night(7), rows]), "Rows 0 to 499 are not what they were"),
    ],
    ids=["shrunk", "other"],
)
def test_data_that_have_not_grown_are_refused(folder, capsys, change, message):
    before = state(folder)
    begin(change(all_rows()))
    assert main(["online.yaml"]) == 65
    assert message in capsys.readouterr().err
    assert state(folder) == before


STAGES = {
    "folding": ("dgmm.run.input_blocks.update_mixture", ()),
    "the exact fit": ("pipelines.online.run", ("--set", "refit_every=1")),
    "its facts": ("pipelines.online.state.write_group", ()),
    "its mixture": ("dgmm.GaussianMixture.to_zarr", ()),
    "the link": ("pipelines.online.state.Store._link", ()),
    "cleaning up": ("pipelines.online.state.Store._clean", ()),
}


@pytest.mark.parametrize("stage", STAGES)
def test_a_call_that_is_stopped_leaves_the_old_state_or_the_new_one(stage, folder, monkeypatch):
    (target, options), stopped = STAGES[stage], []

    def stop(*arguments, **_):
        stopped.append(arguments)
        raise KeyboardInterrupt

    old = counted()
    grow(night(1))
    calls = ["online.yaml", *options]
    with monkeypatch.context() as context:
        context.setattr(target, stop)
        assert main(calls) == 130
    assert len(stopped) == 1
    new = (1000, 1000, "converged") if options else (500, 1000, "online")
    assert counted() in (old, new)
    is_done = Store(folder / "out" / "online").load().statistics.n_rows == 1000
    assert is_done == (stage in ("the link", "cleaning up"))
    assert main(calls) == (99 if is_done else 0)
    assert counted() == new


def test_what_killed_calls_have_left_is_removed(folder):
    store = Store(folder / "out" / "online")
    (store.folder / ".000002.mixture.zarr.0123abcd" / "means").mkdir(parents=True)
    before = counted()
    store.latest.unlink()
    assert store.load().statistics.n_rows == 500
    assert counted() == before
    store.save(store.load())
    assert not list(store.folder.glob(".0*"))


def test_only_the_last_two_states_stay(folder):
    store = Store(folder / "out" / "online")
    for _ in range(3):
        store.save(store.load())
    names = sorted(path.name for path in store.folder.glob("0*"))
    kinds = ("facts", "mixture")
    assert names == [f"{number:06}.{kind}.zarr" for number in (3, 4) for kind in kinds]
    assert store.latest.readlink().name == names[-1]


def test_rows_without_a_value_are_left_out_and_weights_count():
    weights = np.random.default_rng(5).uniform(0.5, 1.5, 1000)
    rows = np.concatenate([night(0), night(1)])
    rows[[3, 700], 1] = np.nan
    shutil.rmtree("out")
    np.save("w.npy", weights[:500])
    begin(rows[:500])
    options = ("online.yaml", "--set", "run.input.weights={path: w.npy}")
    options += ("--set", "run.input.missing=drop")
    assert main(options) == 0
    np.save("w.npy", weights)
    grow(rows[500:])
    assert main(options) == 0
    complete = np.isfinite(rows).all(axis=1)
    assert mixture().n_samples_seen_ == pytest.approx(weights[complete].sum(), rel=1e-12)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("run.prepare={scale: standardize}", "found prepare, expected none"),
        ("run.input.missing=marginalize", "found input.missing marginalize, expected drop"),
        ("run.output.path=s3://bucket/out", "found output.path s3://bucket/out, expected a dir"),
        ("learning_decay=0.5", "learning_decay"),
        ("refit_every=0", "refit_every"),
    ],
)
def test_settings_that_make_no_sense_are_refused(capsys, setting, message):
    assert main(["online.yaml", "--set", setting]) == 78
    assert message in capsys.readouterr().err


def test_chance_is_not_worse_than_usual():
    statistics = OnlineStatistics((-3.0, -3.1, -2.9), "run")
    for weight, log_density, expected in [
        (1e6, -3.04, False),  # within the tolerance
        (1e6, -3.06, True),
        (100.0, -3.3, False),  # 4 standard errors of 100 rows are 0.4
        (100.0, -3.46, True),
    ]:
        update = UpdateResult(weight, 2, log_density, is_collapsed=False)
        assert is_worse(update, statistics, 0.05) is expected
    assert not is_worse(UpdateResult(0.0, 2, None, is_collapsed=False), statistics, 0.05)
    assert not is_worse(
        UpdateResult(1e6, 2, -99.0, is_collapsed=False), OnlineStatistics((), "run"), 0.05
    )


def test_what_is_usual_is_learnt_again_after_a_change():
    statistics = OnlineStatistics(tuple(range(-9, -4)), "run", n_folds=1)
    sound = UpdateResult(1e6, 2, -7.0, is_collapsed=False)
    assert update_log_densities(sound, statistics, LIMITS) == (-8, -7, -6, -5, -7.0)
    assert reason_to_refit(sound, statistics, LIMITS) is None
    assert (
        update_log_densities(UpdateResult(1e6, 2, -70.0, is_collapsed=False), statistics, LIMITS)
        == ()
    )
    assert (
        update_log_densities(UpdateResult(0.0, 2, None, is_collapsed=False), statistics, LIMITS)
        == statistics.log_densities
    )
    collapsed = UpdateResult(1e6, 2, -7.0, is_collapsed=True)
    assert reason_to_refit(collapsed, statistics, LIMITS) == "a component has collapsed"


@pytest.mark.slow
def test_thirty_nights_stay_near_the_exact_fit():
    shutil.rmtree("out")
    begin(night(0, n=4_000))
    options = ("online.yaml", "--set", "refit_every=100", "--set", "tolerance=0.02")
    gaps = []
    for seed in range(1, 31):
        grow(night(seed, n=400 + 100 * (seed % 7)))
        assert main(options) == 0
        rows, found = all_rows(), mixture()
        exact = GaussianMixture(
            2,
            covariance_type="diag",
            weights_init=found.weights_,
            means_init=found.means_,
            precisions_init=found.precisions_,
        ).fit(rows)
        gaps.append((exact.lower_bound_ - found.score(rows)) * len(rows))
    assert mixture().n_samples_fitted_ == 4_500
    assert mixture().n_steps_ == 29
    assert max(gaps) < 9  # free parameters: twice the exact fit's own distance from the truth
