"""A cluster is opened anew, and left in any case."""

from contextlib import contextmanager

from dgmm.run.clusters.recovery import reopen_when_lost


class Cluster:
    """One that may break when it is left."""

    def __init__(self, *, breaks):
        self.breaks = breaks
        self.told = []

    @contextmanager
    def connect(self):
        number = self.told.count("opened")
        self.told.append("opened")
        yield number
        self.told.append("left")
        if self.breaks and number == 0:
            raise TimeoutError("a nanny does not answer")


def test_a_cluster_is_left_before_the_next_is_opened():
    cluster = Cluster(breaks=False)
    with reopen_when_lost(cluster.connect, 5.0) as execution:
        assert (execution.client, execution.patience) == (0, 5.0)
        assert execution.reopen() == 1
        assert cluster.told == ["opened", "left", "opened"]
    assert cluster.told == ["opened", "left", "opened", "left"]


def test_a_lost_cluster_that_cannot_be_closed_is_left_behind(caplog):
    cluster = Cluster(breaks=True)
    with reopen_when_lost(cluster.connect, 5.0) as execution:
        assert execution.reopen() == 1
    assert "could not be closed: TimeoutError('a nanny does not answer')" in caplog.text
    assert cluster.told == ["opened", "left", "opened", "left"]
