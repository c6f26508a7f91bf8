"""Runs that fit a Bayesian mixture: the posterior beside the mixture that readers know."""

import json
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
import xarray
import zarr

import dgmm
from dgmm.engine.events import PassFinished, PassStarted, Resumed
from dgmm.errors import ConfigurationError, DataError
from dgmm.mixture.drift.decision import DriftStatus
from dgmm.report.findings import collect_findings
from dgmm.report.page import render
from dgmm.run.config.configuration import dump_resolved, loads
from dgmm.run.fit_run import run
from dgmm.run.input_handle import open_input
from dgmm.run.plan_summary import summarize_plan
from dgmm.run.score_run import configuration_for, score
from pipelines.nightly import Settings, nightly
from tests.run.victim import digest

MOST, N_ROWS, SAMPLE = 4, 600, 300
OF_A_POSTERIOR = (
    *("weights_", "means_", "covariances_", "precisions_cholesky_", "weight_concentration_"),
    *("mean_precision_", "degrees_of_freedom_", "mean_prior_", "covariance_prior_"),
    "lower_bounds_",
)


def clumps(night=0, n_rows=N_ROWS):
    rng = np.random.default_rng(night)
    centres = np.array([[0, 0], [7, 0], [0, 9]])
    return centres[rng.choice(3, n_rows, p=(0.5, 0.3, 0.2))] + rng.normal(size=(n_rows, 2))


def configuration(folder, output="out", data="x.zarr", model="", more=""):
    return f"""
        input: {{path: {folder / data}, partition_size: 3200}}
        model: {{inference: variational, n_components: {MOST}, covariance_type: full,
                 sample_size: {SAMPLE}{model}}}
        output: {{path: {folder / output}, assignments: [labels, responsibilities], report: false}}
        cluster: {{kind: threads}}
        {more}
    """


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bayesian")
    zarr.create_array(folder / "x.zarr", data=clumps(), chunks=(200, 2))
    zarr.create_array(folder / "later.zarr", data=clumps(1), chunks=(200, 2))
    run(loads(configuration(folder)))
    return folder


@pytest.fixture(scope="module")
def result(folder):
    return dgmm.open_result(folder / "out")


@pytest.fixture(scope="module")
def estimator():
    return dgmm.BayesianGaussianMixture(n_components=MOST, sample_size=SAMPLE, random_state=0).fit(
        clumps()
    )


def test_the_posterior_is_that_of_the_estimator(result, estimator):
    group = zarr.open_group(result.path, mode="r")["posterior"]
    for name in OF_A_POSTERIOR:
        expected = np.asarray(getattr(estimator, name))
        np.testing.assert_allclose(group[name.strip("_")][...], expected, rtol=1e-11, atol=1e-11)
    for name in ("weight_concentration_prior", "mean_precision_prior", "degrees_of_freedom_prior"):
        assert group.attrs[name] == getattr(estimator, f"{name}_")
    state = result.posterior.state
    assert state.is_converged
    assert state.lower_bounds[-1] == pytest.approx(estimator.lower_bound_, rel=1e-12)


def test_the_model_is_the_mean_of_the_components_that_are_used(result, estimator):
    mixture = estimator.to_gaussian_mixture()
    np.testing.assert_allclose(result.model.means, mixture.means_, rtol=1e-11)
    np.testing.assert_allclose(result.model.weights, mixture.weights_, rtol=1e-11)
    (found,) = result.sweep.results
    assert found.candidate.name == f"full-{estimator.n_active_}"
    assert found.n_iter == len(result.posterior.state.lower_bounds)
    assert found.bic == pytest.approx(mixture.bic(clumps()), rel=1e-11)
    assert found.log_likelihood == pytest.approx(mixture.score(clumps()) * N_ROWS, rel=1e-11)
    assert sorted(result.posterior.labels) == [-1, 0, 1, 2]
    tree = xarray.open_datatree(result.path, engine="zarr")
    posterior, model = tree["posterior"], tree["model"]
    used = posterior["label"] >= 0
    np.testing.assert_array_equal(posterior["means"][used.values], model["means"])


