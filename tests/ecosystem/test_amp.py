"""An AMP client and an AMP server that call each other, on Weft's reactor as on Twisted's."""

import json
import sys
from pathlib import Path

import pytest
import trustme

from .reactors import EPOLL, PROGRAMS, WEFT, run_beside, serving

RUN = {EPOLL: [sys.executable], WEFT: [sys.executable, "-m", "weft", "run"]}
"""How a script that says nothing of reactors is run on one."""
CALLS = 3000


@pytest.fixture(params=["tcp", "tls", "starttls"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_thousands_of_calls_both_ways_with_errors_and_a_cancelled_one(
    mode: str, authority: trustme.CA, tmp_path: Path
) -> None:
    certificate, ours = tmp_path / "certificate.pem", tmp_path / "authority.pem"
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    authority.cert_pem.write_to_path(str(ours))
    servers = {name: [*run, str(PROGRAMS / "amp_server.py"), mode, str(certificate)] for name, run in RUN.items()}

    told, reactors = {}, {}
    with serving(servers[EPOLL], r"READY (\d+)") as epoll, serving(servers[WEFT], r"READY (\d+)") as weft:
        ports = {EPOLL: str(epoll.ports[0]), WEFT: str(weft.ports[0])}
        clients = {
            name: [*run, str(PROGRAMS / "amp_client.py"), mode, ports[name], str(ours)] for name, run in RUN.items()
        }
        for name, ended in run_beside(clients, tmp_path).items():
            assert ended.code == 0, ended.printed
            told[name] = json.loads(ended.printed)
            reactors[name] = told[name].pop("reactor")
        servers_ended = epoll.stop(), weft.stop()

    assert reactors == {EPOLL: "twisted", WEFT: "weft"}
    assert told[WEFT] == told[EPOLL]
    assert told[WEFT] == {
        "totals": True,
        "doubled": CALLS,
        "quotient": 0.25,
        "divided": ["division by zero", 0.5],
        "reversed": True,
        "cancelled": "CancelledError",
        "failed": "UnknownRemoteError",
        "unanswered": "ConnectionDone",
        "encrypted": mode != "tcp",
    }
    assert [ended.printed.count("Traceback") for ended in servers_ended] == [1, 1]  # the call that was to fail
