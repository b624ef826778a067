"""Twisted's asyncio reactor on uvloop's loops: what `trial --reactor=asyncio-uvloop` installs."""

import asyncio


def install() -> None:
    """Make uvloop's policy the process's, so that every loop a test makes is uvloop's, and install the reactor."""
    import uvloop
    from twisted.internet import asyncioreactor

    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncioreactor.install()
