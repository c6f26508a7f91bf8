import json
import subprocess
import sys
from contextlib import suppress
from copy import deepcopy
from pathlib import Path

import jsonschema
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel

from dgmm.errors import ConfigurationError, UsageError
from dgmm.estimator import GaussianMixture
from dgmm.mixture.drift.decision import DriftThresholds
from dgmm.mixture.em.convergence import TOL
from dgmm.run.config.cluster_options import AddressCluster, LocalCluster, ThreadsCluster
from dgmm.run.config.configuration import (
    Configuration,
    Input,
    Model,
    Output,
    Prepare,
    dump_resolved,
    load,
    loads,
    schema,
)
from dgmm.run.config.drift_section import DriftLimits
from dgmm.run.config.model_section import candidates
from dgmm.run.drift_check import drift_thresholds
from dgmm.run.identity import identity

MINIMAL = "input: {path: data.zarr}\noutput: {path: results}\n"
TYPES = ("full", "tied", "diag", "spherical")


def changed(*overrides: str) -> Configuration:
    return loads(MINIMAL, overrides)


def message(text: str, *overrides: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        loads(text, overrides)
    return str(caught.value)


def test_defaults_fit_everything() -> None:
    configuration = loads(MINIMAL)
    assert configuration.model.n_components == tuple(range(1, 11))
    assert configuration.model.covariance_type == TYPES
    assert configuration.model.tol == GaussianMixture().tol == TOL == 1e-6
    assert configuration.output.assignments == ("labels",)
    assert configuration.cluster == LocalCluster()


def test_every_key_can_be_set() -> None:
    configuration = loads(
        """
        input: {path: a.npy, format: npy, variable: x/y, partition_size: 64MiB}
        model:
          n_components: [3, 2, 3]
          covariance_type: diag
          criterion: icl
          n_init: 2
          init_params: [kmeans, random]
          tol: 1e-3
          max_iter: 0
          reg_covar: 0
          seed: 9223372036854775807
          sample_size: 1000
          allow_degenerate: true
        output: {path: b, assignments: [labels, log_density]}
        cluster: {workers: 2, threads_per_worker: 3, memory_limit: 1.5GB}
        """
    )
    assert configuration == Configuration(
        input=Input(path="a.npy", format="npy", variable="x/y", partition_size=64 * 1024**2),
        model=Model(
            n_components=(3, 2),
            covariance_type=("diag",),
            criterion="icl",
            n_init=2,
            init_params=("kmeans", "random"),
            tol=0.001,
            max_iter=0,
            reg_covar=0.0,
            seed=2**63 - 1,
            sample_size=1000,
            allow_degenerate=True,
        ),
        output=Output(path="b", assignments=("labels", "log_density")),
        cluster=LocalCluster(workers=2, threads_per_worker=3, memory_limit=1_500_000_000),
    )


@pytest.mark.parametrize(
    ("written", "counts"),
    [("5", (5,)), ("[8, 2, 8]", (8, 2)), ("2:4", (2, 3, 4)), ("3:3", (3,)), ("'1:2'", (1, 2))],
)
def test_numbers_of_components(written: str, counts: tuple[int, ...]) -> None:
    assert changed(f"model.n_components={written}").model.n_components == counts


@pytest.mark.parametrize(
    ("written", "n_bytes"),
    [
        ("1", 1),
        ("10B", 10),
        ("2kB", 2000),
        ("2 kiB", 2048),
        ("1.5M", 1_500_000),
        ("64MiB", 64 * 1024**2),
        ("1GiB", 1024**3),
        ("1TB", 10**12),
    ],
)
def test_sizes(written: str, n_bytes: int) -> None:
    assert changed(f"input.partition_size={written}").input.partition_size == n_bytes


@pytest.mark.parametrize(
    ("kind", "cluster"),
    [
        ("{}", LocalCluster()),
        ("{kind: local}", LocalCluster()),
        ("{kind: threads, threads: 2}", ThreadsCluster(kind="threads", threads=2)),
        ("{kind: address}", AddressCluster(kind="address")),
        ("{kind: address, timeout: 5}", AddressCluster(kind="address", timeout=5)),
    ],
)
def test_kinds_of_cluster(kind: str, cluster: object) -> None:
    assert changed(f"cluster={kind}").cluster == cluster


WRONG = [
    ("input", "5", "found 5, expected keys with values"),
    ("input.path", "5", "found 5, expected text"),
    ("input.path", "''", 'found "", expected text that is not empty'),
    ("input.path", '"a\\0b"', "expected a path without NUL characters"),
    ("input.columns", "[a, b, a]", "found a more than once, expected each name once"),
    ("input.id_columns", "[]", "expected at least one"),
    (
        "input.format",
        "csv",
        "found \"csv\", expected 'auto', 'series', 'anndata', 'fcs', 'geotiff', 'nifti', "
        "'icechunk', 'kerchunk', 'ome-zarr', 'zarr', 'npy', 'image', 'hdf5', 'delta', 'iceberg', "
        "'parquet' or 'xarray'",
    ),
    ("input.path", "ftp://host/x", "no ftp:// URLs; expected a path, package://PACKAGE/FILE, or"),
    ("input.storage_options", "5", "expected keys with values, such as {endpoint_url: "),
    ("input.storage_options", "{secret: x}", "found 'secret', which may be a secret"),
    ("input.storage_options", "{a: {Key: x}}", "found 'Key', which may be a secret"),
    ("input.storage_options", "{token: x}", "found 'token', which may be a secret"),
    ("input.storage_options", "{a: [1]}", "expected keys with text, numbers, true or false"),
    ("input.storage_options", "{a: .nan}", "expected keys with text, numbers, true or false"),
    ("input.variable", "[x]", 'found ["x"], expected text'),
    ("input.variables", "[]", "found [], expected at least one"),
    ("input.sample_dims", "[]", "found [], expected at least one"),
    ("input.sample_dims", "[x, 5]", "expected text"),
    ("input", "{path: a, variable: x, variables: y}", "found variable and variables, expected"),
    ("input.weights", "{cell_area: lat, path: x}", "found cell_area and a place, expected one"),
    ("input.columns", "[]", "found [], expected at least one"),
    ("input.columns", "[x, 5]", "expected text"),
    ("input.labels", "5", "found 5, expected keys with values"),
    ("input.labels", "{}", "found no place, expected a variable, a path or both"),
    ("input.weights", "5", "found 5, expected keys with values"),
    ("input.weights", "{}", "found no place, expected a variable, a path or both"),
    ("input.partition_size", "lots", 'found "lots", expected bytes'),
    ("input.partition_size", "64 MiBs", "expected bytes"),
    ("input.partition_size", "0", "found 0, expected greater than 0"),
    ("input.partition_size", "1.5", "found 1.5, expected an integer"),
    ("input.missing", "skip", "found \"skip\", expected 'error', 'drop' or 'marginalize'"),
    ("prepare", "7", "found 7, expected keys with values"),
    ("prepare.scale", "yes", "found \"yes\", expected 'none' or 'standardize'"),
    ("prepare.pca", "1.5", "found 1.5, expected a number of components, or a share of the"),
    (
        "prepare.transform",
        "sqrt",
        'found "sqrt", expected log, log1p, arcsinh, yeo-johnson, logicle or',
    ),
    (
        "prepare.transform",
        "{a: {arcsinh: 0}}",
        "expected log, log1p, arcsinh, yeo-johnson, logicle or",
    ),
    ("input.id_columns", "[]", "found [], expected at least one"),
    ("input.where", "[[a, ~, 1]]", "expected a condition such as"),
    ("input.concat_dim", "5", "found 5, expected text"),
    ("input.compensate", "1", "found 1, expected true or false"),
    ("input.densify", "1", "found 1, expected true or false"),
    ("input.version", "1.5", "found 1.5, expected a number, or text"),
    ("input.missing_chunks", "zero", "found \"zero\", expected 'error' or 'fill'"),
    ("model", "null", "found null, expected keys with values"),
    ("model.n_components", "many", 'found "many", expected an integer, a list of integers, or a'),
    ("model.n_components", "0", "found 0, expected greater than or equal to 1"),
    ("model.n_components", "[]", "found [], expected at least one"),
    ("model.n_components", "1.5", "found 1.5, expected an integer"),
    ("model.n_components", "true", "found true, expected an integer"),
    ("model.n_components", "4:2", "expected FIRST:LAST with 1 <= FIRST <= LAST"),
    ("model.n_components", "0:2", "expected FIRST:LAST with 1 <= FIRST <= LAST"),
    ("model.n_components", "1:999999999", "at most 10,000 values"),
    ("model.covariance_type", "fulll", "expected 'full', 'tied', 'diag', 'spherical', 'EII'"),
    ("model.covariance_type", "[]", "found [], expected at least one"),
    ("model.covariance_type", "{full: 1}", "expected 'full', 'tied', 'diag', 'spherical', 'EII'"),
    ("model.criterion", "dic", "expected 'bic', 'aic', 'icl', 'bic_effective'"),
    ("model.n_init", "0", "expected greater than or equal to 1"),
    ("model.n_init", "'5'", 'found "5", expected an integer'),
    ("model.init_params", "[]", "expected at least one"),
    ("model.init_params", "k-medians", "expected 'kmeans', 'k-means++'"),
    ("model.tol", "0", "found 0, expected greater than 0"),
    ("model.tol", "'1e-3'", 'found "1e-3", expected a number'),
    ("model.tol", ".inf", "found Infinity, expected a finite number"),
    ("model.tol", ".nan", "found NaN, expected a finite number"),
    ("model.tol", "9" * 350, "expected a number"),
    ("model.max_iter", "-1", "expected greater than or equal to 0"),
    ("model.max_iter", "10.0", "found 10.0, expected an integer"),
    ("model.reg_covar", "-1e-9", "expected greater than or equal to 0"),
    ("model.seed", "9223372036854775808", "expected less than or equal to 9223372036854775807"),
    ("model.seed", "-1", "expected greater than or equal to 0"),
    ("model.sample_size", "0", "expected greater than or equal to 1"),
    ("model.allow_degenerate", "yes", 'found "yes", expected true or false'),
    ("model.allow_degenerate", "1", "found 1, expected true or false"),
    ("model.finish_all", "1", "found 1, expected true or false"),
    ("model.noise", "uniform", 'found "uniform", expected hypervolume, otrimle or a log'),
    ("model.prior", "weak", "found \"weak\", expected 'conjugate'"),
    ("model.relevance", "0", "found 0, expected greater than 0"),
    ("model.fixed", "mean", "expected 'weights', 'means' or 'covariances'"),
    ("model.inference", "vb", "found \"vb\", expected 'em' or 'variational'"),
    ("model.weight_concentration_prior_type", "gamma", "expected 'dirichlet_process' or"),
    ("model.weight_concentration_prior", "0", "found 0, expected greater than 0"),
    ("model.mean_precision_prior", "-1", "found -1, expected greater than 0"),
    ("model.degrees_of_freedom_prior", ".inf", "expected a finite number"),
    ("model.start_from", "ftp://host/results", "ftp://"),
    ("model.whole_sweep", "all", 'found "all", expected true or false'),
    ("output", "results", 'found "results", expected keys with values'),
    ("output.path", "null", "found null, expected text"),
    ("output.path", "s3://user@bucket/x", "credentials come from the environment"),
    ("output.storage_options", "[]", "expected keys with values"),
    ("output.assignments", "[]", "expected at least one"),
    ("output.assignments", "label", "expected 'labels', 'responsibilities', 'log_density', 'unc"),
    ("output.most_probable", "0", "found 0, expected greater than or equal to 1"),
    ("output.merge", "ward", "expected 'misclassification' or 'entropy'"),
    ("output.n_clusters", "0", "found 0, expected greater than or equal to 1"),
    ("output.outlier_quantile", "1", "found 1, expected less than 1"),
    ("output.quantiles", "1.5", "found 1.5, expected less than 1"),
    ("output.report", "yes", 'found "yes", expected true or false'),
    ("drift", "5", "found 5, expected keys with values"),
    ("drift.max_mean_shift", "0", "found 0, expected greater than 0"),
    ("drift.max_weight_change", "-1", "found -1, expected greater than 0"),
    ("drift.max_vanished", "much", 'found "much", expected a number'),
    ("drift.max_appeared", ".inf", "found Infinity, expected a finite number"),
    ("drift.max_loss", "[1]", "expected a number"),
    ("drift.max_repeated", "0", "found 0, expected greater than 0"),
    ("drift.significance_level", "1", "found 1, expected less than 1"),
    ("drift.hold_back", "yes", 'found "yes", expected true or false'),
    ("cluster", "5", "found 5, expected keys with values"),
    ("cluster.kind", "slrum", "found \"slrum\", expected one of 'local', 'threads', 'address', 's"),
    ("cluster.kind", "[local]", "expected one of 'local', 'threads', 'address'"),
    ("cluster.workers", "0", "expected greater than or equal to 1"),
    ("cluster.progress_timeout", "0", "found 0, expected greater than 0"),
    ("cluster.keep_blocks", "auto", 'found "auto", expected true or false'),
    ("cluster.threads_per_worker", "two", 'found "two", expected an integer'),
    ("cluster.arithmetic", "fast", "expected 'native', 'portable' or 'mixed'"),
    ("cluster.memory_limit", "-1", "expected greater than 0"),
]


@pytest.mark.parametrize(("key", "value", "expected"), WRONG)
def test_every_wrong_value_is_named_with_its_key(key: str, value: str, expected: str) -> None:
    found = message(MINIMAL, f"{key}={value}")
    assert found.startswith(f"configuration: --set: {key}: ")
    assert expected in found
    assert "\n" not in found


def leaves(model: type[BaseModel], prefix: str = "") -> set[str]:
    return {f"{prefix}{name}" for name in model.model_fields}


def test_the_table_of_wrong_values_knows_every_key() -> None:
    sections = {
        "input": Input,
        "prepare": Prepare,
        "model": Model,
        "output": Output,
        "drift": DriftLimits,
    }
    keys = leaves(Configuration).union(*(leaves(s, f"{name}.") for name, s in sections.items()))
    keys |= leaves(LocalCluster, "cluster.")  # other kinds have a table of their own
    assert keys == {key for key, _, _ in WRONG}


@pytest.mark.parametrize(
    ("key", "remedy"),
    [
        ("modle", "did you mean model?"),
        ("model.n_component", "did you mean model.n_components?"),
        ("output.assigments", "did you mean output.assignments?"),
        ("cluster.worker", "did you mean cluster.workers?"),
        ("n_components", "did you mean model.n_components?"),
        (
            "path",
            "did you mean input.path or input.weights.path or input.labels.path or output.path?",
        ),
        ("memory_limit", "did you mean cluster.memory_limit?"),
        ("xyzzy", "expected one of input, prepare, model, output, drift, cluster"),
        ("input.xyzzy", "expected one of path, format, variable, variables, sample_dims"),
        ("model.init_params", "expected 'kmeans'"),
    ],
)
def test_an_unknown_key_is_answered_with_the_nearest(key: str, remedy: str) -> None:
    found = message(MINIMAL, f"{key}=1")
    assert f"--set: {key}: " in found
    assert remedy in found


def test_a_key_of_any_text_stays_on_one_line() -> None:
    assert (
        message(MINIMAL + '"a\\nb": 1\n')
        .splitlines()[0]
        .startswith('configuration: line 3: "a\\nb": unknown key')
    )


def test_all_mistakes_are_listed_at_once_with_their_lines() -> None:
    text = """\
inptu: {path: a}
model:
  tol: -1
  tol: 3
  n_components: [1, 2, x]
  n_initt: 3
output: {}
cluster: {workers: 0}
"""
    assert message(text, "model.seed=x", "oops").splitlines() == [
        "configuration: 10 mistakes",
        "  line 4: found the key tol again, after line 3",
        "  --set: found oops, expected KEY=VALUE",
        "  input: missing, expected a value",
        '  line 5: model.n_components.2: found "x", expected an integer',
        "  line 3: model.tol: found -1, expected greater than 0",
        '  --set: model.seed: found "x", expected an integer',
        "  line 6: model.n_initt: unknown key; did you mean model.n_init?",
        "  line 7: output.path: missing, expected a value",
        "  line 8: cluster.workers: found 0, expected greater than or equal to 1",
        "  line 1: inptu: unknown key; did you mean input?",
    ]


def test_a_long_list_of_mistakes_ends() -> None:
    lines = message("".join(f"key{i}: 1\n" for i in range(1000))).splitlines()
    assert lines[0] == "configuration: 1002 mistakes"
    assert lines[-1] == "  ... and 952 more"
    assert len(lines) == 52


def test_a_text_that_is_not_yaml_is_no_more_than_that() -> None:
    assert message("input: {path: [").startswith("configuration: line 1: not YAML: ")


@pytest.mark.parametrize(
    "output", ["data.zarr", "./data.zarr/", "data.zarr/runs", "x/../data.zarr/runs"]
)
def test_results_may_not_lie_in_the_input(output: str) -> None:
    assert "expected a place outside it" in message(MINIMAL, f"output.path={output}")


def test_results_may_not_lie_in_the_input_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "data")
    overrides = [f"input.path={tmp_path}/data", f"output.path={tmp_path}/link/runs"]
    assert "expected a place outside it" in message(MINIMAL, *overrides)


