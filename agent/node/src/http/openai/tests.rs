use super::*;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;

fn read(rest: &str) -> Result<Request, Refused> {
    Request::read(format!(r#"{{"model":"m"{rest}}}"#).as_bytes())
}

#[test]
fn what_is_not_supported_is_named() {
    for (field, text) in [
        ("n", r#","n":2"#),
        ("frequency_penalty", r#","frequency_penalty":0.5"#),
        ("logprobs", r#","logprobs":true"#),
        ("tools", r#","tools":[{"type":"function"}]"#),
        ("response_format", r#","response_format":{"type":"json_object"}"#),
        ("echo", r#","echo":true"#),
    ] {
        let refused = read(text).expect_err(field);
        assert_eq!(refused.value()["error"]["param"], field);
        assert_eq!(refused.into_response().status(), StatusCode::BAD_REQUEST);
    }
    let plain =
        r#","n":1,"logprobs":false,"tools":[],"response_format":{"type":"text"},"presence_penalty":0,"user":"u","unknown":{}"#;
    assert!(read(plain).is_ok());
}

#[test]
fn numbers_have_ranges() {
    for bad in [r#","temperature":-1"#, r#","temperature":2.5"#, r#","top_p":1.5"#] {
        assert!(read(bad).expect("form").sampling(1).is_err(), "{bad}");
    }
    for bad in ["-5", "0", "5000", "9223372036854775807", "-9223372036854775808"] {
        assert!(read(&format!(r#","max_tokens":{bad}"#)).expect("form").tokens(4096).is_err(), "{bad}");
    }
    assert!(read(r#","max_tokens":1e300"#).is_err());
    let r = read(r#","max_completion_tokens":7,"max_tokens":9,"seed":-1,"temperature":0"#).expect("form");
    assert_eq!(r.tokens(4096).expect("in range"), 7);
    let sampling = r.sampling(5).expect("in range");
    assert_eq!((sampling.seed, sampling.temperature.to_bits()), (u64::MAX, 0));
    assert_eq!(read("").expect("form").sampling(5).expect("defaults").seed, 5);
}

#[test]
fn texts_are_read_in_each_form() {
    let r = read(
        r#","messages":[{"role":"developer","content":"a"},{"role":"user","content":[{"type":"text","text":"b"},{"type":"text","text":"c"}]}],"stop":"x""#,
    );
    let r = r.expect("form");
    assert_eq!(r.messages().expect("two"), [Message::new("system", "a"), Message::new("user", "bc")]);
    assert_eq!(r.stop().expect("one"), ["x"]);
    for bad in [
        r#","messages":[]"#,
        r#","messages":[{"role":"tool","content":"x"}]"#,
        r#","messages":[{"role":"user","content":[{"type":"image_url"}]}]"#,
    ] {
        assert!(read(bad).expect("form").messages().is_err(), "{bad}");
    }
    assert_eq!(read(r#","prompt":["p"]"#).expect("form").prompt().expect("one"), "p");
    for bad in [r#","prompt":["a","b"]"#, r#","prompt":"""#, ""] {
        assert!(read(bad).expect("form").prompt().is_err(), "{bad}");
    }
    assert!(read(r#","stop":["a","b","c","d","e"]"#).expect("form").stop().is_err());
}
