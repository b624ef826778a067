"""What needs io_uring is collected where there is one: in the compiled build, on a Linux that gives it to us."""

from bound import bounded

from weft.transports.uring import why_no_uring

WHY_NO_URING = why_no_uring()

collect_ignore = [] if WHY_NO_URING is None else ["test_uring.py"]
pytest_pyfunc_call = bounded(30)


def pytest_report_header() -> str:
    return f"io_uring: {WHY_NO_URING or 'tested'}"
