#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""anomaly-rtsp-server with clients as they are found: GStreamer's, ffprobe, openssl. Loopback addresses only. Prints TAP.

usage: server_test.py SERVER BUNDLE
"""
import json
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as ET
from pathlib import Path

from harness import PATIENCE, Client, Server, until
from tap import check, equal, finish, result

TT = "{http://www.onvif.org/ver10/schema}"
PROGRAM, BUNDLE = (str(Path(argument).resolve()) for argument in sys.argv[1:3])
INTERLEAVED = ["RTP/AVP/TCP;unicast;interleaved=0-1", "RTP/AVP/TCP;unicast;interleaved=2-3"]
top = Path(tempfile.mkdtemp(prefix="anomaly-rtsp-"))


def run(*command, timeout=PATIENCE):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=timeout, check=False)


def gst_launch(description, timeout=PATIENCE):
    try:
        return run("gst-launch-1.0", "-q", *description.split(), timeout=timeout)
    except subprocess.TimeoutExpired as late:
        return subprocess.CompletedProcess(late.cmd, 124, "", f"nothing in {timeout} s: {late.stderr}")


def ffprobe(url, *options):
    return run("ffprobe", "-v", "error", "-of", "json", "-show_streams", *options, url)


def with_ffprobe(what, test, *arguments):
    if shutil.which("ffprobe"):
        check(what, test, *arguments)
    else:
        result(what, skip="ffprobe is missing (Debian: apt-get install ffmpeg)")


def config(name, text):
    path = top / name
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return path


def make_video():
    made = gst_launch(f"videotestsrc num-buffers=50 ! video/x-raw,width=160,height=120,framerate=25/1 ! "
                      f"x264enc speed-preset=ultrafast ! mp4mux ! filesink location={top}/drive.mp4")
    return made.stderr if made.returncode else None


def make_pictures(folder, sizes, each):
    """`each` pictures of every one of the sizes, in a folder, numbered from 0."""
    (top / folder).mkdir()
    for place, (width, height) in enumerate(sizes):
        made = gst_launch(f"videotestsrc num-buffers={each} ! video/x-raw,width={width},height={height} ! jpegenc ! "
                          f"multifilesink location={top}/{folder}/%05d.jpg index={place * each}")
        if made.returncode:
            raise RuntimeError(made.stderr)


# --- What is wrong is said ---------------------------------------------------------------------------------------------
WRONG = [  # what, arguments or a configuration, what the message holds
    ("nothing to serve", [], "nothing to serve"),
    ("a mount without a path", ["--mount=drive.mp4"], "is not /PATH=SOURCE"),
    ("a file that is not there", ["--mount=/d=/nonexistent.mp4"], "/nonexistent.mp4"),
    ("a configuration that is not there", ["--config=/nonexistent.conf"], "/nonexistent.conf"),
    ("an unknown group", "[servers]\n", 'group "servers": there is no such group'),
    ("an unknown key", "[server]\nports=1\n", 'group "server", key "ports": there is no such key'),
    ("a number out of range", "[server]\nport=65536\n", 'group "server", key "port": "65536" is no whole number from 0 to 65535'),
    ("a number and more", "[server]\nport=1x\n", 'key "port": "1x"'),
    ("ports the wrong way round", "[server]\nudp-ports=6000-5000\n", 'key "udp-ports"'),
    ("an unknown protocol", "[server]\nprotocols=tcp;sctp\n", 'key "protocols": "sctp"'),
    ("groups that are none", "[server]\nmulticast=192.0.2.1-192.0.2.9\n", 'key "multicast": "192.0.2.1-192.0.2.9"'),
    ("groups the wrong way round", f"[server]\nport=0\nmodel={BUNDLE}\nmulticast=239.255.42.9-239.255.42.1\n[mount /d]\nsource=drive.mp4\n",
     "239.255.42.9 to 239.255.42.1"),
    ("a key without a certificate", "[server]\nkey=a.pem\n", 'key "key": it needs a certificate'),
    ("an empty password", "[users]\nanna=\n", 'group "users", key "anna": it is empty'),
    ("a mount without a source", "[mount /d]\nbitrate=100\n", 'group "mount /d", key "source": it is missing'),
    ("a mount with a space", "[mount /d d]\nsource=drive.mp4\n", '"/d d" is no mount'),
    ("a mount with markup", "[mount /<b>]\nsource=drive.mp4\n", '"/<b>" is no mount'),
    ("a page's port out of range", "[server]\nweb-port=65536\n", 'group "server", key "web-port": "65536" is no whole number from -1'),
    ("an address that is none", f"[server]\naddress=no address\nport=0\nmodel={BUNDLE}\n[mount /d]\nsource=drive.mp4\n",
     'address "no address"'),
    ("a bitrate out of range", "[mount /d]\nsource=drive.mp4\nbitrate=15\n", 'key "bitrate": "15"'),
    ("neither true nor false", "[mount /d]\nsource=drive.mp4\noverlay=yes\n", 'key "overlay": "yes"'),
    ("a detector's value", "[mount /d]\nsource=drive.mp4\nthreshold=high\n", 'mount "/d", key "threshold": "high"'),
    ("a bundle that is none", "[mount /d]\nsource=drive.mp4\nmodel=drive.mp4\n", "drive.mp4"),
    ("a certificate that is none", f"[server]\nport=0\nmodel={BUNDLE}\ncertificate=drive.mp4\n[mount /d]\nsource=drive.mp4\n",
     "drive.mp4"),
]


def says(arguments, message):
    if isinstance(arguments, str):
        arguments = ["--config", config("wrong.conf", arguments)]
    done = run(PROGRAM, *arguments)
    if done.returncode not in (1, 2) or message not in done.stderr or done.stdout:
        return f"status {done.returncode}: {done.stdout}{done.stderr}"
    return None


# --- Clients -----------------------------------------------------------------------------------------------------------
def probed(url, *options):
    done = ffprobe(url, *options)
    if done.returncode:
        return done.stderr
    streams = json.loads(done.stdout)["streams"]
    video = [(s["codec_name"], s["width"], s["height"]) for s in streams if s["codec_type"] == "video"]
    return equal((video, [s["codec_type"] for s in streams]), ([("h264", 160, 120)], ["video", "data"]))


def documents(url):
    """Sixty of them: more than the file has frames, so it has begun anew. The RTP header is of 12 bytes."""
    client = Client(url)
    client.play(INTERLEAVED)
    packets = client.packets.setdefault(2, [])
    while sum(packet[1] >> 7 for packet in packets) < 60:  # the marker: of each document's last packet
        client.take_packet()
    client.close()
    text = b"".join(packet[12:] for packet in packets).decode()
    parsed = [ET.fromstring(part) for part in re.split(r"(?=<\?xml)", text) if part]
    frames = [root.find(f"{TT}VideoAnalytics/{TT}Frame") for root in parsed]
    times = [frame.get("UtcTime") for frame in frames]
    boxes = [float(box.get(side)) for root in parsed for box in root.iter(f"{TT}BoundingBox")
             for side in ("left", "top", "right", "bottom")]
    return (equal(len(parsed), 60) or equal({root.tag for root in parsed}, {f"{TT}MetadataStream"}) or
            equal(times, sorted(set(times))) or (None if boxes else "no object was found in 60 frames") or
            (None if all(-1 <= side <= 1 for side in boxes) else f"boxes from {min(boxes)} to {max(boxes)}"))


def in_step(url):
    """Documents have the RTP times of frames of the video, each stream's counted from where it begins."""
    client = Client(url)
    begin = client.play(INTERLEAVED)
    while sum(packet[1] >> 7 for packet in client.packets.get(2, [])) < 40:  # the marker: of each document's last packet
        client.take_packet()
    client.close()
    video, documents_at = (
        sorted({(int.from_bytes(packet[4:8], "big") - begin[index]) % 2**32 for packet in client.packets[2 * index]})
        for index in (0, 1))
    both = [time for time in documents_at if video[0] <= time <= video[-1]]
    matched = [time for time in both if any(abs(time - other) <= 1 for other in video)]
    # A machine that is too slow to encode leaves frames out, of the one stream or of the other.
    if len(both) < 20 or len(matched) < 0.8 * len(both):
        return f"{len(matched)} of {len(both)}: {documents_at} and {video}"
    return None


