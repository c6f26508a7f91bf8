"""Open reports in a real browser without a network, and save screenshots.

    python scripts/screenshot_report.py results/quickstart/report.html screenshots

Each report is opened by headless Chromium (Debian's package `chromium`, or $CHROMIUM) at the width
of a desktop and of a phone. The script fails if a page refers to anything outside itself, or if the
browser asks for anything over the network.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from PIL import Image

WIDTHS = {"desktop": 1280, "phone": 390}
TALLEST = 16_000  # pixels of a page, of which what is empty is cut off
BROWSER = "not an origin"
LOADS = frozenset({"src", "srcset", "href", "action", "data", "poster", "background", "formaction"})
OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--virtual-time-budget=6000",
)


class References(HTMLParser):
    """Collects everything that would make a browser load other resources or run code."""

    def __init__(self) -> None:
        super().__init__()
        self.outside: list[str] = []
        self._is_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at the attributes of an element."""
        if tag in ("script", "iframe", "object", "embed", "link", "base"):
            self.outside.append(f"<{tag}>")
        self._is_style = tag == "style"
        for name, value in attrs:
            self._attribute(tag, name, value or "")

    def _attribute(self, tag: str, name: str, value: str) -> None:
        is_inside = value.startswith(("data:image/", "#"))
        if name in LOADS and not is_inside:
            self.outside.append(f"<{tag} {name}={value[:80]!r}>")
        if name.startswith("on") or (name == "style" and "url(" in value):
            self.outside.append(f"<{tag} {name}={value[:80]!r}>")

    def handle_data(self, data: str) -> None:
        """Look at style sheets."""
        if self._is_style and ("url(" in data or "@import" in data):
            self.outside.append("<style> with url() or @import")


def find_references(text: str) -> list[str]:
    """References of a page to anything outside it."""
    found = References()
    found.feed(text)
    return found.outside


def take_screenshot(chromium: str, report: Path, width: int, target: Path) -> list[str]:
    """Save a screenshot of a page as a PNG; the addresses that the browser requested.

    The page stands in a frame of the width wanted, because windows have a least width of their own.
    """
    with tempfile.TemporaryDirectory() as scratch:
        frame, log = Path(scratch, "frame.html"), Path(scratch, "net.json")
        frame.write_text(
            f'<body style="margin:0"><iframe src="{report.as_uri()}" width="{width}" '
            f'height="{TALLEST}" style="border:0;display:block"></iframe></body>'
        )
        subprocess.run(
            [
                chromium,
                *OPTIONS,
                f"--user-data-dir={scratch}/profile",
                f"--log-net-log={log}",
                f"--window-size={max(width, 500)},{TALLEST}",
                f"--screenshot={target}",
                frame.as_uri(),
            ],
            check=True,
            capture_output=True,
            timeout=180,
        )
        requests = list(requested_addresses(log))
    crop(target, width)
    return requests


def requested_addresses(log: Path) -> Iterator[str]:
    """The addresses in a log of the browser's network that a page asked for.

    What the browser wants for itself comes of no page, which its log calls "not an origin".
    """
    text = log.read_text().rstrip().rstrip(",")
    document = json.loads(text if text.endswith("}") else text + "]}")
    for event in document["events"]:
        facts = event.get("params", {})
        address, initiator = facts.get("url", ""), facts.get("initiator", BROWSER)
        if initiator != BROWSER and address.startswith(("http", "ws", "ftp")):
            yield address


def crop(target: Path, width: int) -> None:
    """Remove empty space below the page and beside it."""
    with Image.open(target) as image:
        page = image.convert("RGB").crop((0, 0, width, image.height))
    filled = page.convert("L").point(lambda grey: 255 * (grey < 250)).getbbox()
    page.crop((0, 0, width, min(page.height, (filled or (0, 0, 0, 1))[3] + 24))).save(target)


def main() -> int:
    """Run the script; 1 if a page is not self-contained."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reports", nargs="+", type=Path, help="HTML files")
    parser.add_argument("folder", type=Path, help="where the pictures go")
    arguments = parser.parse_args()
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        print("there is no chromium: install it (apt-get install chromium), or set CHROMIUM")
        return 2
    arguments.folder.mkdir(parents=True, exist_ok=True)
    n_wrong = 0
    for report in arguments.reports:
        wrong = [f"it refers to {what}" for what in find_references(report.read_text())]
        for name, width in WIDTHS.items():
            target = arguments.folder / f"{report.resolve().parent.name}-{report.stem}-{name}.png"
            requests = take_screenshot(chromium, report.resolve(), width, target)
            wrong += [f"at {width} pixels the browser asked for {address}" for address in requests]
            print(target)
        for what in wrong:
            print(f"{report}: {what}", file=sys.stderr)
        n_wrong += len(wrong)
    return 1 if n_wrong else 0


if __name__ == "__main__":
    sys.exit(main())
