"""The input of a configuration, for programs that fit some of its blocks."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from dgmm.engine.events import Observer, ignore
from dgmm.errors import advise
from dgmm.run.clusters.cluster import enter_mpi
from dgmm.run.config.advice import REMEDIES
from dgmm.run.config.configuration import Configuration
from dgmm.run.input_blocks import Blocks
from dgmm.run.run_plan import RunPlan, plan_run


@dataclass(frozen=True, slots=True, eq=False)
class InputHandle:
    """An input whose metadata are known.

    Attributes
    ----------
    fingerprint : str
        Of its metadata and files: another one means other data.
    description : str
        Format, layout and dtype, for a person.
    feature_names : tuple of str
    n_rows, n_blocks, block_rows : int
        ``block_rows`` are those of the largest block.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from dgmm.run import loads, open_input
    >>> np.save("iris.npy", load_iris().data)
    >>> text = "{input: {path: iris.npy}, output: {path: unused}, cluster: {kind: threads}}"
    >>> opened = open_input(loads(text, ["model.n_components=2"]))
    >>> opened.description, opened.n_rows, opened.n_blocks
    ('NumPy array in C order, float64', 150, 1)
    """

    fingerprint: str
    description: str
    feature_names: tuple[str, ...]
    n_rows: int
    n_blocks: int
    block_rows: int
    _plan: RunPlan

    @contextmanager
    def on_cluster(self, observer: Observer = ignore) -> Iterator[Blocks]:
        """Open the configuration's cluster for the duration of a ``with``.

        Parameters
        ----------
        observer : callable, optional
            Told of every pass.

        Raises
        ------
        DgmmError
            As a run does that gets no cluster, or too small a one.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import load_iris
        >>> from dgmm.run import loads, open_input
        >>> np.save("iris.npy", load_iris().data)
        >>> text = "{input: {path: iris.npy}, output: {path: unused}, cluster: {kind: threads}}"
        >>> opened = open_input(loads(text, ["model.n_components=2"]))
        >>> with opened.on_cluster() as blocks:
        ...     found = blocks.fit(range(opened.n_blocks))
        >>> len(found.sweep.results)
        4
        """
        plan = self._plan
        with advise(REMEDIES), plan.open_cluster() as cluster:
            yield Blocks(plan.dataset, plan.options, cluster.execution, observer)


@advise(REMEDIES)
def open_input(configuration: Configuration) -> InputHandle:
    """Open the input of a configuration by its metadata alone.

    Raises
    ------
    DgmmError
        As a run does that cannot open it.

    Examples
    --------
    >>> from dgmm.run import loads, open_input
    >>> opened = open_input(loads('''
    ...     input: {path: "package://sklearn.datasets.images/china.jpg", partition_size: 64kB}
    ...     model: {n_components: 2, covariance_type: tied}
    ...     output: {path: unused}
    ...     cluster: {kind: threads}
    ...     '''))
    >>> opened.n_rows, opened.n_blocks, opened.feature_names
    (273280, 13, ('red', 'green', 'blue'))
    """
    enter_mpi(configuration.cluster)
    plan = plan_run(configuration)
    dataset = plan.dataset
    return InputHandle(
        plan.source.fingerprint,
        plan.source.description,
        dataset.feature_names,
        dataset.n_rows,
        dataset.n_blocks,
        dataset.block_rows,
        plan,
    )
