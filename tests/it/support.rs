//! Running the binary, and finding the data that lies beside the project.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// What a run left.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Checks status and code of a run that has to fail, and that it told so in two lines at most.
    pub(crate) fn fails(&self, status: i32, code: &str) {
        assert_eq!(self.status, status, "{self:#?}");
        let first = self.stderr.lines().next().unwrap_or_default();
        assert!(first.starts_with(&format!("error: {code}: ")), "{self:#?}");
        assert!(self.stderr.lines().count() <= 2, "{self:#?}");
        assert!(self.stdout.is_empty(), "{self:#?}");
    }

    pub(crate) fn succeeds(&self) {
        assert_eq!(self.status, 0, "{self:#?}");
    }
}

/// What the binary needs of the caller's environment.
const KEPT: [&str; 7] = [
    "PATH",
    "HOME",
    "TMPDIR",
    "XDG_CACHE_HOME",
    "ORT_DYLIB_PATH",
    "LD_LIBRARY_PATH",
    "LLVM_PROFILE_FILE",
];

/// The binary, without what the caller's environment would add. Signals are part of it: where the
/// tests themselves run in the background or under `nohup`, some would be ignored.
pub(crate) fn sightline() -> Command {
    let mut command = Command::new("env");
    command.args(["--default-signal=HUP,INT,TERM", env!("CARGO_BIN_EXE_sightline")]);
    command
        .env_clear()
        .envs(std::env::vars_os().filter(|(name, _)| KEPT.iter().any(|kept| name == kept)));
    command.stdin(Stdio::null());
    command
}

/// Runs a prepared command to its end.
pub(crate) fn finish(command: &mut Command) -> Run {
    Run::of(&command.output().expect("the binary starts"))
}

/// `analyze INPUT --out OUT` and more, to its end.
pub(crate) fn analyze<S: AsRef<OsStr>>(
    input: &Path,
    out: &Path,
    more: impl IntoIterator<Item = S>,
) -> Run {
    finish(sightline().arg("analyze").arg(input).arg("--out").arg(out).args(more))
}

/// A file of the shared data; `None`, and a word about it, where that is not there.
pub(crate) fn data(path: &str) -> Option<PathBuf> {
    let full = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(path);
    if full.exists() {
        return Some(full);
    }
    eprintln!("skipped: {} is missing", full.display());
    None
}

/// A file of JSON.
pub(crate) fn json(path: &Path) -> serde_json::Value {
    let text = std::fs::read_to_string(path).expect("the file is there");
    serde_json::from_str(&text).expect("the file is JSON")
}

/// Number of pictures that FFmpeg's own tool decodes from a video; proves that it plays.
pub(crate) fn frames_of(video: &Path) -> u64 {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-select_streams", "v:0"])
        .args(["-show_entries", "stream=nb_read_frames", "-of", "csv=p=0"])
        .arg(video)
        .output()
        .expect("ffprobe is installed by the set-up of the tests");
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().trim_end_matches(',').parse().unwrap_or_else(|_| panic!("{output:?}"))
}

/// Makes a small test clip with FFmpeg's own tool: a moving pattern, H.264 in MP4.
pub(crate) fn clip(path: &Path, seconds: u32, more: &[&str]) {
    let pattern = format!("testsrc2=size=320x240:rate=25:duration={seconds}");
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-f", "lavfi", "-i", &pattern])
        .args(["-c:v", "libx264", "-pix_fmt", "yuv420p", "-preset", "ultrafast", "-g", "25"])
        .args(more)
        .arg(path)
        .output()
        .expect("ffmpeg is installed by the set-up of the tests");
    assert!(output.status.success(), "{output:?}");
}

/// Names in a folder, sorted; hidden ones too.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let name = |e: std::io::Result<std::fs::DirEntry>| {
        e.expect("readable").file_name().to_string_lossy().into_owned()
    };
    let mut names: Vec<String> = entries.map(name).collect();
    names.sort();
    names
}
