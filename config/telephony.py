"""Settings of WhatsApp, SMS and calls. Without secrets their doors take nothing in; half a secret is a mistake."""

from __future__ import annotations

from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from config.section import Language, Section


def _protected(url: str) -> str:
    """An address that secrets may be sent to: encrypted, or on this machine."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")):
        raise ValueError("secrets are sent there: it must begin with https://")
    return url.rstrip("/")


class Conversation(Section):
    """Channels of short lines."""

    quiet_seconds: float = Field(
        20, ge=0, description="An acknowledgement waits until its sender was silent for so long; 0: at once."
    )
    reminder_minutes: float = Field(
        120, ge=0, description="So long before the window for answers closes, an unanswered ticket says so; 0: never."
    )


class Meta(Section):
    """WhatsApp by Meta's Cloud API. Without `app_secret` and `verify_token` its webhook takes nothing."""

    app_secret: SecretStr = Field(SecretStr(""), description="The app's secret, by which Meta signs its webhooks.")
    previous_app_secret: SecretStr = Field(SecretStr(""), description="The secret before, while it is being changed.")
    verify_token: SecretStr = Field(SecretStr(""), description="A word of yours that proves the webhook's address.")
    access_token: SecretStr = Field(SecretStr(""), description="Token of a system user; empty: nothing is sent.")
    phone_number_ids: list[str] = Field([], description="Ids of our numbers; empty: whatever Meta signs is taken.")
    business_account_id: str = Field("", description="The WhatsApp Business Account, whose templates are offered.")
    api_url: str = Field("https://graph.facebook.com", description="Where the Graph API is.")
    api_version: str = Field("v25.0", pattern=r"^v\d+\.\d+$", description="Version of the Graph API.")
    media_hosts: list[str] = Field(
        ["lookaside.fbsbx.com"], description="Hosts that files are fetched from, with the access token."
    )
    per_second: float = Field(80, gt=0, description="Messages a second from one number of ours.")
    pair_seconds: float = Field(6, ge=0, description="Seconds between two messages to one customer, on the long run.")

    _api_url = field_validator("api_url")(_protected)

    @model_validator(mode="after")
    def _not_half(self) -> Self:
        sends, verifies = self.access_token.get_secret_value(), self.verify_token.get_secret_value()
        if (sends or verifies) and not self.app_secret.get_secret_value():
            raise ValueError("without app_secret no webhook is believed, and nothing is taken in: set it too")
        return self


class TwilioAccount(Section):
    """An account at Twilio, and what it may do."""

    account_sid: str = Field("", pattern=r"^(AC\w+)?$", description="The account: AC and 32 hex digits.")
    auth_token: SecretStr = Field(SecretStr(""), description="Its token, by which Twilio signs and we send.")
    secondary_auth_token: SecretStr = Field(SecretStr(""), description="The other token, while they are being changed.")
    signing_key: SecretStr = Field(SecretStr(""), description="Shared key of webhooks signed with HMAC-SHA-256.")
    messaging_service_sid: str = Field("", pattern=r"^(MG\w+)?$", description="SMS leave by this service.")
    numbers: list[str] = Field([], description="Our numbers in this account, E.164; empty: all that it signs for.")

    @model_validator(mode="after")
    def _not_half(self) -> Self:
        if bool(self.account_sid) != bool(self.auth_token.get_secret_value()):
            raise ValueError("account_sid and auth_token belong together: set both, or none")
        return self


class Voice(Section):
    """What callers hear."""

    forward_to: str = Field("", description="Number that calls are put through to; empty: the voicemail answers.")
    ring_seconds: int = Field(20, ge=5, le=600, description="After so long unanswered, the voicemail answers.")
    languages: list[Language] = Field(
        ["fr", "en"], min_length=1, description="Languages of the announcement, in order."
    )
    voicemail: bool = Field(True, description="Let callers leave a message.")
    max_seconds: int = Field(120, ge=5, le=3600, description="Longest message that a caller may leave.")


class Twilio(TwilioAccount):
    """WhatsApp, SMS and calls by Twilio. Without `account_sid` and `auth_token` its webhooks take nothing."""

    accounts: list[TwilioAccount] = Field([], description="Further accounts.")
    api_url: str = Field("https://api.twilio.com", description="Where Twilio's API is.")
    content_url: str = Field("https://content.twilio.com", description="Where Twilio's templates are.")
    media_hosts: list[str] = Field(
        ["mms.twiliocdn.com", "media.twiliocdn.com", "s3-external-1.amazonaws.com"],
        description="Hosts that Twilio's API sends us on to for files; they get no password.",
    )
    sms_per_second: float = Field(1, gt=0, description="SMS a second from one number of ours.")
    whatsapp_per_second: float = Field(10, gt=0, description="WhatsApp messages a second from one number of ours.")
    pair_seconds: float = Field(6, ge=0, description="Seconds between two WhatsApp messages to one customer.")
    reconcile_seconds: float = Field(3600, ge=0, description="How often Twilio's own list is compared; 0: never.")
    voice: Voice = Voice()

    _urls = field_validator("api_url", "content_url")(_protected)


class Phone(Section):
    """Calls that an agent writes down."""

    region: str = Field("FR", pattern=r"^[A-Z]{2}$", description="Country of numbers that are written without one.")
    answer_by: str = Field("", description="Channel that answers to them go out on; empty: none.")
    answer_from: str = Field("", description="Our account on that channel.")
