"""Transports: bytes in and out.

A stream speaks with a protocol above and a channel below; a listener makes streams of the connections that come in,
a connector makes them of the ones that go out. Completion is a plain callback here: there are no futures and no
coroutines at this level, so that one set of transports serves asyncio, Twisted and the native interfaces alike.
"""
