"""A bound for each test: what costs more than it should, or waits for what never comes, is given up."""

from bound import bounded

BOUND_S = 30


pytest_pyfunc_call = bounded(BOUND_S)
