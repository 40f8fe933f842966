//! `/v1/chat/completions` and `/v1/completions`.

use super::error::Refused;
use super::forward;
use super::openai::Request;
use super::state::Serving;
use super::stream::{self, DONE, event};
use crate::clock;
use crate::link::StepError;
use crate::otlp::{self, Parent};
use crate::request::{Answer, Ask, Place, answer, elsewhere};
use crate::samples::{self, Count};
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use engine::EngineError;
use engine::generate::Finish;
use protocol::Name;
use serde_json::{Value, json};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

/// How often who waits for a turn looks whether another device would answer.
const LOOK: Duration = Duration::from_millis(100);
/// Pieces of text that wait for a slow reader.
const PIECES: usize = 64;

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Chat,
    Text,
}

impl Kind {
    fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Text => "/v1/completions",
        }
    }
}

/// What the thread of a request says.
enum Said {
    Text(String),
    /// The user has heard nothing yet, and will not from here: the pipeline is lost, another device answers.
    Elsewhere,
    Ended(Result<Ended, Refused>),
}

/// How an answer ended, and what it took.
struct Ended {
    answer: Answer,
    /// Of several samples.
    count: Option<Count>,
    energy: Option<Energy>,
}

/// Joules of an answer, and how they are known.
struct Energy {
    joules: f64,
    quality: &'static str,
    scope: &'static str,
}

impl Energy {
    /// Where this machine has a sensor and the answer was made here: the machine's power as it was last measured, over
    /// the answer's time. That is no measurement of the answer, since the window is another one and other answers may
    /// share it. Otherwise what the plan expects of an answer, over the time that it took.
    fn of(shared: &crate::shared::Shared, place: &Place, whole_s: f64) -> Option<Self> {
        let entry = place.entry()?;
        if let (Some(power_w), None) = (shared.metrics.power_w(), &entry.next) {
            return Some(Self {
                joules: power_w * whole_s,
                quality: "modelled",
                scope: "this machine, by its power of the last window",
            });
        }
        let (joules, seconds) = entry.expected;
        (seconds > 0.0 && joules > 0.0).then(|| Self {
            joules: joules * whole_s / seconds,
            quality: "modelled",
            scope: "all devices of the pipeline",
        })
    }
}

/// All that a request needs to run.
struct Begun {
    serving: Arc<Serving>,
    place: Place,
    ask: Ask,
    kind: Kind,
    /// The caller's trace.
    parent: Option<Parent>,
    /// Given back at the end.
    turn: OwnedSemaphorePermit,
}

pub(crate) async fn chat(State(serving): State<Arc<Serving>>, headers: HeaderMap, body: Body) -> Response {
    respond(serving, &headers, body, Kind::Chat).await.unwrap_or_else(IntoResponse::into_response)
}

pub(crate) async fn text(State(serving): State<Arc<Serving>>, headers: HeaderMap, body: Body) -> Response {
    respond(serving, &headers, body, Kind::Text).await.unwrap_or_else(IntoResponse::into_response)
}

