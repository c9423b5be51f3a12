"""Keeping a workspace: backup, restore, doctor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fine_tuning.commands import output

SHOWN = 5  # of the paths that a backup leaves out
File = Annotated[Path, typer.Argument(help="The backup.")]


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    panel = "Workspace"
    app.command("backup", rich_help_panel=panel)(backup)
    app.command("restore", rich_help_panel=panel)(restore)
    app.command("doctor", rich_help_panel=panel)(doctor)


def backup(file: File, as_json: output.Json = False) -> None:
    """Write the workspace (rows of one moment, data sets, files, weights) to one file, while others go on.

    What rows speak of and lies outside of the workspace is named, and not in it: models of import-model, for example.
    """
    from fine_tuning.store.database import open_database
    from fine_tuning.workflows.maintenance import backup as backups

    with output.message_progress() as told:
        manifest = backups.write(open_database(), file, told)
    facts = {"file": str(file), "bytes": file.stat().st_size, "members": len(manifest["members"]),
             "schema": manifest["schema"], "gone_meanwhile": manifest["gone_meanwhile"],
             "outside": manifest["outside"]}  # fmt: skip
    if as_json:
        output.print_json(facts)
    else:
        typer.echo(f"{file}: {facts['members']} members, {facts['bytes'] / 1e6:,.1f} MB")
        if outside := manifest["outside"]:
            more = f" and {len(outside) - SHOWN} more (--json lists all)" if len(outside) > SHOWN else ""
            typer.echo(f"not in it, since outside of the workspace: {', '.join(outside[:SHOWN])}{more}", err=True)


def restore(file: File, as_json: output.Json = False) -> None:
    """Put a backup into an empty workspace (FINE_TUNING_HOME, FINE_TUNING_DATABASE_URL), on either database."""
    from fine_tuning.store.database import open_database
    from fine_tuning.workflows.maintenance import backup as backups

    with output.message_progress() as told:
        restored = backups.restore(open_database(), file, told)
    if as_json:
        output.print_json(restored)
    else:
        rows = sum(restored["tables"].values())
        typer.echo(f"restored {rows:,} rows and {restored['files']:,} files; ft-cli doctor looks at them")


def doctor(
    fix: Annotated[bool, typer.Option("--fix", help="Mend what loses nothing.")] = False,
    as_json: output.Json = False,
) -> None:
    """Look whether all is well with the workspace; exit code 1 where something is not."""
    from fine_tuning.store.database import open_database
    from fine_tuning.workflows.maintenance import doctor as checks

    found = checks.examine(open_database(), fix=fix)
    left = [each for findings in found.values() for each in findings if not each.fixed]
    if as_json:
        output.print_json({name: [each._asdict() for each in findings] for name, findings in found.items()})
    else:
        rows = [
            (name, "well" if not findings else "mended" if all(each.fixed for each in findings) else "not well",
             len(findings))
            for name, findings in found.items()
        ]  # fmt: skip
        output.print_table("Workspace", ["Check", "State", "Findings#"], rows)
        for name, findings in found.items():
            for each in findings[: checks.SHOWN]:
                output.print_text(f"{name}: {each.what}{' (mended)' if each.fixed else ''}")
            if len(findings) > checks.SHOWN:
                output.print_text(f"{name}: {len(findings) - checks.SHOWN} more; --json shows all")
    if left:
        raise typer.Exit(1)
