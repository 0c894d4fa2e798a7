"""The hooks of pre-commit run what `make check` runs."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[3]


def test_hooks_run_what_make_check_runs() -> None:
    """A check that is added to one of the two is added to the other."""
    configuration = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    hooks = [hook["entry"] for repository in configuration["repos"] for hook in repository["hooks"]]
    recipe = re.search(
        r"^check:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert recipe is not None
    commands = recipe[1].replace("$(BIN)", ".venv/bin").split("\n")
    assert hooks == [command.strip() for command in commands if command.strip()]
