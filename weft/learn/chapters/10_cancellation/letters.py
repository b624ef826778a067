"""A Deferred that can be taken back."""

import asyncio

import weft
from weft.learn import drawn


@drawn
def send(name):
    print(f"{name}: sent")


@drawn
def arrive(name, letter):
    print(f"{name}: answered")
    letter.callback("yes")


@drawn
def take_back(name):
    print(f"{name}: taken back")


def ask(name, seconds):
    """Return a Deferred of a letter's answer; cancelling it takes the letter back."""
    timer = None

    def canceller(letter):
        timer.cancel()
        take_back(name)

    send(name)
    letter = weft.Deferred(canceller)
    loop = asyncio.get_running_loop()
    timer = loop.call_later(seconds, arrive, name, letter)
    return letter
