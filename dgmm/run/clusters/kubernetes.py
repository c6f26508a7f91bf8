"""Pods that the Dask operator of a Kubernetes cluster starts, through dask-kubernetes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import distributed

from dgmm.errors import TemporaryError
from dgmm.run.clusters.extras import require
from dgmm.run.clusters.recovery import worker_environment
from dgmm.run.clusters.waiting import AGAIN, wait_for_workers
from dgmm.run.config.cluster_options import KubernetesCluster
from dgmm.text import describe_error

EXTRA = "kubernetes"
_SCHEDULER_PORT, _DASHBOARD_PORT = 8786, 8787


@contextmanager
def kubernetes_client(cluster: KubernetesCluster) -> Iterator[distributed.Client]:
    """Create a DaskCluster, and delete it at the end.

    Raises
    ------
    MissingExtraError
        If dask-kubernetes is not installed.
    TemporaryError
        If the pods do not come.
    """
    operator = require("dask_kubernetes.operator", cluster.kind, EXTRA)
    try:
        pods = operator.KubeCluster(
            custom_cluster_spec=cluster.manifest
            or dask_cluster(cluster, f"dgmm-{uuid4().hex[:8]}"),
            namespace=cluster.namespace,
            resource_timeout=int(cluster.timeout),
            quiet=True,
        )
    except Exception as error:  # of dask-kubernetes, kr8s and httpx, which have no base in common
        message = describe_error(error)
        raise TemporaryError(
            f"Kubernetes did not start a Dask cluster ({message}); check it, {AGAIN}"
        ) from error
    with pods, distributed.Client(pods, set_as_default=False) as client:
        wait_for_workers(client, 1, cluster.timeout)
        yield client


def dask_cluster(cluster: KubernetesCluster, name: str) -> dict[str, Any]:
    """A DaskCluster, the resource of the Dask operator, of this size.

    The commands are spelled out, because the programs ``dask-scheduler`` and ``dask-worker`` that
    the operator's own defaults call no longer come with Dask.
    """
    limits = {"cpu": str(cluster.cores), "memory": str(cluster.memory)}
    threads = ("--nthreads", str(cluster.cores), "--memory-limit", str(cluster.memory))
    worker = _container(cluster, "worker", ["worker", "--name", "$(DASK_WORKER_NAME)", *threads])
    worker["resources"] = {"requests": limits, "limits": limits}
    scheduler = _container(cluster, "scheduler", ["scheduler", "--host", "0.0.0.0"])
    scheduler["ports"] = [
        {"name": "tcp-comm", "containerPort": _SCHEDULER_PORT},
        {"name": "http-dashboard", "containerPort": _DASHBOARD_PORT},
    ]
    scheduler["readinessProbe"] = {"httpGet": {"port": "http-dashboard", "path": "/health"}}
    return {
        "apiVersion": "kubernetes.dask.org/v1",
        "kind": "DaskCluster",
        "metadata": {"name": name},
        "spec": {
            "worker": {"replicas": cluster.workers, "spec": {"containers": [worker]}},
            "scheduler": {"spec": {"containers": [scheduler]}, "service": _service(name)},
        },
    }


def _container(cluster: KubernetesCluster, name: str, arguments: list[str]) -> dict[str, Any]:
    environment = worker_environment(cluster.arithmetic).items()
    variables = [{"name": key, "value": value} for key, value in environment]
    return {"name": name, "image": cluster.image, "args": ["dask", *arguments], "env": variables}


def _service(name: str) -> dict[str, Any]:
    ports = {"tcp-comm": _SCHEDULER_PORT, "http-dashboard": _DASHBOARD_PORT}
    return {
        "type": "ClusterIP",
        "selector": {"dask.org/cluster-name": name, "dask.org/component": "scheduler"},
        "ports": [
            {"name": port, "port": number, "targetPort": port} for port, number in ports.items()
        ],
    }
