"""An application that never initializes a client."""


def application(environ, start_response):
    """Say hello to any request."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello!\n"]
