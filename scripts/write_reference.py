"""Write the pages of the documentation that come from the code: docs/settings.md and docs/reference/commands.md.

    python scripts/write_reference.py

A test fails where a page differs from what this writes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer
from pydantic_core import PydanticUndefined

from fine_tuning import cli
from fine_tuning.settings import Settings

if TYPE_CHECKING:
    import click
    from pydantic.fields import FieldInfo

DOCS = Path(__file__).parent.parent / "docs"
SETTINGS_HEAD = """# Settings

Settings are environment variables, or lines of a `.env` file in the current directory; `fine_tuning.settings.Settings`
declares them. This table is written from that declaration by `scripts/write_reference.py`.

| Variable | Meaning | Default |
|---|---|---|
"""
COMMANDS_HEAD = """# Command line

Every command of `ft-cli`, written from its help by `scripts/write_reference.py`. Commands that read take `--json`,
which prints the result as JSON for scripts.

::: fine_tuning.FineTuningCLI
"""


def settings_page() -> str:
    """The table of all settings."""
    rows = [
        f"| `{_variable(name, field)}` | {_cell(_sentence(field.description or ''))} | {_cell(_default(field))} |"
        for name, field in Settings.model_fields.items()
    ]
    return SETTINGS_HEAD + "\n".join(rows) + "\n"


def _variable(name: str, field: FieldInfo) -> str:
    return str(field.validation_alias or f"{Settings.model_config.get('env_prefix', '')}{name.upper()}")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value is None or value is PydanticUndefined:
        return "unset"
    if isinstance(value, tuple):
        return f"`{','.join(value)}`"
    return f"`{value}`" if value not in ("", {}) else "empty"


def commands_page() -> str:
    """Every command with its arguments and options."""
    main: click.Group = typer.main.get_command(cli.app)  # type: ignore[assignment]
    parts = [COMMANDS_HEAD]
    for name, command in sorted(main.commands.items()):
        parts.append(_command(f"ft-cli {name}", command, "##"))
        for inner, nested in sorted(getattr(command, "commands", {}).items()):
            parts.append(_command(f"ft-cli {name} {inner}", nested, "###"))
    return "\n".join(parts)


def _command(name: str, command: click.Command, level: str) -> str:
    shown = [f"{level} {name}\n", f"{(command.help or '').strip()}\n"]
    parameters = [each for each in command.params if not getattr(each, "hidden", False)]
    arguments = [each for each in parameters if each.param_type_name == "argument"]
    options = [each for each in parameters if each.param_type_name == "option" and "--help" not in each.opts]
    if arguments or options:
        shown.append("| Argument or option | Meaning | Default |\n|---|---|---|")
        shown += [_row(f"`{_shown_name(each)}`", each) for each in arguments]
        shown += [_row(", ".join(f"`{name}`" for name in (*each.opts, *each.secondary_opts)), each) for each in options]
        shown.append("")
    return "\n".join(shown)


def _shown_name(argument: click.Parameter) -> str:
    return str(getattr(argument, "metavar", None) or argument.name or "").upper()


def _row(name: str, parameter: click.Parameter) -> str:
    default = parameter.default() if callable(parameter.default) else parameter.default
    default = getattr(default, "value", default)
    shown = "required" if parameter.required else "" if default in (None, False, "") else f"`{default}`"
    return f"| {name} | {_cell(getattr(parameter, 'help', None) or '')} | {_cell(shown)} |"


PAGES = {"settings.md": settings_page, "reference/commands.md": commands_page}


def main() -> None:
    """Write every page."""
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")
        print(f"wrote docs/{name}")


if __name__ == "__main__":
    main()
