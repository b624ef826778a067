"""What every test has: the assurance that it runs the build that it was asked to run."""

import os

import pytest

import weft


def pytest_report_header(config: pytest.Config) -> str:
    return f"weft {weft.__version__}, {weft.BUILD} build"


@pytest.fixture(autouse=True, scope="session")
def expected_build() -> None:
    expected = os.environ.get("WEFT_EXPECT_BUILD")
    assert expected in (None, weft.BUILD), f"asked for the {expected} build, got the {weft.BUILD} one"
