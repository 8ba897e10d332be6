"""Take the pictures of the README: what the command really prints, and what the page really shows, of ``corpus/``.

    python docs/pictures.py        (or: make pictures)

The terminal's picture is what the command writes to a terminal, drawn by rich, in light and dark. The page's are
taken with Debian's chromium (``CHROMIUM`` names another) from a real server.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO, StringIO
from pathlib import Path
from urllib.parse import urlencode

from PIL import Image
from playwright.sync_api import Browser, sync_playwright
from rich.console import Console
from rich.terminal_theme import DEFAULT_TERMINAL_THEME, SVG_EXPORT_THEME, TerminalTheme
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
QUERY = "legal basis for deployment"
COLUMNS = 84
LARGEST = 200_000
"""Bytes of a picture: a page that shows it must not wait for it."""

_SEMSEARCH = [sys.executable, "-m", "semsearch"]
_THEMES: dict[str, TerminalTheme] = {"light": DEFAULT_TERMINAL_THEME, "dark": SVG_EXPORT_THEME}
_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def main() -> None:
    """Make an index of the sample archive, and all pictures of it."""
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder) / "index"
        subprocess.run([*_SEMSEARCH, "rebuild-index", "corpus", "--index", str(index)], cwd=ROOT, check=True)  # noqa: S603
        picture_terminal(index)
        with served(index) as address, sync_playwright() as driver:
            found = os.environ.get("CHROMIUM") or shutil.which("chromium")
            browser = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
            picture_pages(browser, address)
            browser.close()


def picture_terminal(index: Path) -> None:
    """Draw what the command prints on a terminal, below what was typed."""
    arguments = ["query", QUERY, "-k", "2"]
    printed = on_a_terminal([*_SEMSEARCH, *arguments, "--index", str(index)])
    for name, theme in _THEMES.items():
        console = Console(record=True, width=COLUMNS, file=StringIO(), force_terminal=True)
        console.print(Text(f'$ semsearch query "{QUERY}" -k 2\n', style="bold"))
        console.print(Text.from_ansi(printed))
        drawn = console.export_svg(title="", theme=theme, unique_id="terminal")
        # rich names a font of another host: a terminal's own will do.
        drawn = _FONTS.sub("", drawn).replace("Fira Code, monospace", "ui-monospace, Menlo, Consolas, monospace")
        if name == "light":
            drawn = drawn.replace("rgba(255,255,255,0.35)", "rgba(0,0,0,0.3)")  # the frame
        keep(f"terminal-{name}.svg", drawn.encode())


def on_a_terminal(command: list[str]) -> str:
    """Return what a command writes to a terminal of so many columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 60, COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    for name in ("NO_COLOR", "COLUMNS", "LINES"):
        environment.pop(name, None)
    with subprocess.Popen(command, stdout=theirs, env=environment, cwd=ROOT) as process:  # noqa: S603
        os.close(theirs)
        written = bytearray()
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # the other side is closed
                break
            if not part:
                break
            written += part
    os.close(ours)
    if process.returncode:
        sys.exit(f"{shlex.join(command)} ended with {process.returncode}")
    return written.decode().replace("\r\n", "\n").rstrip()


@contextmanager
def served(index: Path) -> Iterator[str]:
    """Yield the address of a server of this index, which is ended afterwards."""
    command = [*_SEMSEARCH, "serve", "--index", str(index), "--port", "0", "--no-open"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:  # noqa: S603
        try:
            yield next(found[0] for line in process.stderr or () if (found := re.search(r"http://\S+", line)))
        finally:
            process.terminate()


def picture_pages(browser: Browser, address: str) -> None:
    """Take the page's pictures: wide in light and dark, and as narrow as a phone."""
    for name, width, height, scheme in (
        ("page-light", 1280, 800, "light"),
        ("page-dark", 1280, 800, "dark"),
        ("page-phone", 390, 780, "light"),
    ):
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
            device_scale_factor=1 if width > 1000 else 2,
            reduced_motion="reduce",
        )
        page = context.new_page()
        page.goto(f"{address}?{urlencode({'q': QUERY})}")
        page.wait_for_selector("mark", timeout=60_000)
        if width > 1000:  # there is room for the article beside its passages
            page.get_by_role("link", name="Russian peacekeepers").first.click()
            page.wait_for_url("**article=**")
            page.goto(page.url)  # every state has an address: the list is at its top then
            page.wait_for_selector("article mark, aside mark, dialog mark, main mark", timeout=60_000)
        page.wait_for_timeout(500)
        picture = Image.open(BytesIO(page.screenshot())).convert("RGB")
        data = BytesIO()
        picture.quantize(128, dither=Image.Dither.NONE).save(data, "PNG", optimize=True)
        keep(f"{name}.png", data.getvalue())
        context.close()


def keep(name: str, data: bytes) -> None:
    """Write a picture, unless it is too large to be shown on a page."""
    if len(data) > LARGEST:
        sys.exit(f"{name} has {len(data):,} bytes, more than {LARGEST:,}")
    IMAGES.joinpath(name).write_bytes(data)
    sys.stderr.write(f"docs/images/{name}: {len(data):,} bytes\n")


if __name__ == "__main__":
    main()
