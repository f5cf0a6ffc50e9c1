//! A client of the API, as anybody could write one: it knows URLs and JSON, and nothing of the
//! server's own types.

use reqwest::RequestBuilder;
use reqwest::multipart::{Form, Part};
use schema::{Error, ErrorKind, Result};
use serde_json::{Value, json};
use std::path::Path;

/// Somebody who has signed in.
pub(super) struct Client {
    http: reqwest::Client,
    base: String,
    access: String,
    refresh: String,
}

impl Client {
    /// Registers `username`, and signs in by that.
    ///
    /// # Errors
    /// What the server answers; `SERVER_ERROR` where it does not.
    pub(super) async fn register(base: &str, username: &str, password: &str) -> Result<Self> {
        let http = reqwest::Client::new();
        let account = json!({ "username": username, "password": password });
        let request = http.post(format!("{base}/api/v1/auth/register")).json(&account);
        let session = read(request).await?;
        let mut client =
            Self { http, base: base.to_owned(), access: String::new(), refresh: String::new() };
        client.take(&session)?;
        Ok(client)
    }

    /// Submits a job over `file`, and says which it is.
    ///
    /// # Errors
    /// As [`Client::register`]; `NOT_FOUND` where there is no such file.
    pub(super) async fn submit(&self, kind: &str, params: &Value, file: &Path) -> Result<String> {
        let part = Part::file(file).await.map_err(|e| Error::input(file, e))?;
        let form = Form::new()
            .text("job_type", kind.to_owned())
            .text("params", params.to_string())
            .part("file", part);
        let request = self.http.post(format!("{}/api/v1/jobs", self.base));
        let answer = read(request.bearer_auth(&self.access).multipart(form)).await?;
        text(&answer, "/data/id").map(str::to_owned)
    }

    /// The job `id` as it is now.
    ///
    /// # Errors
    /// As [`Client::register`].
    pub(super) async fn job(&mut self, id: &str) -> Result<Value> {
        let answer = self.get(&format!("/api/v1/jobs/{id}")).await?;
        answer.get("data").cloned().ok_or_else(|| unexpected("/data", &answer))
    }

    /// The results of the job `id`, which is done.
    ///
    /// # Errors
    /// As [`Client::register`].
    pub(super) async fn results(&mut self, id: &str) -> Result<Value> {
        self.get(&format!("/api/v1/jobs/{id}/results")).await
    }

    /// Reads `path`; where the access token has ended, with a new one.
    async fn get(&mut self, path: &str) -> Result<Value> {
        let url = format!("{}{path}", self.base);
        let answer = read(self.http.get(&url).bearer_auth(&self.access)).await;
        match answer {
            Err(error) if error.kind() == ErrorKind::TokenExpired => {
                let used = json!({ "refresh_token": self.refresh });
                let request = self.http.post(format!("{}/api/v1/auth/refresh", self.base));
                let session = read(request.json(&used)).await?;
                self.take(&session)?;
                read(self.http.get(&url).bearer_auth(&self.access)).await
            }
            answer => answer,
        }
    }

    fn take(&mut self, session: &Value) -> Result<()> {
        self.access = text(session, "/data/access_token")?.to_owned();
        self.refresh = text(session, "/data/refresh_token")?.to_owned();
        Ok(())
    }
}

/// The JSON of an answer; one that tells an error is one.
async fn read(request: RequestBuilder) -> Result<Value> {
    let failed = |e| Error::internal("request to the server", e);
    let response = request.send().await.map_err(failed)?;
    let status = response.status();
    let answer: Value = response.json().await.map_err(failed)?;
    match status.is_success() {
        true => Ok(answer),
        false => Err(refusal(status.as_u16(), &answer)),
    }
}

fn refusal(status: u16, answer: &Value) -> Error {
    let code = answer.pointer("/error/code").and_then(Value::as_str).unwrap_or_default();
    let message = answer.pointer("/error/message").and_then(Value::as_str).unwrap_or_default();
    let kind = ErrorKind::ALL.iter().find(|kind| kind.code() == code);
    let kind = *kind.unwrap_or(&ErrorKind::ServerError);
    Error::new(kind, format!("the server answers {status}: {message}"))
}

fn text<'a>(answer: &'a Value, pointer: &str) -> Result<&'a str> {
    let found = answer.pointer(pointer).and_then(Value::as_str);
    found.ok_or_else(|| unexpected(pointer, answer))
}

fn unexpected(pointer: &str, answer: &Value) -> Error {
    let keys: Vec<&String> = answer.as_object().into_iter().flat_map(|o| o.keys()).collect();
    let message = format!("the server's answer has no {pointer}, but {keys:?}");
    Error::new(ErrorKind::ServerError, message)
}
