"""Cameras on HTTP for a check: small servers in this process that give pictures, whole, black or always the same."""

import base64
import http.server
import threading
import time


class HttpCameras:
    """`/mjpeg`, `/snapshot` (for `user` alone), `/black`, `/frozen`, for as long as a `with` block.

    `pictures` are JPEGs that `/mjpeg` and `/snapshot` show in turn; `black` is one.
    """

    def __init__(self, pictures, black, user, password):
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        handler = _handler(pictures, black, f"Basic {token}")
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()


def _handler(pictures, black, authorization):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def do_GET(self):
            match self.path:
                case "/mjpeg":
                    self.stream(lambda number: pictures[number % len(pictures)])
                case "/black":
                    self.stream(lambda _: black)
                case "/frozen":
                    self.stream(lambda _: pictures[0])
                case "/snapshot" if self.headers.get("authorization") != authorization:
                    self.send_response(401)
                    self.send_header("www-authenticate", 'Basic realm="camera"')
                    self.end_headers()
                case "/snapshot":
                    picture = pictures[int(time.monotonic() * 5) % len(pictures)]
                    self.send_response(200)
                    self.send_header("content-type", "image/jpeg")
                    self.end_headers()
                    self.wfile.write(picture)
                case _:
                    self.send_error(404)

        def stream(self, picture):
            """Ten pictures a second, without their lengths, until the reader goes away."""
            self.send_response(200)
            self.send_header("content-type", "multipart/x-mixed-replace;boundary=--shot")
            self.end_headers()
            number = 0
            try:
                while True:
                    self.wfile.write(b"--shot\r\nContent-Type: image/jpeg\r\n\r\n" + picture(number) + b"\r\n")
                    number += 1
                    time.sleep(0.1)
            except OSError:
                pass

        def log_message(self, *_):
            pass

    return Handler
