"""Runs that start from an earlier result: fewer passes, the same labels, the same run again."""

import numpy as np
import pytest
import xarray
import zarr

import dgmm
from dgmm.errors import DataError, InputNotFoundError
from dgmm.io.results.output import Output
from dgmm.mixture.candidate import Status
from dgmm.run.config.configuration import loads
from dgmm.run.fit_run import run
from dgmm.run.plan_summary import summarize_plan
from dgmm.run.score_run import configuration_for, score
from dgmm.run.warm_start import build_warm_start
from tests.report.results import fitted, mixture, stored
from tests.run.victim import Crash, crash_before, digest

CENTRES = np.array([[0.0, 0.0], [8.0, 0.0], [0.0, 8.0], [9.0, 9.0]])


def rows_of(seed, centres, shares, n_rows=1_000):
    """Rows of clumps; which are there, and how many rows each has, is a matter of the night."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(len(shares), n_rows, p=np.asarray(shares) / np.sum(shares))
    return CENTRES[centres][labels] + rng.normal(size=(n_rows, 2)), np.asarray(centres)[labels]


def night(folder, number, rows, more="", names=("labels", "responsibilities", "log_density")):
    path = folder / f"night{number}.zarr"
    if not path.exists():
        zarr.create_array(path, data=rows, chunks=(500, 2))
    text = f"""
        input: {{path: {path}}}
        model: {{n_components: 2:4, covariance_type: full, start_from: {folder / "out"}}}
        output: {{path: {folder / "out"}, assignments: {list(names)}, report: false}}
        drift: {{hold_back: false}}
        cluster: {{kind: threads}}
        """
    return loads(text, [more] if more else [])


def truth_by_label(result, truth):
    """Of which clump the rows of each label are; every one of a single clump."""
    labels = result.assignments["labels"][:]
    found = {}
    for label in np.unique(labels):
        counts = np.bincount(truth[labels == label])
        assert counts.max() > 0.98 * counts.sum()
        found[int(label)] = int(counts.argmax())
    return found


def test_labels_keep_their_meaning_while_components_come_and_go(tmp_path):
    meaning = {}
    nights = [
        ([0, 1, 2], [5, 3, 2], {0, 1, 2}),
        ([0, 1, 2], [2, 3, 5], {0, 1, 2}),  # the order by weight turns round
        ([0, 1, 2, 3], [2, 3, 5, 1], {0, 1, 2, 3}),  # one appears
        ([0, 2, 3], [4, 5, 2], None),  # one dies
        ([0, 1, 2, 3], [4, 2, 5, 2], None),  # another is born where it had been
    ]
    for number, (centres, shares, labels) in enumerate(nights):
        rows, truth = rows_of(number, centres, shares)
        result = dgmm.open_result(run(night(tmp_path, number, rows)).path)
        found = truth_by_label(result, truth)
        assert set(found) == set(result.labelling.labels)
        assert labels is None or set(found) == labels
        for label, clump in found.items():
            assert meaning.setdefault(label, clump) == clump, "a label means what it meant"
    vanished = next(label for label, clump in meaning.items() if clump == 1)
    assert vanished not in found, "a label that has gone is never used again"
    assert result.labelling.next_label == 5
    tree = xarray.open_datatree(tmp_path / "out" / "latest.zarr", engine="zarr", consolidated=True)
    for group in ("model", "components", "assignments"):
        assert tree[group]["component"].values.tolist() == list(result.labelling.labels)
    r = tree["assignments/responsibilities"]
    labels = tree["assignments/labels"].values
    np.testing.assert_array_equal(r.component.values[r.values.argmax(axis=1)], labels)


def test_the_sweep_is_narrowed_around_the_last_choice(tmp_path):
    rows, _ = rows_of(0, [0, 1, 2], [1, 1, 1])
    more = (
        "model={n_components: 1:4, covariance_type: [spherical, diag], n_init: 1, start_from: %s}"
    )
    more %= tmp_path / "out"
    first = run(night(tmp_path, 0, rows, more)).sweep
    assert len(first.results) == 8
    again, _ = rows_of(1, [0, 1, 2], [1, 1, 1])
    configuration = night(tmp_path, 1, again, more)
    planned = [*summarize_plan(configuration).lines()]
    assert planned[-1] == f"starts from {dgmm.open_result(tmp_path / 'out').path}"
    narrow = run(configuration).sweep
    kind = first.selected.candidate.covariance_type
    names = [result.candidate.name for result in narrow.results]
    assert names == [f"{kind}-{k}" for k in (2, 3, 4)]
    whole = run(night(tmp_path, 1, again, "model.whole_sweep=true"))
    assert len(whole.sweep.results) == 3
    other = "model={n_components: 6, covariance_type: [full, tied], n_init: 1, start_from: %s}"
    alone = run(night(tmp_path, 1, again, other % (tmp_path / "out"))).sweep
    assert [result.candidate.name for result in alone.results] == ["full-6", "tied-6"]


def test_what_was_given_up_is_no_start(tmp_path):
    ended = (Status.CONVERGED, Status.STOPPED_EARLY, Status.MAX_ITER)
    fits = [fitted(mixture(k), 8_000.0 + k, status) for k, status in enumerate(ended, start=2)]
    starts = build_warm_start(stored(tmp_path, fits)).mixtures
    assert [start.n_components for start in starts] == [2, 4]


def test_the_same_night_again_is_complete_and_the_last_result_stays(tmp_path):
    paths, configurations = [], []
    for number in range(3):
        rows, _ = rows_of(number, [0, 1, 2], [1, 1, 1])
        configurations.append(night(tmp_path, number, rows))
        paths.append(run(configurations[-1]).path)
    assert len(set(paths)) == 3
    for path, configuration in zip(paths, configurations, strict=True):
        again = run(configuration)
        assert (again.path, again.already_complete) == (path, True)
    assert str(dgmm.open_result(tmp_path / "out").path) == paths[-1]
    assert len(Output(tmp_path / "out").runs()) == 3
    started = [dgmm.open_result(path).attributes.get("started_from") for path in paths]
    assert started[0] is None
    assert [facts["path"] for facts in started[1:]] == paths[:-1]


def test_an_interrupted_run_starts_again_if_another_result_is_the_last_one_now(tmp_path):
    found = []
    for folder, is_interrupted in (("interrupted", True), ("clean", False)):
        (tmp_path / folder).mkdir()
        for number, centres in enumerate(([0, 1], [0, 1], [0, 1, 2])):
            rows, _ = rows_of(number, centres, [1] * len(centres), 900)
            configuration = night(tmp_path / folder, number, rows, "model.sample_size=300")
            if number != 1:
                run(configuration)
                continue
            second = configuration
            if is_interrupted:
                with pytest.raises(Crash):
                    run(second, crash_before("fit", 1))
        found.append(run(second))
        assert not list((tmp_path / folder).glob("out/attempts/*"))
        assert len(Output(tmp_path / folder / "out").runs()) == 3
    names = [result.candidate.name for result in found[0].sweep.results]
    assert names == ["full-2", "full-3", "full-4"]
    assert digest(found[0].path) == digest(found[1].path)


def test_a_run_that_another_has_overtaken_is_not_published_any_more(tmp_path, monkeypatch, caplog):
    configurations = [night(tmp_path, n, rows_of(n, [0, 1], [1, 1])[0]) for n in range(3)]
    run(configurations[0])

    def crash(*_):
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(Output, "publish", crash)
        with pytest.raises(Crash):
            run(configurations[1])
    last = run(configurations[2]).path
    late = run(configurations[1])
    assert not late.already_complete
    (said,) = (record for record in caplog.records if "not what readers" in record.message)
    assert said.levelname == "WARNING"
    assert f"{late.path} is complete, but not what readers" in said.message
    assert str(dgmm.open_result(tmp_path / "out").path) == last
    assert not list(tmp_path.glob("out/attempts/*"))
    assert run(configurations[1]).already_complete


def test_an_earlier_result_that_is_not_there_is_an_error_elsewhere(tmp_path):
    rows, _ = rows_of(0, [0, 1], [1, 1])
    configuration = night(tmp_path, 0, rows, f"model.start_from={tmp_path / 'elsewhere'}")
    with pytest.raises(InputNotFoundError, match=r"nothing at .*elsewhere"):
        run(configuration)


def test_data_with_other_features_do_not_start_from_it(tmp_path):
    rows, _ = rows_of(0, [0, 1], [1, 1])
    run(night(tmp_path, 0, rows))
    with pytest.raises(DataError, match=r"features x0, x1, x2; the model .* x0, x1"):
        run(night(tmp_path, 1, np.column_stack([rows, rows[:, 0]])))


@pytest.mark.parametrize(
    "prepare",
    [pytest.param("{scale: standardize}", marks=pytest.mark.slow), "{scale: standardize, pca: 2}"],
)
def test_prepared_rows_keep_their_labels_though_their_units_change(tmp_path, prepare):
    meaning = None
    for number, stretch in enumerate([1.0, 1.3]):
        rows, truth = rows_of(number, [0, 1, 2], [5 - 3 * number, 3, 2 + 3 * number])
        configuration = night(tmp_path, number, rows * [1.0, stretch], f"prepare={prepare}")
        found = truth_by_label(dgmm.open_result(run(configuration).path), truth)
        assert meaning is None or found == meaning
        meaning = found


def test_scores_speak_of_components_by_their_labels(tmp_path):
    for number, (centres, shares) in enumerate([([0, 1, 2], [5, 3, 2]), ([1, 2, 3], [2, 3, 5])]):
        rows, truth = rows_of(number, centres, shares)
        run(night(tmp_path, number, rows))
    result = dgmm.open_result(tmp_path / "out")
    assert result.labelling.labels != (0, 1, 2)
    config = configuration_for(
        result,
        str(tmp_path / "night0.zarr"),
        str(tmp_path / "scores"),
        ["cluster.kind=threads", "output.most_probable=2"],
    )
    scored = dgmm.open_result(score(result, config).path)
    assert scored.labelling == result.labelling
    rows = zarr.open_array(tmp_path / "night0.zarr", mode="r")[:]
    said = result.assign(rows)
    labels = scored.assignments["labels"][:]
    np.testing.assert_array_equal(labels, said.labels)
    np.testing.assert_array_equal(scored.assignments["responsible"][:, 0], labels)
    rows, truth = rows_of(1, [1, 2, 3], [2, 3, 5])
    by_label = truth_by_label(result, truth)
    np.testing.assert_array_equal(np.vectorize(by_label.get)(result.assign(rows).labels), truth)
