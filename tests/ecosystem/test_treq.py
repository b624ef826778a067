"""treq's own tests, with its real HTTP server, on Weft's reactor as on Twisted's."""

from pathlib import Path

from .reactors import EPOLL, WEFT, try_beside


def test_treqs_own_tests_pass_as_on_epoll(tmp_path: Path) -> None:
    verdicts = try_beside(["treq"], tmp_path)

    assert len(verdicts[WEFT]) > 200
    assert verdicts[WEFT] == verdicts[EPOLL]
    assert ("test_multipart_post", "OK") in verdicts[WEFT]
