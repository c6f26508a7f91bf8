"""Where tasks run: in this process, or on a cluster (:mod:`dgmm.engine.cluster_execution`)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:  # rows in memory need no Dask
    from dask.array.core import Array
    from dask.delayed import Delayed

Arrays: TypeAlias = "tuple[Array, ...]"
MakeTasks: TypeAlias = "Callable[[], Sequence[Delayed]]"
OnDone = Callable[[int], None]


class KilledTasksError(Exception):
    """The scheduler gave up some tasks because too many workers died while running them.

    Besides a task that ends its workers, tasks that waited on the same workers may be blamed.

    Attributes
    ----------
    keys : tuple
        The tasks' keys.
    n_deaths : int
        Workers that died under each of them.
    """

    def __init__(self, keys: tuple[Any, ...], n_deaths: int) -> None:
        super().__init__(keys, n_deaths)
        self.keys = keys
        self.n_deaths = n_deaths


class Execution(Protocol):
    """Computes tasks and reports how many are done."""

    def compute(self, make_tasks: MakeTasks, on_done: OnDone) -> list[Any]:
        """The results of some tasks in their order.

        Parameters
        ----------
        make_tasks : callable
            ``make_tasks() -> tasks``, as many and the same each time, but under other keys: it is
            called again to compute missing results when a cluster is lost.
        on_done : callable
            ``on_done(n)`` after each of them.
        """

    def persist(self, arrays: Arrays) -> Arrays:
        """The same arrays; their blocks may be kept in the workers' memory for the next passes."""

    def call_ahead(self, function: Callable[[], object]) -> None:
        """Let idle workers call a function of which the next tasks profit, and do not wait for it.

        Parameters
        ----------
        function : callable
            Picklable; what it returns or raises is lost.
        """


@dataclass(frozen=True, slots=True)
class LocalExecution:
    """Runs tasks in this process.

    Attributes
    ----------
    scheduler : str
        ``"threads"`` or ``"synchronous"``.
    n_threads : int or None
        Threads of ``"threads"``; None means one a core.
    """

    scheduler: str = "threads"
    n_threads: int | None = None

    def compute(self, make_tasks: MakeTasks, on_done: OnDone) -> list[Any]:
        """The results of some tasks in their order; ``on_done(n)`` after each of them."""
        import dask
        from dask.callbacks import Callback

        tasks = make_tasks()
        keys = {task.key for task in tasks}
        counter = count(1)

        def posttask(key: object, *_: object) -> None:
            if key in keys:
                on_done(next(counter))

        with Callback(posttask=posttask):
            options = {} if self.n_threads is None else {"num_workers": self.n_threads}
            return list(dask.compute(*tasks, scheduler=self.scheduler, **options))

    def persist(self, arrays: Arrays) -> Arrays:
        """The arrays as they are: keeping their blocks would fill the memory of this process."""
        return arrays

    def call_ahead(self, function: Callable[[], object]) -> None:
        """Nothing: this process is not idle."""
