#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""anomaly-rtsp-server's page: by a plain HTTP client, and in headless Chromium. Loopback addresses only. Prints TAP.

usage: web_test.py SERVER BUNDLE
"""
import base64
import json
import re
import shutil
import socket
import sys
import tempfile
import time
from pathlib import Path

import browser
from harness import PATIENCE, Client, Server, until
from tap import check, equal, finish, result

PROGRAM, BUNDLE = (str(Path(argument).resolve()) for argument in sys.argv[1:3])
INTERLEAVED = ["RTP/AVP/TCP;unicast;interleaved=0-1", "RTP/AVP/TCP;unicast;interleaved=2-3"]
MOST = 32  # connections
top = Path(tempfile.mkdtemp(prefix="anomaly-web-"))
SMALL = "test://?seed=1&width=160&height=90&framerate=10"
LARGE = "test://?seed=2&width=960&height=540&framerate=10"


def config(name, text):
    path = top / name
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return str(path)


def mounts(server, since=0):
    status, headers, body = server.page(f"/mounts?since={since}")
    if (status, headers["Content-Type"]) != (200, "application/json"):
        raise RuntimeError(f"{status} {headers}")
    return json.loads(body)


def picture(server, index=0, after=0):
    """(number, JPEG); (None, b"") where none has come in time."""
    status, headers, body = server.page(f"/mounts/{index}/picture?after={after}")
    if status not in (200, 204):
        raise RuntimeError(f"status {status}")
    return (int(headers["X-Number"]), body) if status == 200 else (None, body)


def a_picture(server, index=0, after=0):
    return until(lambda: next((found for found in [picture(server, index, after)] if found[0]), None))


def jpeg_size(data):
    """(width, height) as the JPEG's frame header says."""
    if data[:2] != b"\xff\xd8" or data[-2:] != b"\xff\xd9":
        return None
    at = 2
    while data[at + 1] not in (0xC0, 0xC1, 0xC2):
        at += 2 + int.from_bytes(data[at + 2:at + 4], "big")
    return int.from_bytes(data[at + 7:at + 9], "big"), int.from_bytes(data[at + 5:at + 7], "big")


# --- A plain client ----------------------------------------------------------------------------------------------------
def the_page(server):
    status, headers, body = server.page()
    text, policy = body.decode(), headers.get("Content-Security-Policy", "")
    if (status, headers["Content-Type"]) != (200, "text/html; charset=utf-8"):
        return f"{status} {headers}"
    if "default-src 'none'" not in policy or "unsafe" in policy or "frame-ancestors 'none'" not in policy:
        return policy
    # Of the addresses in it only SVG's name space is another place's, and that is never fetched.
    outside = set(re.findall(r"https?://[^\"' ]+", text)) - {"http://www.w3.org/2000/svg"}
    return equal((outside, headers["Cross-Origin-Resource-Policy"], headers["Cache-Control"]), (set(), "same-origin", "no-store"))


def idle(server):
    told = mounts(server)
    time.sleep(1)  # long enough for a pipeline that should not be there to begin
    return equal(([(m["path"], m["state"], m["points"], m["events"]) for m in told["mounts"]], server.metric("mount_watched")),
                 ([("/small", "idle", [], []), ("/large", "idle", [], [])], 0))


def pictures(server, index, size):
    number, first = a_picture(server, index)
    later, second = a_picture(server, index, number)
    return (equal((jpeg_size(first), jpeg_size(second)), (size, size)) or (None if later > number else f"{number}, then {later}") or
            ("the picture does not change" if first == second else None))


def rate(server):
    """However often it is asked for."""
    first, _ = a_picture(server)
    begin, last = time.monotonic(), first
    while time.monotonic() < begin + 2 or last == first:  # a busy machine makes fewer, not more
        last = picture(server, 0, last)[0] or last
        if time.monotonic() > begin + PATIENCE:
            return "no further picture"
    made, seconds = last - first, time.monotonic() - begin
    return None if made <= 5 * seconds + 1 else f"{made} pictures in {seconds:.1f} s"


