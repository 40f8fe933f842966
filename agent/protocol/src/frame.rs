//! The frame that everything signed travels in: four lines of text, then the content untouched.
//!
//! ```text
//! wattline.envelope/1                    what follows
//! {"fleet":"home",…}                     the head, one line of JSON
//! sha256:HEX LENGTH                      of the content
//! ed25519:KEY:SIGNATURE …                over the three lines above
//! …                                      the content, byte for byte
//! ```
//!
//! The signature is checked before the content is parsed (and before the head, unless the head names who
//! must have signed). Every line has one spelling only, so
//! that no bit can change without notice; `tail -n +5` gives back exactly the file that was sealed.

use crate::id::Digest;
use crate::limits::{HEAD_BYTES, LINE_BYTES, SIGNATURES};
use crate::sign::{KeyId, Keyring, Signature, Signer, Untrusted};

/// Why bytes are no frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error("{got} bytes, at most {most}")]
    TooLarge { got: usize, most: usize },
    #[error("starts with `{got}`, expected `{expected}`")]
    Kind { got: String, expected: &'static str },
    #[error("line {line}: {why}")]
    Line { line: u8, why: &'static str },
    #[error("the content is not what its digest says")]
    Content,
    #[error("signature: {0}")]
    Untrusted(#[from] Untrusted),
}

/// A frame taken apart; nothing of it is believed yet.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    /// The three lines that are signed.
    signed: &'a [u8],
    /// One line of JSON.
    pub(crate) head: &'a str,
    pub(crate) body: &'a [u8],
    signatures: Vec<Signature>,
}

/// Writes a frame.
#[must_use]
pub(crate) fn write(kind: &str, head: &str, body: &[u8], signers: &[&Signer]) -> Vec<u8> {
    let signed = format!("{kind}\n{head}\n{}\n", digest_line(body));
    let signatures: Vec<String> = signers.iter().map(|s| s.sign(signed.as_bytes()).to_string()).collect();
    let mut out = signed.into_bytes();
    out.extend_from_slice(signatures.join(" ").as_bytes());
    out.push(b'\n');
    out.extend_from_slice(body);
    out
}

fn digest_line(body: &[u8]) -> String {
    format!("sha256:{} {}", Digest::of(body), body.len())
}

impl<'a> Frame<'a> {
    /// Takes a frame of a kind apart and checks the content's digest.
    ///
    /// # Errors
    /// When it is too long, of another kind, or not spelled as [`write`] spells it.
    pub(crate) fn read(kind: &'static str, bytes: &'a [u8], most: usize) -> Result<Self, FrameError> {
        if bytes.len() > most {
            return Err(FrameError::TooLarge { got: bytes.len(), most });
        }
        let mut at = 0;
        let got = line(bytes, &mut at, 1)?;
        if got != kind {
            return Err(FrameError::Kind { got: got.chars().take(64).collect(), expected: kind });
        }
        let head = line(bytes, &mut at, 2)?;
        let digest = line(bytes, &mut at, 3)?;
        let signed = &bytes[..at];
        let signatures = signatures(line(bytes, &mut at, 4)?)?;
        let body = &bytes[at..];
        if digest != digest_line(body) {
            return Err(FrameError::Content);
        }
        Ok(Self { signed, head, body, signatures })
    }

    /// The trusted key that vouches for head and content.
    ///
    /// # Errors
    /// When none does, or a signature is forged.
    pub(crate) fn vouched(&self, keys: &Keyring) -> Result<KeyId, FrameError> {
        Ok(keys.vouches(self.signed, &self.signatures)?)
    }
}

/// The next line, without its end.
fn line<'a>(bytes: &'a [u8], at: &mut usize, number: u8) -> Result<&'a str, FrameError> {
    let wrong = |why| FrameError::Line { line: number, why };
    let rest = &bytes[*at..];
    let (most, late) = match number {
        2 => (HEAD_BYTES, "does not end within 16 KiB"),
        _ => (LINE_BYTES, "does not end within 2 KiB"),
    };
    let window = &rest[..rest.len().min(most)];
    let end = window.iter().position(|b| *b == b'\n').ok_or(wrong(late))?;
    *at += end + 1;
    std::str::from_utf8(&window[..end]).map_err(|_| wrong("is not UTF-8"))
}

fn signatures(text: &str) -> Result<Vec<Signature>, FrameError> {
    let wrong = |why| FrameError::Line { line: 4, why };
    let mut out: Vec<Signature> = Vec::new();
    for one in text.split(' ').filter(|_| !text.is_empty()) {
        let s: Signature = one.parse().map_err(|_| wrong("expected `ed25519:KEY:SIGNATURE`, separated by one space"))?;
        if out.len() == SIGNATURES || out.iter().any(|o| o.key == s.key) {
            return Err(wrong("at most four signatures, each by another key"));
        }
        out.push(s);
    }
    Ok(out)
}