def decoded(url):
    done = gst_launch(f"anomalysource location={url} transport=udp reconnect=false num-buffers=20 ! "
                      f"video/x-raw,width=160,height=120 ! fakesink")
    return done.stderr if done.returncode else None


def twenty(server, url):
    """They all get both streams, of one pipeline."""
    clients = [Client(url) for _ in range(20)]
    for client in clients:
        client.play(INTERLEAVED)
    for client in clients:
        while len(client.packets.get(0, [])) < 25 or len(client.packets.get(2, [])) < 25:
            client.take_packet()
    before = server.metric("frames_total")
    clients[0].packets.clear()
    while len(clients[0].packets.get(2, [])) < 25:
        clients[0].take_packet()
    made, count = server.metric("frames_total") - before, server.metric("clients")
    for client in clients:
        client.close()  # without a word
    if not until(lambda: server.metric("clients") == 0 and server.metric("mount_watched") == 0):
        return "clients that vanish are not let go\n" + server.get("/metrics")[1]
    return equal(count, 20) or (None if made < 250 else f"{made} frames of 25 documents: not shared")


def vanishing_udp(url):
    """A client that asks for UDP and is gone. What it leaves ends with its session."""
    receivers = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(4)]
    for receiver in receivers:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(PATIENCE)
    ports = [receiver.getsockname()[1] for receiver in receivers]
    client = Client(url)
    client.play([f"RTP/AVP;unicast;client_port={ports[0]}-{ports[1]}", f"RTP/AVP;unicast;client_port={ports[2]}-{ports[3]}"])
    sources = {receivers[index].recvfrom(65536)[1][0] for index in (0, 2)}
    client.close()
    for receiver in receivers:
        receiver.close()
    return equal(sources, {"127.0.0.1"})


