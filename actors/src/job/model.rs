//! Which model a job runs on, and what its parameters leave open.
//!
//! The choice is made before a source is opened, so that what is missing is told at once. Models
//! and their workers are those of the process: `compute::ModelStore` keeps them.

use crate::compute::{Model, ModelStore};
use crate::media::{SourceInfo, SourceKind};
use crate::pipeline::DetectStage;
use models::detect::motion::{MotionConfig, MotionDetector};
use models::detect::{DetectOptions, DetectorInfo};
use models::track::ByteTrackConfig;
use schema::error::FieldFault;
use schema::job::Warning;
use schema::job::parameters::Counting;
use schema::{Error, ErrorKind, Result};
use std::sync::Arc;

/// Name of the detector that needs no weights.
pub const MOTION: &str = "motion";
/// The model that is taken where none is asked for and its weights are there.
pub const PREFERRED: &str = "yolox-nano";
/// What is counted where nothing else is asked for.
const DEFAULT_CLASS: &str = "person";

/// ByteTrack's published buffer, in frames at 30 frames/s.
const TRACK_BUFFER: u32 = 30;
/// What a neural detector sees for this long was there.
const NEURAL_SECONDS: f64 = 0.5;
/// The background model also sees light and leaves, for a little longer.
const MOTION_SECONDS: f64 = 0.8;
/// Scores of the background model are made for this threshold.
const MOTION_SCORE: f32 = 0.5;

/// The model of one job, with everything that its parameters leave open filled in.
#[derive(Debug)]
pub struct Chosen {
    /// What detects, and who computes it.
    pub model: Model,
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

/// Chooses the model that `counting` asks for; without a wish the preferred one, and motion where
/// that is not there.
///
/// # Errors
/// `VALIDATION_ERROR` for a model or a class that there is not; `MODEL_UNAVAILABLE` where what was
/// asked for lacks its weights or its runtime, also where motion cannot tell the classes.
pub async fn choose(store: &ModelStore, counting: &Counting) -> Result<Chosen> {
    match counting.model.as_deref() {
        Some(MOTION) => Chosen::new(store.motion()?, counting, Vec::new()),
        Some(name) => Chosen::new(neural(store, name).await?, counting, Vec::new()),
        None => match neural(store, PREFERRED).await {
            Ok(model) => Chosen::new(model, counting, Vec::new()),
            Err(error) if error.kind() == ErrorKind::ModelUnavailable => {
                let warnings = vec![fallback(&error)];
                Chosen::new(store.motion()?, counting, warnings).map_err(|_| error)
            }
            Err(error) => Err(error),
        },
    }
}

async fn neural(store: &ModelStore, name: &str) -> Result<Model> {
    let cards = store.cards().await?;
    for fault in cards.faults() {
        tracing::warn!(%fault, "model card is not used");
    }
    if let Ok(card) = cards.get(name) {
        return store.neural(card).await;
    }
    let known: Vec<&str> = cards.iter().map(|c| c.name.as_str()).collect();
    let mut message = format!("{name:?} is not one of {MOTION}, {}", known.join(", "));
    for fault in cards.faults() {
        message.push_str(&format!("; not used: {fault}"));
    }
    Err(Error::validation(vec![FieldFault { field: "model".to_owned(), message }]))
}

/// What results say of it: the same on every machine, and no path of this one.
fn fallback(error: &Error) -> Warning {
    tracing::warn!(%error, hint = error.hint(), "{MOTION} stands in for {PREFERRED}");
    let message =
        format!("{MOTION} stands in for {PREFERRED}, which is not there; doctor tells more");
    Warning::new("MODEL_FALLBACK", message)
}

impl Chosen {
    fn new(model: Model, counting: &Counting, mut warnings: Vec<Warning>) -> Result<Self> {
        let (score, seconds) = match &model.card {
            None => (MOTION_SCORE, MOTION_SECONDS),
            Some(card) => (card.track_score, NEURAL_SECONDS),
        };
        let classes = counted_classes(&model.info, counting)?;
        if model.card.is_none() {
            let message = "whatever moves was counted, people or not";
            warnings.push(Warning::new("MOVING_OBJECTS_COUNTED", message));
        }
        Ok(Self {
            model,
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
        if info.kind == SourceKind::Video || self.model.card.is_some() {
            return Ok(());
        }
        let message = "nothing moves in a single picture: motion needs a video";
        let hint = format!("ask for a model such as {PREFERRED}; doctor tells how to get it");
        Err(Error::new(ErrorKind::ModelUnavailable, message).with_hint(hint))
    }

    /// The detection stage for a source.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` where its frame rate is not a number above 0.
    pub fn stage(&self, info: &SourceInfo) -> Result<DetectStage> {
        let pool = self.model.pool.clone();
        let Some(card) = &self.model.card else {
            let detector = MotionDetector::new(MotionConfig::default(), info.frame_rate)?;
            return Ok(DetectStage::InOrder { pool, detector: Box::new(detector) });
        };
        let options = DetectOptions {
            classes: Some(self.classes.clone()),
            min_score: self.tracking().low_score,
            // One thing, one box: a van that is a bit car and a bit truck is one vehicle.
            class_agnostic: true,
            ..card.defaults.clone()
        };
        Ok(DetectStage::Stateless { pool, options: Arc::new(options) })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::ModelFiles;
    use std::path::PathBuf;

    /// A store without weights.
    fn store() -> ModelStore {
        let files = ModelFiles { folder: PathBuf::from("nowhere"), library: None };
        ModelStore::start(files, 1).expect("starts")
    }

    fn classes(labels: &[&str]) -> Option<Vec<String>> {
        Some(labels.iter().map(|label| (*label).to_owned()).collect())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn motion_stands_in_and_says_so() {
        let store = store();
        for wanted in [None, classes(&["moving"])] {
            let counting = Counting { classes: wanted, ..Counting::default() };
            let chosen = choose(&store, &counting).await.expect("motion is always there");
            let codes: Vec<&str> = chosen.warnings.iter().map(|w| w.code.as_str()).collect();
            assert_eq!(codes, ["MODEL_FALLBACK", "MOVING_OBJECTS_COUNTED"]);
            let told = &chosen.warnings[0].message;
            assert!(!told.contains("nowhere"), "a path of this machine: {told}");
            assert_eq!((&*chosen.model.info.model, &*chosen.classes[0]), (MOTION, "moving"));
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn where_motion_cannot_tell_the_classes_the_model_is_missing() {
        let wanted = Counting { classes: classes(&["car"]), ..Counting::default() };
        let error = choose(&store(), &wanted).await.expect_err("nothing here knows cars");
        assert_eq!(error.kind(), ErrorKind::ModelUnavailable, "{error}");
        assert!(error.hint().is_some(), "it tells how to get the model");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_asked_for_by_name_has_no_stand_in() {
        let store = store();
        let named = |name: &str| Counting { model: Some(name.to_owned()), ..Counting::default() };
        let motion = Counting { classes: classes(&["moving", "car"]), ..named(MOTION) };
        for (wanted, kind, field) in [
            (named(PREFERRED), ErrorKind::ModelUnavailable, None),
            (named("sheep-finder"), ErrorKind::ValidationError, Some("model")),
            (motion, ErrorKind::ValidationError, Some("classes[1]")),
        ] {
            let error = choose(&store, &wanted).await.expect_err("it is not there");
            let at = error.fields().first().map(|fault| &*fault.field);
            assert_eq!((error.kind(), at), (kind, field), "{error}");
        }
    }
}
