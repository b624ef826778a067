"""A worker: for each number in a line of its input, a line of JSON with the
number's prime factors.

A program like any other, without Weft: anything can be a worker that reads its
standard input and answers on its standard output. `pool.py` starts several of
them. By itself: echo 360 | python examples/workers/factor.py
"""

import json
import signal
import sys


def factors_of(number: int) -> list[int]:
    """Return the prime factors of a number, the least first. A large prime takes long; that is the point."""
    factors = []
    divisor = 2
    while divisor * divisor <= number:
        while number % divisor == 0:
            factors.append(divisor)
            number //= divisor
        divisor += 1 if divisor == 2 else 2
    return [*factors, number] if number > 1 else factors


def main() -> None:
    """Answer until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the pool, which then ends this
    for line in sys.stdin:
        print(json.dumps(factors_of(int(line))), flush=True)


if __name__ == "__main__":
    main()
