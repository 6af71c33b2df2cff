"""What must hold before the first timed request where the targets hold data of one's own."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from dragstrip.errors import DataDiffers, PreflightError
from dragstrip.race import preflight
from dragstrip.scenario import targets_of
from scenarios.crm import compare_targets

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragstrip.config.config import Config
    from scenarios.crm.keys_file import KeysFile
    from scenarios.crm.references import CheckedKeys


def check(config: Config, file: KeysFile, say: Callable[[str], None]) -> CheckedKeys:
    """Prove that both targets check their key and give one answer to each number.

    Nothing is asked of their stores. Raises PreflightError, BackendError or ConfigError.
    """
    per_s = compare_targets.rate_per_s(config)
    say(
        f"preflight: both targets are asked for {len(file):,} numbers of {file.name}, {per_s:g} a "
        f"second: {math.ceil(len(file) / per_s):,} s or more"
    )
    for target in targets_of(config).values():
        phone, workspace_id = file.numbers.phone(0), file.numbers.workspace_id(0)
        preflight.refuses_wrong_key(target, phone, workspace_id, config.race.timeout)
    try:
        return compare_targets.compare(config, file, lambda line: say(f"preflight: {line}"))
    except DataDiffers as difference:
        raise PreflightError(difference.message, fix=difference.fix) from None
