#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""anomaly-report on videos whose odd frames are known: what the page says, how it looks in headless Chromium, and what cannot work.
Prints TAP.

usage: report_test.py ANOMALY-REPORT BUNDLE
"""
import base64
import html.parser
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from odd_video import DETECTOR, PATIENCE, flat, make_video, noise, run, scores

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "server"))
import browser  # noqa: E402  pylint: disable=wrong-import-position
from tap import check, equal, finish, result  # noqa: E402  pylint: disable=wrong-import-position

PROGRAM, BUNDLE = (str(Path(argument).resolve()) for argument in sys.argv[1:3])
top = Path(tempfile.mkdtemp(prefix="anomaly-report-"))


class Page(html.parser.HTMLParser):
    """What a page holds: `texts` by tag, `pictures` (JPEG), `paths` by class, `settings`, `tags` in their order."""

    def __init__(self, path):
        super().__init__()
        self.raw = path.read_text(encoding="utf-8")
        self.tags, self.open, self.texts, self.pictures, self.paths = [], [], {}, [], {}
        self.feed(self.raw)
        self.close()
        self.settings = dict(zip(self.texts.get("dt", []), self.texts.get("dd", [])))

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append(tag)
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)
            self.texts.setdefault(tag, []).append("")
        if tag == "img":
            self.pictures.append(base64.b64decode(attributes["src"].removeprefix("data:image/jpeg;base64,"), validate=True))
        if tag == "path":
            self.paths[attributes["class"]] = attributes["d"]

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag):
        if self.open.pop() != tag:
            raise ValueError(f"</{tag}> closes another")

    def handle_data(self, data):
        for tag in set(self.open):
            self.texts[tag][-1] += data


def report(*arguments):
    return run(PROGRAM, "--model", BUNDLE, *DETECTOR, *arguments, cwd=top)


def known(page):
    tiles = [text.split("\n")[0] for text in page.texts["div"][1:6]]
    points = re.findall(r"[\d.]+ ([\d.]+)", page.paths["score"])
    heights = [float(point) for point in points]
    odd = sum(height < (min(heights) + max(heights)) / 2 for height in heights)
    # The script-less page of one file: nothing is fetched, and nothing could be.
    outside = re.findall(r"(?:https?:|src=\"(?!data:)|<script|url\()", page.raw)
    return (equal((len(heights), odd, outside), (60, 13, [])) or
            equal([tiles[index] for index in (1, 2, 3)], ["60frames", "21.7 %of the frames are anomalous", "2events"]) or
            equal([re.sub(r"s, .*", "s", text) for text in page.texts["figcaption"]],
                  ["1 · 0:02.0 to 0:03.01.0 s", "2 · 0:04.0 to 0:04.30.3 s"]) or
            equal([picture[:2] + picture[-2:] for picture in page.pictures], [b"\xff\xd8\xff\xd9"] * 2) or
            equal((page.open, page.settings["Model"], page.settings["Method"], page.settings["Normalization"]),
                  ([], "test", "softmax-distance", "frame")) or
            (None if page.settings["Its terms"] and "default-src 'none'" in page.raw else str(page.settings)))


def many(usual, odd, common):
    """More events than pictures are kept of: those of the highest stay."""
    make_video(top / "many.mkv", [usual, odd] * 110)
    done = report(*common, "many.mkv", "many.html")
    page = Page(top / "many.html")
    return equal((done.returncode, len(page.texts["figure"]), len(page.pictures)), (0, 110, 100)) or (
        None if page.raw.count("no picture was kept") == 10 else "ten have none")


def interrupted(usual):
    make_video(top / "long.mkv", [usual] * 6000)
    with subprocess.Popen([PROGRAM, "--model", BUNDLE, *DETECTOR, "long.mkv"], cwd=top, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as process:
        for line in process.stderr:
            if "frames/s" in line:
                break
        process.send_signal(signal.SIGINT)
        out = process.communicate(timeout=PATIENCE)[0]
    page = Page(top / "long-anomalies.html")
    return equal(process.returncode, 130) or (None if "(incomplete)" in out and "not looked at to its end" in page.raw else out)


def in_browser(path):
    with browser.Browser() as page:
        page.size(1100, 900)
        page.open(path.as_uri())
        end = time.monotonic() + browser.PATIENCE
        while page.ask("document.readyState + document.images.length") != "complete2" and time.monotonic() < end:
            time.sleep(0.1)
        widths = page.ask("[...document.images].map((image) => image.naturalWidth)")
        chart = page.ask('(() => { const box = document.querySelector(".score").getBoundingClientRect(); return [box.width, box.height]; })()')
        page.screenshot(top / "page.png")
        return (equal((widths, page.problems), ([64, 64], [])) or (None if chart[0] > 500 and chart[1] > 5 else str(chart)) or
                equal(page.ask("document.documentElement.scrollWidth <= innerWidth"), True) or
                (None if (top / "page.png").stat().st_size > 20000 else "nothing to be seen"))


def says(status, text, *arguments):
    before = sorted(path.name for path in top.iterdir())
    done = report(*arguments)
    after = sorted(path.name for path in top.iterdir())
    if done.returncode != status or text not in done.stderr:
        return f"status {done.returncode}: {done.stdout}{done.stderr}"
    return equal(after, before)


def main():
    make_video(top / "two.mkv", [flat()] * 3 + [noise()] * 3)
    both = scores(top / "two.mkv", BUNDLE)
    level = (both[0] + both[-1]) / 2
    odd, usual = (flat(), noise()) if both[0] > both[-1] else (noise(), flat())
    common = ["--on-score", level, "--off-score", level, "--min-duration", "0", "--release", "0"]

    pictures = [usual] * 60
    pictures[20:30], pictures[40:43] = [odd] * 10, [odd] * 3
    make_video(top / "drive.mkv", pictures)
    done = report(*common, "drive.mkv")
    check("a drive is reported", lambda: equal((done.returncode, done.stdout),
                                              (0, "60 frames, 2 events\nreport:   drive-anomalies.html\n")))
    check("score, share, events, settings", lambda: known(Page(top / "drive-anomalies.html")))
    if browser.find():
        check("in a browser", in_browser, top / "drive-anomalies.html")
    else:
        result("in a browser", skip="chromium is missing (Debian: apt-get install chromium)")
    check("more events than pictures", many, usual, odd, common)

    name = "<b>&\"'.mkv"
    shutil.copy(top / "two.mkv", top / name)
    check("a name that is markup", lambda: equal((report("--on-score", "9", name, "name.html").returncode, Page(top / "name.html").texts["h1"],
                                                  Page(top / "name.html").tags.count("b")), (0, [f"Anomalies in {name}"], 5)))
    quiet = report("--quiet", "--on-score", "9", "two.mkv", "quiet.html")
    check("nothing odd", lambda: equal((quiet.returncode, quiet.stderr, Page(top / "quiet.html").texts.get("figure"),
                                        "There are none." in (top / "quiet.html").read_text(encoding="utf-8")), (0, "", None, True)))
    sample = report("--frames", "4")
    check("the built-in sample", lambda: equal((sample.returncode, Page(top / "anomaly-sample.html").settings["Video"]),
                                               (0, "the built-in sample drive, 960x540")))
    check("progress is shown; ended in the middle", interrupted, usual)

    check("a source that is not there", says, 1, '"nowhere.mp4" does not exist', "nowhere.mp4")
    check("a folder that is not there", says, 1, "does not exist", "two.mkv", "nowhere/out.html")
    check("the input as output", says, 1, "is the input", "two.mkv", "two.mkv")
    check("a value that does not do", says, 2, '--method: "guess"', "--method=guess", "two.mkv")
    check("a region that is none", says, 1, "roi", "--roi=1,2,3", "two.mkv")
    check("seconds below 0", says, 2, "seconds from 0", "--release=-1", "two.mkv")
    check("too many names", says, 2, "see --help", "two.mkv", "a.html", "b.html")


if shutil.which("ffmpeg") is None:
    result("anomaly-report", skip="ffmpeg is missing (Debian: apt-get install ffmpeg)")
else:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        main()
    finally:
        shutil.rmtree(top)
finish()
