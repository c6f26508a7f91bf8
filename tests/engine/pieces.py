"""A writer of assignments for tests: any function, handed a number of rows at a time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dgmm.mixture.density import RowPosteriors


@dataclass(frozen=True, slots=True)
class Pieces:
    """Calls ``write(start, assignment)`` for every so many rows of a block."""

    write: Callable[[int, RowPosteriors], object]
    n_rows: int
    needs_responsibilities = True

    def parts(self, start: int, n_rows: int) -> Iterator[tuple[int, int]]:
        for first in range(start, start + n_rows, self.n_rows):
            yield first, min(first + self.n_rows, start + n_rows)

    def has(self, start: int, stop: int) -> bool:
        del start, stop
        return False

    def __call__(self, start: int, assignment: RowPosteriors) -> None:
        self.write(start, assignment)
