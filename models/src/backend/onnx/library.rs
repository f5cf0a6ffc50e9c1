//! Where the ONNX Runtime library is, and whether it can be used.
//!
//! Everything here happens before `ort` sees the library: with a missing or foreign one, `ort` has
//! panicked or waited for ever (its issues #560, #579, #583, #604). Reads the environment and
//! files, writes nothing.

use schema::{Error, ErrorKind, Result};
use std::ffi::{CStr, c_char};
use std::fmt;
use std::path::{Path, PathBuf};

/// The version that is fetched by `make` and tested: an ABI pair with the version of `ort`.
pub const VERSION: &str = "1.31.1";
/// The shell command that puts [`VERSION`] into the cache, in a checkout of the project.
pub const SETUP_COMMAND: &str = "make setup";
/// The environment variable that names the library; `ort` reads the same one.
pub const VARIABLE: &str = "ORT_DYLIB_PATH";
const ENTRY_POINT: &str = "OrtGetApiBase";

/// Why a path was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It was asked for.
    Explicit,
    /// The environment variable [`VARIABLE`].
    Environment,
    /// The folder of the running program.
    Program,
    /// The cache that `make` fills.
    Cache,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Explicit => "as asked",
            Self::Environment => VARIABLE,
            Self::Program => "beside the program",
            Self::Cache => "in the cache",
        })
    }
}

/// One place where the library was looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Why there.
    pub origin: Origin,
    /// The file.
    pub path: PathBuf,
    /// Whether there is a file.
    pub exists: bool,
}

/// Where the library was looked for, in order; the first file that exists is taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Located {
    /// The places.
    pub places: Vec<Place>,
}

impl Located {
    /// The library that is taken.
    ///
    /// # Errors
    /// `MODEL_UNAVAILABLE` that names every place that was looked at.
    pub fn path(&self) -> Result<&Path> {
        if let Some(place) = self.places.iter().find(|place| place.exists) {
            return Ok(&place.path);
        }
        let places: Vec<String> =
            self.places.iter().map(|p| format!("{} ({})", p.path.display(), p.origin)).collect();
        Err(unavailable(format!("there is no ONNX Runtime library at {}", places.join(", "))))
    }
}

/// Looks for the library: at `explicit`, else where [`VARIABLE`] says, else beside the running
/// program, else in the cache. What is asked for in either of the first two ways is taken or
/// missing; nothing else stands in for it.
#[must_use]
pub fn locate(explicit: Option<&Path>) -> Located {
    let var = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let cache = var("XDG_CACHE_HOME").or_else(|| var("HOME").map(|home| home.join(".cache")));
    let program = std::env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_path_buf));
    locate_in(explicit, var(VARIABLE), program, cache)
}

fn locate_in(
    explicit: Option<&Path>,
    environment: Option<PathBuf>,
    program: Option<PathBuf>,
    cache: Option<PathBuf>,
) -> Located {
    let place = |origin, path: PathBuf| Place { origin, exists: path.is_file(), path };
    let asked = explicit
        .map(|path| (Origin::Explicit, path.to_path_buf()))
        .or_else(|| environment.map(|path| (Origin::Environment, path)));
    if let Some((origin, path)) = asked {
        return Located { places: vec![place(origin, path)] };
    }
    let versioned = format!("libonnxruntime.so.{VERSION}");
    let beside = program.into_iter().flat_map(|folder| {
        ["libonnxruntime.so", &versioned].map(|name| place(Origin::Program, folder.join(name)))
    });
    let cached = cache.map(|folder| {
        let home = folder.join(format!("sightline/onnxruntime-{VERSION}"));
        place(Origin::Cache, home.join(&versioned))
    });
    Located { places: beside.chain(cached).collect() }
}

