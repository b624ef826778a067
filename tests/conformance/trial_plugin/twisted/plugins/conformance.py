"""What trial finds by name: the reporter of outcomes, and Twisted's asyncio reactor on loops not asyncio's own."""

from twisted.application.reactors import Reactor
from twisted.plugins.twisted_trial import _Reporter

outcomes = _Reporter(
    "Outcomes",
    "outcomes",
    description="A line of JSON for each test as it begins and ends, on a descriptor.",
    longOpt="outcomes",
    shortOpt=None,
    klass="Outcomes",
)
on_uvloop = Reactor("asyncio-uvloop", "on_uvloop", "Twisted's asyncio reactor on uvloop's loops.")
on_weft = Reactor("asyncio-weft", "on_weft", "Twisted's asyncio reactor on Weft's loops.")
