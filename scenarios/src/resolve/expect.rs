//! Expectations from their sentences.

use profiles::WeightFormat;
use profiles::units::{Bytes, Celsius, Joules, Ratio, Seconds, Watts};

use super::Context;
use crate::code::Code;
use crate::diagnostic::Sink;
use crate::expect::{Bound, Claim, DeviceFigure, Expectation, PlanFigure, ServiceFigure, Side};
use crate::file::{File, Marked, Text};
use crate::suggest;

const FORMS: &str = "write one as `chat.energy < 8 J`, `chat.model = qwen2.5-0.5b`, `chat.precision = w4`, `chat runs on pi`, `laptop is asleep`, `fleet.power < 4 W`, `gap < 2 %` or `feasible`";

/// Signs, longest first.
const SIDES: [(&str, Side); 6] = [
    ("<=", Side::AtMost),
    (">=", Side::AtLeast),
    ("≤", Side::AtMost),
    ("≥", Side::AtLeast),
    ("<", Side::Below),
    (">", Side::Above),
];

pub(super) fn resolve(context: &Context<'_>, file: &File, sink: &mut Sink) -> Vec<Expectation> {
    let sentences: &[Marked<Text>] = file.expect.as_ref().map_or(&[], |e| e.value.as_slice());
    sentences.iter().filter_map(|s| one(context, s, sink)).collect()
}

fn one(context: &Context<'_>, sentence: &Marked<Text>, sink: &mut Sink) -> Option<Expectation> {
    let text = sentence.value.0.trim();
    match (Reader { context }).claim(text) {
        Ok(claim) => Some(Expectation { text: text.to_owned(), at: sentence.span.into(), claim }),
        Err((code, message, help)) => {
            // A name that is not found may be that of an entry with a fault of its own.
            let unsure = !(context.names.sure_of("services") && context.names.sure_of("devices"));
            if !(unsure && matches!(code, Code::UnknownService | Code::UnknownDevice)) {
                sink.report(code, sentence.span, message, help);
            }
            None
        }
    }
}

/// Code, message, help.
type Wrong = (Code, String, String);

struct Reader<'a> {
    context: &'a Context<'a>,
}

/// What a name before the dot stands for.
enum Subject {
    Fleet,
    Service(String),
    Device(String),
}

fn form(message: impl Into<String>) -> Wrong {
    (Code::BadExpectation, message.into(), FORMS.into())
}

