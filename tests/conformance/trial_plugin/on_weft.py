"""Twisted's asyncio reactor on Weft's loops: what `trial --reactor=asyncio-weft` installs."""

import asyncio


def install() -> None:
    """Make a policy of Weft's loops the process's, so that every loop made is one, and install the reactor."""
    from twisted.internet import asyncioreactor

    import weft

    class Policy(asyncio.DefaultEventLoopPolicy):
        def new_event_loop(self) -> asyncio.AbstractEventLoop:
            return weft.new_event_loop()

    asyncio.set_event_loop_policy(Policy())
    asyncioreactor.install()
