"""The picture of docs/explore.md: the explorer in a browser, at one address. It needs Chromium and playwright."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

STATE = "target=sharp_gap&alpha=0.3162&width=60&time=72"


def main(path: Path) -> None:
    """Start it, take its picture, end it."""
    command = [sys.executable, "-m", "jspline", "explore", "--port", "0", "--no-show"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server, sync_playwright() as playwright:
        try:
            address = next(found[0] for line in server.stdout if (found := re.search(r"http://\S+/", line)))
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1440, "height": 810})
            page.goto(f"{address}?{STATE}")
            page.wait_for_selector(".last", timeout=60_000)
            page.wait_for_timeout(2000)  # until all is drawn
            page.screenshot(path=path)
            browser.close()
        finally:
            server.terminate()


if __name__ == "__main__":
    main(Path(__file__).parent / "explore.png")
