"""Make the picture of a report that the README shows.

    python tools/screenshot.py runs/demo-0123abcd/report.html docs/report.png

The page is opened in headless Chromium as the browser tests do (an installed Chromium or Chrome, or
`QUSHI_BROWSER`), light, 1280 pixels wide, and taken from its top to the end of the equity chart, then
made to fit 1280 x 1700.  The palette is cut to 256 colours: a page is paper, ink and a few lines.
"""

import base64
import io
import sys
from importlib import import_module
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))

open_page = import_module("browser").open_page  # tests/support is no package

WIDTH = 1280
MOST = 1700
READY = "document.documentElement.dataset.ready === 'true'"
END = (
    "Math.ceil((document.getElementById('equity-chart') ?? document.getElementById('short'))"
    ".getBoundingClientRect().bottom + scrollY + 24)"
)


def write_screenshot(report: Path, picture: Path) -> None:
    """Write the top of `report` to `picture`, a PNG of at most 1280 x 1700."""
    with open_page(report, width=WIDTH, height=MOST) as page:
        page.wait_for(READY)
        page.settle()
        height = page.evaluate(END)
        clip = {"x": 0, "y": 0, "width": WIDTH, "height": height, "scale": min(1.0, MOST / height)}
        shot = page.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
    image = Image.open(io.BytesIO(base64.b64decode(shot["data"]))).convert("RGB")
    picture.parent.mkdir(parents=True, exist_ok=True)
    top = image.crop((0, 0, image.width, min(image.height, MOST)))
    # An octree keeps the rare colours of thin lines; the default cut goes by area and greys them.
    top.quantize(256, method=Image.Quantize.FASTOCTREE).save(picture, optimize=True)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python tools/screenshot.py REPORT.html PICTURE.png")
    write_screenshot(Path(sys.argv[1]), Path(sys.argv[2]))
