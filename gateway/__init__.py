"""The gateway: it accepts, and shows how things stand."""
