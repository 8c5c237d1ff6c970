#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the README's ready pipelines as they stand there, but for stand-ins: drawn drives for cameras, a file for the screen, free
ports, a bundle of very small networks. What comes out is looked at. Prints TAP.

usage: readme_test.py SOURCES SERVER BUNDLE
"""
import json
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT, SERVER, BUNDLE = (Path(argument).resolve() for argument in sys.argv[1:4])
sys.path.insert(0, str(ROOT / "tests/server"))
from harness import PATIENCE, Server, until  # noqa: E402  pylint: disable=wrong-import-position
from tap import check, equal, finish, result  # noqa: E402  pylint: disable=wrong-import-position

FRAMES = 6
CAMERA = f"anomalytestsrc num-buffers={FRAMES} ! video/x-raw,width=160,height=90"
top = Path(tempfile.mkdtemp(prefix="anomaly-readme-"))


def shell(command, timeout=PATIENCE):
    done = subprocess.run(["bash", "-c", f"set -eo pipefail; {command}"], cwd=top, capture_output=True, text=True, timeout=timeout, check=False)
    if done.returncode:
        raise RuntimeError(f"{command}\n{done.stdout}{done.stderr}")
    return done.stdout


def lines():
    """What the README calls each, and the command."""
    block = re.search(r"## In a pipeline\n+```sh\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S | re.M).group(1)
    return dict(re.findall(r"^# (.*)\n([^#].*)$", block, re.M))


def stood_in(command, camera="", port=0):
    for name, instead in [("v4l2src device=/dev/video$i", CAMERA), ("v4l2src", CAMERA), ("anomalytestsrc ! anomalydetect", CAMERA + " ! anomalydetect"),
                          ("autovideosink", "filesink location=screen"), ("anomalydetect", f"anomalydetect model={BUNDLE}"),
                          ("anomalysource location=rtsp://192.0.2.7/stream", f"anomalysource num-buffers={FRAMES} location={camera}"),
                          ("rtsp://192.0.2.7/stream", camera), ("mqtt://localhost/", f"mqtt://localhost:{port}/"),
                          ("mosquitto_pub -h localhost", f"mosquitto_pub -h localhost -p {port}"),
                          ("python3 pipelines/python/print_events.py /dev/video0",
                           f"/usr/bin/python3 {ROOT}/pipelines/python/print_events.py 'test://?frames={FRAMES}&width=160&height=90' "
                           f"event-on-score=0.000001 model={BUNDLE}")]:
        command = command.replace(name, instead)
    return command


def make_inputs():
    shell(f"gst-launch-1.0 -q {CAMERA} ! videoconvert ! x264enc ! mp4mux ! filesink location=drive.mp4")
    (top / "pictures").mkdir()
    shell(f"gst-launch-1.0 -q {CAMERA} ! videoconvert ! pngenc ! multifilesink location=pictures/%d.png")




def json_lines(text):
    told = [json.loads(line) for line in text.splitlines()]
    return equal([(one["frame"], one["model"], one["score"] is not None) for one in told], [(i, "test", True) for i in range(FRAMES)])


def to_file(command):
    shell(stood_in(command))
    shell("gst-launch-1.0 -q filesrc location=marked.mp4 ! decodebin ! videoconvert ! video/x-raw,format=GRAY8 ! filesink location=decoded")
    return equal((top / "decoded").stat().st_size, FRAMES * 160 * 90)


def to_json(command):
    shell(stood_in(command))
    return json_lines((top / "drive.jsonl").read_text(encoding="utf-8"))


def to_screen(command, camera=""):
    """Frames of some raw format, which are not all the same."""
    (top / "screen").unlink(missing_ok=True)
    shell(stood_in(command, camera))
    data, pixels = (top / "screen").read_bytes(), 160 * 90
    if len(data) < 2 * pixels or len(data) % (pixels // 2):
        return f"{len(data)} bytes"
    return None if len(set(data[:pixels])) > 8 else "an empty picture"


def to_grid(command):
    """The canvas grows until all four are there."""
    shell(stood_in(command).replace("filesink location=screen", "jpegenc ! multifilesink location=grid-%03d.jpg"))
    last = sorted(top.glob("grid-*.jpg"))[-1]
    shell(f"gst-launch-1.0 -q filesrc location={last} ! jpegdec ! videoconvert ! video/x-raw,format=GRAY8 ! filesink location=grid")
    data = (top / "grid").read_bytes()
    if len(data) != 1280 * 720:
        return f"{len(data)} pixels"
    quarters = [{data[(y + row) * 1280 + x + 320] for row in range(0, 360, 4)} for x in (0, 640) for y in (0, 360)]
    return None if all(len(quarter) > 8 for quarter in quarters) else f"an empty quarter: {[len(quarter) for quarter in quarters]}"


def to_pictures(command):
    shell(stood_in(command))
    made = sorted(path.name for path in top.glob("marked-*.jpg"))
    starts = {(top / name).read_bytes()[:2] for name in made}
    return equal((made, starts), ([f"marked-{i:05}.jpg" for i in range(FRAMES)], {b"\xff\xd8"}))


def to_rtsp(command, camera):
    arguments = shlex.split(stood_in(command, camera).replace("8080", "0"))
    with Server(str(SERVER), "--port=0", "--model", str(BUNDLE), *arguments[1:]) as server:
        watch = (f"gst-launch-1.0 -q rtspsrc name=s location={server.urls['/front']} protocols=tcp "
                 f"s. ! application/x-rtp,media=application ! anomalyrtponvifdepay ! identity eos-after=4 ! fdsink "
                 f"s. ! application/x-rtp,media=video ! rtph264depay ! identity eos-after=4 ! fakesink")
        out = shell(f"{watch} || {watch}")  # whoever comes while the camera fails is answered 503, and comes again
        return (None if out.count("<tt:Frame ") >= 3 else out) or equal(server.page()[0], 200)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
        return True
    except OSError:
        return False


def to_broker(command, messages):
    """What a subscriber gets."""
    port = free_port()
    with subprocess.Popen([shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin"), "-p", str(port)], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as broker:
        try:
            if not until(lambda: answers(port)):
                return "the broker does not answer"
            subscriber = subprocess.Popen(["stdbuf", "-oL", "mosquitto_sub", "-d", "-h", "localhost", "-p", str(port), "-t", "anomalies", "-q", "1", "-C", str(messages),
                                           "-W", str(PATIENCE)], stdout=subprocess.PIPE, text=True)
            with subscriber:
                told = []
                for line in subscriber.stdout:  # until it has subscribed
                    if line.startswith("Subscribed"):
                        break
                shell(stood_in(command, port=port))
                for line in subscriber.stdout:
                    if not re.match(r"Client |Subscribed", line):
                        told.append(line)
                return "".join(told)
        finally:
            broker.terminate()


def events(command):
    told = to_broker(command, 2).splitlines()
    return None if len(told) == 2 and told[0].startswith("start ") and told[1].startswith("end ") else str(told)


def main():
    known = lines()
    checked = {
        "file to file": to_file, "file to JSON Lines": to_json, "camera to screen": to_screen,
        "four cameras in a grid, on one engine": to_grid,
        "folder of pictures to marked pictures": to_pictures, "a drive that needs no camera": to_screen,
    }
    with_camera = {
        "RTSP camera, opened again when it dies, to screen": to_screen,
        "RTSP to RTSP (rtsp://127.0.0.1:8554/front), and to a web page (http://127.0.0.1:8080/)": to_rtsp,
    }
    with_broker = {
        "events to an MQTT broker": events,
        "each frame's figures and regions to an MQTT broker, none lost while it is away": lambda command: json_lines(to_broker(command, FRAMES)),
    }
    check("every line is checked", lambda: equal(sorted(known), sorted([*checked, *with_camera, *with_broker])))
    check("inputs are made", make_inputs)
    for name, test in checked.items():
        check(name, lambda test=test, name=name: test(known[name]))
    with Server(str(SERVER), "--port=0", "--model", str(BUNDLE), f"--mount=/stream={top}/drive.mp4") as camera:
        for name, test in with_camera.items():
            check(name, lambda test=test, name=name: test(known[name], camera.urls["/stream"]))
    for name, test in with_broker.items():
        if not shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin") or not shutil.which("mosquitto_sub"):
            result(name, skip="a broker and its clients are missing (Debian: apt-get install mosquitto mosquitto-clients)")
        else:
            check(name, lambda test=test, name=name: test(known[name]))


try:
    main()
finally:
    shutil.rmtree(top)
finish()
