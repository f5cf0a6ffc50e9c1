//! The table of bad inputs, as the command line meets it: each with its code, its exit status, a
//! word that helps, and nothing left behind.

use crate::support::{Run, analyze, clip, finish, json, names, sightline};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder with the inputs of one test.
struct Bench {
    home: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { home: tempfile::tempdir().expect("a temporary folder") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        std::fs::write(self.path(name), content).expect("can be written");
        self.path(name)
    }

    fn clip(&self, name: &str, more: &[&str]) -> PathBuf {
        clip(&self.path(name), 2, more);
        self.path(name)
    }

    /// Analyses `input` with `motion`; nothing may be left where it fails.
    fn analyze(&self, input: &Path, more: &[&str]) -> Run {
        let out = self.path("out");
        let run = analyze(input, &out, ["--model", "motion"].iter().chain(more));
        assert!(run.status == 0 || !out.exists(), "left behind: {:?}", names(&out));
        run
    }
}

#[test]
fn what_is_no_media() {
    let bench = Bench::new();
    bench.analyze(&bench.file("empty.mp4", b""), &[]).fails(3, "INVALID_FILE_TYPE");
    bench.analyze(&bench.file("text.mp4", b"dear diary,\n"), &[]).fails(3, "INVALID_FILE_TYPE");
    bench.analyze(&bench.file("one", b"x"), &[]).fails(3, "INVALID_FILE_TYPE");
    bench.analyze(bench.home.path(), &[]).fails(3, "INVALID_FILE_TYPE");
    let run = bench.analyze(&bench.path("missing.mp4"), &[]);
    run.fails(3, "NOT_FOUND");
    assert!(run.stderr.contains("missing.mp4"), "{run:#?}");
}

#[test]
fn an_extension_of_another_family() {
    let bench = Bench::new();
    let content = std::fs::read(bench.clip("clip.mp4", &[])).expect("readable");
    bench.analyze(&bench.file("clip.jpg", &content), &[]).fails(3, "INVALID_FILE_TYPE");
    bench.analyze(&bench.file("no-extension", &content), &["--no-video"]).succeeds();
}

#[test]
fn an_index_is_missing() {
    let bench = Bench::new();
    // The index of this file stands at its end, and the end is cut off.
    let content = std::fs::read(bench.clip("clip.mp4", &[])).expect("readable");
    let cut = bench.file("cut.mp4", &content[..content.len() / 2]);
    bench.analyze(&cut, &[]).fails(3, "CORRUPT_MEDIA");
}

#[test]
fn data_is_cut_off_behind_the_index() {
    let bench = Bench::new();
    let whole = bench.clip("clip.mp4", &["-movflags", "+faststart"]);
    let content = std::fs::read(whole).expect("readable");
    let cut = bench.file("cut.mp4", &content[..content.len() * 6 / 10]);
    bench.analyze(&cut, &[]).succeeds();
    let found = json(&bench.path("out/results.json"));
    assert_eq!(found["complete"], false);
    let frames = found["frame_count"].as_u64().expect("a number");
    assert!((5..50).contains(&frames), "{found:#}");
    assert_eq!(found["stopped_at_frame"], frames);
    let warnings = found["warnings"].as_array().expect("an array");
    let cut_off = warnings.iter().find(|w| w["code"] == "TRUNCATED").expect("it is told");
    assert!(cut_off["message"].as_str().is_some_and(|m| m.contains(&frames.to_string())));
}

#[test]
fn playlists_and_references() {
    let bench = Bench::new();
    let secret = bench.file("secret.txt", b"canary");
    let playlist = format!("#EXTM3U\n#EXTINF:1,\n{}\n", secret.display());
    let list = bench.file("list.m3u8", playlist.as_bytes());
    bench.analyze(&list, &[]).fails(3, "UNSUPPORTED_FORMAT");
    let concat = format!("ffconcat version 1.0\nfile {}\n", secret.display());
    let list = bench.file("list.ffconcat", concat.as_bytes());
    bench.analyze(&list, &[]).fails(3, "UNSUPPORTED_FORMAT");
    let run = bench.analyze(&bench.file("list.mp4", playlist.as_bytes()), &[]);
    assert_eq!(run.status, 3, "{run:#?}");
    assert!(!run.stderr.contains("canary"));
}

