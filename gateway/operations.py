"""placeholder"""

from aiohttp import web


def mount(app: web.Application) -> None:
    """Add the page."""
