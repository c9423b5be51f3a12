"""Maintain a workspace: backup, restore, doctor."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fine_tuning.commands import output
from fine_tuning.commands.command_workspace import command_workspace

if TYPE_CHECKING:
    from fine_tuning.workflows.maintenance.doctor import Finding

MAX_PATHS = 5  # shown of those that a backup does not hold
File = Annotated[Path, typer.Argument(help="Backup file.")]


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    panel = "Workspace"
    app.command("backup", rich_help_panel=panel)(backup)
    app.command("restore", rich_help_panel=panel)(restore)
    app.command("doctor", rich_help_panel=panel)(doctor)


def backup(file: File, as_json: output.Json = False) -> None:
    """Back up the workspace (database, datasets, files, weights) to one file; safe while it is in use.

    Files outside the workspace, such as folders registered with import-model, are listed but not included.
    """
    from fine_tuning.workflows.maintenance import backup as backups

    with output.message_progress() as on_message:
        manifest = backups.write(command_workspace(), file, on_message)
    members, size = len(manifest["members"]), file.stat().st_size
    if as_json:
        output.print_json(
            {
                "file": str(file),
                "bytes": size,
                "members": members,
                "schema": manifest["schema"],
                "gone_meanwhile": manifest["gone_meanwhile"],
                "outside": manifest["outside"],
            }
        )
        return
    output.echo(f"{file}: {members} members, {size / 1e6:,.1f} MB")
    if outside := manifest["outside"]:
        more = f" and {len(outside) - MAX_PATHS} more (--json lists all)" if len(outside) > MAX_PATHS else ""
        output.echo(f"not included, because outside the workspace: {', '.join(outside[:MAX_PATHS])}{more}", err=True)


def restore(file: File, as_json: output.Json = False) -> None:
    """Restore a backup into an empty workspace (FINE_TUNING_HOME), on SQLite or PostgreSQL."""
    from fine_tuning.workflows.maintenance import backup as backups

    with output.message_progress() as on_message:
        restored = backups.restore(command_workspace(), file, on_message)
    if as_json:
        output.print_json(restored)
    else:
        rows = sum(restored["tables"].values())
        output.echo(f"restored {rows:,} rows and {restored['files']:,} files; check them with: ft-cli doctor")
        if keys := restored["tables"].get("api_keys"):
            output.echo(f"{keys} API keys came with it; revoke those that you do not know: ft-cli keys list", err=True)
        for path in restored["outside"]:
            output.echo(f"not restored, because outside the workspace: {path}", err=True)


def doctor(
    fix: Annotated[
        bool, typer.Option("--fix", help="Fix problems that can be repaired without deleting data.")
    ] = False,
    as_json: output.Json = False,
) -> None:
    """Check the workspace for problems; exit with code 1 if any remain."""
    from fine_tuning.workflows.maintenance.doctor import MAX_SHOWN, check_workspace

    found = check_workspace(command_workspace(), fix=fix)
    if as_json:
        output.print_json({name: [each._asdict() for each in findings] for name, findings in found.items()})
    else:
        rows = [(name, _status(findings), len(findings)) for name, findings in found.items()]
        output.print_table("Workspace", ["Check", "Status", "Findings#"], rows)
        for name, findings in found.items():
            for each in findings[:MAX_SHOWN]:
                output.print_text(f"{name}: {each.what}{' (fixed)' if each.fixed else ''}")
            if len(findings) > MAX_SHOWN:
                output.print_text(f"{name}: {len(findings) - MAX_SHOWN} more; --json shows all")
    if any(not each.fixed for findings in found.values() for each in findings):
        raise typer.Exit(1)


def _status(findings: list[Finding]) -> str:
    if not findings:
        return "ok"
    return "fixed" if all(each.fixed for each in findings) else "problems"
