"""The command, run in this process."""

from __future__ import annotations

import re
from typing import Any

from click.testing import CliRunner

from keras_pde.cli.main import main


def call(*args: object, code: int = 0) -> Any:
    """Result of the command, which must end with the given exit code and, where that is 2, one line
    on stderr.
    """
    try:
        runner = CliRunner(mix_stderr=False)  # click 8.1
    except TypeError:
        runner = CliRunner()
    result = runner.invoke(main, [str(a) for a in args])
    assert result.exit_code == code, (
        result.exit_code,
        result.stdout,
        result.stderr,
        result.exception,
    )
    if code == 2:
        assert result.stdout == ""
        assert re.fullmatch(r"keras-pde: error: [^\n]+\n", result.stderr)
    else:
        assert result.stderr == ""
    return result
