#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Soak of the RTSP server: four mounts for an hour, clients that come, stay, leave and vanish, at the mounts and at the page.

usage: tests/soak.py [--build DIR] [--minutes N] [--video FILE]

What the server holds, memory, descriptors and threads, is looked at twice in the same state, one settled client at each
mount and nobody else: after 5 minutes, and at the end. Passes if by then memory has grown by at most 5 %, descriptors and
threads not at all, no client was turned away or starved, the page has shown pictures of streams and of events, and the server ends with status 0. Prints a line a minute; the last line is
"N passed, N failed". Exit status 1 if anything failed.
"""
import argparse
import json
import os
import pathlib
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent / "server"))
import harness  # noqa: E402

MOUNTS = ["/front", "/rear", "/left", "/right"]
VIDEO, METADATA = "RTP/AVP/TCP;unicast;interleaved=0-1", "RTP/AVP/TCP;unicast;interleaved=2-3"


def held_by(pid):
    """Resident bytes, descriptors, threads."""
    pages = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE"), len(os.listdir(f"/proc/{pid}/fd")), len(os.listdir(f"/proc/{pid}/task"))


class Visitor(threading.Thread):
    """Stays for some seconds, then says goodbye or just vanishes. `took` counts what it got, `problem` is what went wrong."""

    def __init__(self, server, place, seconds, polite):
        super().__init__(daemon=True)
        self.server, self.place, self.seconds, self.polite = server, place, seconds, polite
        self.problem, self.took, self.thumbnails, self.leave = None, 0, 0, threading.Event()

    def run(self):
        try:
            self.visit()
        except Exception as error:  # whatever it is: the soak tells of it
            self.problem = f"{time.strftime('%H:%M:%S')} {self.place}: {type(error).__name__}: {error}"

    def settle(self):
        self.end = time.monotonic() + self.seconds

    def stays(self):
        return time.monotonic() < self.end and not self.leave.is_set()


class Viewer(Visitor):
    """Watches a mount."""

    def visit(self):
        client = harness.Client(self.server.urls[self.place])
        client.play([VIDEO, METADATA])
        self.settle()
        while self.stays():
            client.take_packet()
            client.packets.clear()
            self.took += 1
        if self.polite:
            client.ask("TEARDOWN")
        client.close()


class Looker(Visitor):
    """Has the page open, as a browser does: the pictures of all mounts, their scores, their events' thumbnails."""

    def get(self, path, *others):
        status, _, body = answer = self.server.page(path)
        if status not in (200, *others):
            raise RuntimeError(f"{path}: status {status}")
        return answer if status == 200 else (status, {}, body)

    def visit(self):
        self.get("/")
        self.settle()
        number, seen, since = {}, set(), 0
        # On a busy machine a source may take longer to begin.
        while self.stays() or (self.took == 0 and time.monotonic() < self.end + harness.PATIENCE and not self.leave.is_set()):
            told = json.loads(self.get(f"/mounts?since={since}")[2])
            since = told["now"]
            for index, mount in enumerate(told["mounts"]):
                _, headers, picture = self.get(f"/mounts/{index}/picture?after={number.get(index, 0)}", 204)
                number[index] = headers.get("X-Number", number.get(index, 0))
                self.took += picture[:2] == b"\xff\xd8"
                for event in mount["events"]:
                    name = f"/mounts/{index}/events/{event['id']}?version={event['picture']}"
                    if event["picture"] and name not in seen and self.stays():
                        seen.add(name)
                        self.thumbnails += self.get(name, 404)[2][:2] == b"\xff\xd8"  # 404: a newer one has taken its place
        if not self.polite:
            connection = socket.create_connection(("127.0.0.1", self.server.web_port), timeout=harness.PATIENCE)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
            connection.sendall(b"GET /mounts/0/picture?after=0 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            connection.close()


class Crowd:
    """The visitors of a server."""

    def __init__(self, server):
        self.server, self.visitors = server, []
        self.came, self.took = {Viewer: 0, Looker: 0}, {Viewer: 0, Looker: 0}
        self.thumbnails, self.problems = 0, []

    def there(self, kind):
        return sum(isinstance(visitor, kind) for visitor in self.visitors)

    def admit(self, kind, place, seconds, polite=True):
        visitor = kind(self.server, place, seconds, polite)
        visitor.start()
        self.visitors.append(visitor)
        self.came[kind] += 1

    def see_off(self, everybody=False):
        for visitor in self.visitors:
            if everybody:
                visitor.leave.set()
        for visitor in list(self.visitors):
            if everybody:
                visitor.join(harness.PATIENCE)
                if visitor.is_alive():
                    self.problems.append(f"{visitor.place}: got nothing for {harness.PATIENCE} s")
            if not visitor.is_alive() or everybody:
                self.visitors.remove(visitor)
                self.took[type(visitor)] += visitor.took
                self.thumbnails += visitor.thumbnails
                if visitor.problem:
                    self.problems.append(visitor.problem)
                elif visitor.took == 0 and not everybody:
                    self.problems.append(f"{visitor.place}: got nothing")


def nobody_is_there(server):
    return re.findall(r"^anomaly_rtsp_(?:clients|sessions|mount_watched)(?:{.*})? (\S+)$", server.get("/metrics")[1],
                      re.M) == ["0"] * (2 + len(MOUNTS))


def look(server, crowd):
    """What the server holds with one settled client at each mount, all others gone: the least of some seconds, for on a
    busy machine frames pile up in queues, now in these, now in those."""
    crowd.see_off(everybody=True)
    # Those who vanished are given up after the session's timeout.
    if not harness.until(lambda: nobody_is_there(server), 60):
        crowd.problems.append("somebody stays for ever")
    for mount in MOUNTS:
        crowd.admit(Viewer, mount, 50)
    time.sleep(25)
    samples = []
    for _ in range(20):
        samples.append(held_by(server.process.pid))
        time.sleep(1)
    crowd.see_off(everybody=True)
    return tuple(min(column) for column in zip(*samples))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = pathlib.Path(__file__).resolve().parent.parent
    parser.add_argument("--build", type=pathlib.Path, default=root / "build")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--video", type=pathlib.Path, help="what all mounts show (default: a drive of anomalytestsrc)")
    options = parser.parse_args()
    build = options.build.resolve()
    os.environ["GST_PLUGIN_PATH"] = str(build / "gst/plugin")
    program = build / "pipelines/server/anomaly-rtsp-server"
    if not program.exists():
        parser.error(f"{program} is not there; build it, or name the build folder with --build")
    chance = random.Random(7)
    results = []

    def check(what, held, detail):
        results.append(held)
        print(f"{'ok' if held else 'FAILED'}: {what}: {detail}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        video = options.video
        if video is None:
            video = pathlib.Path(folder) / "drive.mp4"
            subprocess.run(["gst-launch-1.0", "-q", "anomalytestsrc", "num-buffers=200", "!",
                            "video/x-raw,width=320,height=180,framerate=10/1", "!", "videoconvert", "!", "x264enc",
                            "speed-preset=veryfast", "!", "mp4mux", "!", "filesink", f"location={video}"], check=True)
        configuration = pathlib.Path(folder) / "server.conf"
        configuration.write_text("[server]\nport=0\nweb-port=0\nsession-timeout=10\nthreads=1\ninterval=-1\n" +
                                 "".join(f"[mount {mount}]\nsource={video.resolve()}\n" for mount in MOUNTS))
        with harness.Server(program, f"--config={configuration}") as server:
            crowd, start = Crowd(server), time.monotonic()
            first, last_line = None, 0
            while True:
                minutes = (time.monotonic() - start) / 60
                if first is None and minutes >= min(5, options.minutes / 4):
                    first = look(server, crowd)
                    print(f"after {minutes:.0f} minutes: {first[0] / 2**20:.1f} MiB, {first[1]} descriptors, {first[2]} threads",
                          flush=True)
                if minutes >= options.minutes:
                    break
                if minutes >= last_line + 1:
                    last_line = int(minutes)
                    size, descriptors, threads = held_by(server.process.pid)
                    print(f"{last_line:3d} min: {size / 2**20:.1f} MiB, {descriptors} descriptors, {threads} threads, "
                          f"{crowd.came[Viewer]} clients and {crowd.came[Looker]} of the page so far, "
                          f"{crowd.there(Viewer)} and {crowd.there(Looker)} there", flush=True)
                crowd.see_off()
                if crowd.there(Viewer) < 8:
                    crowd.admit(Viewer, chance.choice(MOUNTS), chance.uniform(0.5, 40), polite=chance.random() < 0.6)
                if crowd.there(Looker) < 3 and chance.random() < 0.3:
                    crowd.admit(Looker, "the page", chance.uniform(5, 60), polite=chance.random() < 0.6)
                server.get("/metrics")
                time.sleep(chance.uniform(0.2, 6))
            last = look(server, crowd)
            check("memory", last[0] <= 1.05 * first[0],
                  f"{first[0] / 2**20:.1f} MiB, at the end {last[0] / 2**20:.1f} MiB: {100 * (last[0] / first[0] - 1):+.1f} %")
            check("descriptors", last[1] <= first[1], f"{first[1]}, at the end {last[1]}")
            check("threads", last[2] <= first[2], f"{first[2]}, at the end {last[2]}")
            check("clients", not crowd.problems and crowd.took[Viewer] > crowd.came[Viewer],
                  f"{crowd.came[Viewer]} of them took {crowd.took[Viewer]} packets, {crowd.came[Looker]} of the page "
                  f"{crowd.took[Looker]} pictures; {len(crowd.problems)} had trouble")
            check("events", crowd.thumbnails > 0, f"{crowd.thumbnails} thumbnails")
            for problem in crowd.problems[:10]:
                print(f"  {problem}")
            status = server.terminate()
            check("SIGTERM", status == 0, f"exit status {status}")
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
