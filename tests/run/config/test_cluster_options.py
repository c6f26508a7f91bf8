"""Every kind of cluster that a configuration may name, each key of each."""

from typing import get_args

import jsonschema
import pytest

from dgmm.errors import ConfigurationError
from dgmm.run.config.cluster_options import (
    AddressCluster,
    Cluster,
    GatewayCluster,
    KubernetesCluster,
    LsfCluster,
    MpiCluster,
    PbsCluster,
    SgeCluster,
    SlurmCluster,
    ThreadsCluster,
)
from dgmm.run.config.configuration import loads, schema

MINIMAL = "input: {path: data.zarr}\noutput: {path: results}\n"

ARITHMETIC = {"arithmetic": ("portable", "portable")}
PROGRESS = {"progress_timeout": ("300", 300.0), "keep_blocks": ("false", False), **ARITHMETIC}
BATCH = {
    "jobs": ("4", 4),
    "cores": ("8", 8),
    "memory": ("16GiB", 16 * 2**30),
    "processes": ("8", 8),
    "walltime": ("1-02:30:00", "1-02:30:00"),
    "queue": ("long", "long"),
    "interface": ("ib0", "ib0"),
    "python": ("/opt/env/bin/python", "/opt/env/bin/python"),
    "local_directory": ("$$TMPDIR", "$TMPDIR"),
    "shared_directory": ("/shared/me", "/shared/me"),
    "log_directory": ("logs", "logs"),
    "job_extra_directives": ("[--exclusive, --exclusive]", ("--exclusive", "--exclusive")),
    "prologue": ("module load gcc", ("module load gcc",)),
    "timeout": ("3600", 3600.0),
    "insecure": ("true", True),
    **PROGRESS,
}
KEYS = {
    ThreadsCluster: {"threads": ("2", 2), "memory_limit": ("1GiB", 2**30), **ARITHMETIC},
    AddressCluster: {
        "address": ("tls://10.0.0.7:8786", "tls://10.0.0.7:8786"),
        "scheduler_file": ("s.json", "s.json"),
        "tls_ca_file": ("ca.pem", "ca.pem"),
        "tls_cert": ("cert.pem", "cert.pem"),
        "tls_key": ("key.pem", "key.pem"),
        "timeout": ("5", 5.0),
        "insecure": ("true", True),
        **PROGRESS,
    },
    SlurmCluster: {**BATCH, "account": ("me", "me")},
    PbsCluster: {**BATCH, "account": ("me", "me"), "resource_spec": ("ncpus=8", "ncpus=8")},
    LsfCluster: {**BATCH, "project": ("me", "me")},
    SgeCluster: {**BATCH, "project": ("me", "me"), "resource_spec": ("h_vmem=2G", "h_vmem=2G")},
    KubernetesCluster: {
        "workers": ("3", 3),
        "image": ("registry/dgmm:1", "registry/dgmm:1"),
        "cores": ("2", 2),
        "memory": ("8GiB", 8 * 2**30),
        "namespace": ("dask", "dask"),
        "manifest": ("cluster.yaml", "cluster.yaml"),
        "timeout": ("5", 5.0),
        "insecure": ("true", True),
        **PROGRESS,
    },
    GatewayCluster: {
        "address": ("https://gateway/x", "https://gateway/x"),
        "proxy_address": ("gateway:8786", "gateway:8786"),
        "workers": ("3", 3),
        "options": ("{image: x, cores: 2, fast: true}", {"image": "x", "cores": 2, "fast": True}),
        "timeout": ("5", 5.0),
        "insecure": ("true", True),
        **PROGRESS,
    },
    MpiCluster: {
        "threads_per_worker": ("2", 2),
        "memory_limit": ("1GiB", 2**30),
        "interface": ("ib0", "ib0"),
        "local_directory": ("/scratch", "/scratch"),
        "timeout": ("5", 5.0),
        "insecure": ("true", True),
        **PROGRESS,
    },
}
EXCLUDED = {AddressCluster: "scheduler_file", KubernetesCluster: "manifest"}


