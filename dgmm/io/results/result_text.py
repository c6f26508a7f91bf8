"""A result in a few lines, for a prompt."""

from collections.abc import Mapping
from typing import Any

from dgmm.io.storage.location import AnyPath
from dgmm.mixture.drift.alignment import ComponentLabels
from dgmm.mixture.fit_result import Sweep

_MOST_SHOWN = 8  # components


def describe_result(
    sweep: Sweep,
    labelling: ComponentLabels,
    path: AnyPath,
    attributes: Mapping[str, Any],
    n_features: int,
    shapes: Mapping[str, tuple[int, ...]],
    verdict: str | None,
) -> list[str]:
    """A heading, and a line for each fact.

    Parameters
    ----------
    sweep : Sweep
    labelling : ComponentLabels
    path : Path or StorePath
    attributes : mapping
        Of the root.
    n_features : int
    shapes : mapping of str to tuple of int
        Of the arrays of the samples.
    verdict : str or None
        Of the comparison with an earlier result.
    """
    best, n_samples = sweep.selected, attributes.get("n_samples")
    rows = "" if n_samples is None else f"{n_samples:,} rows x "
    weights = zip(labelling.labels, best.parameters.weights, strict=True)
    shares = [f"{label}: {weight:.3g}" for label, weight in weights]
    more = f", ... {len(shares)} in all" if len(shares) > _MOST_SHOWN else ""
    facts = {
        "path": str(path),
        "input": attributes.get("input", ""),
        "status": best.status.value,
        "weights": ", ".join(shares[:_MOST_SHOWN]) + more,
        "arrays": ", ".join(f"{name} {shape}" for name, shape in shapes.items()),
        "drift": verdict,
    }
    n_candidates = len(sweep.results)
    choice = f" by {sweep.criterion} of {n_candidates} candidates" if n_candidates > 1 else ""
    heading = f"<Result: {rows}{n_features} features, {best.candidate.name}{choice}>"
    return [heading, *(f"  {name + ':':9}{text}" for name, text in facts.items() if text)]