def localhost():
    """A name is as good as its address, of UDP's sockets too."""
    path = config("name.conf", f"[server]\naddress=localhost\nport=0\n[mount /d]\nsource=drive.mp4\nmodel={BUNDLE}\n")
    with Server(PROGRAM, "--config", str(path)) as server:
        url = server.urls["/d"]
        if not url.startswith("rtsp://127.0.0.1:"):
            return url
        problem = vanishing_udp(url)  # its session stays for a while
        links = [link.readlink() for link in Path(f"/proc/{server.process.pid}/fd").iterdir() if link.is_symlink()]
        lines = [line.split() for name in ("udp", "udp6") for line in Path(f"/proc/net/{name}").read_text(encoding="ascii").splitlines()[1:]]
        bound = {line[1].split(":")[0] for line in lines if Path(f"socket:[{line[9]}]") in links}
        return problem or equal((bound, server.errors, server.terminate()), ({"0100007F"}, "", 0))


def colours(url):
    """The means of red, green and blue over a few decoded frames."""
    raw = top / "colours.rgb"
    done = gst_launch(f"anomalysource location={url} transport=tcp reconnect=false num-buffers=5 ! videoconvert ! "
                      f"video/x-raw,format=RGB,width=160,height=120 ! filesink location={raw}")
    if done.returncode:
        raise RuntimeError(done.stderr)
    data = raw.read_bytes()
    return [sum(data[channel::3]) / (len(data) // 3) for channel in range(3)]


def overlays(video):
    """With threshold 0 all of the picture is an anomaly, and has its colour. The mounts are of one source."""
    path = config("overlay.conf", f"[server]\nport=0\nmodel={BUNDLE}\nthreshold=0\n[mount /on]\n{video}overlay=true\nbitrate=1000\n"
                  f"[mount /off]\n{video}overlay=false\nbitrate=500\n")
    with Server(PROGRAM, "--config", str(path)) as server:
        drawn, plain = colours(server.urls["/on"]), colours(server.urls["/off"])
        by_file = colours(str(top / "drive.mp4"))
        near = max(abs(a - b) for a, b in zip(plain, by_file))
        far = max(abs(a - b) for a, b in zip(drawn, plain))
        return None if near < 6 and far > 12 else f"{drawn} with it, {plain} without, {by_file} as it came"


def sizes_change():
    """The video goes on in a further size, as often as it comes."""
    make_pictures("sizes", [(160, 120), (320, 200)], 10)
    with Server(PROGRAM, "--port=0", "--model", BUNDLE, f"--mount=/s={top}/sizes") as server:
        done = run("gst-launch-1.0", "-v", "anomalysource", f"location={server.urls['/s']}", "transport=tcp", "reconnect=false",
                   "num-buffers=60", "!", "fakesink")
        seen = re.findall(r"sink: caps = video/x-raw.*width=\(int\)(\d+), height=\(int\)(\d+)", done.stdout)
        return (equal((done.returncode, set(seen)), (0, {("160", "120"), ("320", "200")})) or
                (None if len(seen) >= 3 else str(seen)) or equal((server.errors, server.terminate()), ("", 0)))


def fails_for_good():
    """Who watches is let go, and who comes then is served by a new pipeline."""
    make_pictures("broken", [(160, 120)], 50)
    (top / "broken" / "00050.jpg").write_text("no picture\n", encoding="utf-8")
    with Server(PROGRAM, "--port=0", "--model", BUNDLE, f"--mount=/b={top}/broken") as server:
        for _ in range(2):
            clients = [Client(server.urls["/b"]) for _ in range(2)]
            for client in clients:
                client.play(INTERLEAVED)
            for client in clients:
                end = time.monotonic() + PATIENCE
                try:
                    while client.take_packet() and time.monotonic() < end:
                        continue
                    return "who watches is not let go"
                except ConnectionError:
                    continue
            if not until(lambda: server.metric("sessions") == 0 and server.metric("mount_watched") == 0):
                return server.get("/metrics")[1]
        return (None if '00050.jpg" is no picture' in server.errors else server.errors) or equal(server.terminate(), 0)


def unhealthy():
    """A camera that hangs: no frame for source-timeout and ten seconds."""
    with Server(PROGRAM, "--port=0", "--model", BUNDLE, f"--mount=/d={top}/drive.mp4") as camera:
        relay = config("health.conf", f"[server]\nport=0\nmodel={BUNDLE}\n[mount /r]\nsource={camera.urls['/d']}\nsource-timeout=5\n")
        warm = Client(camera.urls["/d"])  # so that the relay's first frame is there at once
        warm.play(INTERLEAVED)
        warm.take_packet()
        with Server(PROGRAM, "--config", str(relay)) as server:
            client = Client(server.urls["/r"])
            client.play(INTERLEAVED)
            client.take_packet()
            before = server.get("/healthz")
            camera.process.send_signal(signal.SIGSTOP)
            until(lambda: server.get("/healthz")[0] != 200)
            after, up = server.get("/healthz"), server.metric("mount_up")
            client.close()
            return (equal((before, after, up), ((200, "ok\n"), (503, "/r: no frame\n"), 0)) or
                    (None if until(lambda: server.get("/healthz")[0] == 200) else "still watched") or equal(server.terminate(), 0))


def ends_while_leaving(url, server):
    client = Client(url)
    client.play(INTERLEAVED)
    client.ask("TEARDOWN")
    client.close()
    return equal(server.terminate(), 0)


def leak_nothing(server, url):
    """Clients that come and go leave no descriptor behind."""
    opened = lambda: len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))
    before = opened()
    for _ in range(3):
        client = Client(url)
        client.play(INTERLEAVED)
        while len(client.packets.get(0, [])) < 5:
            client.take_packet()
        client.close()
        until(lambda: server.metric("mount_watched") == 0)
    return None if until(lambda: opened() <= before) else f"{before} descriptors, then {opened()}"


