//! `--set NAME.KEY=VALUE`.

use std::str::FromStr;

use profiles::units::{Celsius, GramsPerDay, PerSecond, Ratio, Seconds, Watts};
use scenarios::{At, Device, Goal, Limits, Said, Scenario, Service};

use super::error::{ChangeError, nearest};

type Done = Result<(), ChangeError>;

const DEVICE: [&str; 6] = ["power_cap", "memory_margin", "ambient", "modes", "sleep", "stream"];
const SERVICE: [&str; 10] = [
    "rate",
    "deadline.ttft",
    "deadline.tpot",
    "deadline.total",
    "deadline.percentile",
    "accuracy",
    "prompt_tokens",
    "answer_tokens",
    "max_stages",
    "replicas",
];
const LIMITS: [&str; 8] =
    ["power", "booked_time", "booked_link", "latency", "underutilisation", "mean_accuracy", "cost", "carbon"];
const OWN: [&str; 2] = ["limits", "objective"];

/// Applies one `NAME.KEY=VALUE`. `none` takes an optional demand away.
pub(super) fn set(scenario: &mut Scenario, text: &str) -> Done {
    let form = || ChangeError::Form { text: text.into() };
    let (path, value) = text.split_once('=').ok_or_else(form)?;
    let (path, value) = (path.trim(), value.trim());
    if path == "objective" {
        scenario.objective.goal = goal(path, value)?;
        return Ok(());
    }
    let (name, key) = path.split_once('.').ok_or_else(form)?;
    if name == "limits" {
        return limit(&mut scenario.limits, name, key, value);
    }
    let device_at = scenario.devices.iter().position(|d| d.name == name);
    let service = scenario.services.iter().position(|s| s.name == name);
    match (device_at, service) {
        (Some(d), None) => device(&mut scenario.devices[d], key, value),
        (None, Some(s)) => self::service(&mut scenario.services[s], key, value),
        (Some(d), Some(_)) if DEVICE.contains(&key) => device(&mut scenario.devices[d], key, value),
        (Some(_), Some(s)) => self::service(&mut scenario.services[s], key, value),
        (None, None) => {
            let devices = scenario.devices.iter().map(|d| d.name.as_str());
            let known = devices.chain(scenario.services.iter().map(|s| s.name.as_str())).chain(OWN);
            Err(ChangeError::Name { name: name.into(), near: nearest(name, known) })
        }
    }
}

fn device(d: &mut Device, key: &str, value: &str) -> Done {
    let path = format!("{}.{key}", d.name);
    match key {
        "power_cap" => d.power_cap = optional(value, positive(&path, "give more than 0 W"))?,
        "memory_margin" => d.memory_margin = said(share(&path, value)?),
        "ambient" => d.ambient = parse::<Celsius>(&path, value)?,
        "sleep" => d.may_sleep = boolean(&path, value)?,
        "stream" => d.may_stream = boolean(&path, value)?,
        "modes" => d.modes = modes(d, &path, value)?,
        _ => return Err(unknown(&d.name, key, &DEVICE)),
    }
    Ok(())
}

fn service(s: &mut Service, key: &str, value: &str) -> Done {
    let path = format!("{}.{key}", s.name);
    let time = |v: &str| optional(v, positive::<Seconds>(&path, "give more than 0 s"));
    match key {
        "rate" => s.rate = said(positive::<PerSecond>(&path, "give more than 0 /s")(value)?),
        "deadline.ttft" => s.deadline.ttft = time(value)?,
        "deadline.tpot" => s.deadline.tpot = time(value)?,
        "deadline.total" => s.deadline.total = time(value)?,
        "deadline.percentile" => s.deadline.percentile = open_share(&path, value)?,
        "accuracy" if value == "none" => s.accuracy = None,
        "accuracy" => match &mut s.accuracy {
            Some(floor) => floor.at_least = said(share(&path, value)?),
            None => {
                let reason = "the service names no benchmark; write its `accuracy` in the file".into();
                return Err(ChangeError::Value { key: path, reason });
            }
        },
        "prompt_tokens" => s.prompt_tokens = whole(&path, value, 1)?,
        "answer_tokens" => s.answer_tokens = whole(&path, value, 0)?,
        "max_stages" => s.max_stages = whole(&path, value, 1)?,
        "replicas" => s.replicas = range(&path, value)?,
        _ => return Err(unknown(&s.name, key, &SERVICE)),
    }
    Ok(())
}

