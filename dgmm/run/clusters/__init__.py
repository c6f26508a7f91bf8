"""Clusters: from the configuration of one to something that computes, and back to nothing."""

from dgmm.run.clusters.capacity import Capacity, expected_capacity
from dgmm.run.clusters.cluster import OpenCluster, open_cluster, take_part

__all__ = ["Capacity", "OpenCluster", "expected_capacity", "open_cluster", "take_part"]
