"""A client of the service that transforms texts.

All the requests go out at once, over one connection; a Deferred for each waits
for its answer, and its callback makes a text of that.

    python examples/netstrings/client.py upper the wind        one text
    python examples/netstrings/client.py reverse < poem.txt    each line of a file

Exits with 0 when every text was transformed, 1 when one was not or nobody
answers, 2 for misuse, 130 after Ctrl-C.
"""

import argparse
import sys

from asking import Asker, RefusedError, text_of

import weft
from weft.errors import FirstError, WeftError

WHERE = "tcp:localhost:7005"
PATIENCE_S = 10.0


async def ask_all(where: str, requests: list[str]) -> list[str]:
    """Return the texts that the service makes of requests, in order. Raises what became of the first that failed."""
    transport, asker = await weft.connect(where, Asker)
    try:
        texts = [asker.ask(request.encode()).add_callback(text_of) for request in requests]
        return await weft.gather_results(texts, consume_errors=True).add_timeout(PATIENCE_S)
    except FirstError as error:
        raise error.failure.value from None
    finally:
        transport.close()


def main() -> None:
    """Ask, and print the answers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("transform", metavar="TRANSFORM", help="what to do: upper, say")
    parser.add_argument("text", nargs="*", metavar="TEXT", help="the text (default: each line of standard input)")
    parser.add_argument("--connect", default=WHERE, metavar="ENDPOINT", help="whom to ask (default: %(default)s)")
    options = parser.parse_args()
    try:
        texts = [" ".join(options.text)] if options.text else sys.stdin.read().splitlines()
        requests = [f"{options.transform} {text}" for text in texts]
        for answer in weft.run(ask_all(options.connect, requests)):
            print(answer)
    except RefusedError as error:
        sys.exit(f"client.py: the service refuses: {error}")
    except (OSError, WeftError) as error:
        sys.exit(f"client.py: {options.connect}: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