def test_labels_are_by_the_model_and_scores_agree(result, folder, estimator):
    labels = result.assignments["labels"][:]
    np.testing.assert_array_equal(labels, estimator.to_gaussian_mixture().predict(clumps()))
    wanted = configuration_for(
        result, str(folder / "x.zarr"), str(folder / "scored"), ["cluster.kind=threads"]
    )
    scored = dgmm.open_result(score(result, wanted).path)
    for name in ("labels", "responsibilities"):
        np.testing.assert_array_equal(scored.assignments[name][:], result.assignments[name][:])
    assert scored.posterior is None


def test_scores_take_incomplete_rows_as_by_any_mixture(result, folder):
    rows = clumps()[:10]
    rows[3, 0] = np.nan
    zarr.create_array(folder / "incomplete.zarr", data=rows, chunks=(10, 2))
    changes = ["cluster.kind=threads", "input.missing=marginalize"]
    place = str(folder / "incomplete.zarr"), str(folder / "incomplete")
    scored = score(result, configuration_for(result, *place, changes))
    assert (dgmm.open_result(scored.path).assignments["labels"][:] >= 0).all()


def test_weights_that_count_no_row_are_refused_before_inference(folder):
    weights = np.full(N_ROWS, 0.5 / N_ROWS)
    zarr.create_array(folder / "weights.zarr", data=weights, chunks=(200,))
    text = configuration(folder, "weighted")
    with pytest.raises(DataError, match=r"Weights add up to 0\.5, expected at least 1"):
        run(loads(text, [f"input.weights={{path: {folder / 'weights.zarr'}}}"]))


def test_weights_that_are_hardly_counts_are_doubted_in_words_that_help(folder, result, caplog):
    size = replace(result.sweep.size, total_weight=10.0 * N_ROWS)
    doubtful = replace(result, sweep=replace(result.sweep, size=size))
    (said,) = (f for f in collect_findings(doubtful, None, None) if "The weights of" in f.text)
    assert said.is_grave
    assert "Divide weights by their mean" in said.text
    zarr.create_array(folder / "tens.zarr", data=np.full(N_ROWS, 10.0), chunks=(200,))
    changes = [f"input.weights={{path: {folder / 'tens.zarr'}}}", "model.n_components=2"]
    run(loads(configuration(folder, "tens"), [*changes, "model.max_iter=1"]))
    assert "Divide weights by their mean" in caplog.text
    assert "normalize" not in said.text + caplog.text


def test_a_run_may_be_interrupted_after_every_pass(folder, result):
    text, seen = configuration(folder, "interrupted"), []

    def stop(event):
        seen.append(event)
        starts_to_assign = isinstance(event, PassStarted) and event.stage == "assign"
        is_first = sum(isinstance(e, PassStarted) and e.stage == "assign" for e in seen) == 1
        has_fitted = isinstance(event, PassFinished) and event.stage == "fit"
        if has_fitted or (starts_to_assign and is_first):
            raise KeyboardInterrupt

    finished = None
    while finished is None:
        with suppress(KeyboardInterrupt):
            finished = run(loads(text), stop)
    started = [(e.stage, e.index) for e in seen if isinstance(e, PassStarted) and e.stage == "fit"]
    n_iter = len(result.posterior.state.lower_bounds)
    assert started == [("fit", index) for index in range(n_iter + 1)]
    assert seen.count(Resumed("fit", n_iter + 1)) == 2
    assert digest(finished.path) == digest(result.path)


def test_some_blocks_are_fitted_as_all_are(folder, result):
    text = configuration(folder)
    with open_input(loads(text)).on_cluster() as blocks:
        found = blocks.fit(range(3)).sweep.selected
    np.testing.assert_array_equal(found.parameters.means, result.model.means)


@pytest.mark.slow
def test_workers_give_the_same_bits(folder, result):
    text = configuration(folder, "workers")
    found = run(loads(text, ["cluster={kind: local, workers: 2}"]))
    assert digest(found.path) == digest(result.path)


