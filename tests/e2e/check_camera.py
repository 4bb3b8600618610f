"""Live cameras: `headwater-edge` on a real RTSP server and on HTTP cameras that come, go and show nothing.

No broker is there: an agent does without, and what the cameras do is in its metrics and its log.
"""

import os
import pathlib
import shutil
import subprocess

import checks
import headwater
from http_cameras import HttpCameras
from rtsp_server import RtspServer

USER, PASSWORD = "ann", "s3cret:w@rd"
SETTINGS = """\
device_id = "yard"
bootstrap_servers = "127.0.0.1:{no_broker}"
data_dir = "{folder}/spool"

[uplink]
drain_ms = 1

[metrics]
listen = "127.0.0.1:{port}"
"""
CAMERA = """
[[cameras]]
id = "{id}"
source = "{source}"
url = "{url}"
tiers = [256]
fps = 4.0
{more}
reconnect = {{ delay_ms_min = 200, delay_ms_max = 1000, broken_ms = 1000 }}
"""
RUNNING = ["tcp", "udp", "hevc", "mjpeg", "snapshot", "black", "frozen"]


def check(claim, folder):
    hevc, pictures, black = footage(folder)
    (folder / "password").write_text(PASSWORD + "\n")
    streams = {"/h264": ("h264", headwater.CLIP), "/h265": ("h265", hevc)}
    with RtspServer(folder, streams, USER, PASSWORD) as rtsp, HttpCameras(pictures, black, USER, PASSWORD) as http:
        port = headwater.free_port()
        settings = SETTINGS.format(no_broker=headwater.free_port(), folder=folder, port=port) + cameras(folder, rtsp, http)
        (folder / "edge.toml").write_text(settings)
        described = headwater.once("check", "--config", folder / "edge.toml", program="headwater-edge")
        claim.that(described.returncode == 0 and f"rtsp://127.0.0.1:{rtsp.port}/h264" in described.stdout, "`check` names the cameras", described)
        with headwater.Running(folder, "run", "--config", folder / "edge.toml", program="headwater-edge", name="agent", listens=False) as agent:
            agent.http_port = port
            runs(claim, agent)
            shows_nothing(claim, agent)
            keeps_secrets(claim, agent, described.stdout)
            comes_back(claim, agent, rtsp)
            children = children_of(agent)
            claim.equal(agent.interrupt(30), 0, "Ctrl-C ends the agent with 0, whatever its cameras do")
            checks.wait_until(lambda: not any(alive(child) for child in children), "the decoder programs are gone", 5)
    refuses(claim, folder)


