"""TLS credentials of clusters."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from distributed.security import Security

from dgmm.errors import ConfigurationError
from dgmm.run.clusters.extras import require
from dgmm.run.clusters.scratch import scratch_directory
from dgmm.run.config.cluster_options import AddressCluster
from dgmm.run.config.exposure import is_exposed

_ROLES = ("scheduler", "worker", "client")


def create_credentials(kind: str, extra: str) -> Security:
    """New credentials for one cluster.

    Raises
    ------
    MissingExtraError
        If the package that makes them is not installed.
    """
    require("cryptography", kind, extra)
    return Security.temporary()


@contextmanager
def write_credentials(kind: str, extra: str, directory: str) -> Iterator[Security]:
    """Credentials for one cluster, in files that only this user may read, during a ``with``.

    Raises
    ------
    ConfigurationError
        If they cannot be written to ``directory``.
    MissingExtraError
        If the package that makes them is not installed.
    """
    texts = create_credentials(kind, extra).get_tls_config_for_role("client")
    with ExitStack() as stack:
        try:
            place = stack.enter_context(scratch_directory(directory, ".dgmm-"))
        except OSError as error:
            raise ConfigurationError(
                f"cannot write TLS credentials for the workers to {directory} ({error.strerror}); "
                "expected in cluster.shared_directory a directory that every node can read"
            ) from error
        paths = {}
        for name in ("ca_file", "cert", "key"):
            paths[name] = place / f"{name}.pem"
            paths[name].write_text(texts[name], encoding="ascii")
        yield Security(
            require_encryption=True,
            tls_ca_file=str(paths["ca_file"]),
            **{f"tls_{role}_{n}": str(paths[n]) for role in _ROLES for n in ("cert", "key")},
        )


def read_credentials(cluster: AddressCluster, address: str) -> Security | None:
    """Credentials to join a cluster: from its keys, or from Dask's configuration.

    Raises
    ------
    ConfigurationError
        If the address needs credentials and there are none, if they cannot be read, or if the
        address is exposed and the configuration does not say that it may be.
    """
    if is_exposed(address) and not cluster.insecure:
        raise ConfigurationError(
            f"found a scheduler at {address}, where anyone on the way may read and write; "
            "start it with TLS, or say cluster.insecure: true"
        )
    if not address.startswith(("tls://", "wss://")):
        return None
    security = Security(**_keys(cluster))
    try:
        context = security.get_connection_args("client")["ssl_context"]
    except OSError as error:
        raise ConfigurationError(
            f"cannot use the TLS credentials for {address} ({error}); correct "
            "cluster.tls_ca_file, tls_cert and tls_key, or Dask's distributed.comm.tls"
        ) from error
    if context is None:
        raise ConfigurationError(
            f"found no TLS credentials for {address}, expected cluster.tls_ca_file and tls_cert, "
            "or distributed.comm.tls in Dask's configuration"
        )
    return security


def _keys(cluster: AddressCluster) -> dict[str, Any]:
    keys = {
        "tls_ca_file": cluster.tls_ca_file,
        "tls_client_cert": cluster.tls_cert,
        "tls_client_key": cluster.tls_key,
    }
    return {name: value for name, value in keys.items() if value is not None}
