//! Which model a job runs on, and what its weights need.
//!
//! The choice is made before a source is opened and before weights are loaded, so that what is
//! missing is told at once; sessions are opened by the workers.

use crate::compute::{Compute, Loader};
use crate::media::{SourceInfo, SourceKind};
use crate::pipeline::DetectStage;
use models::backend::onnx::{Runtime, SessionOptions, library};
use models::card::{Card, Cards, weights};
use models::detect::motion::{MotionConfig, MotionDetector};
use models::detect::neural::NeuralDetector;
use models::detect::{DetectOptions, Detector, DetectorInfo};
use models::track::ByteTrackConfig;
use schema::error::FieldFault;
use schema::job::Warning;
use schema::job::parameters::Counting;
use schema::{Error, ErrorKind, Result};
use std::path::PathBuf;
use std::sync::Arc;

/// Name of the detector that needs no weights.
pub const MOTION: &str = "motion";
/// The model that is taken where none is asked for and its weights are there.
pub const PREFERRED: &str = "yolox-nano";
/// What is counted where nothing else is asked for.
const DEFAULT_CLASS: &str = "person";

/// Where models come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelStore {
    /// Folder with weights, and with a folder `cards` for the user's own cards.
    pub folder: PathBuf,
    /// The ONNX Runtime library, where not the one that is found.
    pub library: Option<PathBuf>,
}

/// ByteTrack's published buffer, in frames at 30 frames/s.
const TRACK_BUFFER: u32 = 30;
/// What a neural detector sees for this long was there.
const NEURAL_SECONDS: f64 = 0.5;
/// The background model also sees light and leaves, for a little longer.
const MOTION_SECONDS: f64 = 0.8;
/// Scores of the background model are made for this threshold.
const MOTION_SCORE: f32 = 0.5;

/// What detects.
enum Detecting {
    Motion,
    Neural { card: Box<Card>, bytes: Arc<Vec<u8>>, runtime: Runtime },
}

/// The model of one job, with everything that its parameters leave open filled in.
pub struct Chosen {
    detecting: Detecting,
    /// What it is, for results.
    pub info: DetectorInfo,
    /// Labels that are counted.
    pub classes: Vec<Arc<str>>,
    /// Score from which on detections begin tracks.
    pub score_threshold: f32,
    /// How long a track that is not seen is kept, in frames at 30 frames/s.
    pub track_buffer: u32,
    /// A track counts once it was seen for this many seconds.
    pub min_seconds: f64,
    /// What the user should know of the choice.
    pub warnings: Vec<Warning>,
}

impl ModelStore {
    /// Chooses the model that `counting` asks for; without a wish the preferred one, and motion
    /// where that is not there.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` for a model or a class that there is not; `MODEL_UNAVAILABLE` where what
    /// was asked for lacks its weights or its runtime.
    pub fn choose(&self, counting: &Counting) -> Result<Chosen> {
        match counting.model.as_deref() {
            Some(MOTION) => Chosen::new(Detecting::Motion, counting, Vec::new()),
            Some(name) => Chosen::new(self.neural(name)?, counting, Vec::new()),
            None => match self.neural(PREFERRED) {
                Ok(detecting) => Chosen::new(detecting, counting, Vec::new()),
                Err(error) if error.kind() == ErrorKind::ModelUnavailable => {
                    Chosen::new(Detecting::Motion, counting, vec![fallback(&error)])
                }
                Err(error) => Err(error),
            },
        }
    }

    fn neural(&self, name: &str) -> Result<Detecting> {
        let cards = Cards::load(&self.folder);
        for fault in cards.faults() {
            tracing::warn!(%fault, "model card is not used");
        }
        let Ok(card) = cards.get(name) else {
            let known: Vec<&str> = cards.iter().map(|c| c.name.as_str()).collect();
            let mut message = format!("{name:?} is not one of {MOTION}, {}", known.join(", "));
            for fault in cards.faults() {
                message.push_str(&format!("; not used: {fault}"));
            }
            return Err(Error::validation(vec![FieldFault { field: "model".to_owned(), message }]));
        };
        let located = library::locate(self.library.as_deref());
        let runtime = Runtime::load(located.path()?)?;
        let weights = weights::find(card, &self.folder)?;
        let (card, bytes) = (Box::new(card.clone()), Arc::new(weights.bytes));
        Ok(Detecting::Neural { card, bytes, runtime })
    }
}

fn fallback(error: &Error) -> Warning {
    let hint = error.hint().map(|h| format!("; {h}")).unwrap_or_default();
    Warning::new("MODEL_FALLBACK", format!("motion stands in for {PREFERRED}: {error}{hint}"))
}

