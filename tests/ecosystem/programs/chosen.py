"""A test for trial that tells which reactor and which of Weft's builds its run has."""

from twisted.trial.unittest import SynchronousTestCase

import weft


class ChosenTests(SynchronousTestCase):
    """Tells."""

    def test_told(self) -> None:
        from twisted.internet import reactor

        print(f"\nreactor: {type(reactor).__module__}\nbuild: {weft.BUILD}\n")