/// Checks that `path` is ONNX Runtime with the interface that `ort` is built for; returns its
/// version.
///
/// # Errors
/// `MODEL_UNAVAILABLE` that names the file and what is wrong with it.
pub fn preflight(path: &Path) -> Result<String> {
    let wrong =
        |what: String| unavailable(format!("ONNX Runtime library {} {what}", path.display()));
    let unreadable = |e: std::io::Error| wrong(format!("cannot be read: {e}"));
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(wrong("is not a file".into()));
    }
    #[cfg(target_os = "linux")]
    {
        let mut file = std::fs::File::open(path).map_err(unreadable)?;
        super::elf::check(&mut file, ENTRY_POINT).map_err(wrong)?;
    }
    version(path).map_err(wrong)
}

/// Loads the library and asks for its version and for the interface that `ort` will ask for.
#[allow(unsafe_code)] // Loading a library and calling into it has no safe form.
fn version(path: &Path) -> Result<String, String> {
    let interface = ort::MINOR_VERSION;
    // SAFETY: the file is a whole shared library that names ONNX Runtime's entry point; that its
    // initialisers are sound is what everyone who loads it relies on.
    let library =
        unsafe { libloading::Library::new(path) }.map_err(|e| format!("cannot be loaded: {e}"))?;
    // SAFETY: this is the signature of the symbol in `onnxruntime_c_api.h`.
    let entry = unsafe {
        library.get::<unsafe extern "C" fn() -> *const ort::sys::OrtApiBase>(ENTRY_POINT)
    }
    .map_err(|e| format!("has no entry point: {e}"))?;
    // SAFETY: the entry point takes nothing and returns null or a pointer to a static table, which
    // lives as long as the library; both its members are set by every version.
    let (text, api): (*const c_char, _) = unsafe {
        let base = entry().as_ref().ok_or("returns no interface")?;
        ((base.GetVersionString)(), (base.GetApi)(interface))
    };
    if text.is_null() {
        return Err("does not tell its version".into());
    }
    // SAFETY: not null, and a static text that ends in a zero byte.
    let version = unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned();
    if api.is_null() {
        return Err(format!("is version {version}; at least 1.{interface} is needed"));
    }
    Ok(version)
}

pub(super) fn unavailable(message: String) -> Error {
    Error::new(ErrorKind::ModelUnavailable, message).with_hint(format!(
        "run `{SETUP_COMMAND}` to put version {VERSION} into the cache, or set {VARIABLE} to a libonnxruntime.so"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_is_asked_for_has_no_stand_in() {
        let dir = tempfile::tempdir().unwrap();
        let beside = dir.path().join("libonnxruntime.so");
        fs::write(&beside, "library").unwrap();
        let program = Some(dir.path().to_path_buf());

        let found = locate_in(None, None, program.clone(), None);
        assert_eq!(found.path().unwrap(), beside);

        let missing = dir.path().join("missing.so");
        for located in [
            locate_in(Some(&missing), Some(beside.clone()), program.clone(), None),
            locate_in(None, Some(missing.clone()), program.clone(), None),
        ] {
            let error = located.path().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ModelUnavailable);
            assert!(error.message().contains("missing.so"), "{error}");
            assert!(error.hint().unwrap().contains("make"));
        }
    }

    #[test]
    fn the_cache_is_looked_at_last_and_every_place_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| Some(dir.path().join(name));
        let located = locate_in(None, None, at("bin"), at("cache"));
        let origins: Vec<Origin> = located.places.iter().map(|p| p.origin).collect();
        assert_eq!(origins, [Origin::Program, Origin::Program, Origin::Cache]);
        let error = located.path().unwrap_err();
        assert!(error.message().contains("bin/libonnxruntime.so (beside the program)"));
        assert!(error.message().contains("onnxruntime-1.31.1/libonnxruntime.so.1.31.1 (in"));

        let cached = &located.places[2].path;
        fs::create_dir_all(cached.parent().unwrap()).unwrap();
        fs::write(cached, "library").unwrap();
        let located = locate_in(None, None, at("bin"), at("cache"));
        assert_eq!(located.path().unwrap(), cached);
    }
}