def scores(server):
    """Points come, in their order, and only the newer ones where that is asked for."""
    def enough():
        picture(server)
        told = mounts(server)
        return told if len(told["mounts"][0]["points"]) >= 4 else None
    told = until(enough)
    mount = told["mounts"][0]
    numbers = [number for number, _ in mount["points"]]
    newer = [number for number, _ in mounts(server, numbers[-2])["mounts"][0]["points"]]
    return (equal(numbers, sorted(set(numbers))) or equal(mount["state"], "live") or equal(newer[:2], numbers[-2:]) or
            (None if all(0 <= score <= 1.5 for _, score in mount["points"]) and told["now"] - 2 <= numbers[-1] <= told["now"]
             else str(mount)))


def events(server):
    def painted():
        picture(server, 1)
        found = mounts(server)["mounts"][1]["events"]
        return found[0] if found and found[0]["picture"] else None
    event = until(painted)
    status, headers, body = server.page(f"/mounts/1/events/{event['id']}?version={event['picture']}")
    return (equal((status, headers["Content-Type"], jpeg_size(body)), (200, "image/jpeg", (320, 180))) or
            (None if event["peak"] > 0 and abs(event["start"] / 1000 - time.time()) < 300 else str(event)) or
            equal(server.page(f"/mounts/1/events/{event['id'] + 1000}")[0], 404))


def bad_paths(server):
    for path in ["/x", "/..", "/page.html", "/mounts/", "/mounts/2/picture", "/mounts/-1/picture", "/mounts/0", "/mounts/0/",
                 "/mounts/0/picture/", "/mounts/0/picture?after=x", "/mounts/0/picture?before=1", "/mounts/0/events/",
                 "/mounts/0/events/0", "/mounts/0/events/1x", "/mounts/99999999999999999999999/picture", "/mounts?since=-1",
                 "/mounts?since=99999999999999999999", "/mounts/0/events/1/2", "/metrics"]:
        status = server.page(path)[0]
        if status != 404:
            return f"{path}: {status}"
    return equal(server.page("/", Host="anomalies.example")[0], 421) or equal(server.page("/", Host="localhost:1")[0], 200)


def keeps_alive(server):
    with socket.create_connection(("127.0.0.1", server.web_port), timeout=PATIENCE) as connection:
        for _ in range(3):
            connection.sendall(b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = b""
            while not answer.endswith(b"\r\n\r\n"):
                answer += connection.recv(4096)
            if not answer.startswith(b"HTTP/1.1 200 ") or b"keep-alive" not in answer:
                return answer.decode()
        connection.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\na=b")
        answer = b""
        while data := connection.recv(4096):
            answer += data
        return None if answer.startswith(b"HTTP/1.1 405 ") and b"Connection: close" in answer else answer.decode()


def too_many(server):
    """Over the limit: refused at once. Who says nothing is let go, and there is room again."""
    held = [socket.create_connection(("127.0.0.1", server.web_port), timeout=PATIENCE) for _ in range(MOST)]
    refused = until(lambda: server.page()[0] == 503)
    again = until(lambda: server.page()[0] == 200)  # by the server's patience, not by us
    for connection in held:
        connection.close()
    return equal((refused, again), (True, True))


def vanish(server):
    """Clients that ask and do not take the answer, more of them than there is room for at once."""
    for _ in range(2 * MOST):
        connection = socket.create_connection(("127.0.0.1", server.web_port), timeout=PATIENCE)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
        connection.sendall(b"GET /mounts/1/picture?after=0 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        connection.close()
    return None if until(lambda: server.page()[0] == 200) and a_picture(server, 1) else "no answer any more"


def with_rtsp(server):
    """A client of RTSP comes and goes while somebody looks at the page: one source, for both."""
    a_picture(server, 1)
    client = Client(server.urls["/large"])
    client.play(INTERLEAVED)
    while len(client.packets.get(2, [])) < 10:
        client.take_packet()
    number, _ = a_picture(server, 1)
    if not a_picture(server, 1, number):
        return "no picture while a client watches"
    client.close()
    if not until(lambda: server.metric("clients") == 0):
        return "the client is not let go"
    number, _ = a_picture(server, 1)
    return None if a_picture(server, 1, number + 3) else "no picture after it"


def nobody_looks(server):
    """Then nothing runs, and nothing is left of what ran."""
    opened = lambda: len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))
    before = opened()
    quiet = lambda: until(lambda: not re.search(r"mount_watched\{.*\} 1", server.get("/metrics")[1]))
    if not quiet():
        return "still watched"
    until(lambda: opened() < before, 2)  # of connections that have just ended
    before = opened()
    a_picture(server, 0)
    if not quiet():
        return "still watched"
    frames = re.findall(r"^anomaly_rtsp_frames_total.*$", server.get("/metrics")[1], re.M)
    after = until(lambda: opened() <= before)
    states = [mount["state"] for mount in mounts(server)["mounts"]]
    return (equal(states, ["idle", "idle"]) or (None if after else f"{before} descriptors, then {opened()}") or
            equal(re.findall(r"^anomaly_rtsp_frames_total.*$", server.get("/metrics")[1], re.M), frames))