impl Reader<'_> {
    fn claim(&self, text: &str) -> Result<Claim, Wrong> {
        match text {
            "feasible" => return Ok(Claim::Feasible(true)),
            "infeasible" => return Ok(Claim::Feasible(false)),
            _ => {}
        }
        if let Some((sign, side)) = SIDES.iter().find(|(sign, _)| text.contains(sign)) {
            let (left, right) = text.split_once(sign).unwrap_or_default();
            return self.bounded(left.trim(), *side, right.trim());
        }
        if let Some((left, right)) = text.split_once('=') {
            return self.equal(left.trim(), right.trim());
        }
        let words: Vec<&str> = text.split_whitespace().collect();
        match words.as_slice() {
            [name, "is", state @ ("asleep" | "awake")] => Ok(Claim::Awake(self.device(name)?, *state == "awake")),
            [name, "runs", "on", device] => Ok(Claim::RunsOn(self.service(name)?, self.device(device)?, true)),
            [name, "runs", "not", "on", device] => Ok(Claim::RunsOn(self.service(name)?, self.device(device)?, false)),
            _ => Err(form(format!("`{text}` is no expectation"))),
        }
    }

    fn bounded(&self, left: &str, side: Side, right: &str) -> Result<Claim, Wrong> {
        let bound = |unit: &str| self.quantity(right, unit).map(|value| Bound { side, value });
        if left == "gap" {
            return Ok(Claim::Plan(PlanFigure::Gap, bound("1")?));
        }
        // A name may have dots of its own.
        let (name, what) = left.rsplit_once('.').ok_or_else(|| form(format!("`{left}` names no figure")))?;
        match self.subject(name)? {
            Subject::Fleet => {
                let figure = figure(what, &PlanFigure::ALL[1..], PlanFigure::word)?;
                Ok(Claim::Plan(figure, bound(figure.unit())?))
            }
            Subject::Service(name) => {
                let figure = figure(what, ServiceFigure::ALL, ServiceFigure::word)?;
                Ok(Claim::Service(name, figure, bound(figure.unit())?))
            }
            Subject::Device(name) => {
                let figure = figure(what, DeviceFigure::ALL, DeviceFigure::word)?;
                Ok(Claim::Device(name, figure, bound(figure.unit())?))
            }
        }
    }

    fn equal(&self, left: &str, right: &str) -> Result<Claim, Wrong> {
        let (name, what) = left.rsplit_once('.').ok_or_else(|| form(format!("`{left}` names no figure")))?;
        let service = self.service(name)?;
        match what {
            "model" => {
                if !self.context.known.model_ids().contains(&right) {
                    let help = suggest::help(right, "models", self.context.known.model_ids());
                    return Err((Code::UnknownModel, format!("there is no model `{right}`"), help));
                }
                Ok(Claim::Model(service, right.into()))
            }
            "precision" => match crate::file::FORMATS.iter().find(|f| f.to_string() == right) {
                Some(format) => Ok(Claim::Weights(service, *format)),
                None => {
                    let all: Vec<String> = crate::file::FORMATS.iter().map(WeightFormat::to_string).collect();
                    let help = suggest::help(right, "formats", all.iter().map(String::as_str));
                    Err((Code::UnknownPrecision, format!("`{right}` is no number format"), help))
                }
            },
            _ => Err(form(format!("`{what}` is compared with `<` or `>`, or is unknown; `=` takes `model` and `precision`"))),
        }
    }

    fn subject(&self, name: &str) -> Result<Subject, Wrong> {
        let names = &self.context.names;
        if names.has_service(name) {
            return Ok(Subject::Service(name.into()));
        }
        if names.has_device(name) {
            return Ok(Subject::Device(name.into()));
        }
        if name == "fleet" {
            return Ok(Subject::Fleet);
        }
        let all: Vec<&str> = names.service_names().chain(names.device_names()).chain(["fleet"]).collect();
        Err((Code::UnknownService, format!("no service or device is called `{name}`"), suggest::help(name, "names", all)))
    }

    fn service(&self, name: &str) -> Result<String, Wrong> {
        let names = &self.context.names;
        if names.has_service(name) {
            return Ok(name.into());
        }
        let help = suggest::help(name, "services", names.service_names());
        Err((Code::UnknownService, format!("there is no service `{name}`"), help))
    }

    fn device(&self, name: &str) -> Result<String, Wrong> {
        let names = &self.context.names;
        if names.has_device(name) {
            return Ok(name.into());
        }
        let help = suggest::help(name, "devices", names.device_names());
        Err((Code::UnknownDevice, format!("there is no device `{name}`"), help))
    }

    /// A number with a unit of this base.
    fn quantity(&self, text: &str, unit: &str) -> Result<f64, Wrong> {
        let read = match unit {
            "W" => text.parse::<Watts>().map(Watts::get).map_err(|e| e.to_string()),
            "J" => text.parse::<Joules>().map(Joules::get).map_err(|e| e.to_string()),
            "s" => text.parse::<Seconds>().map(Seconds::get).map_err(|e| e.to_string()),
            "B" => text.parse::<Bytes>().map(Bytes::get).map_err(|e| e.to_string()),
            "°C" => text.parse::<Celsius>().map(Celsius::get).map_err(|e| e.to_string()),
            _ => text.parse::<Ratio>().map(Ratio::get).map_err(|e| e.to_string()),
        };
        read.map_err(|why| (Code::BadExpectation, why, FORMS.to_owned()))
    }
}

fn figure<T: Copy>(word: &str, all: &[T], of: fn(T) -> &'static str) -> Result<T, Wrong> {
    all.iter().copied().find(|f| of(*f) == word).ok_or_else(|| {
        let help = suggest::help(word, "figures", all.iter().map(|f| of(*f)));
        (Code::BadExpectation, format!("there is no figure `{word}` of it"), help)
    })
}