fn limit(l: &mut Limits, name: &str, key: &str, value: &str) -> Done {
    let path = format!("{name}.{key}");
    let any_share = |v: &str| optional(v, |v| share(&path, v));
    match key {
        "power" => l.power = optional(value, positive::<Watts>(&path, "give more than 0 W"))?,
        "booked_time" => l.booked_time = said(open_share(&path, value)?),
        "booked_link" => l.booked_link = said(open_share(&path, value)?),
        "latency" => l.latency = optional(value, positive::<Ratio>(&path, "give more than 0 %"))?,
        "underutilisation" => l.underutilisation = any_share(value)?,
        "mean_accuracy" => l.mean_accuracy = any_share(value)?,
        "carbon" => l.carbon = optional(value, positive::<GramsPerDay>(&path, "give more than 0 g/day"))?,
        "cost" if value == "none" => l.cost = None,
        "cost" => match &mut l.cost {
            Some(cost) => cost.value.amount = amount(&path, value)?,
            None => {
                let reason = "the scenario has no limit on cost; write one with its currency in the file".into();
                return Err(ChangeError::Value { key: path, reason });
            }
        },
        _ => return Err(unknown(name, key, &LIMITS)),
    }
    Ok(())
}

/// A plain number in the scenario's currency.
fn amount(path: &str, value: &str) -> Result<f64, ChangeError> {
    let read: f64 = parse(path, value)?;
    let range = "give a number of at least 0, in the file's currency";
    if read.is_finite() && read >= 0.0 {
        return Ok(read);
    }
    Err(ChangeError::Range { key: path.into(), value: value.into(), range })
}

fn unknown(name: &str, key: &str, keys: &[&'static str]) -> ChangeError {
    let near = nearest(key, keys.iter().copied());
    ChangeError::Key { name: name.into(), key: key.into(), near, keys: keys.to_vec() }
}

/// A changed value was said nowhere in the file.
fn said<T>(value: T) -> Said<T> {
    Said { value, at: At::default() }
}

fn optional<T>(value: &str, read: impl Fn(&str) -> Result<T, ChangeError>) -> Result<Option<Said<T>>, ChangeError> {
    if value == "none" { Ok(None) } else { Ok(Some(said(read(value)?))) }
}

fn parse<T: FromStr<Err: std::fmt::Display>>(path: &str, value: &str) -> Result<T, ChangeError> {
    value.parse().map_err(|e: T::Err| ChangeError::Value { key: path.into(), reason: e.to_string() })
}

fn positive<T: FromStr<Err: std::fmt::Display> + PartialOrd + Default>(
    path: &str,
    range: &'static str,
) -> impl Fn(&str) -> Result<T, ChangeError> {
    move |value| {
        let read: T = parse(path, value)?;
        if read > T::default() { Ok(read) } else { Err(ChangeError::Range { key: path.into(), value: value.into(), range }) }
    }
}

/// A share in [0, 1].
fn share(path: &str, value: &str) -> Result<Ratio, ChangeError> {
    let read: Ratio = parse(path, value)?;
    if (0.0..=1.0).contains(&read.get()) {
        return Ok(read);
    }
    Err(ChangeError::Range { key: path.into(), value: value.into(), range: "give 0 % to 100 %" })
}

/// A share in (0, 1).
fn open_share(path: &str, value: &str) -> Result<Ratio, ChangeError> {
    let read: Ratio = parse(path, value)?;
    if read.get() > 0.0 && read.get() < 1.0 {
        return Ok(read);
    }
    Err(ChangeError::Range { key: path.into(), value: value.into(), range: "give more than 0 % and less than 100 %" })
}

fn whole(path: &str, value: &str, least: u32) -> Result<u32, ChangeError> {
    let read: u32 = parse(path, value)?;
    let range = "give a whole number of at least 1";
    if read >= least { Ok(read) } else { Err(ChangeError::Range { key: path.into(), value: value.into(), range }) }
}

/// `3` or `1..4`, both ends included.
fn range(path: &str, value: &str) -> Result<(u32, u32), ChangeError> {
    let (low, high) = value.split_once("..").unwrap_or((value, value));
    let (low, high) = (whole(path, low, 1)?, whole(path, high, 1)?);
    let range = "give the smaller count first, as 1..4";
    if low <= high { Ok((low, high)) } else { Err(ChangeError::Range { key: path.into(), value: value.into(), range }) }
}

fn boolean(path: &str, value: &str) -> Result<bool, ChangeError> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(choice(path, value, &["true", "false"])),
    }
}

fn choice(path: &str, value: &str, choices: &[&str]) -> ChangeError {
    ChangeError::Choice {
        key: path.into(),
        value: value.into(),
        near: nearest(value, choices.iter().copied()),
        choices: choices.iter().map(ToString::to_string).collect(),
    }
}

/// Mode ids separated by commas; `all` allows every mode.
fn modes(d: &Device, path: &str, value: &str) -> Result<Vec<String>, ChangeError> {
    if value == "all" {
        return Ok(Vec::new());
    }
    let known: Vec<&str> = d.profile.modes.iter().map(|m| m.id.as_str()).collect();
    let ids = value.split(',').map(str::trim);
    ids.map(|id| if known.contains(&id) { Ok(id.to_owned()) } else { Err(choice(path, id, &known)) }).collect()
}

fn goal(path: &str, value: &str) -> Result<Goal, ChangeError> {
    let quoted = serde_json::Value::String(value.into());
    let names = ["power", "energy-per-request", "latency", "accuracy", "answers-per-joule", "cost", "carbon"];
    serde_json::from_value(quoted).map_err(|_| choice(path, value, &names))
}