async fn respond(serving: Arc<Serving>, headers: &HeaderMap, body: Body, kind: Kind) -> Result<Response, Refused> {
    serving.allowed(headers)?;
    let body = serving.body(body, serving.shared.limits.body_bytes).await?;
    let request = Request::read(&body)?;
    let named = Name::new(&request.model).ok();
    if let Some(service) = named.as_ref().filter(|s| !serving.shared.traffic.services().contains(s))
        && let Some(answer) = forward::hand_on(&serving.shared, service, kind.path(), headers, &body).await
    {
        return answer;
    }
    let Some(mut begun) = begin(&serving, &request, kind).await? else {
        return anew(&serving, named, kind, headers, &body).await;
    };
    begun.parent = headers.get("traceparent").and_then(|h| Parent::read(h.to_str().ok()?));
    let (plan, prompt) = (begun.place.ticket.plan, begun.ask.prompt.len());
    let frame = Frame {
        id: format!("{}-{}", if kind == Kind::Chat { "chatcmpl" } else { "cmpl" }, serving.shared.session()),
        created: clock::now().wall_ms / 1_000,
        model: request.model.clone(),
        kind,
        prompt,
    };
    let (tell, mut told) = mpsc::channel(PIECES);
    std::thread::spawn(move || run(begun, &tell));
    // What fails before the first word has a status of its own.
    let first = match told.recv().await {
        Some(Said::Ended(Err(refused))) => return Err(refused),
        Some(Said::Elsewhere) => return anew(&serving, named, kind, headers, &body).await,
        Some(first) => first,
        None => return Err(Refused::engine("the request ended without a word")),
    };
    let mut response = if request.stream == Some(true) {
        let (send, events) = mpsc::channel(PIECES);
        tokio::spawn(streamed(frame, first, told, send, request.usage_in_stream()));
        stream::response(events)
    } else {
        match whole(&frame, first, &mut told).await? {
            Some(value) => Json(value).into_response(),
            None => return anew(&serving, named, kind, headers, &body).await,
        }
    };
    let generation = HeaderValue::from_str(&format!("{}:{}", plan.generation, plan.id));
    response.headers_mut().extend(generation.map(|v| (axum::http::HeaderName::from_static("x-wattline-plan"), v)));
    Ok(response)
}

