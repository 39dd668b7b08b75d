"""Settings of the API and of the webhooks that go out."""

from __future__ import annotations

from ipaddress import ip_network

from pydantic import Field, field_validator

from config.section import Section


class Api(Section):
    """The API, /api/v1. See docs/api.md."""

    requests_per_minute: int = Field(600, gt=0, description="Requests by one token per minute; then 429.")
    guesses_per_minute: int = Field(30, gt=0, description="Tokens that open nothing, per IP address; then 429.")
    wait_seconds: float = Field(
        5, ge=0, le=30, description="How long the number of a new ticket is waited for before the answer is 202."
    )
    answer_by: str = Field("email", description="Channel that answers to tickets of our own people go out on.")
    answer_from: str = Field("support@localhost", description="Our account there.")


class Webhooks(Section):
    """Webhooks that go out. See docs/webhooks-out.md."""

    allow_http: bool = Field(False, description="Addresses may begin with http://, where nothing is encrypted.")
    allowed_networks: list[str] = Field(
        [], description="Networks of your own that may be told, 10.1.0.0/16; empty: public addresses alone."
    )
    timeout_seconds: float = Field(15, gt=0, le=60, description="An address that has not answered by then has failed.")
    look_seconds: float = Field(1, gt=0, le=60, description="How often is looked for something to tell.")
    disable_days: float = Field(5, gt=0, description="An address that failed for so long is told nothing more.")
    keep_days: int = Field(30, gt=0, description="How long what was told can be looked up and told again.")

    @field_validator("allowed_networks")
    @classmethod
    def _networks(cls, networks: list[str]) -> list[str]:
        for network in networks:
            ip_network(network)  # its ValueError names what is wrong
        return networks
