"""What the web application carries for its handlers."""

from __future__ import annotations

from aiohttp import web
from redis import Redis

from config.database import Database
from config.settings import Settings
from gateway.accept import Inbox

SETTINGS = web.AppKey("settings", Settings)
DATABASE = web.AppKey("database", Database)
INBOX = web.AppKey("inbox", Inbox)
REDIS = web.AppKey("redis", Redis)
