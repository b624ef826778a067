"""Programs of the course run in processes of their own; a test is given up after a while."""

from bound import bounded

pytest_pyfunc_call = bounded(180)