@pytest.mark.parametrize("output", ["data.zarr2", "data", "."])
def test_results_may_lie_beside_the_input(output: str) -> None:
    assert changed(f"output.path={output}").output.path == output


def test_candidates_are_every_type_with_every_count() -> None:
    model = changed("model.n_components=2:3", "model.covariance_type=[tied, full, tied]").model
    assert candidates(model) == (("tied", 2), ("tied", 3), ("full", 2), ("full", 3))


def test_too_many_candidates_are_refused() -> None:
    expected = "model: found 10,004 candidates, expected at most 10,000"
    assert expected in message(MINIMAL, "model.n_components=1:2501")


def test_the_last_override_wins_and_replaces_a_whole_value() -> None:
    text = MINIMAL + "cluster: {workers: 3, threads_per_worker: 2}\n"
    assert loads(text, ["cluster.workers=4", "cluster.workers=5"]).cluster == LocalCluster(
        workers=5, threads_per_worker=2
    )
    assert loads(text, ["cluster={kind: threads}"]).cluster == ThreadsCluster(kind="threads")


def test_an_override_is_yaml() -> None:
    assert changed("model.tol=1e-3").model.tol == 0.001
    assert "the anchor &a" in message(MINIMAL, "model.tol=&a 1")
    assert changed("model.sample_size=").model.sample_size is None


