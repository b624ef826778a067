import asyncio
import functools
import threading

import pytest

import weft

MODELS = ["sync", "threads", "interleaved"]


async def slow() -> str:
    await asyncio.sleep(0.01)
    return "slow"


async def quick() -> str:
    return "quick"


def plain() -> str:
    return "plain"


async def fails() -> None:
    await asyncio.sleep(0)
    raise LookupError("no such poem")


def fails_plainly() -> None:
    raise ValueError("no")


async def greet(name: str, greeting: str = "hello") -> str:
    await asyncio.sleep(0)
    return f"{greeting} {name}"


class Counter:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> int:
        self.calls += 1
        return self.calls


class AsyncGreeter:
    async def __call__(self) -> str:
        await asyncio.sleep(0)
        return "hello"


def texts(exceptions) -> list[str]:
    return [repr(error) for error in exceptions]


# -- results


@pytest.mark.parametrize("tasks", [[slow, quick], [plain, plain], [slow, plain, quick]])
def test_every_model_gives_the_same_results_in_the_order_of_the_tasks(tasks):
    report = weft.compare(tasks)

    expected = [task.__name__ for task in tasks]
    assert [run.model for run in report.runs] == MODELS
    assert [list(run.results) for run in report.runs] == [expected] * 3
    assert report.results_are_equal
    assert not report.has_failures


@pytest.mark.parametrize("model", MODELS)
def test_results_keep_the_order_of_the_tasks_when_the_first_ends_last(model):
    last = threading.Event()

    async def first() -> str:
        while model != "sync" and not last.is_set():
            await asyncio.sleep(0)
        return "first"

    async def second() -> str:
        last.set()
        return "second"

    run = weft.compare([first, second], model).runs[0]

    assert run.results == ["first", "second"]


@pytest.mark.parametrize("model", MODELS)
def test_partials_callable_objects_and_bound_methods_are_tasks(model):
    counter = Counter()
    tasks = [
        functools.partial(greet, "weft"),
        functools.partial(functools.partial(greet, greeting="hi"), "warp"),
        counter,
        AsyncGreeter(),
        functools.partial(AsyncGreeter()),
        "poem".upper,
    ]

    run = weft.compare(tasks, model).runs[0]

    assert run.results == ["hello weft", "hi warp", 1, "hello", "hello", "POEM"]
    assert run.names == ["greet", "greet 2", "Counter", "AsyncGreeter", "AsyncGreeter 2", "upper"]
    assert run.exceptions == [None] * 6


@pytest.mark.parametrize("model", MODELS)
def test_a_class_is_a_task_that_makes_an_object(model):
    run = weft.compare([AsyncGreeter], model).runs[0]

    assert isinstance(run.results[0], AsyncGreeter)


def test_tasks_may_come_from_a_generator():
    report = weft.compare(task for task in (slow, plain))

    assert [list(run.results) for run in report.runs] == [["slow", "plain"]] * 3


def test_models_may_be_one_name_or_an_iterable_and_are_run_in_that_order():
    one = weft.compare([plain], "threads")
    two = weft.compare([plain], (name for name in ("interleaved", "sync")))

    assert [run.model for run in one.runs] == ["threads"]
    assert [run.model for run in two.runs] == ["interleaved", "sync"]


def test_on_begin_is_told_each_model_before_its_tasks_run():
    events = []

    def work() -> None:
        events.append("work")

    report = weft.compare([work], on_begin=events.append)

    titles = [run.title for run in report.runs]
    assert len(set(titles)) == 3
    assert events == [titles[0], "work", titles[1], "work", titles[2], "work"]


# -- failures


@pytest.mark.parametrize("model", MODELS)
def test_a_failing_task_does_not_take_the_others_with_it(model):
    run = weft.compare([fails, slow, fails_plainly, plain], model).runs[0]

    assert run.results == [None, "slow", None, "plain"]
    assert texts(run.exceptions) == ["LookupError('no such poem')", "None", "ValueError('no')", "None"]


def test_failures_alike_in_every_model_are_equal_results():
    report = weft.compare([fails, fails_plainly, slow])

    assert report.has_failures
    assert report.results_are_equal