def both_streams(url):
    """By gst-launch-1.0, which now and then fails by itself: it links pads that come up in two threads, and says
    goodbye on a connection that it has ceased to read."""
    for _ in range(3):
        done = gst_launch(f"rtspsrc name=s location={url} tls-validation-flags=0 "
                          f"s. ! application/x-rtp,media=application ! anomalyrtponvifdepay ! identity eos-after=5 ! fakesink "
                          f"s. ! application/x-rtp,media=video ! rtph264depay ! identity eos-after=5 ! fakesink", timeout=20)
        if done.returncode == 0:
            return None
    return done.stderr


def outage():
    """A camera that dies and comes back: whoever watches goes on watching."""
    flags = ["--model", BUNDLE, f"--mount=/d={top}/drive.mp4"]
    with Server(PROGRAM, "--port=0", *flags) as camera:
        relay = config("relay.conf", f"[server]\nport=0\nmodel={BUNDLE}\n[mount /r]\nsource={camera.urls['/d']}\nsource-timeout=10\n")
        with Server(PROGRAM, "--config", str(relay)) as server:
            client = Client(server.urls["/r"])
            client.play(INTERLEAVED)
            while len(client.packets.get(2, [])) < 25:
                client.take_packet()
            camera.terminate()
            if not until(lambda: server.metric("source_restarts_total") >= 1):
                return "the failure was not seen"
            with Server(PROGRAM, "--port", str(camera.port), *flags):
                frames = server.metric("frames_total")
                while server.metric("frames_total") < frames + 25:
                    client.take_packet()
            if "trying again" not in server.errors:
                return server.errors
            return equal(client.ask("OPTIONS")[0], 200)


