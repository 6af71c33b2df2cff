"""Where the commands begin, before anything is imported that takes time."""

from __future__ import annotations

from dragstrip import shell_variables


def dragstrip() -> None:
    """Run `dragstrip`."""
    shell_variables.start_without_tracing()
    from dragstrip.cli import main

    main.main()


def seed() -> None:
    """Run `dragstrip seed` under its short name."""
    shell_variables.start_without_tracing()
    from dragstrip.cli import main

    main.seed_main()