def test_results_that_change_from_run_to_run_are_not_equal():
    report = weft.compare([Counter()])

    assert not report.results_are_equal
    assert not report.has_failures


def test_exceptions_of_another_text_are_not_equal():
    counter = Counter()

    def fails_differently() -> None:
        raise ValueError(counter())

    report = weft.compare([fails_differently], ["sync", "threads"])

    assert not report.results_are_equal


@pytest.mark.parametrize("model", MODELS)
def test_a_cancelled_task_is_reported_as_cancelled(model):
    async def cancels_itself() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(10)

    def raises_cancelled() -> None:
        raise asyncio.CancelledError

    run = weft.compare([cancels_itself, raises_cancelled, slow], model).runs[0]

    assert [type(error) for error in run.exceptions] == [asyncio.CancelledError, asyncio.CancelledError, type(None)]
    assert run.results == [None, None, "slow"]


def test_a_plain_function_may_raise_any_exception_and_every_model_reports_the_same():
    class Strange(BaseException):
        pass

    def raises_strange() -> None:
        raise Strange("odd")

    def stops() -> None:
        next(iter([]))

    report = weft.compare([raises_strange, stops])

    assert report.results_are_equal
    assert [texts(run.exceptions) for run in report.runs] == [
        ["Strange('odd')", "RuntimeError('stops raised StopIteration')"]
    ] * 3


def test_a_plain_function_that_returns_a_coroutine_is_told_what_to_write_instead():
    report = weft.compare([lambda: greet("weft")])

    assert report.results_are_equal
    for run in report.runs:
        assert isinstance(run.exceptions[0], TypeError)
        assert "returned a coroutine" in str(run.exceptions[0])
        assert "functools.partial" in str(run.exceptions[0])


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("interruption", [SystemExit, KeyboardInterrupt])
@pytest.mark.parametrize("is_async", [True, False])
def test_interruptions_pass_through(model, interruption, is_async):
    def interrupts() -> None:
        raise interruption("enough")

    async def interrupts_while_others_wait() -> None:
        await asyncio.sleep(0)
        raise interruption("enough")

    task = interrupts_while_others_wait if is_async else interrupts

    with pytest.raises(interruption, match="enough"):
        weft.compare([task, quick], model)


@pytest.mark.parametrize("model", MODELS)
def test_an_interruption_passes_through_while_other_tasks_take_long_to_clean_up(model):
    cleaned = []

    async def cleans_slowly() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(5):
                await asyncio.sleep(0)
            cleaned.append("task")

    async def letters():
        try:
            while True:
                yield "a"
        finally:
            await asyncio.sleep(0)
            cleaned.append("generator")

    async def interrupts() -> None:
        left = asyncio.create_task(cleans_slowly())
        generator = letters()
        await anext(generator)
        await asyncio.sleep(0)
        raise SystemExit(f"{type(left).__name__} {type(generator).__name__}")

    with pytest.raises(SystemExit, match="Task async_generator"):
        weft.compare([interrupts], model)

    assert cleaned == ["task", "generator"]


# -- names


def test_tasks_of_one_name_are_numbered():
    run = weft.compare([plain, slow, plain, plain], "sync").runs[0]

    assert run.names == ["plain", "slow", "plain 2", "plain 3"]


def test_a_task_can_be_given_a_name():
    @weft.task(name="the loom")
    def work() -> None:
        pass

    run = weft.compare([work, functools.partial(work)], "sync").runs[0]

    assert run.names == ["the loom", "the loom 2"]
    assert [task.name for task in run.recording.timeline().tasks] == ["the loom", "the loom 2"]


@pytest.mark.parametrize("mark", [weft.task, weft.task(name="other")])
def test_marking_returns_the_function_unchanged(mark):
    async def work() -> str:
        return "done"

    marked = mark(work)

    assert marked is work
    assert work.__name__ == "work"
    assert weft.compare([work], "sync").runs[0].results == ["done"]


def test_what_cannot_be_called_cannot_be_marked():
    with pytest.raises(TypeError, match=r"@weft\.task marks functions, not 'loom'; write @weft\.task above a def"):
        weft.task("loom")
