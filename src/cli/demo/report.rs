//! What a job came to, as text; beside the truth, where that is known.

use comfy_table::{Table, presets::UTF8_BORDERS_ONLY};
use schema::{Error, ErrorKind};
use serde_json::Value;

/// The results of a job, and what is true.
pub(super) struct Report<'a> {
    /// `results.json`.
    pub(super) results: &'a Value,
    /// `crossings.json` of the scene.
    pub(super) truth: Option<&'a Value>,
}

impl Report<'_> {
    /// The counts.
    pub(super) fn text(&self) -> String {
        let mut table = Table::new();
        table.load_style(UTF8_BORDERS_ONLY);
        let model = self.results["model"].as_str().unwrap_or_default();
        match self.truth {
            Some(truth) => {
                table.set_header([&format!("counted by {model}"), "truth", "found"]);
                for (name, truth, found) in self.beside(truth) {
                    table.add_row([name, number(&truth), number(&found)]);
                }
            }
            None => {
                table.set_header([&format!("counted by {model}"), "found"]);
                table.add_row(["people", &number(&self.results["total_people"])]);
                table.add_row(["frames", &number(&self.results["frame_count"])]);
            }
        }
        let mut text = format!("{table}\n");
        for warning in self.results["warnings"].as_array().into_iter().flatten() {
            let of = |key: &str| warning[key].as_str().unwrap_or_default();
            text += &format!("warning: {}: {}\n", of("code"), of("message"));
        }
        text
    }

    fn beside(&self, truth: &Value) -> Vec<(String, Value, Value)> {
        let figures = truth["unique_figures"].clone();
        let objects = self.results["total_objects"].clone();
        let mut rows = vec![("distinct figures".to_owned(), figures, objects)];
        for line in truth["lines"].as_array().into_iter().flatten() {
            let id = line["id"].as_str().unwrap_or_default();
            let name = line["name"].as_str().unwrap_or_default();
            let counts = &self.results["final_counts"][id];
            for way in ["forward", "backward"] {
                rows.push((format!("{name}, {way}"), line[way].clone(), counts[way].clone()));
            }
        }
        rows
    }
}

/// The key of the annotated video or picture, as its URL has it.
pub(super) fn annotated_key(job: &Value) -> String {
    let url = job["output_video"].as_str().or_else(|| job["output_image"].as_str());
    let path = url.and_then(|url| url.split_once("/files/")).map_or("", |(_, path)| path);
    path.split('?').next().unwrap_or_default().to_owned()
}

/// Why a job that is not done has ended.
pub(super) fn failure(job: &Value) -> Error {
    let of = |key: &str| job["error"][key].as_str().unwrap_or_default();
    let kind = ErrorKind::ALL.iter().find(|kind| kind.code() == of("code"));
    let error = Error::new(*kind.unwrap_or(&ErrorKind::ServerError), of("message"));
    match job["error"]["hint"].as_str() {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

fn number(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn counts_stand_beside_the_truth() {
        let results = json!({"model": "motion", "total_objects": 27,
            "final_counts": {"a": {"forward": 2, "backward": 3}},
            "warnings": [{"code": "W", "message": "told"}]});
        let truth = json!({"unique_figures": 18,
            "lines": [{"id": "a", "name": "gate", "forward": 4, "backward": 3}]});
        let text = Report { results: &results, truth: Some(&truth) }.text();
        for row in ["distinct figures", "18", "27", "gate, forward", "warning: W: told"] {
            assert!(text.contains(row), "{row} is not in\n{text}");
        }
    }

    #[test]
    fn the_annotated_file_is_found_by_its_url() {
        let job = json!({"output_video": "http://h/api/v1/media/files/outputs/o.mp4?sig=1"});
        assert_eq!(annotated_key(&job), "outputs/o.mp4");
        assert_eq!(annotated_key(&json!({"output_video": null, "output_image": null})), "");
    }

    #[test]
    fn failures_keep_their_code_and_hint() {
        let job = json!({"error": {"code": "CORRUPT_MEDIA", "message": "m", "hint": "h"}});
        let error = failure(&job);
        assert_eq!((error.kind(), error.message()), (ErrorKind::CorruptMedia, "m"));
        assert_eq!(error.hint(), Some("h"));
    }
}
