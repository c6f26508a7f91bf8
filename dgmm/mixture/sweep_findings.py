"""What somebody should know of a sweep before relying on it, in plain words."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dgmm.errors import Remedy
from dgmm.mixture.fit_result import Sweep
from dgmm.mixture.sample_size import SampleSize


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know.

    Attributes
    ----------
    is_grave : bool
        Whether it puts the result in question, rather than belonging to it.
    text : str
    remedy : Remedy, or None
        What an interface is to advise.
    """

    is_grave: bool
    text: str
    remedy: Remedy | None = None

    def advised(self, words: Mapping[Remedy, str]) -> str:
        """The text, and what can be done in the words of one interface."""
        if self.remedy is None or self.remedy not in words:
            return self.text
        return f"{self.text} {words[self.remedy]}"


def find_weight_doubts(size: SampleSize | None) -> Iterator[Finding]:
    """Weights that criteria take for counts of rows, but hardly are."""
    if size is not None and size.is_doubtful:
        yield Finding(
            True,
            f"{size.sentence} The number of components that BIC, AIC or ICL choose depends on it, "
            "and is wrong where weights are not counts of equal rows.",
            Remedy.NORMALIZE_WEIGHTS,
        )


def find_in_sweep(sweep: Sweep) -> Iterator[Finding]:
    """All of a sweep."""
    yield from find_weight_doubts(sweep.size)