#[test]
fn more_pixels_than_allowed() {
    let bench = Bench::new();
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    png.extend(20_000_u32.to_be_bytes());
    png.extend(20_000_u32.to_be_bytes());
    png.extend([8, 2, 0, 0, 0, 0, 0, 0, 0]);
    // As long as such a picture is at least, by what deflate can do.
    png.resize(4 << 20, 0);
    let run = bench.analyze(&bench.file("huge.png", &png), &[]);
    run.fails(3, "MEDIA_LIMIT_EXCEEDED");
    assert!(run.stderr.contains("20000x20000"), "{run:#?}");
}

#[test]
fn parameters_are_all_named_at_once() {
    let bench = Bench::new();
    let video = bench.clip("clip.mp4", &[]);
    let check = |text: &str, more: &[&str], fields: &[&str]| {
        let params = bench.file("params.json", text.as_bytes());
        let out = bench.path("out");
        let fixed = ["--job", "emergency-count", "--params", params.to_str().expect("plain")];
        let run = analyze(&video, &out, fixed.iter().chain(more));
        run.fails(2, "VALIDATION_ERROR");
        assert!(!out.exists(), "left behind");
        for field in fields {
            assert!(run.stderr.contains(field), "{field} is not named: {run:#?}");
        }
    };
    check("{\"emergency_lines\": [{\"x1\": NaN}]}", &[], &["params.json"]);
    check("[]", &[], &["not an object"]);
    check(
        r#"{"emergency_lines": [{"x1": "a", "y1": 0, "x2": 1}], "speed": 3, "score_threshold": 9}"#,
        &[],
        &["emergency_lines[0].x1", "emergency_lines[0].y2", "speed", "score_threshold"],
    );
    let sheep = r#"{"classes": ["sheep", "moving", "cow"]}"#;
    check(sheep, &["--model", "motion"], &["classes[0]", "classes[2]"]);
    check(r#"{"model": "resnet9000"}"#, &[], &["resnet9000", "yolox-nano"]);
}

#[test]
fn wrong_usage() {
    let usage = |arguments: &[&str]| finish(sightline().args(arguments));
    for arguments in [&[][..], &["analyze"], &["analyze", "x.mp4"], &["analyse"]] {
        assert_eq!(usage(arguments).status, 2, "{arguments:?}");
    }
    let more = |more: [&str; 2]| usage(&["analyze", "x.mp4", "--out", "never", more[0], more[1]]);
    let numbers = [("--score", &["NaN", "inf", "-inf"][..]), ("--workers", &["0", "257", "many"])];
    for (flag, values) in numbers {
        for value in values {
            let run = more([flag, value]);
            assert_eq!(run.status, 2, "{run:#?}");
            assert!(run.stderr.contains(flag), "{run:#?}");
        }
    }
    let kind = more(["--job", "count-sheep"]);
    assert_eq!(kind.status, 2);
    assert!(kind.stderr.contains("people-count, emergency-count"), "{kind:#?}");
}

#[test]
fn a_model_or_its_runtime_is_missing() {
    let bench = Bench::new();
    let video = bench.clip("clip.mp4", &[]);
    let analyze = |library: &str| {
        let mut command = sightline();
        command.arg("analyze").arg(&video).arg("--out").arg(bench.path("out"));
        command.args(["--model", "yolox-nano", "--models"]).arg(bench.home.path());
        if !library.is_empty() {
            command.env("ORT_DYLIB_PATH", library);
        }
        finish(&mut command)
    };
    let text = bench.file("libonnxruntime.so", b"no library");
    for library in ["/nonexistent/libonnxruntime.so", text.to_str().expect("a plain path")] {
        let run = analyze(library);
        run.fails(4, "MODEL_UNAVAILABLE");
        assert!(run.stderr.contains(library), "{run:#?}");
    }
    let run = analyze("");
    run.fails(4, "MODEL_UNAVAILABLE");
    assert!(run.stderr.contains("hint: "), "{run:#?}");
    assert!(!bench.path("out").exists());
}

#[test]
fn an_input_that_the_run_would_replace() {
    let bench = Bench::new();
    let content = std::fs::read(bench.clip("clip.mp4", &[])).expect("readable");
    let out = bench.path("out");
    std::fs::create_dir(&out).expect("can be made");
    let link = bench.path("link.mp4");
    for name in ["annotated.mp4", "annotated.jpg", "tracks.jsonl", "results.json"] {
        let input = out.join(name);
        std::fs::write(&input, &content).expect("can be written");
        let _ = std::fs::remove_file(&link);
        std::os::unix::fs::symlink(&input, &link).expect("can be made");
        for path in [&input, &link, &out.join("../out").join(name)] {
            let run = analyze(path, &out, ["--model", "motion"]);
            run.fails(2, "INVALID_INPUT_COMBINATION");
            assert_eq!(names(&out), [name]);
            assert!(std::fs::read(&input).expect("still there") == content);
        }
        std::fs::remove_file(&input).expect("it was there");
    }
    // A file of another name is safe there.
    let input = out.join("clip.mp4");
    std::fs::write(&input, &content).expect("can be written");
    analyze(&input, &out, ["--model", "motion", "--no-video"]).succeeds();
    assert_eq!(names(&out), ["clip.mp4", "results.json", "tracks.jsonl"]);
}

#[test]
fn a_name_that_is_no_text() {
    use std::os::unix::ffi::OsStrExt;
    let bench = Bench::new();
    let clip = bench.clip("clip.mp4", &[]);
    let odd = bench.home.path().join(std::ffi::OsStr::from_bytes(b"clip-\xff.mp4"));
    bench.analyze(&odd, &["--no-video"]).fails(3, "NOT_FOUND");
    if std::fs::rename(clip, &odd).is_ok() {
        bench.analyze(&odd, &["--no-video"]).succeeds();
    }
}

#[test]
fn the_output_folder_cannot_be_made() {
    let bench = Bench::new();
    let video = bench.clip("clip.mp4", &[]);
    let out = bench.file("file", b"").join("out");
    analyze(&video, &out, ["--model", "motion"]).fails(5, "STORAGE_ERROR");
}

#[test]
fn the_disk_is_full() {
    let bench = Bench::new();
    let video = bench.clip("clip.mp4", &[]);
    let mount = bench.path("small");
    std::fs::create_dir(&mount).expect("can be made");
    // A name space of its own: the mount is gone with the process.
    let script = r#"mount -t tmpfs -o size=64k none "$1" || exit 77
        "$2" analyze "$3" --model motion --out "$1/out"; status=$?
        [ -e "$1/out" ] && exit 78; exit $status"#;
    let output = Command::new("unshare")
        .args(["--mount", "--map-root-user", "sh", "-c", script, "sh"])
        .arg(&mount)
        .arg(env!("CARGO_BIN_EXE_sightline"))
        .arg(&video)
        .output();
    let Ok(output) = output else {
        eprintln!("skipped: there is no `unshare` to make a small disk with");
        return;
    };
    let told = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(77) || told.contains("unshare failed") {
        eprintln!("skipped: a small disk cannot be mounted here: {told}");
        return;
    }
    assert_eq!(output.status.code(), Some(5), "{told}");
    assert!(told.starts_with("error: INSUFFICIENT_STORAGE: "), "{told}");
}
