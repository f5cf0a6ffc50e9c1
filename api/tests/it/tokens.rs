//! Forged tokens: none is taken.

use crate::support::{Client, SECRET, Server};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::{Sha256, Sha512};

fn sign(header: &str, claims: &str, secret: &[u8]) -> String {
    let signed = format!("{}.{}", B64.encode(header), B64.encode(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("any length");
    mac.update(signed.as_bytes());
    format!("{signed}.{}", B64.encode(mac.finalize().into_bytes()))
}

/// The claims of a true token, with some changed; `null` removes one.
fn changed(claims: &Value, changes: &Value) -> String {
    let mut claims = claims.clone();
    for (name, value) in changes.as_object().expect("an object") {
        match value {
            Value::Null => {
                claims.as_object_mut().expect("an object").remove(name);
            }
            value => claims[name] = value.clone(),
        }
    }
    claims.to_string()
}

#[tokio::test]
async fn forged_tokens_are_refused() {
    let server = Server::start().await;
    let (ann, made) = server.user("ann").await;
    let token = ann.token.clone().expect("signed in");
    let parts: Vec<&str> = token.split('.').collect();
    let decode = |part: &str| String::from_utf8(B64.decode(part).expect("base64")).expect("text");
    let (header, claims) = (decode(parts[0]), decode(parts[1]));
    let value: Value = serde_json::from_str(&claims).expect("json");
    let secret = SECRET.as_bytes();
    let (exp, iat) = (&value["exp"], &value["iat"]);
    let (exp, iat) = (exp.as_i64().expect("a number"), iat.as_i64().expect("a number"));
    let own = |claims: &str| sign(&header, claims, secret);
    let head = |header: &str| sign(header, &claims, secret);
    let edit = |changes: Value| own(&changed(&value, &changes));
    assert_eq!(status(&server.client(), &own(&claims)).await, 200, "the harness signs truly");

    let mut forged = vec![
        // Not signed, or not with the key.
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        sign(&header, &claims, b"another key of the right length!"),
        sign(&header, &claims, b""),
        sign(&header, &claims, format!("k1:{SECRET}").as_bytes()),
        format!("{}.{}.{}", parts[0], parts[1], "A".repeat(parts[2].len())),
        format!("{}.{}.{}", parts[0], parts[1], &parts[2][..20]),
        format!("{token}x"),
        format!("{token}.{}", parts[2]),
        // Another algorithm.
        format!("{}.{}.", B64.encode(r#"{"alg":"none","typ":"JWT","kid":"k1"}"#), parts[1]),
        head(r#"{"alg":"none","typ":"JWT","kid":"k1"}"#),
        head(r#"{"alg":"None","typ":"JWT","kid":"k1"}"#),
        head(r#"{"alg":"HS512","typ":"JWT","kid":"k1"}"#),
        head(r#"{"alg":"HS384","typ":"JWT","kid":"k1"}"#),
        head(r#"{"alg":"RS256","typ":"JWT","kid":"k1"}"#),
        head(r#"{"alg":"EdDSA","typ":"JWT","kid":"k1"}"#),
        head(r#"{"alg":"","kid":"k1"}"#),
        head(r#"{"kid":"k1"}"#),
        // Another key's name.
        head(r#"{"alg":"HS256","typ":"JWT"}"#),
        head(r#"{"alg":"HS256","kid":"k2"}"#),
        head(r#"{"alg":"HS256","kid":"../../dev/null"}"#),
        head(r#"{"alg":"HS256","kid":"k1' OR '1'='1"}"#),
        head(r#"{"alg":"HS256","kid":""}"#),
        sign(r#"{"alg":"HS256","kid":"k1","jwk":{"kty":"oct","k":"YWJj"}}"#, &claims, b"abc"),
        sign(r#"{"alg":"HS256","jwk":{"kty":"oct","k":"YWJj"}}"#, &claims, b"abc"),
        sign(r#"{"alg":"HS256","kid":"k1","jku":"http://127.0.0.1/keys"}"#, &claims, b"abc"),
        sign(r#"{"alg":"HS256","kid":"k1","x5u":"http://127.0.0.1/keys"}"#, &claims, b"abc"),
        // Claims.
        edit(json!({"exp": exp - 2000, "iat": exp - 2900})),
        edit(json!({"exp": null})),
        edit(json!({"exp": exp.to_string()})),
        edit(json!({"exp": exp as f64 + 0.5})),
        edit(json!({"exp": -1})),
        edit(json!({"exp": exp + 10_000_000})),
        own(&claims.replace(&format!("\"exp\":{exp}"), "\"exp\":1e308")),
        own(&claims.replace(&format!("\"exp\":{exp}"), &format!("\"exp\":1,\"exp\":{exp}"))),
        // Issued in the future: this server's clock would be wrong by more than it may.
        edit(json!({"iat": iat + 100, "exp": exp + 100})),
        edit(json!({"iat": null})),
        edit(json!({"iss": "somebody"})),
        edit(json!({"iss": null})),
        edit(json!({"aud": "another-api"})),
        edit(json!({"aud": ["another-api"]})),
        edit(json!({"aud": null})),
        edit(json!({"sub": null})),
        edit(json!({"sub": "ann"})),
        edit(json!({"sub": "01890a5d-ac96-774b-bcce-b302099a8057"})),
        edit(json!({"typ": "refresh"})),
        edit(json!({"typ": null})),
        edit(json!({"jti": null})),
        edit(json!({"nbf": exp + 1000})),
        edit(json!({"role": "admin"})),
        own("{}"),
        own("[]"),
        own("not json"),
        // Other things.
        made["refresh_token"].as_str().expect("a token").to_owned(),
        String::from("x"),
        String::from(".."),
        format!("{}.{}.{}", "A".repeat(9000), parts[1], parts[2]),
    ];
    let mut mac = Hmac::<Sha512>::new_from_slice(secret).expect("any length");
    let signed = format!("{}.{}", B64.encode(r#"{"alg":"HS512","kid":"k1"}"#), parts[1]);
    mac.update(signed.as_bytes());
    forged.push(format!("{signed}.{}", B64.encode(mac.finalize().into_bytes())));
    assert!(forged.len() >= 40, "{}", forged.len());
    for (i, token) in forged.iter().enumerate() {
        assert_eq!(status(&server.client(), token).await, 401, "{i}: {token:.200}");
    }
    assert_eq!(status(&server.client(), &token).await, 200, "the true one still is");
    let twice = [("authorization", "Bearer x")];
    assert_eq!(ann.get_with("/api/v1/auth/me", &twice).await.status, 401, "two headers");
}

async fn status(client: &Client, token: &str) -> u16 {
    let client = Client { token: Some(token.to_owned()), ..client.clone() };
    client.get("/api/v1/auth/me").await.status
}
