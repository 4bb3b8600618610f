//! A day of flapping in seconds: cameras that accept and hang up, that show a few frames and hang up, that answer
//! nonsense, and a decoder program that ends at once; two thousand connections, and neither memory nor file handles
//! grow.

#![allow(clippy::unwrap_used)] // clippy.toml spares test functions, not what they call; here, too, a failed step ends the test

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use headwater_camera::source::{DecoderChoice, HTTP_SCHEMES, RTSP_SCHEMES, Transport};
use headwater_camera::supervise::ReconnectOptions;
use headwater_camera::{Address, Board, Camera, Feed, LiveKind, SightOptions, StopSignal, Vitals, run};

const CONNECTIONS: u64 = 2000;
/// Children cost more than connections.
const CHILDREN: u64 = 200;
/// What the allocator may keep of fragments; a leak of one decoded frame a connection would be fifty times as much.
const GROWTH_KIB_MAX: u64 = 8 << 10;

/// A loopback server that answers each connection with what `answer` does.
fn server(answer: impl Fn(u64, &mut TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            answer(number as u64, &mut stream);
        }
    });
    port
}

fn read_request(stream: &mut TcpStream) {
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut request = [0; 4096];
    let _ = stream.read(&mut request);
}

/// Runs a camera without any patience until it was connected to so often, and looks at this process in between.
fn flap(kind: LiveKind, ffmpeg: &str, connections: u64) -> Vitals {
    let (stop, board, vitals) = (Arc::new(StopSignal::default()), Arc::new(Board::new(1)), Arc::new(Vitals::default()));
    let reconnect = ReconnectOptions {
        delay_ms_min: 0,
        delay_ms_max: 0,
        broken_ms: 0,
        connect_ms: 5000,
        silence_ms: 5000,
        ..ReconnectOptions::default()
    };
    let camera = Camera {
        id: "flapping".to_owned(),
        slot: 0,
        feed: Feed::Live { kind: Box::new(kind), fps: None, reconnect, ffmpeg: PathBuf::from(ffmpeg) },
        sight: SightOptions::default(),
        board: Arc::clone(&board),
        stop: Arc::clone(&stop),
        vitals: Arc::clone(&vitals),
        is_wanted: Box::new(|moves| moves),
    };
    let thread = std::thread::spawn(move || run(camera));
    let wait_for = |connects: u64| {
        while vitals.snapshot().connects < connects {
            assert!(!thread.is_finished(), "the camera gave up: {:?}", vitals.snapshot());
            std::thread::sleep(Duration::from_millis(2));
        }
    };
    // Pools and caches fill in the beginning.
    wait_for(connections / 10);
    let before = usage();
    wait_for(connections);
    let after = usage();
    stop.stop();
    thread.join().unwrap();
    println!("{connections} connections: before {before:?}, after {after:?}");
    assert!(after.file_handles <= before.file_handles + 8, "{before:?} {after:?}");
    assert!(after.children <= before.children + 1, "{before:?} {after:?}");
    assert!(after.resident_kib <= before.resident_kib + GROWTH_KIB_MAX, "{before:?} {after:?}");
    Arc::into_inner(vitals).unwrap()
}

#[derive(Debug)]
struct Usage {
    resident_kib: u64,
    file_handles: usize,
    /// Children that run or were not waited for.
    children: usize,
}

fn usage() -> Usage {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let children = tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("children")).ok());
    Usage {
        resident_kib: resident.trim().trim_end_matches(" kB").parse().unwrap(),
        file_handles: std::fs::read_dir("/proc/self/fd").unwrap().count(),
        children: children.map(|list| list.split_whitespace().count()).sum(),
    }
}

fn jpeg() -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let image = image::RgbImage::from_fn(320, 240, |x, y| image::Rgb([x as u8, y as u8, 90]));
    image.write_to(&mut bytes, image::ImageFormat::Jpeg).unwrap();
    bytes.into_inner()
}

fn http(port: u16) -> Address {
    Address::parse(&format!("http://ann:secret@127.0.0.1:{port}/video"), HTTP_SCHEMES, None, None).unwrap()
}

fn rtsp(port: u16) -> LiveKind {
    let address = Address::parse(&format!("rtsp://127.0.0.1:{port}/1"), RTSP_SCHEMES, None, None).unwrap();
    LiveKind::Rtsp { address, transport: Transport::Tcp, decoder: DecoderChoice::Auto }
}

/// One test, because the process is what is measured.
#[test]
fn two_thousand_connections_leave_nothing_behind() {
    // One in three hangs up at once, one breaks off in a picture, one shows three pictures first.
    let picture = jpeg();
    let mjpeg = server(move |number, stream| {
        if number % 3 == 0 {
            return;
        }
        read_request(stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n");
        let whole = if number % 3 == 1 { picture.len() / 2 } else { picture.len() };
        for _ in 0..3 {
            let head = format!("--b\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", picture.len());
            let _ = stream.write_all(head.as_bytes());
            let _ = stream.write_all(&picture[..whole]);
            let _ = stream.write_all(b"\r\n");
        }
    });
    let vitals = flap(LiveKind::Mjpeg { address: http(mjpeg) }, "ffmpeg", CONNECTIONS).snapshot();
    assert!(vitals.failures >= CONNECTIONS - 1 && vitals.frames >= CONNECTIONS, "{vitals:?}");

    let refusing = server(|number, stream| {
        read_request(stream);
        let answers: [&[u8]; 3] = [
            b"",
            b"RTSP/1.0 404 Not Found\r\nCSeq: 1\r\n\r\n",
            b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 5\r\n\r\nv=0",
        ];
        let _ = stream.write_all(answers[number as usize % 3]);
    });
    let vitals = flap(rtsp(refusing), "ffmpeg", CONNECTIONS).snapshot();
    assert_eq!(vitals.frames, 0);
    assert!(vitals.failures >= CONNECTIONS - 1, "{vitals:?}");

    // A camera of this machine whose decoder program ends at once.
    let device = LiveKind::V4l2 { device: PathBuf::from("/dev/null"), size: None };
    let vitals = flap(device, "/bin/false", CHILDREN).snapshot();
    assert!(vitals.reason.unwrap().contains("/bin/false has ended on /dev/null"));
}
