"""A failure is an exception as a value."""

import traceback

import pytest

from weft.deferred import Failure, succeed
from weft.errors import FailureValueError


def raises(value):
    raise LookupError("mine")


def test_it_keeps_the_exception_and_its_traceback():
    deferred = succeed(None).add_callback(raises)

    failure = deferred.result

    assert failure.type is LookupError
    assert str(failure.value) == "mine"
    assert [frame.name for frame in traceback.extract_tb(failure.traceback)] == ["raises"]
    assert 'raise LookupError("mine")' in failure.format()
    assert failure.message() == "LookupError: mine"
    deferred.add_errback(lambda failure: None)


def test_its_traceback_is_the_one_it_was_caught_with_however_often_it_is_raised():
    deferred = succeed(None).add_callback(raises)
    failure = deferred.result

    for _ in range(3):
        with pytest.raises(LookupError):
            failure.raise_value()

    assert len(traceback.extract_tb(failure.traceback)) == 1
    deferred.add_errback(lambda failure: None)


def test_check_says_which_of_several_it_is():
    failure = Failure(ZeroDivisionError())

    assert failure.check(LookupError, ArithmeticError) is ArithmeticError
    assert failure.check((LookupError, ArithmeticError)) == (LookupError, ArithmeticError)
    assert failure.check(LookupError) is None


def test_trap_lets_what_it_does_not_know_go_on():
    failure = Failure(ZeroDivisionError("mine"))

    assert failure.trap(LookupError, ArithmeticError) is ArithmeticError
    with pytest.raises(ZeroDivisionError, match="mine"):
        failure.trap(LookupError)


def test_it_wraps_the_exception_being_handled():
    try:
        raise LookupError("mine")
    except LookupError as error:
        value, failure = error, Failure()

    assert failure.value is value


@pytest.mark.parametrize("value", [None, "a string", LookupError])
def test_it_wraps_nothing_but_exceptions(value):
    with pytest.raises(FailureValueError):
        Failure(value)
