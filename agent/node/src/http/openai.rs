//! Requests of the OpenAI API, checked. Fields that change nothing here are passed over; those that would change
//! the answer and are not supported are refused by name.

use super::error::Refused;
use engine::Sampling;
use engine::chat::Message;
use serde::Deserialize;
use serde_json::Value;

/// Texts that may end an answer, as in the API.
const STOPS: usize = 4;
/// Where a request says nothing.
const TOKENS: usize = 256;

/// One of several texts, or a list of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Texts {
    One(String),
    Many(Vec<String>),
}

impl Texts {
    fn list(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::Many(list) => list,
        }
    }
}

/// What is said: a text, or parts of which only texts are read.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Clone, Debug, Deserialize)]
struct Part {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct Turn {
    role: String,
    content: Option<Content>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

/// A request of either kind.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Request {
    pub(crate) model: String,
    messages: Option<Vec<Turn>>,
    prompt: Option<Texts>,
    max_tokens: Option<i64>,
    max_completion_tokens: Option<i64>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    seed: Option<i64>,
    stop: Option<Texts>,
    n: Option<i64>,
    #[serde(default)]
    pub(crate) stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    frequency_penalty: Option<f64>,
    presence_penalty: Option<f64>,
    logprobs: Option<Value>,
    logit_bias: Option<Value>,
    tools: Option<Value>,
    response_format: Option<Value>,
    best_of: Option<i64>,
    echo: Option<bool>,
    suffix: Option<String>,
}

impl Request {
    pub(crate) fn read(body: &[u8]) -> Result<Self, Refused> {
        let request: Self =
            serde_json::from_slice(body).map_err(|e| Refused::body(format!("the request is not of the API's form: {e}")))?;
        request.supported()?;
        Ok(request)
    }

    fn supported(&self) -> Result<(), Refused> {
        let set = |v: &Option<Value>| v.as_ref().is_some_and(|v| !matches!(v, Value::Null | Value::Bool(false)) && !is_empty(v));
        let text_format = self.response_format.as_ref().is_none_or(|f| f.get("type").and_then(Value::as_str) == Some("text"));
        let refused = [
            ("n", self.n.is_some_and(|n| n != 1)),
            ("best_of", self.best_of.is_some_and(|n| n != 1)),
            ("frequency_penalty", self.frequency_penalty.is_some_and(|x| x.abs() > 0.0)),
            ("presence_penalty", self.presence_penalty.is_some_and(|x| x.abs() > 0.0)),
            ("logprobs", set(&self.logprobs)),
            ("logit_bias", set(&self.logit_bias)),
            ("tools", set(&self.tools)),
            ("response_format", !text_format && self.response_format != Some(Value::Null)),
            ("echo", self.echo == Some(true)),
            ("suffix", self.suffix.as_ref().is_some_and(|s| !s.is_empty())),
        ];
        match refused.iter().find(|(_, used)| *used) {
            None => Ok(()),
            Some((param, _)) => Err(Refused::field(param, format!("`{param}` is not supported here; leave it out"))),
        }
    }

    /// How tokens are drawn; without a seed by one of this request's own.
    pub(crate) fn sampling(&self, own: u64) -> Result<Sampling, Refused> {
        let in_range = |param: &str, x: Option<f64>, high: f64| match x {
            Some(x) if !(0.0..=high).contains(&x) => Err(Refused::field(param, format!("`{param}` must be 0 to {high}, is {x}"))),
            x => Ok(x.unwrap_or(1.0) as f32),
        };
        let temperature = in_range("temperature", self.temperature, 2.0)?;
        let top_p = in_range("top_p", self.top_p, 1.0)?;
        let seed = self.seed.map_or(own, i64::cast_unsigned);
        Ok(Sampling { temperature, top_p, seed, ..Sampling::greedy() })
    }

    /// Most tokens of the answer.
    pub(crate) fn tokens(&self, most: usize) -> Result<usize, Refused> {
        let (param, asked) = match self.max_completion_tokens {
            Some(n) => ("max_completion_tokens", Some(n)),
            None => ("max_tokens", self.max_tokens),
        };
        match asked.map(usize::try_from) {
            None => Ok(TOKENS.min(most)),
            Some(Ok(n)) if (1..=most).contains(&n) => Ok(n),
            Some(_) => Err(Refused::field(param, format!("`{param}` must be 1 to {most}"))),
        }
    }

    pub(crate) fn stop(&self) -> Result<Vec<String>, Refused> {
        let stop = self.stop.clone().map(Texts::list).unwrap_or_default();
        if stop.len() > STOPS || stop.iter().any(String::is_empty) {
            return Err(Refused::field("stop", format!("`stop` is a text or up to {STOPS}, none of them empty")));
        }
        Ok(stop)
    }

    pub(crate) fn usage_in_stream(&self) -> bool {
        self.stream_options.as_ref().is_some_and(|o| o.include_usage)
    }

    /// The conversation of a chat request.
    pub(crate) fn messages(&self) -> Result<Vec<Message>, Refused> {
        let turns = self.messages.as_ref().filter(|m| !m.is_empty());
        let turns = turns.ok_or_else(|| Refused::field("messages", "`messages` must hold at least one message"))?;
        turns.iter().map(Turn::message).collect()
    }

    /// The text of a completion request.
    pub(crate) fn prompt(&self) -> Result<String, Refused> {
        let wrong = || Refused::field("prompt", "`prompt` must be one text that is not empty");
        match self.prompt.clone().map(Texts::list).as_deref() {
            Some([text]) if !text.is_empty() => Ok(text.clone()),
            _ => Err(wrong()),
        }
    }
}

fn is_empty(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(serde_json::Map::is_empty)
}

impl Turn {
    fn message(&self) -> Result<Message, Refused> {
        let role = match self.role.as_str() {
            "developer" => "system",
            role @ ("system" | "user" | "assistant") => role,
            other => return Err(Refused::field("messages", format!("role `{other}`; there are system, user and assistant"))),
        };
        let text = match &self.content {
            None => String::new(),
            Some(Content::Text(text)) => text.clone(),
            Some(Content::Parts(parts)) => match parts.iter().find(|p| p.kind != "text") {
                Some(part) => {
                    return Err(Refused::field("messages", format!("a part of type `{}`; only text is read", part.kind)));
                }
                None => parts.iter().filter_map(|p| p.text.as_deref()).collect(),
            },
        };
        Ok(Message::new(role, &text))
    }
}

#[cfg(test)]
mod tests;
