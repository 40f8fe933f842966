//! A server that has model files by their digest, as any web server does whose folder holds them by that name.

use serde::Deserialize;
use std::fmt;
use std::str::FromStr;

/// `http://HOST[:PORT]/PATH`: a file is at `PATH/DIGEST`, its list of chunks too.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Origin {
    /// `HOST:PORT`.
    pub(crate) address: String,
    /// Without a slash at its end.
    pub(crate) path: String,
}

/// Why a text is no origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadOrigin {
    #[error("origin `{0}`: https is not spoken; http is enough, since every chunk is checked by its digest")]
    Https(String),
    #[error("origin `{0}`: write http://HOST[:PORT]/PATH")]
    Form(String),
}

impl FromStr for Origin {
    type Err = BadOrigin;

    fn from_str(text: &str) -> Result<Self, BadOrigin> {
        if text.starts_with("https://") {
            return Err(BadOrigin::Https(text.to_owned()));
        }
        let form = || BadOrigin::Form(text.to_owned());
        let rest = text.strip_prefix("http://").ok_or_else(form)?;
        let (host, path) = rest.split_once('/').map_or((rest, String::new()), |(h, p)| (h, format!("/{p}")));
        // It becomes a line of a request.
        let plain = |t: &str| t.chars().all(|c| c.is_ascii_graphic());
        if host.is_empty() || !plain(host) || !plain(&path) || path.contains(['?', '#']) {
            return Err(form());
        }
        let port = host.rsplit_once(':').filter(|(_, port)| !port.ends_with(']'));
        let address = match port {
            Some((_, port)) => port.parse::<u16>().map(|_| host.to_owned()).map_err(|_| form())?,
            None => format!("{host}:80"),
        };
        Ok(Self { address, path: path.trim_end_matches('/').to_owned() })
    }
}

impl TryFrom<String> for Origin {
    type Error = BadOrigin;

    fn try_from(text: String) -> Result<Self, BadOrigin> {
        text.parse()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.address, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_http() {
        let at = |text: &str| text.parse::<Origin>().map(|o| o.to_string());
        assert_eq!(at("http://nas/models/").as_deref(), Ok("http://nas:80/models"));
        assert_eq!(at("http://[::1]:8000").as_deref(), Ok("http://[::1]:8000"));
        assert_eq!(at("http://[::1]").as_deref(), Ok("http://[::1]:80"));
        assert!(matches!(at("https://nas/"), Err(BadOrigin::Https(_))));
        for bad in ["nas:8000", "http://", "http://a b/", "http://a:x/", "http://a/b?c", "http://a/\r\nx"] {
            assert!(matches!(at(bad), Err(BadOrigin::Form(_))), "{bad}");
        }
    }
}