/// Has another device answer, whose pipeline is not lost.
async fn anew(
    serving: &Serving,
    service: Option<Name>,
    kind: Kind,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response, Refused> {
    let handed = match &service {
        Some(service) => forward::hand_on(&serving.shared, service, kind.path(), headers, body).await,
        None => None,
    };
    handed.unwrap_or_else(|| Err(Refused::unavailable(format!("{}; try again", StepError::Elsewhere))))
}

/// Ends when a service is not answered here any more, and is by another device.
async fn moved(shared: &crate::shared::Shared, service: &Name) {
    while !elsewhere(shared, service) {
        tokio::time::sleep(LOOK).await;
    }
}

/// Checks everything that can be checked, waits for a turn, and takes a place; none where another device answers
/// meanwhile: those who have the turns may all wait for a device that is lost.
async fn begin(serving: &Arc<Serving>, request: &Request, kind: Kind) -> Result<Option<Begun>, Refused> {
    let shared = &serving.shared;
    let unknown = || {
        let known: Vec<String> = forward::services(shared).iter().map(ToString::to_string).collect();
        Refused::model(&request.model, &known)
    };
    let service = Name::new(&request.model).map_err(|_| unknown())?;
    if !shared.traffic.services().contains(&service) {
        let broken = || Refused::unavailable(format!("a device that `{service}` needs is not there; try again"));
        return Err(if forward::is_planned(shared, &service) { broken() } else { unknown() });
    }
    let sampling = request.sampling(shared.session())?;
    let mut tokens = request.tokens(shared.limits.answer_tokens)?;
    let stop = request.stop()?;
    let (messages, prompt) = match kind {
        Kind::Chat => (Some(request.messages()?), String::new()),
        Kind::Text => (None, request.prompt()?),
    };
    let turn = tokio::select! {
        biased;
        turn = serving.turn() => turn?,
        () = moved(shared, &service) => return Ok(None),
    };
    let changing = || Refused::unavailable("the fleet changes its plan; try again");
    let place = match Place::take(shared, &service) {
        Some(place) => place,
        None if elsewhere(shared, &service) => return Ok(None),
        None => return Err(changing()),
    };
    let entry = place.entry().ok_or_else(changing)?;
    let text = entry.text.as_ref().ok_or_else(changing)?;
    if let Some(budget) = entry.scaling.budget {
        tokens = tokens.min(budget);
    }
    let encoded = match messages {
        Some(messages) => {
            let template = text.template.as_ref();
            let template = template.ok_or_else(|| {
                Refused::field("model", format!("`{service}` is not tuned to chat; /v1/completions continues a text"))
            })?;
            template.render(&messages, true).and_then(|rendered| text.tokenizer.encode_control(&rendered))
        }
        None => text.tokenizer.encode_prompt(&prompt),
    };
    let prompt = encoded.map_err(|e| Refused::body(e.to_string()))?;
    let limit = entry.stage.config().context;
    if prompt.len() >= limit {
        return Err(Refused::context(format!("{} tokens of a context of {limit}, which leaves no answer", prompt.len())));
    }
    let whole = request.stream != Some(true);
    let ask = Ask { prompt, tokens, sampling, stop, close: entry.close.clone(), whole };
    Ok(Some(Begun { serving: Arc::clone(serving), place, ask, kind, parent: None, turn }))
}

/// The thread of a request. A reader that has gone away breaks it off.
fn run(begun: Begun, tell: &mpsc::Sender<Said>) {
    let Begun { serving, mut place, ask, kind, parent, turn } = begun;
    let begun_s = clock::seconds();
    let shared = &serving.shared;
    let mut hear = |piece: &str| match tell.blocking_send(Said::Text(piece.to_owned())) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    };
    let scaling = place.entry().map(|e| e.scaling);
    let outcome = match scaling.filter(|s| s.samples > 1) {
        None => answer(shared, &mut place, &ask, &mut hear).map(|a| (a, None)),
        Some(scaling) => samples::choose(shared, &mut place, &ask, scaling, &|| !tell.is_closed()).map(|chosen| {
            // A reader that has gone away needs nothing.
            let _ = hear(&chosen.text);
            (chosen.answer, Some(chosen.count))
        }),
    };
    if matches!(outcome, Err(StepError::Elsewhere)) {
        drop((place, turn));
        let _ = tell.blocking_send(Said::Elsewhere);
        return;
    }
    let outcome = outcome.map_err(|e| refused(shared, e));
    let (tokens, ttft_s, whole_s) = outcome.as_ref().map_or((0, None, 0.0), |(a, _)| (a.tokens as u64, a.ttft_s, a.whole_s));
    shared.metrics.ended(&place.service, place.ticket.replica, tokens, ttft_s, whole_s, outcome.is_err());
    if shared.settings.otlp.is_some() {
        shared.outbox.put(otlp::Request {
            parent,
            operation: if kind == Kind::Chat { "chat" } else { "text_completion" },
            service: place.service.clone(),
            replica: place.ticket.replica,
            plan: place.ticket.plan,
            prompt: ask.prompt.len(),
            tokens,
            ttft_s,
            // One that failed took its time as well.
            whole_s: if outcome.is_ok() { whole_s } else { clock::seconds() - begun_s },
            ended_ms: clock::now().wall_ms,
            failed: outcome.as_ref().err().map(Refused::why),
        });
    }
    let outcome = outcome.map(|(answer, count)| {
        let energy = Energy::of(shared, &place, answer.whole_s);
        Ended { answer, count, energy }
    });
    // The place is free before the answer is told, so that who asks next finds it.
    drop((place, turn));
    let _ = tell.blocking_send(Said::Ended(outcome));
}

fn refused(shared: &crate::shared::Shared, error: StepError) -> Refused {
    match error {
        StepError::Engine(EngineError::Context { .. } | EngineError::Input(_)) => Refused::context(error.to_string()),
        StepError::Engine(e @ EngineError::Stream(_)) => {
            shared.metrics.note(e.to_string());
            Refused::unavailable(format!("weights on disk could not be read: {e}"))
        }
        StepError::Engine(e) => Refused::engine(e.to_string()),
        StepError::Hop { .. } | StepError::Partner { .. } | StepError::Elsewhere => {
            shared.metrics.note(error.to_string());
            Refused::unavailable(format!("a stage of the pipeline is lost: {error}"))
        }
    }
}

/// What all parts of an answer have in common.
struct Frame {
    id: String,
    created: u64,
    model: String,
    kind: Kind,
    prompt: usize,
}

