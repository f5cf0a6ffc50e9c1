//! The same binary on NATS, by configuration alone.

use crate::nats_server::{Plain, Server};
use crate::service::Service;
use crate::support::clip;
use serde_json::{Value, json};

#[tokio::test]
async fn events_go_to_nats_and_jobs_go_on_without_it() {
    let Some(mut nats) = Server::start("").await else { return };
    let home = tempfile::tempdir().expect("a temporary folder");
    let video = home.path().join("clip.mp4");
    clip(&video, 2, &[]);
    let mut states = Plain::subscribe(nats.port, "here.v9.job.*.state");
    let environment = [("NATS_URL", nats.url()), ("NATS_PREFIX", "here.v9".to_owned())];
    let environment: Vec<(&str, &str)> = environment.iter().map(|(n, v)| (*n, &**v)).collect();
    let service = Service::start(&home.path().join("data"), &environment);
    let user = service.user("ann", "correct horse battery").await;
    let params = json!({ "model": "motion" });
    let id = user.submit("people-count", &params, &video).await;
    user.done(&id).await;
    for (seq, status) in [(1, "pending"), (2, "processing"), (3, "done")] {
        let got = states.next();
        assert_eq!(got.subject, format!("here.v9.job.{id}.state"));
        let event: Value = serde_json::from_str(&got.payload).expect("JSON");
        assert_eq!(event["data"]["status"], status, "{event:#}");
        assert_eq!(event["subject"], format!("job.{id}.state"));
        if seq < 3 {
            assert!(got.headers.contains(&format!("Nats-Msg-Id: job/{id}:{seq}")), "{got:?}");
        }
    }
    nats.kill();
    let id = user.submit("people-count", &params, &video).await;
    user.done(&id).await;
}