def kind_of(model: type) -> str:
    return get_args(model.model_fields["kind"].annotation)[0]  # type: ignore[attr-defined]


def cluster_of(text: str) -> Cluster:
    return loads(MINIMAL, [f"cluster={text}"]).cluster


def message(text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        cluster_of(text)
    return str(caught.value)


def test_the_table_knows_every_key_of_every_kind() -> None:
    named = {kind_of(member) for member in get_args(Cluster)}
    batch = {"slurm", "pbs", "lsf", "sge"}
    assert named == {"local", "threads", "address", "kubernetes", "gateway", "mpi"} | batch
    assert {kind_of(model) for model in KEYS} == named - {"local"}
    for model, keys in KEYS.items():
        assert {"kind", *keys} == set(model.model_fields)


def test_every_key_can_be_set_at_once_and_is_in_the_schema() -> None:
    validator = jsonschema.Draft202012Validator(schema())
    for model, keys in KEYS.items():
        given = {key: written for key, (written, _) in keys.items() if EXCLUDED.get(model) != key}
        text = ", ".join(f"{key}: {written}" for key, written in given.items())
        cluster = cluster_of(f"{{kind: {kind_of(model)}, {text}}}")
        assert isinstance(cluster, model)
        for key in given:
            assert getattr(cluster, key) == keys[key][1], key
        values = {"kind": kind_of(model), **cluster.model_dump(mode="json", exclude_none=True)}
        validator.validate({"input": {"path": "a"}, "output": {"path": "b"}, "cluster": values})
        values["frob"] = 1
        assert not validator.is_valid(
            {"input": {"path": "a"}, "output": {"path": "b"}, "cluster": values}
        )


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{kind: threads, threads: 0}", "cluster.threads: found 0, expected greater than or equal"),
        ("{kind: threads, memory_limit: x}", 'cluster.memory_limit: found "x", expected bytes'),
        ("{kind: address, address: 5}", "cluster.address: found 5, expected text"),
        ("{kind: address, address: 'foo://h:1'}", 'expected an address such as "tcp://host:8786"'),
        ("{kind: address, address: host}", 'expected an address such as "tcp://host:8786"'),
        ("{kind: address, scheduler_file: ''}", "cluster.scheduler_file: found"),
        ("{kind: address, timeout: 0}", "cluster.timeout: found 0, expected greater than 0"),
        ("{kind: address, timeout: .inf}", "cluster.timeout: found Infinity, expected"),
        (
            "{kind: address, address: 'a:1', scheduler_file: b}",
            "cluster: found both address and scheduler_file, expected one of them",
        ),
        (
            "{kind: address, tls_ca_file: a}",
            "cluster: found one of tls_ca_file and tls_cert, expected both",
        ),
        ("{kind: address, tls_key: a}", "cluster: found tls_key without tls_cert, expected both"),
        (
            "{kind: address, address: 'tcp://10.0.0.7:8786'}",
            "cluster: found tcp://10.0.0.7:8786, where anyone on the way may read and write, "
            'expected "tls://...", or insecure: true',
        ),
        ("{kind: address, address: 'node7:8786'}", 'expected "tls://...", or insecure: true'),
        ("{kind: address, insecure: 1}", "cluster.insecure: found 1, expected true or false"),
        ("{kind: slurm, jobs: 0}", "cluster.jobs: found 0, expected greater than or equal to 1"),
        ("{kind: slurm, cores: x}", 'cluster.cores: found "x", expected an integer'),
        ("{kind: slurm, memory: x}", 'cluster.memory: found "x", expected bytes'),
        (
            "{kind: slurm, cores: 2, processes: 4}",
            "cluster: found 4 processes in a job of 2 cores, expected at most one for each core",
        ),
        ("{kind: slurm, walltime: 90}", "cluster.walltime: found 90, expected text"),
        ("{kind: slurm, walltime: soon}", 'such as "02:30:00"'),
        ('{kind: pbs, queue: "a\\nb"}', 'found "a\\nb", expected one line of text'),
        ("{kind: pbs, account: ''}", 'cluster.account: found "", expected one line of text'),
        ("{kind: lsf, project: 7}", "cluster.project: found 7, expected text"),
        ("{kind: sge, resource_spec: [a]}", 'found ["a"], expected text'),
        ("{kind: sge, interface: 0}", "cluster.interface: found 0, expected text"),
        ("{kind: sge, python: 3.11}", "cluster.python: found 3.11, expected text"),
        ("{kind: slurm, local_directory: 1}", "cluster.local_directory: found 1, expected text"),
        ("{kind: slurm, shared_directory: 1}", "cluster.shared_directory: found 1, expected text"),
        ("{kind: slurm, log_directory: 1}", "cluster.log_directory: found 1, expected text"),
        ("{kind: slurm, prologue: [a, 1]}", "found 1, expected text"),
        ("{kind: slurm, job_extra_directives: []}", "found [], expected at least one"),
        ("{kind: kubernetes, insecure: true}", "cluster: expected one of image and manifest"),
        (
            "{kind: kubernetes, image: a}",
            "cluster: the pods of dask-kubernetes talk without TLS, expected insecure: true",
        ),
        ("{kind: kubernetes, image: 1}", "cluster.image: found 1, expected text"),
        ("{kind: kubernetes, namespace: 1}", "cluster.namespace: found 1, expected text"),
        ("{kind: kubernetes, manifest: 1}", "cluster.manifest: found 1, expected text"),
        ("{kind: gateway, address: 'tcp://h:1'}", 'expected an address such as "https://host"'),
        ("{kind: gateway, proxy_address: 1}", "cluster.proxy_address: found 1, expected text"),
        (
            "{kind: gateway, options: {a: [1]}}",
            "cluster.options.a: found [1], expected text, a number, true or false",
        ),
        ("{kind: mpi, memory_limit: -1}", "cluster.memory_limit: found -1, expected greater than"),
        ("{kind: mpi, threads_per_worker: 0}", "cluster.threads_per_worker: found 0, expected"),
    ],
)
def test_wrong_values(written: str, expected: str) -> None:
    found = message(written)
    assert expected in found
    assert "\n" not in found


