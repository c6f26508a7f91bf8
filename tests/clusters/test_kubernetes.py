"""Resources for Kubernetes against their schemas; there is no Kubernetes to run them on."""

import importlib.resources
import json
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from ruamel.yaml import YAML

import dgmm
from dgmm.errors import TemporaryError
from dgmm.run.clusters.capacity import Capacity, capacity_from_options
from dgmm.run.clusters.cluster import open_cluster
from dgmm.run.clusters.kubernetes import dask_cluster
from dgmm.run.clusters.recovery import worker_environment
from dgmm.run.config.cluster_options import AddressCluster, KubernetesCluster
from dgmm.run.config.configuration import loads

FOLDER = Path(__file__).parents[2] / "scripts" / "kubernetes"
CLUSTER = KubernetesCluster(
    kind="kubernetes", image="registry/dgmm:1", workers=3, cores=2, memory=2**31, insecure=True
)


def documents(name: str) -> dict[str, Any]:
    """The resources of a file, by kind."""
    found = YAML(typ="safe").load_all((FOLDER / name).read_text())
    return {document["kind"]: document for document in found}


def containers(cluster: dict[str, Any]) -> list[dict[str, Any]]:
    return [cluster["spec"][part]["spec"]["containers"][0] for part in ("scheduler", "worker")]


def test_a_cluster_has_the_size_and_the_commands_it_should_have() -> None:
    assert capacity_from_options(CLUSTER) == Capacity(3, 2, 2**31)
    made = dask_cluster(CLUSTER, "dgmm-1")
    scheduler, worker = containers(made)
    assert made["spec"]["worker"]["replicas"] == 3
    assert scheduler["args"] == ["dask", "scheduler", "--host", "0.0.0.0"]
    assert shlex.join(worker["args"]) == (
        "dask worker --name '$(DASK_WORKER_NAME)' --nthreads 2 --memory-limit 2147483648"
    )
    assert worker["resources"]["limits"] == {"cpu": "2", "memory": "2147483648"}
    for container in (scheduler, worker):
        assert container["image"] == "registry/dgmm:1"
        assert {item["name"]: item["value"] for item in container["env"]} == worker_environment()


def test_a_cluster_that_does_not_come_may_later(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def refuse(**arguments: Any) -> None:
        asked.update(arguments)
        raise ValueError("Unable to find\nvalid credentials")

    package = ModuleType("dask_kubernetes")
    monkeypatch.setitem(sys.modules, "dask_kubernetes", package)
    operator = SimpleNamespace(KubeCluster=refuse)
    monkeypatch.setitem(sys.modules, "dask_kubernetes.operator", operator)
    expected = r"a Dask cluster \(ValueError: Unable to find valid credentials\); check it, and"
    with pytest.raises(TemporaryError, match=expected), open_cluster(CLUSTER):
        raise AssertionError
    assert containers(asked["custom_cluster_spec"]) == containers(dask_cluster(CLUSTER, "x"))


def test_the_manifests_belong_together() -> None:
    dask, cron = documents("dask-cluster.yaml"), documents("cron-job.yaml")
    cluster = dask["DaskCluster"]
    scheduler, worker = containers(cluster)
    assert scheduler["args"][:4] == ["dask", "scheduler", "--protocol", "tls"]
    assert worker["args"][:3] == ["dask", "worker", "tls://dgmm-scheduler:8786"]
    run = loads(cron["ConfigMap"]["data"]["run.yaml"])
    assert isinstance(run.cluster, AddressCluster)
    assert run.cluster.address == worker["args"][2]
    pod = cron["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (driver,) = pod["containers"]
    assert driver["args"][:3] == ["dgmm", "run", "/etc/dgmm/run.yaml"]
    for container in (scheduler, worker, driver):
        assert container["envFrom"] == [{"configMapRef": {"name": "dgmm-dask"}}]
        assert {"name": "tls", "mountPath": "/tls", "readOnly": True} in container["volumeMounts"]
    (rule,) = cron["CronJob"]["spec"]["jobTemplate"]["spec"]["podFailurePolicy"]["rules"]
    assert 75 not in rule["onExitCodes"]["values"]


@pytest.mark.parametrize("source", ["manifest", "made"])
def test_a_cluster_is_what_the_operator_takes(source: str) -> None:
    pytest.importorskip(
        "dask_kubernetes", reason='dask-kubernetes is not installed (extra "kubernetes")'
    )
    jsonschema = pytest.importorskip("jsonschema")
    made = dask_cluster(CLUSTER, "dgmm-1")
    cluster = made if source == "made" else documents("dask-cluster.yaml")["DaskCluster"]
    chart = "operator/deployment/helm/dask-kubernetes-operator/crds/daskcluster.yaml"
    text = importlib.resources.files("dask_kubernetes").joinpath(chart).read_text()
    definition = YAML(typ="safe").load(text)
    (version,) = definition["spec"]["versions"]
    assert cluster["apiVersion"] == f"{definition['spec']['group']}/{version['name']}"
    validator = jsonschema.Draft202012Validator(version["schema"]["openAPIV3Schema"])
    validator.validate(cluster)
    cluster["spec"]["worker"]["spec"]["containers"][0]["args"] = "dask worker"
    assert not validator.is_valid(cluster)


@pytest.fixture
def is_known() -> Callable[[dict[str, Any], str], bool]:
    """Whether Kubernetes has all keys of a resource, and the resource all that it needs.

    The models of its Python client drop keys that they do not know, and refuse missing ones.
    """
    client = pytest.importorskip(
        "kubernetes.client", reason="the Python client of Kubernetes is not installed"
    )
    api = client.ApiClient()

    def compare(document: dict[str, Any], model: str) -> bool:
        read = api.deserialize(json.dumps(document), model, "application/json")
        return bool(api.sanitize_for_serialization(read) == document)

    return compare


@pytest.mark.parametrize(
    ("name", "kind", "model"),
    [
        ("cron-job.yaml", "CronJob", "V1CronJob"),
        ("cron-job.yaml", "ConfigMap", "V1ConfigMap"),
        ("dask-cluster.yaml", "ConfigMap", "V1ConfigMap"),
    ],
)
def test_a_manifest_is_what_kubernetes_takes(
    name: str, kind: str, model: str, is_known: Callable[[dict[str, Any], str], bool]
) -> None:
    document = documents(name)[kind]
    assert is_known(document, model)
    assert not is_known({**document, "spce": {}}, model)


def test_the_pods_of_a_cluster_are_what_kubernetes_takes(
    is_known: Callable[[dict[str, Any], str], bool],
) -> None:
    for cluster in (documents("dask-cluster.yaml")["DaskCluster"], dask_cluster(CLUSTER, "dgmm-1")):
        for part in ("scheduler", "worker"):
            assert is_known(cluster["spec"][part]["spec"], "V1PodSpec")
        assert is_known(cluster["spec"]["scheduler"]["service"], "V1ServiceSpec")


def test_the_image_is_the_version_of_this_dgmm() -> None:
    texts = [path.read_text() for path in FOLDER.iterdir()]
    images = {image for text in texts for image in re.findall(r"dgmm:(\S+)", text)}
    assert images == {dgmm.__version__}
