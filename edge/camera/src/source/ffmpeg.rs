//! Pictures through a child: ffmpeg opens a camera, decodes it, and writes raw pictures to a pipe. For codecs that are not
//! decoded in process, and for cameras of this machine. Needs ffmpeg 5.1 or newer.
//!
//! A URL with its password goes in through standard input, as a list of one file to play: what stands on a command line
//! every user of the machine can read. The child is killed and waited for when its connection closes, and it is killed
//! also when that is forgotten.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::task::JoinHandle;

use super::live::Transport;
use super::ppm;
use crate::{Address, CameraError, Picture};

/// Bytes of the last words of a child at most.
const LAST_WORDS_BYTES_MAX: u64 = 2000;

/// What the child opens.
pub(super) struct Input {
    /// What people call it.
    name: String,
    arguments: Vec<OsString>,
    /// What it reads from its standard input.
    script: String,
}

/// A child that decodes.
pub(crate) struct Ffmpeg {
    program: PathBuf,
    name: String,
    child: Child,
    pictures: BufReader<ChildStdout>,
    last_words: JoinHandle<String>,
}

impl Input {
    pub(super) fn rtsp(address: &Address, transport: Transport) -> Self {
        let transport = match transport {
            Transport::Tcp => "tcp",
            Transport::Udp => "udp",
        };
        let url = address.revealed().replace('\'', "%27");
        let script = format!("ffconcat version 1.0\nfile '{url}'\noption rtsp_transport {transport}\n");
        let arguments =
            ["-protocol_whitelist", "file,pipe,fd,rtsp,rtp,tcp,udp", "-f", "concat", "-safe", "0", "-i", "pipe:0"];
        Self { name: address.to_string(), arguments: arguments.map(OsString::from).to_vec(), script }
    }

    pub(super) fn v4l2(device: &Path, size: Option<(u32, u32)>, fps: Option<f64>) -> Self {
        let mut arguments: Vec<OsString> = vec!["-f".into(), "v4l2".into()];
        if let Some((width, height)) = size {
            arguments.extend(["-video_size".into(), format!("{width}x{height}").into()]);
        }
        if let Some(fps) = fps {
            arguments.extend(["-framerate".into(), fps.to_string().into()]);
        }
        arguments.extend(["-i".into(), device.as_os_str().to_owned()]);
        Self { name: device.display().to_string(), arguments, script: String::new() }
    }

    /// The whole command line behind the program's name.
    fn command_line(&self, fps: Option<f64>) -> Vec<OsString> {
        let mut line: Vec<OsString> = ["-hide_banner", "-nostdin", "-loglevel", "error"].map(OsString::from).to_vec();
        line.extend(self.arguments.iter().cloned());
        line.extend(["-map", "0:v:0", "-an", "-sn", "-dn"].map(OsString::from));
        match fps {
            Some(fps) => line.extend(["-vf".into(), format!("fps={fps}").into()]),
            // A frame that did not come is not to be there twice.
            None => line.extend(["-fps_mode", "passthrough"].map(OsString::from)),
        }
        line.extend(["-f", "image2pipe", "-c:v", "ppm", "pipe:1"].map(OsString::from));
        line
    }
}

impl Ffmpeg {
    pub(super) fn start(program: &Path, input: Input, fps: Option<f64>) -> Result<Self, CameraError> {
        let failed = |source| CameraError::Start { program: program.to_owned(), source };
        let mut command = Command::new(program);
        command.args(input.command_line(fps)).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().map_err(failed)?;
        let pipes = child.stdin.take().zip(child.stdout.take()).zip(child.stderr.take());
        let Some(((mut stdin, stdout), stderr)) = pipes else {
            return Err(failed(std::io::Error::other("a pipe of the child is missing")));
        };
        let script = input.script;
        let last_words = tokio::spawn(async move {
            // A child that does not read it says itself why.
            let _ = stdin.write_all(script.as_bytes()).await;
            drop(stdin);
            last_line(stderr).await
        });
        let pictures = BufReader::with_capacity(1 << 16, stdout);
        Ok(Self { program: program.to_owned(), name: input.name, child, pictures, last_words })
    }

    pub(super) async fn next_frame(&mut self) -> Result<Picture, CameraError> {
        let mut head = String::new();
        for _ in 0..3 {
            let mut limited = (&mut self.pictures).take(ppm::HEAD_BYTES_MAX as u64);
            if !matches!(limited.read_line(&mut head).await, Ok(1..)) {
                return Err(self.ended(&head).await);
            }
        }
        let Some((width, height)) = ppm::size(&head) else { return Err(self.not_ppm(head)) };
        let mut pixels = vec![0; width as usize * height as usize * 3];
        match self.pictures.read_exact(&mut pixels).await {
            Ok(_) => Ok(Picture { width, height, pixels }),
            Err(_) => Err(self.ended("").await),
        }
    }

    /// Why there are no more pictures: what the child said last.
    async fn ended(&mut self, read: &str) -> CameraError {
        if !read.is_empty() {
            return self.not_ppm(read.to_owned());
        }
        let status = self.child.wait().await.map_or_else(|error| error.to_string(), |status| status.to_string());
        let said = (&mut self.last_words).await.unwrap_or_default();
        let reason = if said.is_empty() { status } else { said };
        CameraError::ProgramEnded { program: self.program.clone(), input: self.name.clone(), reason }
    }

    fn not_ppm(&self, found: String) -> CameraError {
        CameraError::NotPpm { program: self.program.clone(), input: self.name.clone(), found }
    }

    /// Kills the child and waits until it is gone.
    pub(super) async fn close(mut self) {
        self.last_words.abort();
        if let Err(error) = self.child.kill().await {
            tracing::warn!(program = %self.program.display(), %error, "child not killed");
        }
    }
}

/// The last line that a child writes which is not empty.
async fn last_line(stderr: ChildStderr) -> String {
    let mut lines = BufReader::new(stderr);
    let mut last = String::new();
    loop {
        let mut line = Vec::new();
        let mut limited = (&mut lines).take(LAST_WORDS_BYTES_MAX);
        match limited.read_until(b'\n', &mut line).await {
            Ok(1..) => {
                let line = String::from_utf8_lossy(&line);
                if !line.trim().is_empty() {
                    last = line.trim().to_owned();
                }
            }
            _ => return last,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::live::RTSP_SCHEMES;

    #[test]
    fn the_password_is_not_on_the_command_line() {
        let address = Address::parse("rtsp://ann:it's%20secret@door/1", RTSP_SCHEMES, None, None).unwrap();
        let input = Input::rtsp(&address, Transport::Udp);
        let line = format!("{:?} {}", input.command_line(Some(5.0)), input.name);
        assert!(!line.contains("secret"), "{line}");
        assert!(line.contains("fps=5"), "{line}");
        assert_eq!(
            input.script,
            "ffconcat version 1.0\nfile 'rtsp://ann:it%27s%20secret@door/1'\noption rtsp_transport udp\n"
        );
    }

    #[test]
    fn a_camera_of_this_machine_is_asked_for_its_size_and_rate() {
        let line = Input::v4l2(Path::new("/dev/video2"), Some((1280, 720)), Some(15.0)).command_line(None);
        let line: Vec<&str> = line.iter().filter_map(|word| word.to_str()).collect();
        let wanted = "-f v4l2 -video_size 1280x720 -framerate 15 -i /dev/video2";
        assert!(line.join(" ").contains(wanted), "{line:?}");
    }
}
