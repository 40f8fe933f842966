//! Lengths of prompts and answers, and their bytes on the wire.

use profiles::units::Bytes;
use profiles::{ModelKind, ModelProfile};

use super::label;
use super::models::kind;
use crate::code::Code;
use crate::diagnostic::Sink;
use crate::file::{Length, LengthUnit, Marked, Service as FileService};
use crate::scenario::Said;

pub(super) struct Lengths {
    pub(super) prompt: u32,
    /// 0 for models that answer in one pass.
    pub(super) answer: u32,
    pub(super) request: Bytes,
    pub(super) reply: Bytes,
}

/// Text of one token on the wire: about four letters.
const TOKEN: f64 = 4.0;
/// A photograph as a camera compresses it.
const ITEM: f64 = 100e3;
/// One frame of 20 ms of 16-bit sound at 16 kHz.
const FRAME: f64 = 640.0;
/// Classes and boxes of one pass.
const ONE_PASS_ANSWER: f64 = 1000.0;

pub(super) fn resolve(file: &FileService, models: &[Said<ModelProfile>], sink: &mut Sink) -> Option<Lengths> {
    let model_kind = models.first().map(|m| m.value.kind);
    let prompt = file.prompt.as_ref();
    if let (Some(prompt), Some(kind)) = (prompt, model_kind) {
        check_unit(prompt, prompt_unit(kind), kind, sink);
    }
    match (&file.answer, model_kind) {
        (Some(answer), Some(ModelKind::Feedforward)) => {
            let message = format!("{} answers in one pass, without tokens", label(file));
            sink.report(Code::WrongLength, answer.span, message, "delete `answer`");
        }
        (Some(answer), Some(kind)) => check_unit(answer, LengthUnit::Tokens, kind, sink),
        (None, Some(ModelKind::Llm | ModelKind::Transducer)) if !file.unread.contains(&"answer") => {
            if let Some(at) = file.name.as_ref().map(|n| n.span).or(prompt.map(|p| p.span)) {
                let message = format!("{} needs `answer`: its models answer in tokens", label(file));
                sink.report(Code::MissingKey, at, message, "add for example `answer: 128 tokens`");
            }
        }
        _ => {}
    }
    context(file, models, sink);
    let prompt = prompt?.value;
    let answer = match (model_kind?, &file.answer) {
        (ModelKind::Feedforward, _) => 0,
        (_, answer) => answer.as_ref()?.value.count,
    };
    let each = match prompt.unit {
        LengthUnit::Tokens => TOKEN,
        LengthUnit::Items => ITEM,
        LengthUnit::Frames => FRAME,
    };
    let reply = if answer == 0 { ONE_PASS_ANSWER } else { TOKEN * f64::from(answer) };
    Some(Lengths {
        prompt: prompt.count,
        answer,
        request: file.request_size.as_ref().map_or(Bytes(each * f64::from(prompt.count)), |s| s.value),
        reply: file.answer_size.as_ref().map_or(Bytes(reply), |s| s.value),
    })
}

fn prompt_unit(kind: ModelKind) -> LengthUnit {
    match kind {
        ModelKind::Llm => LengthUnit::Tokens,
        ModelKind::Feedforward => LengthUnit::Items,
        ModelKind::Transducer => LengthUnit::Frames,
    }
}

fn check_unit(length: &Marked<Length>, unit: LengthUnit, model: ModelKind, sink: &mut Sink) {
    if length.value.unit == unit {
        return;
    }
    let example = match unit {
        LengthUnit::Tokens => "`512 tokens`",
        LengthUnit::Items => "`1 item`",
        LengthUnit::Frames => "`30 s of audio` or `1500 frames`",
    };
    let message = format!("`{}` for {}", length.value, kind(model));
    sink.report(Code::WrongLength, length.span, message, format!("write for example {example}"));
}

/// Prompt and answer must fit a candidate's context.
fn context(file: &FileService, models: &[Said<ModelProfile>], sink: &mut Sink) {
    let (Some(prompt), Some(answer)) = (&file.prompt, &file.answer) else { return };
    if models.is_empty() || models.iter().any(|m| m.value.kind != ModelKind::Llm) {
        return;
    }
    let need = u64::from(prompt.value.count) + u64::from(answer.value.count);
    let longest = models.iter().map(|m| m.value.context).max().unwrap_or(0);
    if need > u64::from(longest) {
        let message = format!("{need} tokens of prompt and answer; the longest context of a candidate is {longest}");
        let help = "shorten `prompt` or `answer`, or add a model with a longer context";
        sink.report(Code::ContextTooShort, prompt.span, message, help);
        return;
    }
    for model in models.iter().filter(|m| need > u64::from(m.value.context)) {
        let at = crate::diagnostic::Span {
            line: model.at.line,
            column: model.at.column,
            length: u32::try_from(model.value.id.len()).unwrap_or(0),
        };
        let message =
            format!("`{}` is never chosen: {need} tokens exceed its context of {}", model.value.id, model.value.context);
        sink.report(Code::IdleCandidate, at, message, "delete it, or shorten `prompt` or `answer`");
    }
}
