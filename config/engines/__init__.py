"""What `config.embedded` and `config.supervisor` stand on: the two engines, and processes that live and die with us."""
