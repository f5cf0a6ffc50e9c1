//! Submissions on their way in: a form whose file goes straight to its staging folder, or JSON.
//!
//! Fields come in any order; nothing is read before the caller is known, and the file is never in
//! memory.

pub(crate) mod canonical;
pub(crate) mod multipart;
pub(crate) mod parameters;
pub(crate) mod raw;

pub(crate) use raw::RawBody;

use crate::failure::Failure;
use actors::handle::{Platform, StagedFile};
use futures_util::Stream;
use multipart::Multipart;
use poem::http::header::CONTENT_TYPE;
use poem::{Body, Request};
use schema::error::FieldFault;
use schema::{Error, ErrorKind, Result};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io;

/// Names of the form field that holds the file.
const FILE_FIELDS: [&str; 3] = ["video", "image", "file"];
/// What the fields of a form beside its file may weigh together, in bytes.
const MAX_FIELDS: usize = 512 * 1024;

/// What was sent.
#[derive(Debug)]
pub(crate) enum Submitted {
    /// A form: its text fields, each perhaps several times, and its file.
    Form(Form),
    /// A JSON document.
    Json(Value),
    /// Nothing.
    Empty,
}

/// A form that was read to its end.
#[derive(Debug, Default)]
pub(crate) struct Form {
    /// Text fields.
    pub fields: BTreeMap<String, Vec<String>>,
    /// The file.
    pub file: Option<StagedFile>,
}

impl Form {
    /// Takes the field `name`; empty text is as none, since browsers send it for what was left
    /// out.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` where it is there twice.
    pub(crate) fn take(&mut self, name: &str) -> Result<Option<String>> {
        let Some(mut values) = self.fields.remove(name) else { return Ok(None) };
        if values.len() > 1 {
            let (field, message) = (name.to_owned(), "is there twice".to_owned());
            return Err(Error::validation(vec![FieldFault { field, message }]));
        }
        Ok(values.pop().filter(|value| !value.is_empty()))
    }
}

/// Reads what was sent with `request`, whose body is `body`.
///
/// # Errors
/// `UNSUPPORTED_FORMAT` for another content type; `VALIDATION_ERROR` for what is malformed;
/// `INVALID_INPUT_COMBINATION` for two files; `INVALID_FILE_TYPE` for an empty one;
/// `FILE_TOO_LARGE`, `REQUEST_TIMEOUT`, `INSUFFICIENT_STORAGE`, `NOT_READY`, `STORAGE_ERROR`.
pub(crate) async fn read(
    platform: &Platform,
    request: &Request,
    body: Body,
) -> Result<Submitted, Failure> {
    let content_type = request.header(CONTENT_TYPE).unwrap_or_default();
    match essence(request).as_str() {
        "multipart/form-data" => {
            let boundary = multipart::boundary(content_type)?;
            let form = Multipart::new(body.into_bytes_stream(), &boundary);
            Ok(Submitted::Form(read_form(platform, form).await?))
        }
        "application/json" => {
            let bytes = body.into_bytes().await.map_err(poem::Error::from);
            let bytes = bytes.map_err(crate::failure::from_poem)?;
            if bytes.is_empty() {
                return Ok(Submitted::Empty);
            }
            let value = serde_json::from_slice(&bytes).map_err(|e| {
                Error::new(ErrorKind::ValidationError, format!("the body is not json: {e}"))
            })?;
            Ok(Submitted::Json(value))
        }
        "" | "application/x-www-form-urlencoded" if body.is_empty() => Ok(Submitted::Empty),
        other => {
            let message = format!("the content type {other:?} is not taken here");
            let hint = "send multipart/form-data with a file, or application/json";
            Err(Error::new(ErrorKind::UnsupportedFormat, message).with_hint(hint).into())
        }
    }
}

/// The media type of the body without its parameters, in lower case; nothing where none is said.
pub(crate) fn essence(request: &Request) -> String {
    let content_type = request.header(CONTENT_TYPE).unwrap_or_default();
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

async fn read_form<S: Stream<Item = io::Result<bytes::Bytes>>>(
    platform: &Platform,
    mut parts: Multipart<S>,
) -> Result<Form> {
    let mut form = Form::default();
    let mut weight = 0;
    while let Some(part) = parts.next_part().await? {
        if FILE_FIELDS.contains(&part.name.as_str()) {
            let file = read_file(platform, &mut parts, part.file_name.as_deref()).await?;
            if file.is_some() && form.file.is_some() {
                let message = "more than one file was sent";
                return Err(Error::new(ErrorKind::InvalidInputCombination, message));
            }
            form.file = form.file.or(file);
            continue;
        }
        let mut text = Vec::new();
        while let Some(piece) = parts.chunk().await? {
            weight += piece.len();
            if weight > MAX_FIELDS {
                let message = format!("the fields are larger than {MAX_FIELDS} bytes");
                return Err(Error::new(ErrorKind::FileTooLarge, message));
            }
            text.extend_from_slice(&piece);
        }
        let text = String::from_utf8(text).map_err(|_| {
            let (field, message) = (part.name.clone(), "is not utf-8".to_owned());
            Error::validation(vec![FieldFault { field, message }])
        })?;
        form.fields.entry(part.name).or_default().push(text);
    }
    Ok(form)
}

/// The file of a part; nothing where a browser's field was left empty.
async fn read_file<S: Stream<Item = io::Result<bytes::Bytes>>>(
    platform: &Platform,
    parts: &mut Multipart<S>,
    name: Option<&str>,
) -> Result<Option<StagedFile>> {
    let mut upload = platform.stage().await?;
    while let Some(piece) = parts.chunk().await? {
        upload.write(&piece).await?;
    }
    match (upload.received(), name) {
        (0, Some("")) => Ok(None),
        (0, _) => Err(Error::new(ErrorKind::InvalidFileType, "the file is empty")),
        (_, name) => upload.finish(name.unwrap_or_default()).await.map(Some),
    }
}