def test_nights_start_from_the_last_and_keep_labels(folder):
    nights = folder / "nights"
    keys = dump_resolved(loads(configuration(folder, "nights"), [f"model.start_from={nights}"]))
    assert nightly(Settings(run=loads(json.dumps(keys)))).is_new
    first = dgmm.open_result(nights)
    keys["input"]["path"] = str(folder / "later.zarr")
    settings = Settings(run=loads(json.dumps(keys)))
    assert nightly(settings).is_new
    assert not nightly(settings).is_new
    later = dgmm.open_result(nights)
    assert later.drift.verdict is DriftStatus.STEADY
    assert later.labelling.labels == first.labelling.labels
    np.testing.assert_allclose(later.model.means, first.model.means, atol=0.5)
    posterior, labels = later.posterior.state.posterior, np.array(later.posterior.labels)
    for place in np.flatnonzero(labels >= 0):
        own = later.model.means[later.labelling.labels.index(labels[place])]
        np.testing.assert_array_equal(own, posterior.mixture.means[place])


def test_rows_that_are_prepared_have_a_posterior_in_their_units(folder):
    text = configuration(folder, "prepared", more="prepare: {scale: standardize, pca: 1}")
    found = dgmm.open_result(run(loads(text, ["model.n_components=2"])).path)
    rows = found.transform.apply(clumps().T).T
    mixture = dgmm.BayesianGaussianMixture(n_components=2, sample_size=SAMPLE, random_state=0)
    means = found.posterior.state.posterior.mixture.means
    np.testing.assert_allclose(means, mixture.fit(rows).means_, rtol=1e-9, atol=1e-9)


def test_the_report_and_the_plan_say_what_was_allowed_and_used(folder, result):
    page = render(result)
    assert f"A Bayesian mixture of at most {MOST} components was fitted to 600 rows" in page
    assert f"{result.posterior.state.lower_bounds[-1]:,.1f}" in page
    assert "The fit</h2>" in page
    assert "BIC" not in page.partition("Configuration")[0]
    texts = [finding.text for finding in collect_findings(result, None, None)]
    assert any(f"Of the {MOST} components that were allowed, 3 have rows" in t for t in texts)
    lines = [*summarize_plan(loads(configuration(folder))).lines()]
    expected = f"candidate   a Bayesian mixture, full, of at most {MOST} components"
    assert any(line.startswith(expected) for line in lines)
    assert "full-3>" in repr(result)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("model.n_components=1:4", "found 4 numbers of n_components .* expected one, the most"),
        (
            "model.covariance_type=[full, diag]",
            "found covariance_type of 2 structures .* one of full,",
        ),
        ("model.covariance_type=VVE", "found covariance_type VVE .* one of full, tied, diag, sph"),
        ("model.criterion=icl", "found criterion, expected none with inference variational"),
        ("model.noise=hypervolume", "found noise, expected none"),
        ("model.prior=conjugate", "found prior, expected none"),
        ("model.whole_sweep=true", "found whole_sweep, expected none"),
        ("model.max_iter=0", "found max_iter 0 with inference variational, expected 1 or more"),
        ("input.missing=marginalize", "found input.missing: marginalize with model.inference var"),
        ("input.labels=known", "found input.labels with model.inference variational"),
        ("input.weights={variable: w, normalize: rows}", "found input.weights.normalize with"),
        ("model={mean_precision_prior: 2.0}", "found mean_precision_prior, expected inference va"),
    ],
)
def test_what_makes_no_sense_is_refused(folder, change, message):
    with pytest.raises(ConfigurationError, match=message):
        loads(configuration(folder), [change])


def test_priors_are_checked_before_rows_are_read(folder):
    text = configuration(folder, model=", degrees_of_freedom_prior: 0.5")
    with pytest.raises(ConfigurationError, match=r"degrees_of_freedom_prior is 0\.5; expected"):
        summarize_plan(loads(text))


def test_priors_are_those_that_are_given(folder):
    keys = ", max_iter: 1, weight_concentration_prior_type: dirichlet_distribution"
    keys += ", weight_concentration_prior: 2.0, mean_precision_prior: 3.0"
    keys += ", degrees_of_freedom_prior: 7.5"
    text = configuration(folder, "priors", model=keys)
    found = dgmm.open_result(run(loads(text, ["model.n_components=2"])).path)
    prior = found.posterior.state.posterior.prior
    assert (prior.weights, prior.weight_concentration) == ("dirichlet_distribution", 2.0)
    assert (prior.mean_precision, prior.degrees_of_freedom) == (3.0, 7.5)
    assert found.posterior.state.posterior.weight_concentration.shape == (2,)
    assert found.sweep.selected.status.value == "max_iter"
