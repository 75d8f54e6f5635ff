"""`python -m lets` is `lets`."""

from lets.cli.main import main

main()
