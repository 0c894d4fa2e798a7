"""The page: a Markdown document into which the results of a run are written."""

from pathlib import Path

from tradecapture.cli.errors import EXIT_USAGE, CommandError


class Page:
    """A page with a place for results, between `<!-- NAME -->` and `<!-- /NAME -->`."""

    def __init__(self, file: Path, name: str) -> None:
        """Find the place, before anything is measured for it.

        Raises:
            CommandError: the page cannot be read, or has no such place.
        """
        self._file, self._begin, self._end = file, f"<!-- {name} -->", f"<!-- /{name} -->"
        self._parts()

    def write(self, results: str) -> None:
        """Replace the results on the page.

        Raises:
            CommandError: as when it was opened.
        """
        head, tail = self._parts()
        text = f"{head}{self._begin}\n\n{results}\n\n{self._end}{tail}"
        self._file.write_text(text, encoding="utf-8")

    def _parts(self) -> tuple[str, str]:
        try:
            text = self._file.read_text(encoding="utf-8")
        except OSError as error:
            raise CommandError(f"--write {self._file}: {error}", EXIT_USAGE) from error
        head, begun, rest = text.partition(self._begin)
        _results, ended, tail = rest.partition(self._end)
        if not (begun and ended):
            message = f"--write {self._file}: there is no {self._begin} … {self._end} on it"
            raise CommandError(message, EXIT_USAGE)
        return head, tail
