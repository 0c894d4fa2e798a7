"""`python -m tradecapture`: the command line."""

from tradecapture.cli import main

if __name__ == "__main__":
    main()
