import asyncio

import pytest

import weft
from weft.errors import UnknownModelError


def plain() -> None:
    pass


async def fetch(poem: str) -> str:
    return poem


def test_a_coroutine_object_is_refused_with_what_to_write():
    with pytest.raises(TypeError, match=r"fetch\(\) is a coroutine and .* once; .* fetch, without the \(\)"):
        weft.compare([fetch("loom")])


def test_what_is_no_function_is_refused():
    with pytest.raises(TypeError, match="a task must be a function, not 'loom'"):
        weft.compare(["loom"])


def test_a_function_that_needs_arguments_is_refused_with_what_to_write():
    with pytest.raises(TypeError, match=r"fetch cannot be called with nothing \(.*'poem'\).*functools\.partial"):
        weft.compare([fetch])


def test_one_wrong_task_keeps_the_others_from_running():
    calls = []

    with pytest.raises(TypeError):
        weft.compare([lambda: calls.append(1), 5])

    assert calls == []


def test_no_task_at_all_is_refused():
    with pytest.raises(ValueError, match=r"there is no task to run; .*@weft\.task"):
        weft.compare([])


def test_an_unknown_model_is_refused_with_the_known_ones():
    with pytest.raises(UnknownModelError, match="no model 'fibres'; the models are sync, threads, interleaved"):
        weft.compare([plain], ["sync", "fibres"])


def test_an_unknown_model_is_also_a_value_error():
    with pytest.raises(ValueError, match="no model 'fibres'"):
        weft.compare([plain], "fibres")


def test_no_model_at_all_is_refused():
    with pytest.raises(ValueError, match="name at least one model: sync, threads, interleaved"):
        weft.compare([plain], [])


def test_comparing_inside_a_running_loop_is_refused():
    calls = []

    async def main() -> None:
        weft.compare([lambda: calls.append(1)])

    with pytest.raises(RuntimeError, match="call it from plain code, not from a coroutine"):
        asyncio.run(main())
    assert calls == []


def test_a_recorder_without_room_is_refused():
    with pytest.raises(ValueError, match="at least one record, not 0"):
        weft.compare([plain], capacity=0)
