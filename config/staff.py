"""Settings of those who work here: how they sign in, and how long that lasts."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from config.section import Section


class Oidc(Section):
    """Sign-in by an identity provider of yours (OpenID Connect). Without `issuer` there is none."""

    issuer: str = Field("", description="The provider, as its tokens name it: https://login.example.org/realms/main.")
    client_id: str = Field("", description="The application that was registered there.")
    client_secret: SecretStr = Field(SecretStr(""), description="Its secret; empty for a public application.")
    name: str = Field("", description="What the button says: `Example`; empty: the issuer's host.")
    scopes: list[str] = Field(["openid", "email", "profile"], description="What is asked for.")

    @field_validator("issuer")
    @classmethod
    def _protected(cls, issuer: str) -> str:
        parts = urlsplit(issuer)
        here = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")
        if issuer and parts.scheme != "https" and not here:
            raise ValueError("who agents are is learnt there: it must begin with https://")
        return issuer.rstrip("/") if parts.path in ("", "/") else issuer

    @model_validator(mode="after")
    def _whole(self) -> Oidc:
        if bool(self.issuer) != bool(self.client_id):
            raise ValueError("issuer and client_id belong together: set both, or none")
        return self

    @property
    def label(self) -> str:
        """The provider's name, for people."""
        return self.name or urlsplit(self.issuer).hostname or ""


class Staff(Section):
    """Agents, supervisors, administrators. See docs/agents.md."""

    idle_hours: float = Field(8, gt=0, description="A browser that was silent for so long is signed out.")
    session_days: float = Field(7, gt=0, description="So long after signing in, one has to sign in again in any case.")
    invitation_hours: float = Field(24, gt=0, description="How long an invitation or a link for a new password opens.")
    passwords: bool = Field(True, description="Sign-in by password; without it, by the identity provider alone.")
    password_length: int = Field(12, ge=8, le=128, description="Fewest characters of a password (NIST SP 800-63B).")
    attempts_per_minute: int = Field(30, gt=0, description="Sign-ins tried from one IP address per minute; then 429.")
    attempts_per_account: int = Field(
        10, gt=0, description="Wrong passwords for one account within a quarter of an hour; then it waits."
    )
    mail_by: str = Field("email", description="The channel that invitations and links for a new password go out on.")
    mail_from: str = Field("support@localhost", description="Our account there.")
    text_by: str = Field("", description="The channel that codes for agents' telephones go out on; empty: none.")
    text_from: str = Field("", description="Our number there.")
    oidc: Oidc = Oidc()
