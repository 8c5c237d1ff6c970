#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""anomaly-record on a video whose odd frames are known: which clips it keeps, what lies in them, and what cannot work. Prints TAP.

usage: record_test.py ANOMALY-RECORD BUNDLE [CAMERA]      CAMERA: the program of tests/gst/source_camera.c
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from odd_video import DETECTOR, HEIGHT, PATIENCE, RATE, WIDTH, flat, make_video, noise, run, scores

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "server"))
from tap import check, equal, finish, result  # noqa: E402  pylint: disable=wrong-import-position

PROGRAM, BUNDLE = (str(Path(argument).resolve()) for argument in sys.argv[1:3])
CAMERA = sys.argv[3] if len(sys.argv) > 3 else None
FRAMES = 300
top = Path(tempfile.mkdtemp(prefix="anomaly-record-"))


def record(source, folder, *options):
    return run(PROGRAM, "--model", BUNDLE, *DETECTOR, *options, source, top / folder)


def seconds(path):
    done = run("ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", path)
    return float(done.stdout)


def odd_frames(path, flat_is_odd):
    """How many frames of a clip are the odd ones, of how many: flat ones have no contrast."""
    done = subprocess.run(["ffmpeg", "-v", "error", "-i", str(path), "-pix_fmt", "gray", "-f", "rawvideo", "-"], capture_output=True,
                          check=True, timeout=PATIENCE)
    size = WIDTH * HEIGHT
    frames = [done.stdout[i:i + size] for i in range(0, len(done.stdout), size)]
    odd = [(max(frame) - min(frame) < 64) == flat_is_odd for frame in frames]
    return sum(odd), len(frames)


def facts(folder):
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted((top / folder).glob("*.json"))]


def clips(folder, expected, flat_is_odd):
    """expected: (begin, end, odd frames, events as (start, end)) of each clip, seconds. A clip begins at the key frame before,
    which may be 1.2 s earlier (12 frames)."""
    told = facts(folder)
    names = sorted(path.name for path in (top / folder).iterdir())
    wanted = [f"event-{i + 1:04}.{ending}" for i in range(len(expected)) for ending in ("jpg", "json", "mp4")]
    if names != wanted:
        return f"{names}, not {wanted}"
    for one, (begin, end, odd, events) in zip(told, expected):
        path = top / folder / one["clip"]
        length = seconds(path)
        if not begin - 1.25 <= one["begin"] <= begin + 0.01 or abs(one["end"] - end) > 0.11:
            return f"{one['begin']} to {one['end']}, not {begin} to {end}"
        if abs(length - (one["end"] - one["begin"] + 1 / RATE)) > 0.11:
            return f"ffprobe: {length} s, not {one['begin']} to {one['end']}"
        problem = (equal(odd_frames(path, flat_is_odd), (odd, one["frames"])) or
                   equal([(round(e["start"], 1), round(e["end"], 1)) for e in one["events"]], events) or
                   equal({e["model"] for e in one["events"]}, {"test"}) or
                   equal((top / folder / one["picture"]).read_bytes()[:2], b"\xff\xd8"))
        if problem:
            return problem
    return None


def says(status, text, *arguments):
    done = run(PROGRAM, "--model", BUNDLE, *DETECTOR, *arguments, cwd=top)
    return None if done.returncode == status and text in done.stderr else f"status {done.returncode}: {done.stdout}{done.stderr}"


def interrupted(flat_is_odd, level):
    """SIGTERM in the middle of an event: the clip is finished."""
    odd = flat() if flat_is_odd else noise()
    make_video(top / "long.mkv", [odd] * 50)
    with subprocess.Popen([PROGRAM, "--model", BUNDLE, *DETECTOR, "--on-score", str(level), "--min-duration", "0", "--live", str(top / "long.mkv"), str(top / "cut")],
                          stdout=subprocess.PIPE, text=True) as process:
        end = time.monotonic() + PATIENCE
        while not list((top / "cut").glob("*.partial")) and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        out = process.communicate(timeout=PATIENCE)[0]
    counted = odd_frames(top / "cut/event-0001.mp4", flat_is_odd)
    return equal((process.returncode, out.splitlines()[-1]), (0, "1 clip")) or (None if counted[0] == counted[1] > 0 else str(counted))