def dead_source():
    with Server(PROGRAM, "--port=0", "--model", BUNDLE, "--mount=/x=rtsp://127.0.0.1:9/x") as server:
        status = Client(server.urls["/x"]).ask("DESCRIBE")[0]
        gone = until(lambda: server.metric("mount_watched") == 0)
        return (equal((status, gone, server.terminate()), (503, True, 0)) or
                (None if "/x: the source failed" in server.errors else server.errors))


def coming_and_going(url):
    """Whoever comes while the last one leaves is served: by the same pipeline, or by a new one."""
    problems = []

    def visitor(chance):
        try:
            for _ in range(12):
                client = Client(url)
                client.play(INTERLEAVED)
                client.take_packet()
                if chance.random() < 0.5:
                    client.ask("TEARDOWN")
                client.close()
                time.sleep(chance.choice([0, 0, 0.05, 1.5, 3.1]) * chance.random())
        except Exception as error:  # pylint: disable=broad-except
            problems.append(repr(error))

    visitors = [threading.Thread(target=visitor, args=[random.Random(seed)]) for seed in range(3)]
    for one in visitors:
        one.start()
    for one in visitors:
        one.join()
    return "\n".join(problems)


def silent_camera(video):
    """Who waits for a camera that accepts connections and says nothing does not hold up the others."""
    with socket.create_server(("127.0.0.1", 0)) as camera:
        silent = config("silent.conf", f"[server]\nport=0\nmodel={BUNDLE}\n{video}[mount /s]\n"
                        f"source=rtsp://127.0.0.1:{camera.getsockname()[1]}/s\nsource-timeout=3600\n")
        with Server(PROGRAM, "--config", str(silent)) as server:
            waiting = Client(server.urls["/s"])
            answer = []
            thread = threading.Thread(target=lambda: answer.append(waiting.ask("DESCRIBE")[0]))
            thread.start()
            silence, _ = camera.accept()
            client = Client(server.urls["/d"])
            client.play(INTERLEAVED)
            client.take_packet()
            too_late, status = list(answer), server.terminate()
            thread.join()
            silence.close()
            return equal((too_late, status, answer), ([], 0, [503]))


def one_session(server, url):
    """A second one is refused until the first has said goodbye."""
    first, second = Client(url), Client(url)
    first.play(INTERLEAVED)
    ask = lambda: second.ask("SETUP", f"{url}/stream=0", Transport=INTERLEAVED[0])[0]
    refused, sessions = ask(), server.metric("sessions")
    first.ask("TEARDOWN")
    return equal((refused, sessions), (503, 1)) or equal(ask(), 200)


