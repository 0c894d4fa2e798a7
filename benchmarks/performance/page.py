"""The page: a Markdown document that the results of a run are written into."""

from pathlib import Path

from tradecapture.cli.errors import EXIT_USAGE, CommandError


class Page:
    """A page with a block for results, between `<!-- NAME -->` and `<!-- /NAME -->`."""

    def __init__(self, file: Path, name: str) -> None:
        """Check that the page has the block, before anything is measured.

        Raises:
            CommandError: the page cannot be read, or has no such block.
        """
        self._file, self._begin, self._end = file, f"<!-- {name} -->", f"<!-- /{name} -->"
        self._parts()

    def write(self, results: str) -> None:
        """Replace the results in the block.

        Raises:
            CommandError: the page cannot be read, or no longer has the block.
        """
        head, tail = self._parts()
        text = f"{head}{self._begin}\n\n{results}\n\n{self._end}{tail}"
        self._file.write_text(text, encoding="utf-8")

    def _parts(self) -> tuple[str, str]:
        try:
            text = self._file.read_text(encoding="utf-8")
        except OSError as error:
            raise CommandError(f"--write {self._file}: {error}", EXIT_USAGE) from error
        head, begin, rest = text.partition(self._begin)
        _results, end, tail = rest.partition(self._end)
        if not (begin and end):
            message = f"--write {self._file}: there is no {self._begin} … {self._end} on it"
            raise CommandError(message, EXIT_USAGE)
        return head, tail