@pytest.mark.parametrize(
    ("written", "remedy"),
    [
        ("{threads: 2}", "it belongs to another kind of cluster, local has kind, workers, "),
        ("{kind: slurm, workers: 2}", "it belongs to another kind of cluster, slurm has jobs, c"),
        ("{kind: slurm, quue: a}", "did you mean cluster.queue?"),
        ("{kind: gateway, adress: 'https://a'}", "did you mean cluster.address?"),
        ("{kind: mpi, seed: 1}", "did you mean model.seed?"),
        ("{kind: mpi, xyzzy: 1}", "expected one of kind, threads_per_worker, memory_limit, "),
    ],
)
def test_an_unknown_key_is_answered_with_one_of_its_kind(written: str, remedy: str) -> None:
    found = message(written)
    assert "unknown key; " in found
    assert remedy in found


@pytest.mark.parametrize(
    "written",
    [
        "{kind: address, address: 'tcp://127.0.0.1:8786'}",
        "{kind: address, address: 'tcp://[::1]:8786'}",
        "{kind: address, address: 'localhost:8786'}",
        "{kind: address, address: 'tls://node7:8786'}",
        "{kind: address, address: 'tcp://node7:8786', insecure: true}",
    ],
)
def test_addresses_where_nobody_listens_in_or_that_is_meant(written: str) -> None:
    assert isinstance(cluster_of(written), AddressCluster)
