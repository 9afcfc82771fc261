"""Lets `python -m hwbench` do what the `hwbench` command does."""

from hwbench.cli.main import main

if __name__ == "__main__":
    main()
