"""Runs Twisted's own tests on a reactor, and judges the outcomes by the epoll reactor's and by the named tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path

import processes
from judging import Figures, judged
from named import Group
from processes import Outcome
from trial import KINDS, SUFFIX, Trial

STOCK = "epoll"
LIMIT_NAMED_S = 6.0
GLOBAL = (
    "twisted.test.test_sslverify",
    "twisted.test.test_process",
    "twisted.conch.test.test_conch",
    "twisted.test.test_ftp",
    "twisted.conch.test.test_manhole",
    "twisted.test.test_stdio",
    "twisted.conch.test.test_recvline",
    "twisted.internet.test.test_process",
    "twisted.web.test.test_http2",
    "twisted.internet.test.test_endpoints",
    "twisted.conch.test.test_ssh",
    "twisted.mail.test.test_imap",
    "twisted.conch.test.test_userauth",
    "twisted.internet.test.test_core",
    "twisted.internet.test.test_fdset",
    "twisted.internet.test.test_inlinecb",
    "twisted.internet.test.test_inotify",
    "twisted.internet.test.test_newtls",
    "twisted.internet.test.test_posixbase",
    "twisted.internet.test.test_socket",
    "twisted.internet.test.test_stdio",
    "twisted.internet.test.test_tcp",
    "twisted.internet.test.test_threads",
    "twisted.internet.test.test_time",
    "twisted.internet.test.test_tls",
    "twisted.internet.test.test_udp",
    "twisted.internet.test.test_unix",
    "twisted.internet.test.test_win32events",
    "twisted.mail.test.test_mail",
    "twisted.mail.test.test_pop3",
    "twisted.mail.test.test_pop3client",
    "twisted.mail.test.test_smtp",
    "twisted.names.test.test_client",
    "twisted.names.test.test_names",
    "twisted.protocols.test.test_tls",
    "twisted.python.test.test_sendmsg",
    "twisted.python.test.test_util",
    "twisted.spread.test.test_pb",
    "twisted.test.test_adbapi",
    "twisted.test.test_amp",
    "twisted.test.test_application",
    "twisted.test.test_cooperator",
    "twisted.test.test_internet",
    "twisted.test.test_iutils",
    "twisted.test.test_loopback",
    "twisted.test.test_main",
    "twisted.test.test_policies",
    "twisted.test.test_protocols",
    "twisted.test.test_sip",
    "twisted.test.test_ssl",
    "twisted.test.test_task",
    "twisted.test.test_tcp",
    "twisted.test.test_tcp_internals",
    "twisted.test.test_threads",
    "twisted.test.test_tpfile",
    "twisted.test.test_twistd",
    "twisted.test.test_udp",
    "twisted.test.test_unix",
    "twisted.trial._dist.test.test_workerreporter",
    "twisted.trial.test.test_deferred",
    "twisted.trial.test.test_log",
    "twisted.trial.test.test_reporter",
    "twisted.trial.test.test_tests",
    "twisted.web.test.test_cgi",
    "twisted.web.test.test_distrib",
    "twisted.web.test.test_http",
    "twisted.web.test.test_tap",
    "twisted.web.test.test_wsgi",
    "twisted.web.test.test_xmlrpc",
    "twisted.words.test.test_service",
)
"""The modules with tests that run the reactor which trial was told to install, the longest first."""


def conform(
    kind: str,
    build: str,
    named: dict[str, Group],
    modules: Iterable[str],
    limit_s: float,
    jobs: int = 2,
    tell: Callable[[Outcome], None] = lambda outcome: None,
) -> Figures:
    """Run the modules' tests on a kind of reactor, each for `limit_s` at most; judge what became of them."""
    environ = dict(os.environ, WEFT_PURE="1" if build == "interpreted" else "0", WEFT_EXPECT_BUILD=build)
    environ.pop("PYTHONASYNCIODEBUG", None)

    def run(kind: str, batches: Iterable[list[str]], jobs: int) -> dict[str, Outcome]:
        def make() -> Trial:
            return Trial(KINDS[kind], environ, limit_s, dict.fromkeys(named, LIMIT_NAMED_S))

        return processes.share_out(batches, make, Trial.outcomes_of, jobs, tell)

    def run_again(names: list[str], is_alone: bool) -> dict[str, Outcome]:
        """Run the whole modules: a test must pass among those beside which it failed."""
        found = run(kind, ([module] for module in sorted({module_of(name) for name in names})), 1)
        return {name: found[name] for name in names if name in found}

    def run_stock(names: list[str], is_alone: bool) -> dict[str, Outcome]:
        return run(STOCK, processes.batches_of(names), 1 if is_alone else jobs)

    modules = list(modules)
    outcomes = run(kind, ([module] for module in modules), jobs)
    stock = None if kind == STOCK else run_stock
    figures = judged(modules, outcomes, named, run_again, stock, is_about_another)
    figures.untouched = [module for module in figures.untouched if module in GLOBAL]
    return figures


def module_of(name: str) -> str:
    """Return the module of a test."""
    return name.rpartition(".")[0].rpartition(".")[0]


def is_about_another(outcome: Outcome) -> bool:
    """Return whether a test passed on another reactor, which it made itself: it is about that one."""
    return SUFFIX not in outcome.name and outcome.status == "passed" and not outcome.ours and outcome.others > 0


def modules_of(suite: str) -> list[str]:
    """Return the modules of "reactors", "global" or "all", the longest first."""
    if suite == "reactors":
        return reactor_modules()
    there = test_modules()
    chosen = [module for module in GLOBAL if module in there]
    return chosen if suite == "global" else chosen + [module for module in there if module not in GLOBAL]


def reactor_modules() -> list[str]:
    """Return the modules with tests that Twisted runs on every reactor that it knows."""
    return [module for module, path in test_modules().items() if "\nglobals().update(" in path.read_text()]


def test_modules() -> dict[str, Path]:
    """Return every module of Twisted's own tests, and where it is."""
    spec = find_spec("twisted")
    if spec is None or spec.origin is None:
        raise RuntimeError("Twisted is not installed: pip install --group twisted")
    root = Path(spec.origin).parent
    paths = sorted(path for path in root.rglob("test_*.py") if path.parent.name == "test")
    return {".".join(path.relative_to(root.parent).with_suffix("").parts): path for path in paths}
