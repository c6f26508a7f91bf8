"""Which components make one cluster, in words and tables."""

from dataclasses import dataclass

import numpy as np

from dgmm.io.results.result import Result
from dgmm.mixture.merging.clustering import Clustering
from dgmm.plots.colours import component_colours
from dgmm.report.summary import MOST_COMPONENTS, Table

_MOST_MERGERS = 12
_MEASURES = {
    "misclassification": "Pairs that are most often taken for each other come first (DEMP).",
    "entropy": "Pairs between which assignments are most uncertain come first (Baudry).",
}


@dataclass(frozen=True, slots=True)
class ClusterSummary:
    """The clusters of a result for a person.

    Attributes
    ----------
    sentence : str
    clusters : Table
        Largest first.
    mergers : Table
        The last ones, with those that were not made any more.
    """

    sentence: str
    clusters: Table
    mergers: Table


def summarize_clusters(result: Result) -> ClusterSummary | None:
    """What to say; None of one component, or where it is not known."""
    clustering = result.clustering
    if clustering is None or clustering.hierarchy.n_components == 1:
        return None
    return ClusterSummary(_describe(clustering), _tabulate(result), _mergers(result, clustering))


def _describe(clustering: Clustering) -> str:
    n_components, n_clusters = clustering.hierarchy.n_components, clustering.n_clusters
    confused, n_made = clustering.misclassification, n_components - n_clusters
    if n_made == 0:
        found = [f"Each of the {n_components} components is a cluster of its own."]
    else:
        clusters = "cluster" if n_clusters == 1 else "clusters"
        found = [f"The {n_components} components make {n_clusters} {clusters}."]
        found.append(
            f"Of the two that were joined last, {confused[n_made - 1]:.1%} of the rows of one are "
            "more probable for the other."
        )
    if n_clusters > 1:
        found.append(
            f"Of the two that would be joined next, {confused[n_made]:.1%} of the rows of one are "
            "more probable for the other."
        )
    rule = clustering.recommended()
    if rule != n_clusters:
        found.append(f"By all rows the rule would keep {rule}.")
    return " ".join((*found, _MEASURES[clustering.hierarchy.method]))


def _tabulate(result: Result) -> Table:
    names, labels = result.clusters or (), result.labelling.labels
    weights = result.model.weights
    shares = {
        name: sum(float(w) for w, own in zip(weights, names, strict=True) if own == name)
        for name in names
    }
    order = sorted(shares, key=lambda name: -shares[name])
    rows = [
        (
            str(name),
            ", ".join(str(a) for a, own in zip(labels, names, strict=True) if own == name),
            f"{shares[name]:.2%}",
        )
        for name in order[:MOST_COMPONENTS]
    ]
    left = len(order) - len(rows)
    return Table(
        ("cluster", "components", "weight"),
        tuple(rows),
        n_words=2,
        colours=component_colours(order[:MOST_COMPONENTS]),
        remark=f"and {left} more" if left > 0 else "A cluster is called as its largest component.",
    )


def _mergers(result: Result, clustering: Clustering) -> Table:
    hierarchy, n_components = clustering.hierarchy, clustering.hierarchy.n_components
    labels, weights = result.labelling.labels, result.model.weights
    first = max(0, len(hierarchy.pairs) - _MOST_MERGERS)
    rows = []
    for i in range(first, len(hierarchy.pairs)):
        before = hierarchy.clusters(n_components - i)
        sides = [
            max(np.flatnonzero(before == side), key=lambda k: weights[k])
            for side in hierarchy.pairs[i]
        ]
        rows.append(
            (
                " and ".join(str(labels[side]) for side in sides),
                str(n_components - i - 1),
                f"{clustering.misclassification[i]:.1%}",
                f"{clustering.entropy[n_components - i - 2]:.3f}",
            )
        )
    made = n_components - clustering.n_clusters - 1 - first
    return Table(
        ("joins", "clusters left", "confused", "entropy, nats a row"),
        tuple(rows),
        marked=made if made >= 0 else None,
        remark="Marked is the last merger that was made."
        if made >= 0
        else "No merger was made."
        if made + first < 0
        else "",
    )
