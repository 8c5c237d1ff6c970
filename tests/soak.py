#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Soak of the RTSP server: four mounts for an hour, clients that come, stay, leave and vanish.

usage: tests/soak.py [--build DIR] [--minutes N] [--video FILE]

What the server holds, memory, descriptors and threads, is looked at twice in the same state, one settled client at each
mount and nobody else: after 5 minutes, and at the end. Passes if by then memory has grown by at most 5 %, descriptors and
threads not at all, no client was turned away or starved, and the server ends with status 0. Prints a line a minute; the last line is
"N passed, N failed". Exit status 1 if anything failed.
"""
import argparse
import os
import pathlib
import random
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


class Viewer(threading.Thread):
    """Watches a mount for some seconds, then says goodbye or just vanishes. `problem` is what went wrong."""

    def __init__(self, url, seconds, polite):
        super().__init__(daemon=True)
        self.url, self.seconds, self.polite = url, seconds, polite
        self.problem, self.packets, self.leave = None, 0, threading.Event()

    def run(self):
        try:
            client = harness.Client(self.url)
            client.play([VIDEO, METADATA])
            end = time.monotonic() + self.seconds
            while time.monotonic() < end and not self.leave.is_set():
                client.take_packet()
                client.packets.clear()
                self.packets += 1
            if self.polite:
                client.ask("TEARDOWN")
            client.close()
        except Exception as error:  # whatever it is: the soak tells of it
            self.problem = f"{self.url}: {type(error).__name__}: {error}"


class Crowd:
    """The viewers of a server."""

    def __init__(self, server):
        self.server, self.viewers = server, []
        self.came, self.packets, self.problems = 0, 0, []

    def admit(self, mount, seconds, polite=True):
        viewer = Viewer(self.server.urls[mount], seconds, polite)
        viewer.start()
        self.viewers.append(viewer)
        self.came += 1

    def see_off(self, everybody=False):
        for viewer in self.viewers:
            if everybody:
                viewer.leave.set()
        for viewer in list(self.viewers):
            if everybody:
                viewer.join(harness.PATIENCE)
                if viewer.is_alive():
                    self.problems.append(f"{viewer.url}: got nothing for {harness.PATIENCE} s")
            if not viewer.is_alive() or everybody:
                self.viewers.remove(viewer)
                self.packets += viewer.packets
                if viewer.problem:
                    self.problems.append(viewer.problem)
                elif viewer.packets == 0 and not everybody:
                    self.problems.append(f"{viewer.url}: got no packet")


def look(server, crowd):
    """What the server holds with one settled client at each mount, all others gone."""
    crowd.see_off(everybody=True)
    # Those who vanished are given up after the session's timeout.
    harness.until(lambda: server.metric("clients") == 0 and server.metric("sessions") == 0, 60)
    for mount in MOUNTS:
        crowd.admit(mount, 40)
    time.sleep(30)
    samples = []
    for _ in range(5):
        samples.append(held_by(server.process.pid))
        time.sleep(1)
    crowd.see_off(everybody=True)
    return tuple(sorted(column)[2] for column in zip(*samples))


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
        configuration.write_text("[server]\nport=0\nsession-timeout=10\nthreads=1\ninterval=-1\n" +
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
                          f"{crowd.came} clients so far, {len(crowd.viewers)} there", flush=True)
                crowd.see_off()
                if len(crowd.viewers) < 8:
                    crowd.admit(chance.choice(MOUNTS), chance.uniform(0.5, 40), polite=chance.random() < 0.6)
                server.get("/metrics")
                time.sleep(chance.uniform(0.2, 6))
            last = look(server, crowd)
            check("memory", last[0] <= 1.05 * first[0],
                  f"{first[0] / 2**20:.1f} MiB, at the end {last[0] / 2**20:.1f} MiB: {100 * (last[0] / first[0] - 1):+.1f} %")
            check("descriptors", last[1] <= first[1], f"{first[1]}, at the end {last[1]}")
            check("threads", last[2] <= first[2], f"{first[2]}, at the end {last[2]}")
            check("clients", not crowd.problems and crowd.packets > crowd.came,
                  f"{crowd.came} of them took {crowd.packets} packets; {len(crowd.problems)} had trouble")
            for problem in crowd.problems[:10]:
                print(f"  {problem}")
            status = server.terminate()
            check("SIGTERM", status == 0, f"exit status {status}")
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