def lost():
    """One that may come back, and one that no patience mends."""
    (top / "text.mp4").write_text("no video\n", encoding="utf-8")
    with Server(PROGRAM, "--port=0", "--web-port=0", "--model", BUNDLE, "--mount=/x=rtsp://127.0.0.1:9/x",
                f"--mount=/y={top}/text.mp4") as server:
        def told():
            picture(server, 0)
            picture(server, 1)
            known = mounts(server)["mounts"]
            return all(mount["state"] == "lost" and mount["why"] for mount in known)
        def left_alone():
            return all(mount["state"] == "idle" and mount["why"] is None for mount in mounts(server)["mounts"])
        return (None if until(told) else str(mounts(server))) or (
            None if "/x: the source failed" in server.errors and "/y: " in server.errors else server.errors) or (
            None if until(left_alone) else str(mounts(server))) or equal(server.terminate(), 0)


def users():
    text = f"[server]\nport=0\nmetrics-port=0\nweb-port=0\nmodel={BUNDLE}\n[users]\nanna=s3cret: word\n[mount /small]\nsource={SMALL}\n"
    with Server(PROGRAM, "--config", config("users.conf", text)) as server:
        basic = lambda pair: server.page("/mounts", Authorization="Basic " + base64.b64encode(pair.encode()).decode())[0]
        status, headers, _ = server.page()
        return (equal((status, headers.get("WWW-Authenticate", "").split(" ")[0]), (401, "Basic")) or
                equal([basic("anna:s3cret: word"), basic("anna:s3cret"), basic("anna"), basic("otto:"), basic(":")],
                      [200, 401, 401, 401, 401]) or equal(server.page("/mounts/0/picture")[0], 401) or
                equal(server.page("/", Authorization="Basic ****")[0], 401))


# --- A browser ---------------------------------------------------------------------------------------------------------
# A coarse copy of each picture: the sum of its pixels' distances from their mean, and a number that changes with them.
LOOK = """[...document.querySelectorAll(".picture img")].map((image) => {
  const canvas = document.createElement("canvas"); canvas.width = canvas.height = 32;
  const context = canvas.getContext("2d"); context.drawImage(image, 0, 0, 32, 32);
  const data = [...context.getImageData(0, 0, 32, 32).data].filter((_, index) => index % 4 === 1);
  const mean = data.reduce((sum, value) => sum + value) / data.length;
  return [image.naturalWidth, data.reduce((sum, value) => sum + Math.abs(value - mean), 0) / data.length,
          data.reduce((sum, value, index) => (sum * 31 + value) % 1000003, 7)];
})"""
CHARTS = """[...document.querySelectorAll("svg .score")].map((path) => {
  const box = path.getBBox(); return [(path.getAttribute("d").match(/[ML]/g) || []).length, box.width, box.y >= 0]; })"""
THUMBNAILS = """[...document.querySelectorAll(".events img")].map((image) => image.naturalWidth)"""
WIDE = """document.documentElement.scrollWidth <= innerWidth"""


def looked_at(page):
    """All four pictures are there, have something on them, and change."""
    seen = until(lambda: next((s for s in [page.ask(LOOK)] if len(s) == 4 and all(each[1] > 2 for each in s)), None), browser.PATIENCE)
    if not seen:
        return str(page.ask(LOOK))
    moved = until(lambda: all(a[2] != b[2] for a, b in zip(seen, page.ask(LOOK))), browser.PATIENCE)
    return equal([each[0] for each in seen], [160, 640, 160, 160]) or (None if moved else "a picture stands still")


