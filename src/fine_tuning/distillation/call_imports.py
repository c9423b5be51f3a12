"""The import methods of `DistillationDataCollector`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from fine_tuning._util.hosts import find_host
from fine_tuning.costs.prices import PriceList
from fine_tuning.data_io import sources
from fine_tuning.data_io.formats import stored_completion
from fine_tuning.distillation import fetch_stored_completions, import_preview, importer, parallel_import, pulls
from fine_tuning.distillation.import_preview import ImportPreview
from fine_tuning.distillation.import_report import Defaults, ImportReport
from fine_tuning.distillation.imported_costs import ImportedCosts
from fine_tuning.distillation.pulls.query import parse_query
from fine_tuning.settings import Settings
from fine_tuning.store.database import Database


class CallImports:
    """Imports recorded calls from files, tables and hosts into a database."""

    _database: Database
    _settings: Settings

    def capture_file(self, path: str | Path, domain: str = "general", task_type: str = "chat") -> ImportReport:
        """Store every call in a file; see `import_files`."""
        return self.import_files([path], domain=domain, task_type=task_type)

    def import_files(
        self,
        files: Sequence[str | Path],
        format: str | None = None,
        *,
        domain: str = "general",
        task_type: str = "chat",
        rating: int | None = None,
        encoding: str | None = None,
        record_costs: bool = False,
    ) -> ImportReport:
        """Store every call in files of the formats in `formats.FORMATS`; importing the same rows again adds nothing.

        Args:
            files: paths, folders, globs or addresses of JSONL, JSON, CSV, Parquet or Arrow files, compressed or
                not. The output file of a batch needs its input file beside it.
            format: of the rows; by default each row's format is recognised.
            domain, task_type: for rows without them.
            rating: for rows without one; by default 5 for training data, 3 for production logs.
            encoding: of text files; by default UTF-8, UTF-16, or another one as far as the words tell it.
            record_costs: add the new calls whose log reports their tokens to the cost ledger, on their day.

        Returns:
            The counts, and each rejected row with its file, line and reason.

        Raises:
            NotFoundError, DataError: a file is missing or truncated. The calls before it are kept, and the next import
                continues behind them.
            UsageError: an argument is invalid.
        """
        defaults = Defaults(format, domain, task_type, rating, encoding)
        names, record = sources.expand(files), self._record(None) if record_costs else None
        if parallel_import.is_worthwhile(names):
            return importer.store(self._database, parallel_import.ParallelImport(names, defaults), record)
        rows = sources.with_requests(sources.read_all(names, encoding))
        return importer.import_rows(self._database, rows, defaults, record)

    def preview_files(
        self,
        files: Sequence[str | Path],
        format: str | None = None,
        *,
        domain: str = "general",
        task_type: str = "chat",
        rating: int | None = None,
        encoding: str | None = None,
    ) -> ImportPreview:
        """Read files as `import_files` does, and store nothing.

        Returns:
            The counts, the first calls of each format as they would be stored, and what would be left out and why.

        Raises:
            NotFoundError, DataError, UsageError: as `import_files`.
        """
        defaults = Defaults(format, domain, task_type, rating, encoding)
        return import_preview.preview(
            sources.with_requests(sources.read_all(sources.expand(files), encoding)), defaults
        )

    def import_stored_completions(
        self,
        model: str | None = None,
        metadata: Mapping[str, str] | None = None,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        domain: str = "general",
        task_type: str = "chat",
        rating: int | None = None,
        record_costs: bool = False,
        on_progress: Callable[[int], None] = lambda _: None,
    ) -> ImportReport:
        """Store the chat completions that OpenAI, or another host, has stored (`store=True`).

        Args:
            model, metadata: only the calls of this model, and with this metadata.
            base_url, api_key: of the host; by default OPENAI_BASE_URL and OPENAI_API_KEY, or OpenAI.
            domain, task_type, rating: for calls whose metadata lacks them; the rating is 3 by default.
            record_costs: as for `import_files`, at the prices of the host.
            on_progress: called with the number of calls fetched since the last call.

        Returns:
            See `import_files`; the host is the file, the call's position the line.

        Raises:
            ConfigurationError, ProviderError: the host refuses the key, or cannot be reached; then nothing is stored.
            UsageError: an argument is invalid.
        """
        host = find_host(self._settings, base_url, api_key)
        defaults = Defaults(stored_completion.NAME, domain, task_type, rating, provider=host.url)
        rows = fetch_stored_completions.fetch(host, model, metadata, on_progress)
        return importer.import_rows(self._database, rows, defaults, self._record(host.url) if record_costs else None)

    def import_from(
        self,
        tool: str,
        since: str | None = None,
        until: str | None = None,
        *,
        project: str | None = None,
        domain: str = "general",
        task_type: str = "chat",
        rating: int | None = None,
        record_costs: bool = False,
        on_progress: Callable[[int], None] = lambda _: None,
    ) -> ImportReport:
        """Store the calls that a tracing tool has recorded; each page is stored as it comes.

        An interrupted import is continued by repeating it: calls that were captured before add nothing.

        Args:
            tool: langfuse, phoenix or langsmith; its address and keys are settings.
            since, until: only calls that started at or after, and before (ISO 8601); until is now by default.
            project: its name; by default that of the settings.
            domain, task_type, rating: for calls without them; the rating is 3 by default.
            record_costs: as for `import_files`.
            on_progress: called with the number of calls fetched since the last call.

        Returns:
            See `import_files`; the tool's address is the file, the call's position the line.

        Raises:
            ConfigurationError, NotFoundError: a key, the address or the project is missing or refused.
            ProviderError: the tool cannot be reached, or refuses; what was fetched before is kept.
            UsageError: an argument is invalid.
        """
        source = pulls.check_tool(tool)
        defaults = Defaults(source.FORMAT, domain, task_type, rating)
        pages = pulls.pages(source, self._settings, parse_query(since, until, project))
        record = self._record(None) if record_costs else None
        return importer.import_pages(self._database, _counted(pages, on_progress), defaults, record)

    def import_table(
        self,
        table: object,
        format: str | None = None,
        *,
        domain: str = "general",
        task_type: str = "chat",
        rating: int | None = None,
    ) -> ImportReport:
        """Store every call in a pandas, Polars, Arrow, Daft or Hugging Face table; see `import_files`."""
        defaults = Defaults(format, domain, task_type, rating)
        return importer.import_rows(self._database, sources.table_rows(table), defaults)

    def _record(self, host: str | None) -> ImportedCosts:
        return ImportedCosts(PriceList(self._settings.prices), host)


def _counted(
    pages: Iterator[list[sources.RawRow]], on_progress: Callable[[int], None]
) -> Iterator[list[sources.RawRow]]:
    for page in pages:
        yield page
        on_progress(len(page))
