# SPDX-License-Identifier: LGPL-2.1-or-later
"""The server as a process, and a client that speaks RTSP by hand: to do what well-behaved ones do not."""
import http.client
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

PATIENCE = 60  # seconds, for a machine that is busy with other work


def until(condition, seconds=PATIENCE):
    """The first true value of `condition`, or its last one."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(0.05)


class Server:
    """anomaly-rtsp-server on free ports. `urls` by mount; `errors` is what it has written to standard error."""

    def __init__(self, program, *arguments):
        self.log = tempfile.TemporaryFile(mode="w+")
        self.process = subprocess.Popen([program, "--metrics-port=0", *arguments], stdout=subprocess.PIPE, stderr=self.log,
                                        text=True)
        lines = []
        for line in self.process.stdout:
            lines.append(line.strip())
            if lines[-1] == "ready":
                break
        if not lines or lines[-1] != "ready":
            self.process.wait(PATIENCE)
            raise RuntimeError(f"the server has not started: {self.errors}")
        ports = dict(re.findall(r"^http://127.0.0.1:(\d+)/(.*)$", line)[0][::-1] for line in lines if line.startswith("http"))
        self.metrics_port, self.web_port = int(ports["metrics"]), int(ports.get("", 0))
        self.urls = {"/" + line.split("/", 3)[3]: line for line in lines if line.startswith("rtsp")}
        self.port = int(re.search(r":(\d+)/", lines[0]).group(1))

    @property
    def errors(self):
        self.log.seek(0)
        return self.log.read()

    def page(self, path="/", **headers):
        """(status, headers, body) of the web page's port."""
        connection = http.client.HTTPConnection("127.0.0.1", self.web_port, timeout=PATIENCE)
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        try:
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def get(self, path, method="GET"):
        connection = http.client.HTTPConnection("127.0.0.1", self.metrics_port, timeout=PATIENCE)
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def metric(self, name):
        return float(re.search(rf"^anomaly_rtsp_{name}(?:{{.*}})? (\S+)$", self.get("/metrics")[1], re.M).group(1))

    def terminate(self):
        """The exit status after SIGTERM."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        status = self.process.poll()
        if kind:
            print(f"the server has said: {self.errors}", file=sys.stderr)
        if status is None:
            self.process.kill()
            self.process.wait()
        elif status != 0:
            print(f"the server ended with {status}: {self.errors}", file=sys.stderr)
        self.process.stdout.close()


class Client:
    """One connection. Interleaved data is kept by channel."""

    def __init__(self, url):
        self.url = url
        host, port = re.match(r"rtsp://([^:/]+):(\d+)/", url).groups()
        self.socket = socket.create_connection((host, int(port)), timeout=PATIENCE)
        self.buffer, self.packets, self.number, self.session = b"", {}, 0, None

    def fill(self):
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("closed by the server")
        self.buffer += data

    def take(self, size):
        while len(self.buffer) < size:
            self.fill()
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def take_packet(self):
        """Takes one interleaved packet, or returns False where an answer comes first."""
        while not self.buffer:
            self.fill()
        if self.buffer[:1] != b"$":
            return False
        header = self.take(4)
        self.packets.setdefault(header[1], []).append(self.take(int.from_bytes(header[2:], "big")))
        return True

    def ask(self, method, url=None, **headers):
        """(status, headers, body)"""
        self.number += 1
        lines = [f"{method} {url or self.url} RTSP/1.0", f"CSeq: {self.number}"]
        if self.session:
            lines.append(f"Session: {self.session}")
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        while self.take_packet():
            pass
        while b"\r\n\r\n" not in self.buffer:
            self.fill()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        first, *rest = head.decode().split("\r\n")
        found = {line.split(":", 1)[0].lower(): line.split(":", 1)[1].strip() for line in rest}
        if "session" in found:
            self.session = found["session"].split(";")[0]
        return int(first.split()[1]), found, self.take(int(found.get("content-length", 0))).decode()

    def play(self, transports):
        """Sets up stream 0, 1, .. by `transports` and plays. The RTP times at which they begin."""
        statuses = [self.ask("DESCRIBE", Accept="application/sdp")[0]]
        for stream, transport in enumerate(transports):
            statuses.append(self.ask("SETUP", f"{self.url}/stream={stream}", Transport=transport)[0])
        status, headers, _ = self.ask("PLAY")
        if {status, *statuses} != {200}:
            raise RuntimeError(f"statuses {statuses}, {status}")
        return [int(time) for time in re.findall(r"rtptime=(\d+)", headers["rtp-info"])]

    def close(self):
        self.socket.close()
