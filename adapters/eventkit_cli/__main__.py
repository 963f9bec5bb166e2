"""`python -m eventkit_cli` is the command `eventkit`."""

from eventkit_cli import main

__all__: list[str] = []

main()
