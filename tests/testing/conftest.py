"""What these tests share: a clean manual loop, over each kind of poller."""

from collections.abc import Iterator

import pytest

from weft.core import default_poller
from weft.core.readiness import SelectPoller
from weft.testing import ManualLoop, clean_loop


@pytest.fixture(params=[default_poller, SelectPoller], ids=["default", "select"])
def loop(request: pytest.FixtureRequest) -> Iterator[ManualLoop]:
    with clean_loop(lambda: ManualLoop(outside=request.param())) as loop:
        yield loop
