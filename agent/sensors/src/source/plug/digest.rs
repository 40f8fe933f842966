//! Digest authorisation with SHA-256 (RFC 7616), as Shelly plugs of generation 2 and later ask for it.

use sha2::{Digest, Sha256};

fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A parameter of `Digest qop="auth", realm="…", nonce="…", algorithm=SHA-256`.
fn parameter<'a>(challenge: &'a str, name: &str) -> Option<&'a str> {
    let pairs = challenge.trim().strip_prefix("Digest ")?.split(',');
    let value = pairs.filter_map(|p| p.split_once('=')).find(|(n, _)| n.trim().eq_ignore_ascii_case(name))?.1;
    Some(value.trim().trim_matches('"'))
}

/// The `Authorization` header's value; `None` for a challenge of another kind.
pub(super) fn answer(challenge: &str, user: &str, password: &str, path: &str) -> Option<String> {
    // One question for each challenge, so the nonce never repeats and neither does this.
    let nonce = parameter(challenge, "nonce")?;
    let own = hash(&format!("{nonce}:{}", std::process::id()));
    with_own(challenge, user, password, path, own.get(..16)?)
}

fn with_own(challenge: &str, user: &str, password: &str, path: &str, own: &str) -> Option<String> {
    let (realm, nonce) = (parameter(challenge, "realm")?, parameter(challenge, "nonce")?);
    if !parameter(challenge, "algorithm")?.eq_ignore_ascii_case("SHA-256") {
        return None;
    }
    let secret = hash(&format!("{user}:{realm}:{password}"));
    let question = hash(&format!("GET:{path}"));
    let response = hash(&format!("{secret}:{nonce}:00000001:{own}:auth:{question}"));
    Some(format!(
        "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{path}\", algorithm=SHA-256, \
         response=\"{response}\", qop=auth, nc=00000001, cnonce=\"{own}\""
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7616, section 3.9.1.
    #[test]
    fn the_example_of_the_standard() {
        let challenge = "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=SHA-256, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"";
        let own = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let answer = with_own(challenge, "Mufasa", "Circle of Life", "/dir/index.html", own).unwrap();
        assert!(answer.contains("response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\""), "{answer}");
    }

    #[test]
    fn another_kind_of_challenge_is_not_answered() {
        for challenge in ["Basic realm=\"x\"", "Digest realm=\"x\", nonce=\"1\", algorithm=MD5", "Digest realm=\"x\"", ""] {
            assert_eq!(answer(challenge, "admin", "p", "/"), None, "{challenge}");
        }
    }
}