def drawn(page):
    good = until(lambda: (lambda c: len(c) == 4 and all(n >= 3 and width > 0 and inside for n, width, inside in c))(page.ask(CHARTS)),
                 browser.PATIENCE)
    return None if good else str(page.ask(CHARTS))


def fits(page, name):
    for width, height, dark in [(1400, 1000, False), (1400, 1000, True), (420, 800, False)]:
        page.size(width, height, dark)
        if not until(lambda: page.ask(WIDE)):
            return f"{width} pixels are too few"
        shot = top / f"{name}-{width}-{dark}.png"
        page.screenshot(shot)
        data = shot.read_bytes()
        if data[:8] != b"\x89PNG\r\n\x1a\n" or int.from_bytes(data[16:20], "big") != width or len(data) < 20000:
            return f"a screenshot of {len(data)} bytes"
    page.size(1400, 1000)
    return None


def in_browser():
    text = f"[server]\nport=0\nmetrics-port=0\nmodel={BUNDLE}\nevent-on-score=0.0001\n" + "".join(
        f"[mount /{name}]\nsource={source}\n" for name, source in [("a", SMALL), ("b", LARGE), ("c", SMALL), ("d/long-name", SMALL)])
    path = config("four.conf", text)
    with browser.Browser() as page:
        with Server(PROGRAM, "--config", path, "--web-port=0") as server:
            port = server.web_port
            page.size(1400, 1000)
            page.open(f"http://127.0.0.1:{port}/")
            check("browser: four live pictures", looked_at, page)
            check("browser: four charts", drawn, page)
            check("browser: events with thumbnails", lambda: None if until(
                lambda: (lambda t: len(t) >= 4 and all(width in (160, 320) for width in t))(page.ask(THUMBNAILS)),
                browser.PATIENCE) else str(page.ask(THUMBNAILS)))
            check("browser: fits into narrow and wide windows", fits, page, "four")
            check("browser: mounts by their names", lambda: equal(
                page.ask('[...document.querySelectorAll("h2")].map((each) => each.textContent)'), ["/a", "/b", "/c", "/d/long-name"]))
            check("browser: nothing was blocked, nothing failed", lambda: equal(page.problems, []))
            check("browser: SIGTERM while it looks: status 0", lambda: equal(server.terminate(), 0))
            check("server: nothing was complained of", lambda: equal(server.errors, ""))
        check("browser: tells that the server is gone", lambda: None if until(
            lambda: "no connection" in page.ask('document.querySelector("#status").textContent'), browser.PATIENCE) else "not told")
        with Server(PROGRAM, "--config", path, f"--web-port={port}"):
            check("browser: goes on when it is back", lambda: None if until(
                lambda: "4 mounts" in page.ask('document.querySelector("#status").textContent'), browser.PATIENCE) else "it does not")
            check("browser: and pictures come again", looked_at, page)


def main():
    text = (f"[server]\nport=0\nmetrics-port=0\nweb-port=0\nmodel={BUNDLE}\n[mount /small]\nsource={SMALL}\n"
            f"[mount /large]\nsource={LARGE}\nevent-on-score=0.0001\n")
    with Server(PROGRAM, "--config", config("two.conf", text)) as server:
        check("the page is whole, and closed to others", the_page, server)
        check("nothing runs before somebody looks", idle, server)
        check("pictures as large as small frames", pictures, server, 0, (160, 90))
        check("pictures of large frames are smaller", pictures, server, 1, (640, 360))
        check("no more than five a second", rate, server)
        check("scores over time", scores, server)
        check("an event with its picture", events, server)
        check("paths and queries that are not there: 404", bad_paths, server)
        check("several requests on a connection", keeps_alive, server)
        check("too many connections", too_many, server)
        check("clients that vanish", vanish, server)
        check("RTSP and the page watch the same", with_rtsp, server)
        check("nobody looks any more", nobody_looks, server)
        a_picture(server)
        check("SIGTERM while somebody looks: status 0", lambda: equal(server.terminate(), 0))
        check("nothing was complained of", lambda: equal(server.errors, ""))
    check("a source that is lost is told", lost)
    check("users are asked for", users)
    if browser.find():
        in_browser()
    else:
        result("the page in a browser", skip="chromium is missing (Debian: apt-get install chromium)")


try:
    main()
finally:
    shutil.rmtree(top)
finish()
