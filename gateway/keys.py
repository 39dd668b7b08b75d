"""What the web application carries for its handlers."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web
from redis import Redis

from channels import Channel
from config.database import Database
from config.settings import Settings
from gateway.accept import Inbox

SETTINGS = web.AppKey("settings", Settings)
DATABASE = web.AppKey("database", Database)
INBOX = web.AppKey("inbox", Inbox)
REDIS = web.AppKey("redis", Redis)
CHANNELS = web.AppKey[Mapping[str, Channel]]("channels")