def footage(folder):
    """The clip in H.265, some of its frames as JPEGs, and a black JPEG."""
    program = shutil.which("ffmpeg")
    if not program:
        raise checks.Failed("there is no ffmpeg: .ci/tools/rtsp installs it")

    def ffmpeg(*arguments):
        done = subprocess.run([program, "-hide_banner", "-loglevel", "error", "-y", *map(str, arguments)], capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            raise checks.Failed(f"ffmpeg {arguments}: {done.stderr}")

    hevc = folder / "vtest-a.h265.mp4"
    ffmpeg("-i", headwater.CLIP, "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error:keyint=20", "-frames:v", 200, hevc)
    ffmpeg("-i", headwater.CLIP, "-vf", "fps=1", "-frames:v", 10, folder / "frame-%02d.jpg")
    ffmpeg("-f", "lavfi", "-i", "color=black:s=640x480", "-frames:v", 1, folder / "black.jpg")
    pictures = [path.read_bytes() for path in sorted(folder.glob("frame-*.jpg"))]
    return hevc, pictures, (folder / "black.jpg").read_bytes()


def cameras(folder, rtsp, http):
    entered = f'username = "{USER}"\npassword_file = "{folder}/password"'
    nobody = headwater.free_port()
    wanted = [
        ("tcp", "rtsp", f"rtsp://{USER}:s3cret%3Aw%40rd@127.0.0.1:{rtsp.port}/h264", "thumbnail = { enabled = true }"),
        ("udp", "rtsp", f"rtsp://127.0.0.1:{rtsp.port}/h264", entered + '\ntransport = "udp"'),
        ("hevc", "rtsp", f"rtsp://127.0.0.1:{rtsp.port}/h265", entered),
        ("wrong", "rtsp", f"rtsp://{USER}:wr0ngword@127.0.0.1:{rtsp.port}/h264", ""),
        ("wrong-ffmpeg", "rtsp", f"rtsp://{USER}:wr0ngword@127.0.0.1:{rtsp.port}/h265", 'decoder = "ffmpeg"'),
        ("away", "rtsp", f"rtsp://127.0.0.1:{nobody}/h264", ""),
        ("mjpeg", "mjpeg", f"http://127.0.0.1:{http.port}/mjpeg", ""),
        ("snapshot", "snapshot", f"http://127.0.0.1:{http.port}/snapshot", entered),
        ("black", "mjpeg", f"http://127.0.0.1:{http.port}/black", "health = { dark_after_ms = 1000 }"),
        ("frozen", "mjpeg", f"http://127.0.0.1:{http.port}/frozen", "health = { frozen_after_ms = 3000 }"),
    ]  # fmt: skip
    return "".join(CAMERA.format(id=id, source=source, url=url, more=more) for id, source, url, more in wanted)


def runs(claim, agent):
    for camera in RUNNING:
        checks.wait_until(lambda: metric(agent, "frames_total", camera) > 3, f"frames of {camera} are looked at", 90, alive=agent.must_run)
        claim.that(True, f"frames of {camera} are looked at")
    for camera in ["tcp", "udp", "hevc", "mjpeg", "snapshot"]:
        people = checks.wait_until(lambda: metric(agent, "persons", camera), f"people are seen by {camera}", 60, alive=agent.must_run)
        claim.that(1 <= people <= headwater.PEOPLE_MAX, f"as many people are seen by {camera} as are there", people)
    claim.that(metric(agent, "camera_frames_total", "tcp") > 0, "frames that came are counted")


def shows_nothing(claim, agent):
    checks.wait_until(lambda: metric(agent, "camera_dark", "black") == 1, "a black picture is reported", 30, alive=agent.must_run)
    checks.wait_until(lambda: metric(agent, "camera_frozen", "frozen") == 1, "a frozen picture is reported", 30, alive=agent.must_run)
    claim.equal([metric(agent, name, camera) for name, camera in [("camera_dark", "frozen"), ("camera_frozen", "tcp"), ("camera_dark", "tcp")]], [0, 0, 0], "and others are not")
    claim.that(metric(agent, "frames_still_total", "frozen") > 0, "frames in which nothing moves are held back")
    claim.equal(metric(agent, "camera_running", "away"), 0, "a camera that is away does not run and holds up nobody")
    checks.wait_until(lambda: metric(agent, "camera_broken", "away") == 1, "a camera that is away for long is broken", 60, alive=agent.must_run)


def keeps_secrets(claim, agent, described):
    def says(camera, words):
        return [line for line in agent.output().splitlines() if camera in line and words in line]

    checks.wait_until(lambda: says("wrong", "wants another user name or password"), "a wrong password is said", 30, alive=agent.must_run)
    checks.wait_until(lambda: says("wrong-ffmpeg", "401 Unauthorized"), "a wrong password is said by ffmpeg too", 30, alive=agent.must_run)
    commands = [pathlib.Path(f"/proc/{child}/cmdline").read_text() for child in children_of(agent) if alive(child)]
    claim.that(any("ffmpeg" in command for command in commands), "ffmpeg decodes what is not decoded in process", commands)
    shown = agent.output() + described + agent.get("/metrics")[1] + "".join(commands)
    found = [word for word in [PASSWORD, "s3cret", "wr0ngword"] if word in shown]
    claim.equal(found, [], "no password is in the log, in the metrics, in `check` or on a command line")
    status, _ = raw(agent, "/thumbnails/tcp")
    claim.equal(status, 200, "the thumbnail of a camera that has some is served")
    claim.equal(raw(agent, "/thumbnails/udp")[0], 404, "and of a camera without some it is not")


def comes_back(claim, agent, rtsp):
    failures = metric(agent, "camera_failures_total", "tcp")
    rtsp.stop()
    checks.wait_until(lambda: metric(agent, "camera_running", "tcp") == 0, "a camera whose server is gone does not run", 30, alive=agent.must_run)
    claim.that(metric(agent, "camera_failures_total", "tcp") > failures, "its failure is counted")
    rtsp.start()
    for camera in ["tcp", "udp", "hevc"]:
        before = metric(agent, "frames_total", camera)
        checks.wait_until(lambda: metric(agent, "frames_total", camera) > before + 3, f"{camera} comes back", 60, alive=agent.must_run)
        claim.that(True, f"frames of {camera} go on after its server was away")


def refuses(claim, folder):
    settings = SETTINGS.format(no_broker=1, folder=folder, port=headwater.free_port())
    (folder / "bad.toml").write_text(settings + '[[cameras]]\nid = "a"\nsource = "file"\npath = "/nowhere.mp4"\n[[cameras]]\nid = "b"\nsource = "mjpeg"\nurl = "rtsp://ann:s3cret@b/"\n')
    done = headwater.once("run", "--config", folder / "bad.toml", program="headwater-edge")
    claim.equal(done.returncode, 2, "a file that is not there keeps an agent from starting")
    claim.that("cameras[0].path" in done.stderr and "cameras[1].url" in done.stderr, "and what is wrong is named", done.stderr)
    claim.that("s3cret" not in done.stderr, "without a password", done.stderr)


def metric(agent, name, camera):
    """A camera's number; 0 where it has none yet."""
    return headwater.edge_metric(agent, name, camera=camera) or 0


def raw(agent, path):
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(agent.url(path), timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.read()


def children_of(agent):
    """Process numbers of the children of all threads of the agent."""
    found = set()
    for task in pathlib.Path(f"/proc/{agent.child.pid}/task").iterdir():
        found.update(map(int, (task / "children").read_text().split()))
    return found


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    checks.run("camera", check)
