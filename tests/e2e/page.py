"""A page in a real chromium without a window, driven over the DevTools protocol on two pipes (no driver, no packages)."""

import base64
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading

import checks

# Without these chromium asks Google's hosts for updates at every start.
QUIET = [
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic",
    "--no-first-run", "--disable-default-apps", "--disable-extensions",
]  # fmt: skip


class Page:
    """One tab. `problems` collects uncaught errors, failed requests of the page and what it logs as an error."""

    def __init__(self, width=1400, height=1000):
        self.profile = tempfile.mkdtemp(prefix="headwater-chromium-")
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()
        self.child = subprocess.Popen(
            [
                chromium_path(), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", *QUIET,
                f"--user-data-dir={self.profile}", f"--window-size={width},{height}",
                "--remote-debugging-pipe", "about:blank",
            ],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, pass_fds=(3, 4),
            preexec_fn=lambda: (_move(to_browser, 3, from_browser, 4)),
        )  # fmt: skip
        os.close(to_browser)
        os.close(from_browser)
        self.problems = []
        self._answers, self._number, self._session = {}, 0, None
        self._answered = threading.Condition()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ["Page", "Runtime", "Log", "Network"]:
            self.call(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.wait()
        os.close(self._write)
        self._listener.join(5)
        os.close(self._read)
        shutil.rmtree(self.profile, ignore_errors=True)

    def open(self, url):
        self.call("Page.navigate", url=url)

    def evaluate(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"].get("text"))
        return answer["result"].get("value")

    def screenshot(self, path):
        picture = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"]
        pathlib.Path(path).write_bytes(base64.b64decode(picture))

    def call(self, method, **parameters):
        with self._answered:
            self._number += 1
            number = self._number
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        with self._answered:
            if not self._answered.wait_for(lambda: number in self._answers, timeout=30):
                raise checks.Failed(f"chromium does not answer {method}")
            answer = self._answers.pop(number)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def _listen(self):
        pending = b""
        while True:
            try:
                received = os.read(self._read, 1 << 20)
            except OSError:
                return
            if not received:
                return
            *messages, pending = (pending + received).split(b"\0")
            for message in messages:
                self._take(json.loads(message))

    def _take(self, message):
        parameters = message.get("params", {})
        match message.get("method"):
            case "Runtime.exceptionThrown":
                details = parameters["exceptionDetails"]
                self.problems.append(details.get("exception", {}).get("description") or details.get("text"))
            case "Runtime.consoleAPICalled" if parameters["type"] == "error":
                self.problems.append("console: " + str([a.get("value") or a.get("description") for a in parameters["args"]]))
            case "Network.responseReceived" if parameters["response"]["status"] >= 400:
                self.problems.append(f"{parameters['response']['status']} {parameters['response']['url']}")
        if "id" in message:
            with self._answered:
                self._answers[message["id"]] = message
                self._answered.notify_all()


def _move(read, read_as, write, write_as):
    # Past 10 first: the pipe's own ends may stand where they are to be put.
    read, write = os.dup2(read, 20), os.dup2(write, 21)
    os.dup2(read, read_as)
    os.dup2(write, write_as)


def chromium_path():
    found = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not found:
        installer = checks.REPOSITORY / ".ci/tools/chromium"
        found = subprocess.run([installer], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    return found
