"""Settings of agents who are told of work, and answer, on the channel that they use anyway. See docs/answering.md."""

from __future__ import annotations

from ipaddress import ip_network

from pydantic import Field, field_validator

from config.section import Section


class Answering(Section):
    """Agents who answer customers from their own mail program or telephone."""

    enabled: bool = Field(True, description="Tell agents of work on their own channel, and let them answer from there.")
    accounts: dict[str, str] = Field(
        {}, description="Our address that notices go out from, by line (docs/answering.md); else the channel's first."
    )
    inner_relays: list[str] = Field(
        [],
        description="Networks whose mail is believed to be from whom it says: only relays by which none but your own"
        " people, each under their own address, can send. Empty: an agent's mail must be authenticated.",
    )
    template: str = Field(
        "",
        description="Approved text by which an agent is told whose WhatsApp window is closed: {{1}} the ticket, {{2}}"
        " its subject. Empty: such notices go by mail.",
    )
    look_seconds: float = Field(2, gt=0, le=60, description="How often is looked for what agents must be told.")
    question_minutes: float = Field(30, gt=0, description="How long words wait for the answer to 'which ticket?'.")
    refusals_per_hour: int = Field(20, gt=0, description="So many refused answers an agent is told of in an hour.")
    wrong_codes: int = Field(
        5, gt=0, description="After so many wrong codes from a number in an hour, nothing is taken from it."
    )

    @field_validator("inner_relays")
    @classmethod
    def _networks(cls, networks: list[str]) -> list[str]:
        for network in networks:
            ip_network(network, strict=False)  # its ValueError names what is wrong
        return networks
