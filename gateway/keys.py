"""What the web application carries for its handlers."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web
from redis import Redis

from channels import Channel
from config.bell import Bell
from config.database import Database
from config.hints import Hints
from config.settings import Settings
from gateway.accept import Inbox
from gateway.conversations import StoredConversations

SETTINGS = web.AppKey("settings", Settings)
DATABASE = web.AppKey("database", Database)
INBOX = web.AppKey("inbox", Inbox)
REDIS = web.AppKey("redis", Redis)
CHANNELS = web.AppKey[Mapping[str, Channel]]("channels")
CONVERSATIONS = web.AppKey("conversations", StoredConversations)
HINTS = web.AppKey("hints", Hints)
OUTBOX_BELL = web.AppKey("outbox_bell", Bell)
