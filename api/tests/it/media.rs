//! Files over HTTP: ranges, signatures, traversal. F41, S0-E19, C11, C23, C52.

use crate::jobs::ended;
use crate::support::{Answer, Client, Server, settings, video};
use actors::config::PlatformConfig;
use api::config::{MediaAuth, Settings};
use serde_json::Value;

/// A finished job of `client`.
async fn job(client: &Client) -> Value {
    let clip = video(30);
    let parts = [("job_type", None, &b"people-count"[..]), ("video", Some("a %22b%22.mp4"), &clip)];
    let made = client.form("/api/v1/jobs", &parts).await;
    assert_eq!(made.status, 202, "{}", made.text());
    let id = made.json()["data"]["id"].as_str().expect("an id").to_owned();
    ended(client, &id).await
}

/// The path and query of a URL.
fn target(url: &Value) -> String {
    let url = url.as_str().expect("a url");
    url.splitn(4, '/').nth(3).map(|rest| format!("/{rest}")).expect("a path")
}

#[tokio::test]
async fn f41_ranges_over_http() {
    let server = Server::start().await;
    let (ann, _) = server.user("ann").await;
    let job = job(&ann).await;
    let path = target(&job["output_video"]);
    assert!(path.starts_with("/api/v1/media/files/outputs/output_"), "{path}");
    let nobody = server.client();
    let whole = nobody.get(&path).await;
    assert_eq!((whole.status, whole.header("content-type")), (200, Some("video/mp4")));
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    assert_eq!(whole.header("x-content-type-options"), Some("nosniff"));
    assert!(whole.header("cache-control").is_some_and(|c| c.starts_with("private")));
    let policy = whole.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'; ") && policy.contains("sandbox"), "{policy}");
    assert!(policy.contains("media-src 'self'"), "a browser shows it by itself: {policy}");
    let tracks = nobody.get(&target(&job["tracks_url"])).await;
    let policy = tracks.header("content-security-policy").expect("a policy");
    assert!(!policy.contains("self") && policy.ends_with("sandbox"), "{policy}");
    let name = whole.header("content-disposition").expect("a name");
    assert!(name.starts_with("inline; filename=\""), "{name}");
    let size = whole.body.len();
    assert_eq!(whole.header("content-length"), Some(size.to_string().as_str()));
    let etag = whole.header("etag").expect("a tag").to_owned();
    let range = async |range: &str| nobody.get_with(&path, &[("range", range)]).await;
    let part = |answer: &Answer, from: usize, to: usize| {
        assert_eq!(answer.status, 206);
        assert_eq!(answer.body, whole.body[from..to], "{from}..{to}");
        let said = format!("bytes {from}-{}/{size}", to - 1);
        assert_eq!(answer.header("content-range"), Some(said.as_str()));
    };
    part(&range("bytes=0-0").await, 0, 1);
    part(&range("bytes=-1").await, size - 1, size);
    part(&range("bytes=100-199").await, 100, 200);
    part(&range("bytes=200-").await, 200, size);
    part(&range("bytes=200-18446744073709551616").await, 200, size);
    for ignored in ["bytes=5-2", "bytes=0-1,5-6", "bytes=0-0,-1", "items=0-1", "bytes=x"] {
        let answer = range(ignored).await;
        assert_eq!((answer.status, answer.body.len()), (200, size), "{ignored}");
    }
    for beyond in [format!("bytes={size}-"), "bytes=-0".into(), "bytes=9223372036854775808-".into()]
    {
        let answer = range(&beyond).await;
        assert_eq!((answer.status, answer.body.len()), (416, 0), "{beyond}");
        assert_eq!(answer.header("content-range"), Some(format!("bytes */{size}").as_str()));
    }
    let both = [("range", "bytes=0-0"), ("if-range", etag.as_str())];
    assert_eq!(nobody.get_with(&path, &both).await.status, 206);
    for other in ["\"x\"", "Sat, 21 Nov 2026 10:53:21 GMT", &format!("W/{etag}")] {
        let both = [("range", "bytes=0-0"), ("if-range", other)];
        assert_eq!(nobody.get_with(&path, &both).await.status, 200, "{other}");
    }
    let known = nobody.get_with(&path, &[("if-none-match", &etag)]).await;
    assert_eq!((known.status, known.body.len()), (304, 0));
    let head = nobody.send("HEAD", &path, &[], b"").await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), Some(size.to_string().as_str()));
    let head = nobody.send("HEAD", &path, &[("range", "bytes=0-9")], b"").await;
    let told = (head.status, head.header("content-length"));
    assert_eq!(told, (200, Some(size.to_string().as_str())), "ranges are for GET alone");
    let legacy = nobody.get(&path.replace("/api/v1/media/files/", "/api/media/")).await;
    assert_eq!((legacy.status, legacy.body == whole.body), (200, true));
}

