"""`python -m handgrad` is the command line."""

from handgrad.cli import main

main()
