//! Cameras on HTTP against small servers on loopback: their ways, their mistakes, and who may ask.

#![allow(clippy::unwrap_used)] // clippy.toml spares test functions, not what they call; here, too, a failed step ends the test

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use headwater_camera::source::HTTP_SCHEMES;
use headwater_camera::supervise::ReconnectOptions;
use headwater_camera::{Address, Board, Camera, CameraState, Feed, LiveKind, SightOptions, StopSignal, Vitals, run};

/// A server that answers each request, its lines, on a connection of its own.
struct Server {
    port: u16,
    requests: Arc<Mutex<Vec<Vec<String>>>>,
}

impl Server {
    fn start(answer: impl Fn(&[String], &mut TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let request: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
                seen.lock().unwrap().push(request.clone());
                answer(&request, &mut stream);
            }
        });
        Self { port, requests }
    }

    fn address(&self) -> Address {
        let url = format!("http://ann:s%40cret!@127.0.0.1:{}/cam?id=1", self.port);
        Address::parse(&url, HTTP_SCHEMES, None, None).unwrap()
    }
}

/// A camera that runs until it is dropped.
struct Running {
    board: Arc<Board>,
    stop: Arc<StopSignal>,
    vitals: Arc<Vitals>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    fn start(kind: LiveKind, fps: Option<f64>, silence_ms: u64) -> Self {
        let (board, stop, vitals) =
            (Arc::new(Board::new(1)), Arc::new(StopSignal::default()), Arc::new(Vitals::default()));
        let reconnect =
            ReconnectOptions { delay_ms_min: 10, delay_ms_max: 10, silence_ms, ..ReconnectOptions::default() };
        let camera = Camera {
            id: "door".to_owned(),
            slot: 0,
            feed: Feed::Live { kind: Box::new(kind), fps, reconnect, ffmpeg: PathBuf::from("ffmpeg") },
            sight: SightOptions::default(),
            board: Arc::clone(&board),
            stop: Arc::clone(&stop),
            vitals: Arc::clone(&vitals),
            is_wanted: Box::new(|moves| moves),
        };
        let thread = Some(std::thread::spawn(move || run(camera)));
        Self { board, stop, vitals, thread }
    }

    /// The grey of the next frame.
    fn next_grey(&self) -> u8 {
        self.board.take(1)[0].frame.picture.pixels[0]
    }

    fn wait_for_reason(&self, words: &str) -> String {
        for _ in 0..500 {
            match self.vitals.snapshot().reason {
                Some(reason) if reason.contains(words) => return reason,
                _ => std::thread::sleep(Duration::from_millis(20)),
            }
        }
        panic!("{words:?} was never the reason: {:?}", self.vitals.snapshot());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.stop();
        self.thread.take().unwrap().join().unwrap();
        assert_eq!(self.vitals.snapshot().state, CameraState::Ended);
    }
}

fn jpeg(grey: u8) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let image = image::RgbImage::from_pixel(32, 24, image::Rgb([grey; 3]));
    image.write_to(&mut bytes, image::ImageFormat::Jpeg).unwrap();
    bytes.into_inner()
}

fn answer(stream: &mut TcpStream, head: &str, body: &[u8]) {
    let head = format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(body);
}

fn is_near(found: u8, wanted: u8) -> bool {
    found.abs_diff(wanted) <= 3
}

#[test]
fn an_mjpeg_camera_without_lengths_and_with_a_broken_picture_gives_the_others() {
    let server = Server::start(|_, stream| {
        let _ = stream
            .write_all(b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=\"--frame\"\r\n\r\n");
        for (grey, is_cut) in [(50, false), (99, true), (150, false)] {
            let picture = jpeg(grey);
            let _ = stream.write_all(b"--frame\r\nContent-Type: image/jpeg\r\n\r\n");
            let _ = stream.write_all(if is_cut { &picture[..40] } else { &picture });
            let _ = stream.write_all(b"\r\n");
            std::thread::sleep(Duration::from_millis(30));
        }
        let _ = stream.write_all(b"--frame\r\n");
    });
    let camera = Running::start(LiveKind::Mjpeg { address: server.address() }, None, 5000);
    camera.wait_for_reason("has ended its stream");
    // It is asked again, and is there; the newest frame wins, so not every one of them is seen.
    let mut seen = Vec::new();
    while camera.vitals.snapshot().connects < 4 || !seen.iter().any(|&grey| is_near(grey, 150)) {
        seen.push(camera.next_grey());
    }
    assert!(seen.iter().all(|&grey| is_near(grey, 50) || is_near(grey, 150)), "{seen:?}");
}