def on_loopback(server):
    """The addresses that its ports listen at, as the kernel has them, are all 127.0.0.1."""
    lines = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text(encoding="ascii").splitlines()[1:]]
    ports = {server.port, server.metrics_port, server.web_port}
    listening = {(address, int(port, 16)) for line in lines if line[3] == "0A" for address, port in [line[1].split(":")]}
    return equal({one for one in listening if one[1] in ports}, {("0100007F", port) for port in ports})


# --- The port of the metrics -------------------------------------------------------------------------------------------
def raw_http(server, request):
    with socket.create_connection(("127.0.0.1", server.metrics_port), timeout=PATIENCE) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while data := connection.recv(4096):
            answer += data
    return answer.split(b"\r\n")[0]


def strict(server):
    for request, status in [(b"nonsense\r\n\r\n", b"400"), (b"GET /metrics\r\n\r\n", b"400"), (b"GET /metrics HTTP/2\r\n\r\n", b"400"),
                            (b"GET  /metrics HTTP/1.1\r\n\r\n", b"400"), (b"GET /metrics HTTP/1.1\0\r\n\r\n", b"400"),
                            (b"GET /" + b"a" * 10000 + b" HTTP/1.1\r\n", b"400"), (b"", b"400"),
                            (b"POST /metrics HTTP/1.1\r\n\r\n", b"405"), (b"GET /../etc/passwd HTTP/1.1\r\n\r\n", b"404")]:
        try:
            answer = raw_http(server, request)
        except OSError:  # closed with bytes of the request unread
            continue
        if answer.split(b" ")[1:2] != [status]:
            return f"{request[:40]}: {answer}"
    return None


