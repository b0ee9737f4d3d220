"""`python -m bbws_access.cli` is `bbws-access`."""

from bbws_access.cli.main import main

main()