#[tokio::test]
async fn c23_urls_work_as_they_are_and_fail_when_guessed() {
    let server = Server::start().await;
    let (_, _) = server.user("admin").await;
    let (ann, _) = server.user("ann").await;
    let (ben, _) = server.user("ben").await;
    let job = job(&ann).await;
    let signed = target(&job["output_video"]);
    let (bare, query) = signed.split_once('?').expect("a query");
    let nobody = server.client();
    assert_eq!(nobody.get(&signed).await.status, 200);
    assert_eq!(nobody.get(bare).await.status, 401);
    assert_eq!(ann.get(bare).await.status, 200, "her token does as well");
    assert_eq!(ben.get(bare).await.status, 404, "it is not his");
    let input = target(&job["input"]["url"]);
    let (other, _) = input.split_once('?').expect("a query");
    assert_eq!(nobody.get(&format!("{other}?{query}")).await.status, 401, "another file");
    assert_eq!(nobody.get(&signed.replace("exp=", "exp=1")).await.status, 401);
    assert_eq!(nobody.get(&signed[..signed.len() - 2]).await.status, 401);
    // Every answer gives fresh ones, the same within five minutes.
    let id = job["id"].as_str().expect("an id");
    let again = ann.get(&format!("/api/v1/jobs/{id}")).await;
    assert_eq!(target(&again.json()["data"]["output_video"]), signed);
    let etag = again.header("etag").expect("a tag").to_owned();
    assert!(etag.starts_with("W/"), "{etag}");
    let path = format!("/api/v1/jobs/{id}");
    assert_eq!(ann.get_with(&path, &[("if-none-match", &etag)]).await.status, 304);
    server.clock.advance(std::time::Duration::from_secs(600));
    let later = ann.get_with(&path, &[("if-none-match", &etag)]).await;
    assert_eq!(later.status, 200, "a 304 must not leave urls that expire");
    server.clock.advance(std::time::Duration::from_secs(3600));
    let late = nobody.get(&signed).await;
    assert_eq!((late.status, late.code()), (401, "TOKEN_EXPIRED".to_owned()));
    // Deleted, it is gone whatever the signature says.
    let (ann, _) = relogin(&server).await;
    let fresh = target(&ann.get(&path).await.json()["data"]["output_video"]);
    assert_eq!(ann.delete(&path).await.status, 204);
    assert_eq!(nobody.get(&fresh).await.status, 404);
}

async fn relogin(server: &Server) -> (Client, Value) {
    let body = serde_json::json!({"username": "ann", "password": crate::support::PASSWORD});
    let data = server.client().post("/api/v1/auth/login", &body).await.json()["data"].clone();
    let token = data["access_token"].as_str().expect("a token").to_owned();
    (Client { token: Some(token), ..server.client() }, data)
}

#[tokio::test]
async fn media_may_be_for_tokens_only_or_for_everybody() {
    for (auth, anonymous) in [(MediaAuth::Bearer, 401), (MediaAuth::Public, 200)] {
        let settings = Settings { media_auth: auth, ..settings() };
        let server = Server::with(settings, PlatformConfig::default()).await;
        let (ann, _) = server.user("ann").await;
        let path = target(&job(&ann).await["output_video"]);
        assert!(!path.contains('?'), "{path}");
        assert_eq!(server.client().get(&path).await.status, anonymous, "{auth:?}");
        assert_eq!(ann.get(&path).await.status, 200);
    }
}

/// Ways to write `..`, a separator, and what lies outside.
fn traversals() -> Vec<String> {
    let dots =
        ["..", "%2e%2e", "%252e%252e", "..%00", "%c0%ae%c0%ae", ".%2e", "..;", "...", "%uff0e"];
    let slashes = ["/", "%2f", "%252f", "\\", "%5c", "%255c", "%c0%af", "//", "/./"];
    let goals = ["etc/passwd", "sightline.db", "media/../sightline.db", "%00"];
    let mut all = Vec::new();
    for dot in dots {
        for slash in slashes {
            for goal in goals {
                all.push(format!("{}{goal}", format!("{dot}{slash}").repeat(3)));
            }
        }
    }
    for odd in [
        "/etc/passwd",
        "C:/windows",
        "file:///etc/passwd",
        ".staging/x",
        "uploads/",
        "uploads",
        "uploads/.hidden",
        "outputs/x.mp4::$DATA",
        "outputs/x.mp4.",
        "outputs/x.mp4%20",
        "CON",
        "~root",
        "%",
        "%zz",
        "%ff%fe",
        "a%0d%0aset-cookie:x",
        "..",
        ".",
        "%2e",
        "results/../uploads/x",
    ] {
        all.push(odd.to_owned());
    }
    all
}

#[tokio::test]
async fn three_hundred_traversals_find_nothing() {
    let settings = Settings { media_auth: MediaAuth::Public, ..settings() };
    let server = Server::with(settings, PlatformConfig::default()).await;
    std::fs::write(server.folder.path().join("sightline.db"), "secret").expect("can be written");
    let outside = server.folder.path().join("media/uploads");
    std::fs::create_dir_all(&outside).expect("can be made");
    std::os::unix::fs::symlink(
        "/etc/passwd",
        outside.join("link_01890a5d-ac96-774b-bcce-b302099a8057.mp4"),
    )
    .expect("can be made");
    let mut all = traversals();
    all.push("uploads/link_01890a5d-ac96-774b-bcce-b302099a8057.mp4".to_owned());
    assert!(all.len() >= 300, "{}", all.len());
    let client = server.client();
    for path in &all {
        for door in ["/api/v1/media/files/", "/api/media/"] {
            let answer = client.get(&format!("{door}{path}")).await;
            assert!(matches!(answer.status, 400 | 404), "{door}{path}: {}", answer.status);
            let text = answer.text();
            assert!(!text.contains("root:") && !text.contains("secret"), "{door}{path}: {text}");
        }
    }
}
