"""`python -m dragstrip` is the `dragstrip` command."""

from dragstrip.cli.main import main

if __name__ == "__main__":
    main()