impl Chosen {
    fn new(detecting: Detecting, counting: &Counting, mut warnings: Vec<Warning>) -> Result<Self> {
        let (info, score, seconds) = match &detecting {
            Detecting::Motion => (MotionDetector::info_of(), MOTION_SCORE, MOTION_SECONDS),
            Detecting::Neural { card, .. } => {
                let info = DetectorInfo {
                    model: card.name.clone(),
                    backend: "onnx".to_owned(),
                    precision: "f32".to_owned(),
                    classes: card.classes.clone(),
                };
                (info, card.track_score, NEURAL_SECONDS)
            }
        };
        let classes = counted_classes(&info, counting)?;
        if matches!(detecting, Detecting::Motion) {
            let message = "whatever moves was counted, people or not";
            warnings.push(Warning::new("MOVING_OBJECTS_COUNTED", message));
        }
        Ok(Self {
            detecting,
            info,
            classes,
            score_threshold: counting.score_threshold.unwrap_or(score),
            track_buffer: counting.track_buffer.unwrap_or(TRACK_BUFFER),
            min_seconds: counting.min_seconds.unwrap_or(seconds),
            warnings,
        })
    }

    /// Makes sure that this model can say something of a source like `info`.
    ///
    /// # Errors
    /// `MODEL_UNAVAILABLE` for a single picture where nothing but motion is there.
    pub fn check(&self, info: &SourceInfo) -> Result<()> {
        if info.kind == SourceKind::Video || matches!(self.detecting, Detecting::Neural { .. }) {
            return Ok(());
        }
        let message = "nothing moves in a single picture: motion needs a video";
        let hint = format!("ask for a model such as {PREFERRED}; doctor tells how to get it");
        Err(Error::new(ErrorKind::ModelUnavailable, message).with_hint(hint))
    }

    /// The detection stage for a source, on `workers` workers of its own.
    ///
    /// # Errors
    /// `SERVER_ERROR` where the compute system has ended.
    pub fn stage(
        &self,
        compute: &Compute,
        workers: usize,
        info: &SourceInfo,
    ) -> Result<DetectStage> {
        match &self.detecting {
            Detecting::Motion => Ok(DetectStage::InOrder {
                pool: compute.pool(1, nothing_to_load())?,
                detector: Box::new(MotionDetector::new(MotionConfig::default(), info.frame_rate)?),
            }),
            Detecting::Neural { card, bytes, runtime } => {
                let options = DetectOptions {
                    classes: Some(self.classes.clone()),
                    min_score: self.tracking().low_score,
                    // One thing, one box: a van that is a bit car and a bit truck is one vehicle.
                    class_agnostic: true,
                    ..card.defaults.clone()
                };
                let (card, bytes, runtime) = (card.clone(), Arc::clone(bytes), runtime.clone());
                let load: Loader = Arc::new(move || {
                    let session = runtime.open(&card.name, &bytes, SessionOptions::default())?;
                    let detector = NeuralDetector::new((*card).clone(), Box::new(session))?;
                    Ok(Box::new(detector) as Box<dyn Detector>)
                });
                let pool = compute.pool(workers, load)?;
                Ok(DetectStage::Stateless { pool, options: Arc::new(options) })
            }
        }
    }

    /// Parameters of the tracker.
    #[must_use]
    pub fn tracking(&self) -> ByteTrackConfig {
        let published = ByteTrackConfig::default();
        ByteTrackConfig {
            high_score: self.score_threshold,
            low_score: published.low_score.min(self.score_threshold),
            new_score: self.score_threshold,
            buffer_frames: self.track_buffer,
            ..published
        }
    }
}

fn nothing_to_load() -> Loader {
    Arc::new(|| Err(Error::new(ErrorKind::ServerError, "this pool has no model of its own")))
}

/// The labels to count: those asked for, else people, else whatever the model knows.
fn counted_classes(info: &DetectorInfo, counting: &Counting) -> Result<Vec<Arc<str>>> {
    let find = |label: &str| info.classes.iter().find(|c| &*c.label == label);
    let Some(wanted) = &counting.classes else {
        let all = || info.classes.iter().map(|c| Arc::clone(&c.label)).collect();
        return Ok(find(DEFAULT_CLASS).map_or_else(all, |c| vec![Arc::clone(&c.label)]));
    };
    let mut labels: Vec<Arc<str>> = Vec::new();
    let mut faults = Vec::new();
    for (index, label) in wanted.iter().enumerate() {
        match find(label) {
            Some(class) if !labels.contains(&class.label) => labels.push(Arc::clone(&class.label)),
            Some(_) => {}
            None => {
                let known: Vec<&str> = info.classes.iter().map(|c| &*c.label).collect();
                let known = known.join(", ");
                let message =
                    format!("{label:?} is not a class of {}, which tells {known}", info.model);
                faults.push(FieldFault { field: format!("classes[{index}]"), message });
            }
        }
    }
    if faults.is_empty() { Ok(labels) } else { Err(Error::validation(faults)) }
}
