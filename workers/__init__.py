"""The workers: they settle what was accepted, and deliver what must go out."""
