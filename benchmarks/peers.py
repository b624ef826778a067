"""The peers that are measured: what each is called, what it needs, and how to get its event loop.

Owns the names that the command lines take. Whether a peer can run is found out in a process of its own, so that
the runners import none of the peers themselves.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent

KEPT_HEAP = {"MALLOC_MMAP_THRESHOLD_": str(32 * 2**20), "MALLOC_TRIM_THRESHOLD_": str(2**30)}
"""Has glibc keep what is freed (man 3 mallopt). As it comes, it may get from the kernel, and give back, the
256 KiB that asyncio and rloop ask for at each read, and uvloop for TLS."""

ENVIRONMENT = {
    "weft-pure": {"WEFT_PURE": "1"},
    "uvloop-heap": KEPT_HEAP,
    "rloop-heap": KEPT_HEAP,
    "asyncio-heap": KEPT_HEAP,
}
"""What a peer's process needs in its environment."""

ASYNCIO_64K_BYTES = 64 * 1024
"""How much `asyncio-64k` asks for in one read. Plain asyncio asks for, and so allocates, 256 KiB each time."""

BUSY_POLL_S = 50e-6
"""How long `weft-busy` polls before it blocks."""


class WrongBuildError(Exception):
    """Weft is there, but in the other of its two builds."""


def _asyncio_loop() -> asyncio.AbstractEventLoop:
    return asyncio.SelectorEventLoop()


def _asyncio_64k_loop() -> asyncio.AbstractEventLoop:
    from asyncio import selector_events

    selector_events._SelectorSocketTransport.max_size = ASYNCIO_64K_BYTES  # type: ignore[attr-defined]
    return asyncio.SelectorEventLoop()


def _rloop_loop() -> asyncio.AbstractEventLoop:
    import rloop

    loop: asyncio.AbstractEventLoop = rloop.new_event_loop()
    return loop


def _uvloop_loop() -> asyncio.AbstractEventLoop:
    import uvloop

    return uvloop.new_event_loop()


def _uring_loop() -> asyncio.AbstractEventLoop:
    from weft.transports.uring import UringPoller

    UringPoller().close()  # new_event_loop would take epoll in silence where there is none
    return _weft_loop_of_build("compiled", io_uring=True)()


def _weft_loop_of_build(build: str, **options: Any) -> Callable[[], asyncio.AbstractEventLoop]:
    def new_loop() -> asyncio.AbstractEventLoop:
        import weft

        if build != weft.BUILD:
            raise WrongBuildError(f"it needs Weft's {build} build, and {weft.BUILD} is what runs here")
        loop: asyncio.AbstractEventLoop = weft.new_event_loop(**options)
        return loop

    return new_loop


LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "weft": _weft_loop_of_build("compiled"),
    "weft-pure": _weft_loop_of_build("interpreted"),
    "weft-recorded": _weft_loop_of_build("compiled"),
    "weft-busy": _weft_loop_of_build("compiled", busy_poll_s=BUSY_POLL_S),
    "weft-uring": _uring_loop,
    "uvloop": _uvloop_loop,
    "uvloop-heap": _uvloop_loop,
    "rloop": _rloop_loop,
    "rloop-heap": _rloop_loop,
    "asyncio": _asyncio_loop,
    "asyncio-heap": _asyncio_loop,
    "asyncio-64k": _asyncio_64k_loop,
}
"""Each peer that is an event loop, and what makes one. They import the peer, so call them in the peer's process."""


def _install_weft(build: str) -> Callable[[], None]:
    def install() -> None:
        _weft_loop_of_build(build)().close()  # refuses the wrong build
        from weft.faces.twisted import install as install_reactor

        install_reactor()

    return install


def _install_epoll() -> None:
    from twisted.internet import epollreactor

    epollreactor.install()


def _install_asyncio(loop: str) -> Callable[[], None]:
    def install() -> None:
        from twisted.internet import asyncioreactor

        made = LOOPS[loop]()
        asyncio.set_event_loop(made)  # for programs that make tasks before it runs, as Scrapy does
        asyncioreactor.install(made)

    return install


REACTORS: dict[str, Callable[[], None]] = {
    "weft": _install_weft("compiled"),
    "weft-pure": _install_weft("interpreted"),
    "twisted-epoll": _install_epoll,
    "twisted-uvloop": _install_asyncio("uvloop"),
    "twisted-asyncio": _install_asyncio("asyncio"),
}
"""Each peer that is a Twisted reactor, and what installs it: to be called in the peer's process, once."""

C_PEERS = ("c-epoll",)
PEERS = (*C_PEERS, *LOOPS)


def environment(peer: str) -> dict[str, str]:
    """Return the environment that a process of this peer is to have: ours, without what changes the measured."""
    # PYTHONDONTWRITEBYTECODE has every start compile what others find compiled.
    chosen = ("WEFT_PURE", "PYTHONDONTWRITEBYTECODE", "GLIBC_TUNABLES", *KEPT_HEAP)
    ours = {name: value for name, value in os.environ.items() if name not in chosen}
    return ours | ENVIRONMENT.get(peer, {})


def describe(peer: str) -> str:
    """Return the peer's name and version; to be called in the peer's own process, and fails as the peer does."""
    if peer.startswith("twisted"):
        said = f"Twisted {version_of('twisted')}"
        if peer in REACTORS:
            REACTORS[peer]()
            loop = peer.removeprefix("twisted-")
            said += ", its epoll reactor" if loop == "epoll" else f", its asyncio reactor on {describe(loop)}"
        return said
    LOOPS[peer]().close()
    if peer.startswith("asyncio"):
        return f"asyncio of Python {sys.version.split()[0]}"
    if peer.startswith("weft"):
        import weft

        if peer == "weft-recorded":
            import weft.record

            weft.record.Recorder()
        return f"Weft {weft.__version__}, {weft.BUILD}"
    name = peer.removesuffix("-heap")
    return f"{name} {version_of(name)}"


def probe(peer: str) -> tuple[bool, str]:
    """Tell whether the peer can run here; with its version if it can, and the reason if it cannot."""
    if peer in C_PEERS:
        command = [os.environ.get("CC", "cc"), "--version"]
    else:
        command = [sys.executable, "-c", f"import peers; print(peers.describe({peer!r}))"]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, cwd=HERE, env=environment(peer), check=False)
    except OSError as error:
        return False, f"{command[0]}: {error.strerror}"
    if ended.returncode != 0:
        return False, (ended.stderr.strip().splitlines() or ["it said nothing"])[-1]
    return True, ended.stdout.splitlines()[0]


def probe_all(peers: Iterable[str]) -> dict[str, str]:
    """Return the versions of those peers that can run here; name the others on standard error."""
    versions = {}
    for peer in peers:
        runs, said = probe(peer)
        if runs:
            versions[peer] = said
        else:
            print(f"{peer} is left out: {said}", file=sys.stderr)
    return versions
