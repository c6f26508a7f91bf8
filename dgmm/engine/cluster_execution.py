"""Tasks on the workers of a Dask cluster, and blocks that stay in their memory."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

from dask.array.core import Array
from dask.delayed import Delayed
from distributed import CancelledError, Client, Future, KilledWorker, futures_of
from distributed.scheduler import NoValidWorkerError, NoWorkerError

from dgmm.engine.block_task import call_on_thread
from dgmm.engine.execution import Arrays, KilledTasksError, MakeTasks, OnDone
from dgmm.errors import Remedy, TemporaryError
from dgmm.text import describe_error

logger = logging.getLogger(__name__)

_MOST_SECONDS_BETWEEN_LOOKS = 5.0
_ANSWER = 10.0  # seconds in which a scheduler says what workers it has
_MOST_SHOWN = 200  # characters of what Dask says, which may list every key

# What calls of a client raise when scheduler or workers are lost: cancelled futures, closed
# connections (CommClosedError), no answer in time (TimeoutError); the last two are OSErrors.
_DASK_FAILURES = (CancelledError, OSError)
# Errors of tasks when no worker can run them.
_NO_WORKERS = (NoValidWorkerError, NoWorkerError)


@dataclass(frozen=True, slots=True, eq=False)
class BlockCache:
    """Keeps blocks in the memory of the workers that read them, until their cluster fails.

    The blocks of a lost worker are read again.

    Attributes
    ----------
    has_room : callable
        ``has_room(client, n_bytes) -> bool``: whether its workers can hold so many bytes. It is
        asked before every pass until they can, because workers may join.
    """

    has_room: Callable[[Client, int], bool]
    _kept: dict[str, Array] = field(default_factory=dict)

    def persist(self, client: Client, arrays: Arrays) -> Arrays:
        """The same arrays, kept by the workers if they have room for all of them."""
        n_bytes = sum(array.nbytes for array in arrays)
        if any(array.name not in self._kept for array in arrays) and self.has_room(client, n_bytes):
            logger.info(
                "Keeping %.0f MiB of blocks on the workers that read them.", n_bytes / 2**20
            )
            for array in arrays:  # tasks that use a block run before the next block is read
                self._kept[array.name] = client.persist(array, priority=-1)
        return tuple(self._kept.get(array.name, array) for array in arrays)

    def release(self) -> None:
        """Release the memory."""
        for future in futures_of(list(self._kept.values())):
            future.release()
        self._kept.clear()


class _ClusterLostError(Exception):
    """The cluster cannot finish these tasks, for reasons outside the tasks."""


@dataclass(slots=True, eq=False)
class ClusterExecution:
    """Runs tasks on a Dask cluster, and on a new one if that is lost.

    Attributes
    ----------
    client : distributed.Client
    patience : float or None
        Seconds in which no task begins or ends before the cluster counts as lost; None waits as
        long as Dask does, which may be for ever.
    reopen : callable or None
        ``reopen() -> Client`` leaves the cluster and opens it again; None if it cannot be.
    block_cache : BlockCache or None
        Keeps blocks on the workers; None once the cluster has failed, or if none are to be kept.
    """

    client: Client
    patience: float | None = None
    reopen: Callable[[], Client] | None = None
    block_cache: BlockCache | None = None

    def compute(self, make_tasks: MakeTasks, on_done: OnDone) -> list[Any]:
        """The results of some tasks in their order; ``on_done(n)`` after each of them.

        Results that have arrived are kept when the cluster is lost. The others are tried again,
        first as new tasks and then on a new cluster, until two or three attempts in a row fail.
        Where workers are paused, a new cluster is all that may help, once.

        Raises
        ------
        KilledTasksError
            If tasks were given up because their workers died.
        TemporaryError
            If the cluster is lost for good.
        """
        results: dict[int, Any] = {}
        n_losses = 0
        while True:
            n_before = len(results)
            try:
                self._collect(make_tasks(), results, on_done)
            except KilledTasksError:
                self._stop_caching()
                raise
            except _ClusterLostError as loss:
                self._stop_caching()
                n_losses = 1 if len(results) > n_before else n_losses + 1
                self._recover(loss, n_losses)
            else:
                return [results[i] for i in range(len(results))]

    def persist(self, arrays: Arrays) -> Arrays:
        """The same arrays, kept by the workers if they have room for them."""
        if self.block_cache is None:
            return arrays
        with self._detect_lost_cluster():
            return self.block_cache.persist(self.client, arrays)

    def call_ahead(self, function: Callable[[], object]) -> None:
        """Let each worker call a function on a thread of its own."""
        call_on_thread(partial(_call_on_workers, self.client, function))

    def _stop_caching(self) -> None:
        """Continue without kept blocks, which may be lost or may have filled the memory."""
        if self.block_cache is not None:
            self.block_cache.release()
            self.block_cache = None

    def _recover(self, loss: _ClusterLostError, n_losses: int) -> None:
        """Prepare another attempt, on a new cluster if need be."""
        n_paused = self._count_paused()
        if n_paused:
            paused = f"{n_paused} worker(s) stay paused, because their memory is nearly full"
            if n_losses > 1 or self.reopen is None:
                raise TemporaryError(f"{paused}.", remedy=Remedy.USE_LESS_MEMORY) from loss
            logger.warning("%s (%s); opening the cluster again.", paused, loss)
            self.client = self.reopen()
        elif n_losses == 1:
            logger.warning("Lost the running tasks (%s); trying new ones.", loss)
        elif n_losses == 2 and self.reopen is not None:
            logger.warning("Lost the new tasks too (%s); opening the cluster again.", loss)
            self.client = self.reopen()
        else:
            again = "" if self.reopen is None else ", and the cluster was opened again"
            raise TemporaryError(
                f"The cluster has stopped computing: {loss}. The tasks were tried again{again}. "
                "See in the logs of its scheduler and workers why.",
                remedy=Remedy.TRY_AGAIN,
            ) from (loss.__cause__ or loss)

    def _collect(self, tasks: Sequence[Delayed], results: dict[int, Any], on_done: OnDone) -> None:
        """Add missing results to ``results`` as they arrive."""
        missing = [i for i in range(len(tasks)) if i not in results]
        with self._detect_lost_cluster():
            futures = self.client.compute([tasks[i] for i in missing], sync=False)
        try:
            places = {future.key: i for future, i in zip(futures, missing, strict=True)}
            # Callbacks run on a thread of Dask, which would swallow errors of an observer.
            finished: SimpleQueue[Future] = SimpleQueue()
            for future in futures:
                future.add_done_callback(finished.put)
            while len(results) < len(tasks):
                done = self._wait(finished)
                _raise_failure(done, futures)
                for future, value in zip(done, self._gather(done), strict=True):
                    results[places[future.key]] = value
                    future.release()
                    on_done(len(results))
        finally:
            for future in futures:
                future.release()

    def _wait(self, finished: SimpleQueue[Future]) -> list[Future]:
        """Wait for futures; those that are done next, at least one."""
        interval = None
        if self.patience is not None:
            interval = min(_MOST_SECONDS_BETWEEN_LOOKS, self.patience / 8)
        since, tasks = time.monotonic(), None
        while True:
            try:
                done = [finished.get(timeout=interval)]
            except Empty:
                found = self._tasks_of_workers(interval)
                if found is not None and found != tasks:
                    since, tasks = time.monotonic(), found
                elif self.patience is not None and time.monotonic() - since > self.patience:
                    text = f"no task began or ended for {self.patience:.0f} s"
                    raise _ClusterLostError(text) from None
            else:
                while not finished.empty():
                    done.append(finished.get())
                return done

    def _tasks_of_workers(self, timeout: float | None) -> frozenset[Any] | None:
        """Keys of all tasks assigned to workers; None if the scheduler does not answer."""
        ask = partial(self.client.sync, callback_timeout=timeout)
        try:
            found = ask(self.client.scheduler.processing, workers=None)
        except Exception:  # a client that has lost its scheduler may raise anything
            return None
        return frozenset(key for keys in found.values() for key in keys)

    def _count_paused(self) -> int:
        """Workers that take no tasks for want of memory; 0 if the scheduler does not answer."""
        ask = partial(self.client.sync, callback_timeout=_ANSWER)
        try:
            workers = ask(self.client.scheduler.identity, n_workers=-1)["workers"].values()
        except Exception:  # a client that has lost its scheduler may raise anything
            return 0
        return sum(worker["status"] == "paused" for worker in workers)

    def _gather(self, futures: list[Future]) -> list[Any]:
        gather = partial(self.client.gather, futures, asynchronous=True)
        with self._detect_lost_cluster(futures):
            return list(self.client.sync(gather, callback_timeout=self.patience))

    @contextmanager
    def _detect_lost_cluster(self, futures: Sequence[Future] = ()) -> Iterator[None]:
        """Raise one error for a lost cluster; let errors of the tasks of ``futures`` pass."""
        try:
            yield
        except Exception as error:
            is_own = any(future.status == "error" for future in futures)
            is_lost = isinstance(error, _DASK_FAILURES) or self.client.status != "running"
            if is_own or not is_lost:
                raise
            raise _ClusterLostError(_shorten(error)) from error


def _call_on_workers(client: Client, function: Callable[[], object]) -> None:
    """Let each worker call a function; waits for all of them to begin."""
    with suppress(Exception):  # the next tasks find out what is wrong
        client.run(call_on_thread, function, on_error="ignore")


def _raise_failure(done: Sequence[Future], futures: Sequence[Future]) -> None:
    """Raise the error of the first future that failed, if any."""
    failed = next((future for future in done if future.status == "error"), None)
    if failed is None:
        return
    error = failed.exception()
    if isinstance(error, KilledWorker):
        errors = [future.exception() for future in futures if future.status == "error"]
        keys = [other.task for other in errors if isinstance(other, KilledWorker)]
        raise KilledTasksError(tuple(dict.fromkeys(keys)), error.allowed_failures + 1) from error
    if isinstance(error, _NO_WORKERS):
        raise _ClusterLostError(_shorten(error)) from error
    failed.result()


def _shorten(error: BaseException) -> str:
    text = describe_error(error)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."
