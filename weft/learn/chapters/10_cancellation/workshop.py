"""A workshop with looms for everybody. You cannot change it."""

from weft.learn import drawn


@drawn
def borrow(loom):
    """Take a loom; it has to be given back."""


@drawn
def give_back(loom):
    """Give a loom back."""
