"""Stand-ins for providers that cannot be reached: real HTTP servers on loopback, as strict as the originals."""
