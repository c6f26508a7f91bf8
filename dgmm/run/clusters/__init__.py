"""Clusters: from the configuration of one to something that computes, and back to nothing."""

from dgmm.run.clusters.capacity import Capacity, capacity_from_options
from dgmm.run.clusters.cluster import OpenCluster, enter_mpi, open_cluster

__all__ = ["Capacity", "OpenCluster", "capacity_from_options", "enter_mpi", "open_cluster"]
