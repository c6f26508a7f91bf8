"""Start or join clusters described by a configuration, and close them."""

from dgmm.run.clusters.capacity import Capacity, capacity_from_options
from dgmm.run.clusters.cluster import OpenCluster, enter_mpi, open_cluster

__all__ = ["Capacity", "OpenCluster", "capacity_from_options", "enter_mpi", "open_cluster"]
