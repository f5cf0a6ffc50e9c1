//! The models of this process: one pool for each that is in use, shared by all who ask for it.
//!
//! So sessions and permits are those of the process, not of a job. A pool stays when its last user
//! has gone, warm for the next one. Files are read on threads that may block; sessions are opened
//! by the workers. Which model a job wants, and with which thresholds, is decided elsewhere.

use super::{Compute, Loader, Pool};
use models::backend::onnx::{Runtime, SessionOptions, library};
use models::card::{Card, Cards, weights};
use models::detect::motion::MotionDetector;
use models::detect::neural::NeuralDetector;
use models::detect::{Detector, DetectorInfo};
use schema::{Error, ErrorKind, Result};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where models come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFiles {
    /// Folder with weights, and with a folder `cards` for the user's own cards.
    pub folder: PathBuf,
    /// The ONNX Runtime library, where not the one that is found.
    pub library: Option<PathBuf>,
}

impl ModelFiles {
    /// Finds what a detector for `card` needs, and gives what makes one. Blocks: it loads the
    /// runtime, reads the weights and hashes them.
    ///
    /// # Errors
    /// `MODEL_UNAVAILABLE` where weights or runtime are missing, with how to get them in the hint.
    pub fn loader(&self, card: &Card) -> Result<Loader> {
        let located = library::locate(self.library.as_deref());
        let runtime = Runtime::load(located.path()?)?;
        let weights = weights::find(card, &self.folder)?;
        let card = card.clone();
        Ok(Arc::new(move || {
            let session = runtime.open(&card.name, &weights.bytes, SessionOptions::default())?;
            Ok(Box::new(NeuralDetector::new(card.clone(), Box::new(session))?) as Box<dyn Detector>)
        }))
    }
}

/// A model that workers are there for; cheap to clone.
#[derive(Debug, Clone)]
pub struct Model {
    /// What it is.
    pub info: DetectorInfo,
    /// Its card; none for the background model, whose detectors belong to their sources.
    pub card: Option<Arc<Card>>,
    /// Who computes it.
    pub pool: Pool,
}

/// The models of a process. Dropping it ends their pools and waits until the workers have ended.
#[derive(Debug)]
pub struct ModelStore {
    files: ModelFiles,
    workers: usize,
    /// Few, in the order of their first use.
    loaded: Mutex<Vec<Model>>,
    compute: Compute,
}

impl ModelStore {
    /// A store whose pools have `workers` workers each (at least one). Nothing is loaded yet.
    ///
    /// # Errors
    /// `SERVER_ERROR` where no thread can be had.
    pub fn start(files: ModelFiles, workers: usize) -> Result<Self> {
        let loaded = Mutex::default();
        Ok(Self { files, workers: workers.max(1), loaded, compute: Compute::start()? })
    }

    /// The cards of the models that there may be, as they are in the folder now.
    ///
    /// # Errors
    /// `SERVER_ERROR` where reading them panicked.
    pub async fn cards(&self) -> Result<Cards> {
        let folder = self.files.folder.clone();
        blocking(move || Ok(Cards::load(&folder))).await
    }

    /// The model of `card`. Only its first user waits for files; a card that was changed since is
    /// another model, which takes the place of the former for all who come later.
    ///
    /// # Errors
    /// As [`ModelFiles::loader`]; `SERVER_ERROR` where no thread can be had.
    pub async fn neural(&self, card: &Card) -> Result<Model> {
        let info = DetectorInfo {
            model: card.name.clone(),
            backend: "onnx".to_owned(),
            precision: "f32".to_owned(),
            classes: card.classes.clone(),
        };
        let known = find(&self.loaded(), &info, Some(card));
        if let Some(model) = known {
            return Ok(model);
        }
        let (files, wanted) = (self.files.clone(), card.clone());
        let load = blocking(move || files.loader(&wanted)).await?;
        self.keep(info, Some(card), load)
    }

    /// The background model. Its detectors travel with the frames of their sources; the workers
    /// lend them their threads.
    ///
    /// # Errors
    /// `SERVER_ERROR` where no thread can be had.
    pub fn motion(&self) -> Result<Model> {
        let info = MotionDetector::info_of();
        let none = "the background model has no detector that serves any source";
        let load: Loader = Arc::new(move || Err(Error::new(ErrorKind::ServerError, none)));
        self.keep(info, None, load)
    }