def main():
    video = f"[mount /d]\nsource=drive.mp4\nmodel={BUNDLE}\n"
    check("a video is made", make_video)
    for what, arguments, message in WRONG:
        check(f"refused: {what}", says, arguments, message)

    plain = config("plain.conf", f"[server]\nport=0\nsession-timeout=5\n{video}")
    with Server(PROGRAM, "--config", str(plain)) as server:
        url = server.urls["/d"]
        check("healthy before anybody watches", lambda: equal(server.get("/healthz"), (200, "ok\n")))
        with_ffprobe("ffprobe over TCP: codec, size, both streams", probed, url, "-rtsp_transport", "tcp")
        with_ffprobe("ffprobe over UDP", probed, url, "-rtsp_transport", "udp")
        check("anomalysource over UDP, decoded", decoded, url)
        check("documents, past the file's end", documents, url)
        check("documents in step with the video", in_step, url)
        check("twenty clients at once, which vanish", twenty, server, url)
        check("UDP comes from the address that is served", vanishing_udp, url)
        check("its session ends", lambda: None if until(lambda: server.metric("sessions") == 0) else server.get("/metrics")[1])
        check("nobody watches any more", lambda: None if until(lambda: server.metric("mount_watched") == 0) else "still watched")
        check("clients that come and go", leak_nothing, server, url)
        check("clients that come while others leave", coming_and_going, url)
        check("a mount that is not there", lambda: equal(Client(url[:-1] + "e").ask("DESCRIBE")[0], 404))
        check("metrics: strict about requests", strict, server)
        check("HEAD has no body", lambda: equal(server.get("/healthz", "HEAD"), (200, "")))
        check("no source has failed", lambda: equal(server.metric("source_restarts_total"), 0))
        client = Client(url)
        client.play(INTERLEAVED)
        check("SIGTERM while somebody watches: status 0", lambda: equal(server.terminate(), 0))
        check("nothing was complained of", lambda: equal(server.errors, ""))
        port = server.port
    with Server(PROGRAM, "--model", BUNDLE, "--mount", f"/d={top}/drive.mp4", "--port", str(port)) as server:
        check("started again on the same port, by flags", lambda: equal(Client(server.urls["/d"]).ask("OPTIONS")[0], 200))
        check("a second server there is refused", says, ["--port", str(port), "--model", BUNDLE, f"--mount=/d={top}/drive.mp4"],
              f"port {port}")
        check("SIGTERM while the last one leaves: status 0", ends_while_leaving, server.urls["/d"], server)
    with Server(PROGRAM, "--model", BUNDLE, "--mount", f"/d={top}/drive.mp4", "--port=0") as server:
        check("SIGTERM while nobody watches: status 0", lambda: equal(server.terminate(), 0))

    check("a source that cannot be reached: 503", dead_source)
    check("a source that dies and comes back", outage)
    check("a source that fails for good", fails_for_good)
    check("a camera that hangs: not healthy", unhealthy)
    check("a name as the address", localhost)
    check("the overlay, and without it", overlays, "source=drive.mp4\n")
    check("a source whose size changes", sizes_change)
    check("a camera that says nothing", silent_camera, "[mount /d]\nsource=drive.mp4\n")

    users = config("users.conf", f"[server]\nport=0\nmax-clients=2\n[users]\nanna=s3cret word\n{video}")
    with Server(PROGRAM, "--config", str(users)) as server:
        url = server.urls["/d"]
        held = Client(url)
        status, headers, _ = held.ask("DESCRIBE")
        check("without a password: 401, Digest only", lambda: equal(
            (status, headers.get("www-authenticate", "").split(" ")[0]), (401, "Digest")))
        check("SETUP without a password", lambda: equal(held.ask("SETUP", f"{url}/stream=0", Transport=INTERLEAVED[0])[0], 401))
        good, bad = (url.replace("//", f"//anna:{password}@") for password in ("s3cret%20word", "wrong"))
        with_ffprobe("ffprobe with the password", probed, good, "-rtsp_transport", "tcp")
        with_ffprobe("ffprobe with a wrong one", lambda: None if "401" in ffprobe(bad).stderr else "not refused with 401")
        until(lambda: server.metric("clients") == 1)
        second, third = Client(url), Client(url)
        check("a client over the limit is let go", lambda: equal(third.socket.recv(1), b""))
        check("the others are not", lambda: equal((held.ask("OPTIONS")[0], second.ask("OPTIONS")[0]), (200, 200)))
        check("and it is counted", lambda: equal(server.metric("clients_refused_total"), 1))

    few = config("few.conf", f"[server]\nport=0\nweb-port=0\nmax-sessions=1\n{video}")
    with Server(PROGRAM, "--config", str(few)) as server:
        check("it listens on 127.0.0.1 alone", on_loopback, server)
        check("a session over the limit", one_session, server, server.urls["/d"])

    made = run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
               "subjectAltName=IP:127.0.0.1", "-keyout", top / "key.pem", "-out", top / "cert.pem") if shutil.which("openssl") else None
    if made is None or made.returncode:
        result("TLS", skip="no certificate can be made (Debian: apt-get install openssl)")
    else:
        tls = config("tls.conf", f"[server]\nport=0\ncertificate=cert.pem\nkey=key.pem\n{video}")
        with Server(PROGRAM, "--config", str(tls)) as server:
            url = server.urls["/d"]
            check("the address says so", lambda: equal(url.split(":")[0], "rtsps"))
            check("the certificate is the one", lambda: None if "Verify return code: 0" in run(
                "openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-CAfile", top / "cert.pem", "-verify_ip",
                "127.0.0.1").stdout else "not verified")
            with_ffprobe("ffprobe over TLS", probed, url, "-rtsp_transport", "tcp")
            check("rtspsrc over TLS", both_streams, url)
            check("rtspsrc that does not trust it", lambda: None if gst_launch(
                f"rtspsrc location={url} ! fakesink").returncode else "it has connected")
            source = f"anomalysource location={url} reconnect=false num-buffers=3"
            check("anomalysource over TLS", lambda: gst_launch(f"{source} tls-verify=false ! fakesink").stderr)
            check("anomalysource that does not trust it", lambda: None if gst_launch(
                f"{source} ! fakesink").returncode else "it has connected")
            check("nothing in the clear", lambda: None if gst_launch(
                f"rtspsrc location={url.replace('rtsps', 'rtsp')} ! fakesink").returncode else "it has connected")
            check("SIGTERM: status 0", lambda: equal(server.terminate(), 0))


try:
    main()
finally:
    shutil.rmtree(top)
finish()
