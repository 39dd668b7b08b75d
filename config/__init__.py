"""Settings, engines, logs, and the data that rules and pages are made of."""
