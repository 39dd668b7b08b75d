"""The command `guichet`."""


def main() -> None:
    """Entry point."""
