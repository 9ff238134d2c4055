"""`python -m lineagehub_sdk.cli`."""

from lineagehub_sdk.cli import main

main()
