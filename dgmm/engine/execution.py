"""Where tasks run: in this process, or on the workers of a cluster."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from queue import SimpleQueue
from typing import Any, Protocol

import dask
from dask.callbacks import Callback
from dask.delayed import Delayed
from distributed import Client, Future

OnDone = Callable[[int], None]


class Execution(Protocol):
    """Something that computes tasks and says how many are done."""

    def compute(self, tasks: Sequence[Delayed], on_done: OnDone) -> list[Any]:
        """The results of ``tasks`` in their order; ``on_done(n)`` after each of them."""


@dataclass(frozen=True, slots=True)
class LocalExecution:
    """In this process.

    Attributes
    ----------
    scheduler : str
        ``"threads"`` or ``"synchronous"``.
    n_threads : int or None
        Threads of ``"threads"``; None means one a core.
    """

    scheduler: str = "threads"
    n_threads: int | None = None

    def compute(self, tasks: Sequence[Delayed], on_done: OnDone) -> list[Any]:
        """The results of ``tasks`` in their order; ``on_done(n)`` after each of them."""
        keys = {task.key for task in tasks}
        counter = count(1)

        def posttask(key: object, *_: object) -> None:
            if key in keys:
                on_done(next(counter))

        with Callback(posttask=posttask):
            options = {} if self.n_threads is None else {"num_workers": self.n_threads}
            return list(dask.compute(*tasks, scheduler=self.scheduler, **options))


@dataclass(frozen=True, slots=True)
class ClusterExecution:
    """On the workers of a Dask cluster.

    Attributes
    ----------
    client : distributed.Client
    """

    client: Client

    def compute(self, tasks: Sequence[Delayed], on_done: OnDone) -> list[Any]:
        """The results of ``tasks`` in their order; ``on_done(n)`` after each of them."""
        futures = self.client.compute(list(tasks), sync=False)
        # Callbacks come on a thread of Dask's, which would swallow what an observer raises.
        finished: SimpleQueue[Future] = SimpleQueue()
        for future in futures:
            future.add_done_callback(finished.put)
        for n_done in range(1, len(futures) + 1):
            if finished.get().status != "finished":
                break  # gathering raises its error
            on_done(n_done)
        return list(self.client.gather(futures))
