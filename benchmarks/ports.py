"""Where servers of a measurement may listen."""

from socket import create_server


def free_port() -> int:
    """One that nobody listens on; for the moment."""
    with create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]
