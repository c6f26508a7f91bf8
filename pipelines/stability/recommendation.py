"""The number of components that a criterion recommends in many subsets, and its uncertainty."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pipelines.stability.values import Array, Axes, Study, error_of, mean_of

_ERRORS_OF_A_RISE = 2.0  # standard errors above its minimum at which a curve is not flat
_SHARE_OF_THE_FALL = 0.9
_SAME_AGREEMENT = 0.02  # of an adjusted Rand index


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What the curve of a criterion over the number of components suggests.

    Attributes
    ----------
    covariance_type : str
        Of the least mean criterion; empty if no candidate was sound in two subsets.
    least : int
        The number of components of the least mean criterion.
    simplest : int
        The smallest number within one standard error of that.
    recommended : int or None
        ``simplest``; None if there is no clear minimum.
    sentences : tuple of str
        The same in words.
    """

    covariance_type: str
    least: int
    simplest: int
    recommended: int | None
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A criterion over the number of components, in many subsets, and its minimum.

    Attributes
    ----------
    values : ndarray of shape (n_subsets, n_counts)
    counts : tuple of int
    place : int
        Of the smallest mean.
    """

    values: Array
    counts: tuple[int, ...]
    place: int

    @property
    def least(self) -> int:
        """The number of components at the minimum of the mean."""
        return self.counts[self.place]

    @property
    def simplest(self) -> int:
        """The smallest number within one standard error of that (Breiman et al. 1984, 3.4.3)."""
        rise, error = self.rise()
        return self.counts[int(np.argmax(rise <= error))]

    def rise(self) -> tuple[Array, Array]:
        """Difference to the minimum: mean over subsets, and its standard error.

        Every subset has all candidates, so that what makes one subset fit worse than another
        cancels.
        """
        differences = self.values - self.values[:, self.place : self.place + 1]
        return mean_of(differences), error_of(differences)

    def n_wins(self) -> int:
        """Number of subsets with the minimum at the same place."""
        known = np.where(np.isnan(self.values), np.inf, self.values)
        return int((known.argmin(axis=1) == self.place).sum())

    def trouble(self) -> str:
        """Why the minimum is not reliable; empty if it is."""
        first, last = self.counts[0], self.counts[-1]
        if len(self.counts) == 1:
            return "only one K was tried"
        rise, error = self.rise()
        is_above = rise > _ERRORS_OF_A_RISE * error
        if is_above[: self.place].all() and self.least == last:
            return f"it still falls at the largest K tried, {last}; try more components"
        if self.least == first > 1:
            return f"it is least at the smallest K tried, {first}; try fewer components"
        if not is_above[self.place + 1 :].any():
            flat = self.counts[int(np.argmin(is_above))]
            return f"it is flat within its spread from K = {flat} to the largest, {last}"
        return ""

    def elbow(self) -> int | None:
        """The number of components beyond which little is gained."""
        mean = mean_of(self.values)
        fall = mean - np.nanmin(mean)
        if not fall[0] > 0:
            return None
        return self.counts[int(np.argmax(fall <= (1 - _SHARE_OF_THE_FALL) * fall[0]))]


def recommend(study: Study, axes: Axes, criterion: str) -> Recommendation:
    """The recommendation of a study by a criterion of this name."""
    mean = mean_of(study.criterion)
    if np.isnan(mean).all():
        return Recommendation("", 0, 0, None, ("No candidate was sound in two subsets.",))
    kind, place = (int(i) for i in np.unravel_index(np.nanargmin(mean), mean.shape))
    curve = Curve(study.criterion[:, kind], axes.n_components, place)
    structure, trouble = axes.covariance_types[kind], curve.trouble()
    recommended = None if trouble else curve.simplest
    sentences = (
        *_words(curve, structure, trouble, criterion.upper()),
        *_agreement(mean_of(study.agreement)[kind], curve, recommended or curve.least),
    )
    return Recommendation(structure, curve.least, curve.simplest, recommended, sentences)


def _words(curve: Curve, structure: str, trouble: str, name: str) -> Iterator[str]:
    if trouble:
        yield f"{name} has no clear minimum for {structure}: {trouble}."
    wins = f"{curve.n_wins()} of {len(curve.values)} subsets"
    yield f"{name} is least at {structure}, K = {curve.least}, on average and in {wins}."
    yield f"The smallest K within one standard error of it is {curve.simplest}."
    elbow = curve.elbow()
    if not trouble:
        yield f"Recommended: {structure}, K = {curve.simplest}."
    elif elbow is not None:
        yield f"Nine tenths of its fall from K = {curve.counts[0]} on are reached at K = {elbow}."


def _agreement(agreement: Array, curve: Curve, chosen: int) -> Iterator[str]:
    """How well the labels of different subsets agree there, and where they agree best."""
    several = np.isfinite(agreement) & (np.array(curve.counts) > 1)
    if not several.any():
        return
    at = curve.counts.index(chosen)
    best = int(np.argmax(np.where(several, agreement, -np.inf)))
    if several[at]:
        yield (
            f"With K = {chosen}, labels of two subsets agree with an adjusted Rand index of "
            f"{agreement[at]:.2f}."
        )
    if not agreement[at] > agreement[best] - _SAME_AGREEMENT:
        yield f"They agree best with K = {curve.counts[best]}: {agreement[best]:.2f}."
