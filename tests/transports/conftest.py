"""What needs io_uring is collected where there is one; the header of a run says where it is not, and why."""

from bound import bounded

from weft.transports.uring import why_no_uring

collect_ignore = [] if why_no_uring() is None else ["test_uring.py"]
pytest_pyfunc_call = bounded(30)