#[test]
fn a_snapshot_camera_is_asked_again_and_again() {
    let greys = Mutex::new((40..200).step_by(40));
    let server = Server::start(move |_, stream| {
        let grey = greys.lock().unwrap().next().unwrap_or(220);
        answer(stream, "200 OK", &jpeg(grey));
    });
    let camera = Running::start(LiveKind::Snapshot { address: server.address() }, Some(50.0), 5000);
    let mut seen = vec![camera.next_grey()];
    while seen.last().is_none_or(|&grey| !is_near(grey, 220)) {
        seen.push(camera.next_grey());
    }
    assert!(seen.is_sorted_by(|a, b| a <= b || is_near(*a, *b)), "{seen:?}");
    assert_eq!(camera.vitals.snapshot().connects, 1);
}

#[test]
fn the_password_is_told_only_to_a_camera_that_asks_for_it() {
    let is_authorized =
        |request: &[String]| request.iter().any(|line| line.to_lowercase().starts_with("authorization:"));
    let server = Server::start(move |request, stream| {
        if is_authorized(request) {
            answer(stream, "200 OK\r\nContent-Type: image/jpeg", &jpeg(80));
        } else {
            answer(stream, "401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"cam\"", b"");
        }
    });
    let camera = Running::start(LiveKind::Snapshot { address: server.address() }, Some(20.0), 5000);
    assert!(is_near(camera.next_grey(), 80));
    let requests = server.requests.lock().unwrap().clone();
    assert!(!is_authorized(&requests[0]));
    // "ann:s@cret!" in base64.
    assert!(requests[1].iter().any(|line| line.ends_with("Basic YW5uOnNAY3JldCE=")), "{requests:?}");
}

#[test]
fn a_digest_answer_is_the_one_that_the_standard_says() {
    let server = Server::start(move |request, stream| {
        match request.iter().find(|line| line.to_lowercase().starts_with("authorization:")) {
            // RFC 2617 without quality of protection: MD5(MD5(user:realm:password):nonce:MD5(method:uri)), by md5sum.
            Some(line) if line.contains("response=\"079379dbe881dc86e5ab00de0b68c726\"") => {
                answer(stream, "200 OK\r\nContent-Type: image/jpeg", &jpeg(80));
            }
            _ => answer(stream, "401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"cam\", nonce=\"abc\"", b""),
        }
    });
    let camera = Running::start(LiveKind::Snapshot { address: server.address() }, Some(20.0), 5000);
    assert!(is_near(camera.next_grey(), 80));
}

#[test]
fn what_goes_wrong_is_said_without_the_password() {
    let says = |head: &'static str, body: &'static [u8], words: &str| {
        let server = Server::start(move |_, stream| answer(stream, head, body));
        let camera = Running::start(LiveKind::Mjpeg { address: server.address() }, None, 300);
        let reason = camera.wait_for_reason(words);
        assert!(!reason.contains("cret!") && reason.contains("127.0.0.1"), "{reason}");
        assert!(matches!(
            camera.vitals.snapshot().state,
            CameraState::Waiting | CameraState::Broken | CameraState::Connecting
        ));
    };
    says("401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"cam\"", b"", "wants another user name or password");
    says("503 Busy", b"", "answers with status 503");
    says("200 OK\r\nContent-Type: text/html", b"<html>", "answers with \"text/html\" and not with a multipart");
    let multipart = "200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b";
    says(multipart, b"--b\r\nContent-Length: 99999999\r\n\r\n", "sends a picture of 99999999 bytes or more");
    says(multipart, b"--b\r\n", "has ended its stream");
}

#[test]
fn a_camera_that_falls_silent_is_noticed_and_one_that_is_away_is_asked_again() {
    let server = Server::start(|_, stream| {
        let _ =
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n--b\r\n");
        // The connection stays open and says nothing.
        std::mem::forget(stream.try_clone().unwrap());
    });
    let camera = Running::start(LiveKind::Mjpeg { address: server.address() }, None, 200);
    camera.wait_for_reason("no frame from mjpeg:http://127.0.0.1");
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = Address::parse(&format!("http://127.0.0.1:{port}/"), HTTP_SCHEMES, None, None).unwrap();
    let camera = Running::start(LiveKind::Snapshot { address }, None, 200);
    camera.wait_for_reason("refused");
}
