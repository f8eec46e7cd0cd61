"""Pages of HTML in a headless Chromium, where there is one."""

import re
import shutil
import subprocess

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


def in_browser(test):
    """Mark a test that needs a browser."""
    absent = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
    return pytest.mark.slow(absent(test))


def chromium(path, folder, *options):
    """Open a page, its profile in a folder; return what was printed, and the console's lines."""
    fixed = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    fixed += ["--disable-sync", "--no-first-run", f"--user-data-dir={folder / 'profile'}"]
    fixed += ["--enable-logging=stderr", "--virtual-time-budget=20000"]
    done = subprocess.run(
        [CHROMIUM, *fixed, *options, path.as_uri()], capture_output=True, text=True, timeout=120
    )
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def title_after(page, script, folder, width=1280):
    """Return the title that a script gave a page, and what the console said.

    Bokeh says there that it is idle once it has drawn.
    """
    path = folder / "scripted.html"
    text = page.read_text(encoding="utf-8")
    path.write_text(text.replace("</body>", f"<script>{script}</script></body>"), encoding="utf-8")
    document, console = chromium(path, folder, "--dump-dom", f"--window-size={width},900")
    return re.search("<title>(.*?)</title>", document, re.DOTALL)[1], console
