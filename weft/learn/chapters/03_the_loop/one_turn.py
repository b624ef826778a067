"""Three calls on Weft's loop, to step through with a debugger."""

import weft

loop = weft.new_event_loop()


def hello():
    print("hello")
    loop.call_soon(again)


def again():
    print("again")


def late():
    print("late")
    loop.stop()


loop.call_soon(hello)
loop.call_later(0.1, late)
loop.run_forever()
loop.close()
