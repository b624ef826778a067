"""The store: what is asked, what is answered. It knows nothing of connections."""

MOST_KEYS = 1000


class Store:
    def __init__(self):
        self.values = {}

    def answer(self, request):
        """Return the answer to a request; both are texts of one line."""
        match request.split(" ", 2):
            case ["get", key] if key in self.values:
                return f"= {self.values[key]}"
            case ["get", _]:
                return "? no such key"
            case ["set", key, value]:
                if key not in self.values and len(self.values) == MOST_KEYS:
                    return "! no room for another key"
                self.values[key] = value
                return "ok"
        return "! say: get KEY, or: set KEY VALUE"
