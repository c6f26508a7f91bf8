"""Links of the site to files of the repository that lie outside of ``docs/``.

Pages of the site include some of them, such as the change log. A link to such a file leads to its
page; one to any other file lets the reader download it; one to a folder is text.
"""

import os
import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

DOCS = Path(__file__).resolve().parents[1]
ROOT = DOCS.parent
PAGES = {
    "CHANGELOG.md": "contribute/changelog.md",
    "CODE_OF_CONDUCT.md": "contribute/code_of_conduct.md",
    "CONTRIBUTING.md": "contribute/contributing.md",
    "SECURITY.md": "contribute/security.md",
    "docs/decisions/README.md": "contribute/decisions.md",
    "pipelines/README.md": "how_to/pipelines.md",
}
"""The page of the site that includes a file of the repository."""

_LINK = re.compile(r"\[([^\]\n]*)\]\(([^)\s#:]+)(#[\w-]+)?\)")


def rewrite_links(text: str, written: Path, shown: Path) -> str:
    """The text of a page with its relative links as seen from another folder.

    Parameters
    ----------
    text : str
        Markdown.
    written : Path
        The folder that the links start from.
    shown : Path
        The folder of the page that shows them.
    """

    def rewrite(link: re.Match[str]) -> str:
        words, path, anchor = link[1], link[2], link[3] or ""
        target = Path(os.path.normpath(written / path))
        page = PAGES.get(os.path.relpath(target, ROOT))
        if page is not None:
            target = DOCS / page
        elif target.is_dir():
            return words
        return f"[{words}]({os.path.relpath(target, shown)}{anchor})"

    return _LINK.sub(rewrite, text)


def _rewrite_page(app: Sphinx, docname: str, content: list[str]) -> None:
    path = Path(app.env.doc2path(docname))
    if path.suffix == ".md":
        content[0] = rewrite_links(content[0], path.parent, path.parent)


def _rewrite_included(app: Sphinx, path: Path, _: str, content: list[str]) -> None:
    shown = Path(app.env.doc2path(app.env.docname)).parent
    content[0] = rewrite_links(content[0], (app.srcdir / path).resolve().parent, shown)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("source-read", _rewrite_page)
    app.connect("include-read", _rewrite_included)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
