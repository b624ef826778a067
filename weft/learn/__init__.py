"""The course: asynchronous programming from the inside out, every step a program that runs and is drawn.

`weft learn` is its command. A learner's program may use the marks here; run by plain Python they change nothing:

    from weft.learn import drawn, poets

    @drawn                                  # each call is one step of the task that its first argument names
    def fetch(name, port): ...

    with poets(loom=0.4, train=0.2) as ports:   # slow poem servers, each a process of its own

How a chapter is made is in CHAPTERS.md beside this file.
"""

from weft.learn.marks import drawn, keep_chain, keep_stack, note
from weft.learn.poetry import PoetNotReadyError, poem, poets

__all__ = ["PoetNotReadyError", "drawn", "keep_chain", "keep_stack", "note", "poem", "poets"]
