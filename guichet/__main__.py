"""`python -m guichet`."""

from guichet import main

main()