    fn loaded(&self) -> MutexGuard<'_, Vec<Model>> {
        // What the lock guards is whole between any two steps.
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A pool for a model, unless somebody else was faster.
    fn keep(&self, info: DetectorInfo, card: Option<&Card>, load: Loader) -> Result<Model> {
        let mut loaded = self.loaded();
        if let Some(model) = find(&loaded, &info, card) {
            return Ok(model);
        }
        let pool = self.compute.pool(self.workers, load)?;
        tracing::info!(model = info.model, workers = self.workers, "pool started");
        let name = |i: &DetectorInfo| [i.model.clone(), i.backend.clone(), i.precision.clone()];
        loaded.retain(|former| name(&former.info) != name(&info));
        let model = Model { info, card: card.cloned().map(Arc::new), pool };
        loaded.push(model.clone());
        Ok(model)
    }
}

fn find(loaded: &[Model], info: &DetectorInfo, card: Option<&Card>) -> Option<Model> {
    let is_it = |model: &&Model| model.info == *info && model.card.as_deref() == card;
    loaded.iter().find(is_it).cloned()
}

/// Runs `work` on a thread that may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let panicked = |e| Error::internal("reading the files of a model", e);
    tokio::task::spawn_blocking(work).await.map_err(panicked)?
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// A store over a folder with the real weights of `yolox-nano` alone; `None`, said aloud,
    /// where they or the runtime are missing.
    fn store(folder: &Path) -> Option<ModelStore> {
        let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/models");
        let weights = Path::new(data).join("yolox/yolox_nano.onnx");
        if let Err(error) = library::locate(None).path() {
            eprintln!("skipped: {error}");
            return None;
        }
        if !weights.exists() {
            eprintln!("skipped: {} is missing", weights.display());
            return None;
        }
        std::fs::copy(weights, folder.join("yolox_nano.onnx")).expect("writable");
        let files = ModelFiles { folder: folder.to_owned(), library: None };
        Some(ModelStore::start(files, 2).expect("starts"))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_model_is_loaded_once_and_stays() {
        let home = tempfile::tempdir().expect("a temporary folder");
        let Some(store) = store(home.path()) else { return };
        let cards = store.cards().await.expect("readable");
        let card = cards.get("yolox-nano").expect("it is shipped");
        let (one, other) = tokio::join!(store.neural(card), store.neural(card));
        let (one, other) = (one.expect("loads"), other.expect("loads"));
        assert!(one.pool.is(&other.pool), "two who came at once got two pools");
        drop((one, other));
        std::fs::remove_file(home.path().join("yolox_nano.onnx")).expect("it was there");
        let later = store.neural(card).await.expect("it is loaded already");
        assert_eq!((&*later.info.model, later.pool.workers()), ("yolox-nano", 2));
        assert_eq!(store.loaded().len(), 1);

        let changed = Card { track_score: 0.7, ..card.clone() };
        let error = store.neural(&changed).await.expect_err("its weights are looked for again");
        assert_eq!(error.kind(), ErrorKind::ModelUnavailable);
        assert!(store.neural(card).await.expect("the former stays").pool.is(&later.pool));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_changed_card_takes_the_place_of_the_former() {
        let home = tempfile::tempdir().expect("a temporary folder");
        let Some(store) = store(home.path()) else { return };
        let cards = store.cards().await.expect("readable");
        let card = cards.get("yolox-nano").expect("it is shipped");
        let former = store.neural(card).await.expect("loads");
        let changed = Card { track_score: 0.7, ..card.clone() };
        let new = store.neural(&changed).await.expect("loads");
        assert!(!new.pool.is(&former.pool) && store.loaded().len() == 1);
        assert_eq!(new.card.as_deref(), Some(&changed));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn motion_is_one_pool_and_needs_no_file() {
        let files = ModelFiles { folder: PathBuf::from("nowhere"), library: None };
        let store = ModelStore::start(files, 0).expect("starts");
        let (one, other) = (store.motion().expect("starts"), store.motion().expect("is there"));
        assert!(one.pool.is(&other.pool));
        assert_eq!((one.pool.workers(), one.card), (1, None));
    }
}
