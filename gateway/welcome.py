"""What `guichet up` says first: where everything is."""

from __future__ import annotations

from config.settings import Settings


def welcome(settings: Settings) -> str:
    """The addresses of these settings, for people."""
    base = f"http://{settings.http.host}:{settings.http.port}"
    return f"""
  Guichet starts. Stop it with Ctrl-C.

    Console      {base}/console
    Operations   {base}/operations
    A form       {base}/forms/contact
    A chat       {base}/chat/example
    SMTP         {settings.smtp.host}:{settings.smtp.port}   (mail to support@… is accepted)
    Its folder   {settings.var.absolute()}
"""