def test_an_override_repairs_the_file() -> None:
    text = "input: 5\noutput: {path: results}\n"
    assert loads(text, ["input.path=x"]).input == Input(path="x")


@pytest.mark.parametrize(
    "content", [b"", b"- 1", b"\xff\xfe", b"x" * 2_000_000, b"\xff" * 2_000_000]
)
def test_files_that_are_no_configuration(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "run.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"run\.yaml: found "):
        load(path)


def test_a_file_that_is_not_there_is_a_mistake_of_the_command_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read the configuration .*: No such file"):
        load(tmp_path / "run.yaml")
    with pytest.raises(UsageError, match=r"cannot read the configuration .*: Is a directory"):
        load(tmp_path)


def test_a_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + MINIMAL.encode())
    assert load(path) == loads(MINIMAL)


def test_the_identity_of_a_run_is_input_model_and_assignments(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    one = identity(changed())
    same = ("input.path=./x/../data.zarr", "output.path=elsewhere", "cluster={kind: threads}")
    assert identity(changed(*same, "model.n_components=[1,2,3,4,5,6,7,8,9,10]")) == one
    assert one["input"]["path"] == str(tmp_path / "data.zarr")
    for override in ("model.seed=1", "output.assignments=log_density", "input.partition_size=1"):
        assert identity(changed(override)) != one
    assert identity(changed("input.path=s3://bucket//x"))["input"]["path"] == "s3://bucket//x"


def test_limits_belong_to_the_identity_where_there_is_something_to_be_far_from() -> None:
    assert identity(changed("drift.max_loss=2")) == identity(changed())
    last = "model.start_from=results"
    assert identity(changed(last, "drift.max_loss=2")) != identity(changed(last))
    assert identity(changed(last, "drift.max_loss=1")) == identity(changed(last))


def test_a_limit_that_is_null_is_none() -> None:
    limits = drift_thresholds(changed("drift={max_loss: null, max_mean_shift: 3}").drift)
    assert limits == DriftThresholds(3.0, 0.3, None, 0.3, 0.3, 0.1, 0.01)
    assert drift_thresholds(changed("drift.max_repeated=null").drift).repeated is None


def test_what_is_resolved_is_json_and_reads_back() -> None:
    configuration = changed("model.n_components=1:3", "cluster={kind: address}")
    assert loads(json.dumps(dump_resolved(configuration))) == configuration


def test_the_schema_says_what_the_reader_does() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    validator = jsonschema.Draft202012Validator(schema())
    for good in (
        {},
        {"model": {"n_components": "1:20", "tol": 1}},
        {"model": {"n_components": [1, 2], "covariance_type": "full"}},
        {"cluster": {"workers": 2, "memory_limit": "1GiB"}},
        {"cluster": {}},
        {"cluster": {"kind": "threads", "memory_limit": 5}},
    ):
        validator.validate({"input": {"path": "a"}, "output": {"path": "b"}, **good})
    for bad in (
        {"model": {"n_components": "20"}},
        {"model": {"covariance_type": []}},
        {"modle": {}},
        {"cluster": {"kind": "threads", "workers": 2}},
        {"cluster": {"memory_limit": "lots"}},
    ):
        assert not validator.is_valid({"input": {"path": "a"}, "output": {"path": "b"}, **bad})


def test_every_key_is_described_in_the_schema() -> None:
    for name, section in schema()["$defs"].items():
        assert section["description"], name
        for key, value in section["properties"].items():
            assert key == "kind" or value["description"], f"{name}.{key}"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
FULL = dump_resolved(loads(MINIMAL))
KEYS = [(section, key) for section, keys in FULL.items() for key in keys]


@given(st.lists(st.tuples(st.sampled_from(KEYS), JSON), max_size=4), st.booleans())
@example([(("output", "storage_options"), {"\U00010000": None})], False)
def test_a_configuration_with_any_values_is_accepted_or_refused(
    changes: list[tuple[tuple[str, str], object]], as_sections: bool
) -> None:
    values: dict[str, object] = deepcopy(FULL)
    for (section, key), value in changes:
        inner = values[section]
        if as_sections or not isinstance(inner, dict):
            values[section] = value
        else:
            inner[key] = value
    try:
        configuration = loads(json.dumps(values))
    except ConfigurationError:
        return
    assert loads(json.dumps(dump_resolved(configuration))) == configuration


@given(st.lists(st.tuples(st.integers(0, 200), st.sampled_from(list("{}[]:,-? \n'\"x1&*!")))))
def test_a_damaged_text_is_accepted_or_refused(edits: list[tuple[int, str]]) -> None:
    text = list(MINIMAL + "model:\n  n_components: 1:3\n  tol: 1e-3\ncluster: {workers: 2}\n")
    for position, character in edits:
        text[position % len(text)] = character
    with suppress(ConfigurationError):
        assert isinstance(loads("".join(text)), Configuration)


def test_nothing_heavy_is_imported_for_a_configuration() -> None:
    code = (
        "import sys, dgmm.run.config.configuration as c; c.schema();"
        f"c.loads({MINIMAL!r});"
        "print({'dask', 'numpy', 'zarr', 'sklearn', 'scipy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