class Camera:
    """Of RTSP, and killed at the end of a `with`."""

    def __init__(self, port=0):
        self.process = subprocess.Popen([CAMERA, str(port)], stdout=subprocess.PIPE, text=True)  # pylint: disable=consider-using-with
        self.port = int(self.process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def comes(*patterns):
    """Whether files like these come into the folder "lost"."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if all(list((top / "lost").glob(pattern)) for pattern in patterns):
            return True
        time.sleep(0.05)
    return False


def loses_its_camera():
    """In the middle of an event that goes on as long as anything comes: the clip is finished while the camera is away, and another
    one begins when it is back."""
    with Camera() as camera:
        url, port = f"rtsp://127.0.0.1:{camera.port}/live", camera.port
        with subprocess.Popen([PROGRAM, "--model", BUNDLE, *DETECTOR, "--on-score", "0", "--off-score", "0", "--min-duration", "0",
                               "--transport", "tcp", url, str(top / "lost")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            try:
                begun = comes("event-0001.mp4.partial")
                time.sleep(0.5)
                camera.__exit__()
                finished = comes("event-0001.mp4", "event-0001.json", "event-0001.jpg")
                left, running = list((top / "lost").glob("*.partial")), process.poll() is None
                if not (begun and finished and running) or left:
                    process.kill()
                    return f"begun {begun}, finished {finished}, running {running}, left {left}: {process.communicate()}"
                length, one = seconds(top / "lost/event-0001.mp4"), facts("lost")[0]
                with Camera(port):
                    again = comes("event-0002.mp4.partial")
                    time.sleep(0.5)
                    process.send_signal(signal.SIGTERM)
                    out, err = process.communicate(timeout=PATIENCE)
            finally:
                process.kill()
    two = facts("lost")[1]
    return (equal((again, process.returncode, list((top / "lost").glob("*.partial"))), (True, 0, [])) or
            (None if "clips" in out and "trying again" in err else out + err) or
            equal([(event["id"], event["end"]) for event in one["events"]], [(1, None)]) or
            (None if length > 0 and one["frames"] > 0 and two["begin"] > one["end"] and two["frames"] > 0 else str((length, one, two))) or
            (None if seconds(top / "lost/event-0002.mp4") > 0 else "the second clip is empty") or
            (None if abs(seconds(top / "lost/event-0002.mp4") - (two["end"] - two["begin"])) < 1 else str(two)))


def leaves_what_is_there(video, options):
    """Also what a crash has left: a clip that was not finished, a picture on its own."""
    folder = top / "crashed"
    folder.mkdir()
    for name in ("event-0001.mp4.partial", "event-0002.jpg", "event-0003.mp4", "event-0004.json"):
        (folder / name).write_text("before", encoding="utf-8")
    done = record(video, "crashed", *options)
    names = sorted(path.name for path in folder.iterdir() if path.read_bytes() != b"before")
    return equal((done.returncode, done.stdout.splitlines()[-1:], len(list(folder.iterdir()))), (0, ["1 clip"], 7)) or \
        equal(names, ["event-0005.jpg", "event-0005.json", "event-0005.mp4"])


def main():
    make_video(top / "two.mkv", [flat()] * 3 + [noise()] * 3)
    both = scores(top / "two.mkv", BUNDLE)
    low, high = sorted((sum(both[:3]) / 3, sum(both[3:]) / 3))
    flat_is_odd, level = both[0] > both[-1], (low + high) / 2
    check("the detector tells the two kinds of frames apart", lambda: None if len(both) == 6 and high - low > 0.01 else str(both))
    odd, usual = (flat(), noise()) if flat_is_odd else (noise(), flat())

    pictures = [usual] * FRAMES
    for first, last in ((80, 90), (100, 103), (230, 235)):
        pictures[first:last] = [odd] * (last - first)
    make_video(top / "drive.mkv", pictures)
    common = ["--on-score", str(level), "--off-score", str(level), "--min-duration", "0", "--release", "0"]
    done = record(top / "drive.mkv", "events", *common)
    check("a drive is watched", lambda: equal((done.returncode, done.stderr, done.stdout.splitlines()[-1:]), (0, "", ["2 clips"])))
    check("two clips, of three events: 5 s before to 5 s after", clips, "events",
          [(3, 15.3, 13, [(8.0, 9.0), (10.0, 10.3)]), (18, 28.5, 5, [(23.0, 23.5)])], flat_is_odd)
    record(top / "drive.mkv", "short", *common, "--before", "0.5", "--after", "0.3")
    check("three clips of less", clips, "short",
          [(7.5, 9.3, 10, [(8.0, 9.0)]), (9.5, 10.6, 3, [(10.0, 10.3)]), (22.5, 23.8, 5, [(23.0, 23.5)])], flat_is_odd)
    record(top / "drive.mkv", "lasting", *common[:-4], "--min-duration", "0.6", "--release", "0")
    check("what is too brief is no event", lambda: equal([len(one["events"]) for one in facts("lasting")], [1]))
    check("and the one that lasts begins where it began", lambda: equal([round(one["events"][0]["start"], 1) for one in facts("lasting")], [8.0]))
    before = {path: path.read_bytes() for path in (top / "short").iterdir()}
    record(top / "drive.mkv", "short", *common, "--before", "0.5", "--after", "0.3")
    check("a second run writes beside the first", lambda: equal(
        (all(path.read_bytes() == data for path, data in before.items()), len(list((top / "short").iterdir()))), (True, 18)))
    make_video(top / "begins.mkv", [odd] * 3 + [usual] * 20)
    record(top / "begins.mkv", "begins", *common, "--after", "1")
    check("an event on the first frame", clips, "begins", [(0, 1.3, 3, [(0.0, 0.3)])], flat_is_odd)
    make_video(top / "quiet.mkv", [usual] * 10)
    quiet = record(top / "quiet.mkv", "quiet", *common)
    check("nothing odd: no clip", lambda: equal((quiet.returncode, quiet.stdout, list((top / "quiet").iterdir())), (0, "0 clips\n", [])))
    check("what a crash has left stays", leaves_what_is_there, top / "begins.mkv", [*common, "--after", "1"])
    check("ended in the middle", interrupted, flat_is_odd, level)
    if CAMERA:
        check("a camera that dies and comes back", loses_its_camera)
    else:
        result("a camera that dies and comes back", skip="there is no camera in this build")

    check("no source", says, 2, "see --help")
    check("a source that is not there", says, 1, '"nowhere.mp4" does not exist', "nowhere.mp4")
    check("a folder that cannot be", says, 1, "cannot be written to", "drive.mkv", "drive.mkv/events")
    check("a value that does not do", says, 2, '--interval: "-7"', "--interval=-7", "drive.mkv")
    check("seconds below 0", says, 2, "seconds from 0", "--before=-1", "drive.mkv")


if shutil.which("ffmpeg") is None or shutil.which("ffprobe") is None:
    result("anomaly-record", skip="ffmpeg is missing (Debian: apt-get install ffmpeg)")
else:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        main()
    finally:
        shutil.rmtree(top)
finish()