fn reason(finish: Finish) -> &'static str {
    match finish {
        Finish::End | Finish::Stop => "stop",
        Finish::Budget | Finish::Cancelled => "length",
    }
}

impl Frame {
    fn usage(&self, ended: &Ended) -> Value {
        let tokens = ended.answer.tokens;
        let mut usage =
            json!({ "prompt_tokens": self.prompt, "completion_tokens": tokens, "total_tokens": self.prompt + tokens });
        if let Some(e) = &ended.energy {
            usage["energy"] = json!({ "joules": e.joules, "quality": e.quality, "scope": e.scope });
        }
        let closed = ended.count.map_or(usize::from(ended.answer.closed), |c| c.closed);
        if closed > 0 {
            usage["closed"] = closed.into();
        }
        if let Some(c) = ended.count {
            usage["samples"] = json!({ "planned": c.samples, "counted": c.counted, "agree": c.agree });
        }
        usage
    }

    fn value(&self, object: &str, choices: &Value) -> Value {
        json!({ "id": self.id, "object": object, "created": self.created, "model": self.model, "choices": choices })
    }

    /// A part of a stream.
    fn part(&self, text: Option<&str>, first: bool, finish: Option<&str>) -> Value {
        match self.kind {
            Kind::Chat => {
                let mut delta = serde_json::Map::new();
                if first {
                    delta.insert("role".into(), "assistant".into());
                }
                delta.extend(text.map(|t| ("content".into(), t.into())));
                self.value("chat.completion.chunk", &json!([{ "index": 0, "delta": delta, "finish_reason": finish }]))
            }
            Kind::Text => {
                let text = text.unwrap_or_default();
                self.value("text_completion", &json!([{ "index": 0, "text": text, "logprobs": null, "finish_reason": finish }]))
            }
        }
    }
}

/// The whole answer as one value; none: it is to be had elsewhere.
async fn whole(frame: &Frame, first: Said, told: &mut mpsc::Receiver<Said>) -> Result<Option<Value>, Refused> {
    let (mut text, mut next) = (String::new(), Some(first));
    let answer = loop {
        match next {
            Some(Said::Text(piece)) => text.push_str(&piece),
            Some(Said::Ended(ended)) => break ended?,
            Some(Said::Elsewhere) => return Ok(None),
            None => return Err(Refused::engine("the request broke off")),
        }
        next = told.recv().await;
    };
    let finish = reason(answer.answer.finish);
    let (object, choice) = match frame.kind {
        Kind::Chat => {
            let message = json!({ "role": "assistant", "content": text });
            ("chat.completion", json!([{ "index": 0, "message": message, "logprobs": null, "finish_reason": finish }]))
        }
        Kind::Text => ("text_completion", json!([{ "index": 0, "text": text, "logprobs": null, "finish_reason": finish }])),
    };
    let mut value = frame.value(object, &choice);
    value["usage"] = frame.usage(&answer);
    Ok(Some(value))
}

/// The answer as events. A reader that has gone away ends it.
async fn streamed(frame: Frame, first: Said, mut told: mpsc::Receiver<Said>, send: mpsc::Sender<String>, usage: bool) {
    let (mut next, mut begun) = (Some(first), false);
    while let Some(said) = next {
        let text = match said {
            // It is said before anything else or not at all.
            Said::Elsewhere => return,
            Said::Text(piece) => event(&frame.part(Some(&piece), !std::mem::replace(&mut begun, true), None)),
            Said::Ended(Ok(answer)) => {
                let mut text = event(&frame.part(None, !begun, Some(reason(answer.answer.finish))));
                if usage {
                    let mut last = frame.part(None, false, None);
                    last["choices"] = json!([]);
                    last["usage"] = frame.usage(&answer);
                    text += &event(&last);
                }
                text + DONE
            }
            Said::Ended(Err(refused)) => event(&refused.value()) + DONE,
        };
        if send.send(text).await.is_err() {
            return;
        }
        next = told.recv().await;
    }
}
