"""`python -m lineagehub`: the same as the `lineagehub` command."""

from lineagehub.cli import main

if __name__ == "__main__":
    main()
