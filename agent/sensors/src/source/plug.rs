//! Plugs at the wall that the user named. None is searched for.

mod answer;
mod digest;
mod http;
#[cfg(test)]
mod tests;

use crate::clock::Stamp;
use crate::deadline::Pending;
use crate::interface::Interface;
use crate::missing::Missing;
use crate::reading::{Grain, Quantity, Reading, Sensor};
use crate::scope::Scope;
use crate::source::{Found, Host, Pace, Source};
use answer::Answer;
use std::str::FromStr;
use std::time::Duration;

/// A plug smooths over about a second.
const UPDATE_S: f64 = 1.0;

/// What speaks at the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Generation 2 and later: `Switch.GetStatus`.
    Shelly,
    /// Metering only, without a relay: `PM1.GetStatus`.
    ShellyPm,
    /// Generation 1: `/meter/0`.
    Shelly1,
    Tasmota,
}

/// A plug by its address: `shelly:192.168.1.7`, `tasmota:192.168.1.8:80/1` (second channel).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plug {
    dialect: Dialect,
    /// Host and port.
    address: String,
    channel: u8,
    /// User and password: as HTTP basic (generation 1) or digest authorisation, or in the address (Tasmota).
    login: Option<(String, String)>,
}

/// A text that names no plug.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no plug: {expected}; write for example `shelly:192.168.1.7`")]
pub struct PlugError {
    pub text: String,
    pub expected: &'static str,
}

impl FromStr for Plug {
    type Err = PlugError;

    /// `KIND:[USER:PASSWORD@]HOST[:PORT][/CHANNEL]`, KIND one of shelly, shelly-pm, shelly1, tasmota.
    fn from_str(text: &str) -> Result<Self, PlugError> {
        let wrong = |expected| PlugError { text: text.into(), expected };
        let (kind, rest) = text.split_once(':').ok_or_else(|| wrong("expected a kind and an address"))?;
        let dialect = match kind {
            "shelly" => Dialect::Shelly,
            "shelly-pm" => Dialect::ShellyPm,
            "shelly1" => Dialect::Shelly1,
            "tasmota" => Dialect::Tasmota,
            _ => return Err(wrong("the kinds are shelly, shelly-pm, shelly1, tasmota")),
        };
        let (login, rest) = match rest.rsplit_once('@') {
            None => (None, rest),
            Some((login, rest)) => {
                let (user, password) = login.split_once(':').ok_or_else(|| wrong("expected `user:password@`"))?;
                (Some((user.to_owned(), password.to_owned())), rest)
            }
        };
        let (host, channel) = match rest.split_once('/') {
            None => (rest, 0),
            Some((host, n)) => (host, n.parse().map_err(|_| wrong("the channel is a number from 0"))?),
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
        if host.is_empty() || !host.chars().all(plain) {
            return Err(wrong("the address is a host name or number, and a port"));
        }
        let has_port =
            host.rsplit_once(':').is_some_and(|(h, p)| p.parse::<u16>().is_ok() && (!h.contains(':') || h.ends_with(']')));
        let address = if has_port { host.to_owned() } else { format!("{host}:80") };
        Ok(Self { dialect, address, channel, login })
    }
}

impl Plug {
    fn interface(&self) -> Interface {
        if self.dialect == Dialect::Tasmota { Interface::Tasmota } else { Interface::Shelly }
    }

    fn path(&self) -> String {
        let n = self.channel;
        match self.dialect {
            Dialect::Shelly => format!("/rpc/Switch.GetStatus?id={n}"),
            Dialect::ShellyPm => format!("/rpc/PM1.GetStatus?id={n}"),
            Dialect::Shelly1 => format!("/meter/{n}"),
            Dialect::Tasmota => "/cm?cmnd=Status%208".into(),
        }
    }

    fn url(&self) -> String {
        format!("http://{}{}", self.address, self.path())
    }

    /// Asks on another thread: rails that are read ten times a second do not wait for a plug.
    fn ask(&self, host: &Host) -> Result<Pending<Result<Answer, Missing>>, Missing> {
        let mut path = self.path();
        if let (Dialect::Tasmota, Some((user, password))) = (self.dialect, &self.login) {
            path = format!("{path}&user={}&password={}", http::escaped(user), http::escaped(password));
        }
        let (plug, what, limit) = (self.clone(), self.url(), host.config.plug_limit);
        host.deadline.start(&self.url(), move || {
            let body = plug.exchange(&what, &path, limit)?;
            answer::parse(plug.dialect, plug.channel, &what, &body)
        })
    }
}

impl Plug {
    /// One question; generation 2 and later answer the first with a challenge when they have a password.
    fn exchange(&self, what: &str, path: &str, limit: Duration) -> Result<String, Missing> {
        let login = self.login.as_ref().filter(|_| self.dialect != Dialect::Tasmota);
        let basic = login.map(|(user, password)| format!("Basic {}", http::base64(format!("{user}:{password}").as_bytes())));
        let first = basic.filter(|_| self.dialect == Dialect::Shelly1);
        match http::get(what, &self.address, path, first.as_deref(), limit)? {
            http::Got::Body(body) => Ok(body),
            http::Got::Challenge(challenge) => {
                let answer = login.and_then(|(user, password)| digest::answer(&challenge, user, password, path));
                let denied = || Missing::Denied { what: what.into() };
                match http::get(what, &self.address, path, Some(&answer.ok_or_else(denied)?), limit)? {
                    http::Got::Body(body) => Ok(body),
                    http::Got::Challenge(_) => Err(denied()),
                }
            }
        }
    }
}

/// A plug and its last answer.
#[derive(Debug)]
struct Polled {
    plug: Plug,
    pending: Option<(Pending<Result<Answer, Missing>>, Stamp)>,
    last: Option<(Result<Answer, Missing>, Stamp)>,
}

impl Polled {
    /// The newest answer: waits for the first, later ones come when they come. At most one question a second.
    fn answer(&mut self, host: &Host) -> Result<Answer, Missing> {
        let now = host.clock.now();
        // Name resolution knows no deadline of its own, so the whole exchange has one.
        let limit = host.config.plug_limit * 2;
        if let Some((pending, asked)) = self.pending.take() {
            match pending.poll() {
                Some(answer) => self.last = Some((answer, now)),
                None if now.since_s(asked) > limit.as_secs_f64() => {
                    self.last = Some((pending.wait(Duration::ZERO).flatten(), now))
                }
                None => self.pending = Some((pending, asked)),
            }
        }
        let fresh = self.last.as_ref().is_some_and(|(_, at)| now.since_s(*at) < UPDATE_S);
        if self.pending.is_none() && !fresh {
            match (self.plug.ask(host), &self.last) {
                (Ok(pending), Some(_)) => self.pending = Some((pending, now)),
                (Ok(pending), None) => self.last = Some((pending.wait(limit).flatten(), host.clock.now())),
                (Err(missing), _) => self.last = Some((Err(missing), now)),
            }
        }
        self.last.as_ref().map_or_else(|| Err(Missing::absent(self.plug.url())), |(answer, _)| answer.clone())
    }
}

#[derive(Debug)]
struct Plugs(Vec<Polled>);

pub(crate) fn find(host: &Host, interface: Interface) -> Found {
    let mine = host.config.plugs.iter().filter(|p| p.interface() == interface);
    let mine: Vec<Polled> = mine.map(|p| Polled { plug: p.clone(), pending: None, last: None }).collect();
    if mine.is_empty() {
        return Err(Missing::not_here("no plug was named"));
    }
    Ok(Box::new(Plugs(mine)))
}

impl Source for Plugs {
    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn read(&mut self, host: &Host) -> Vec<Reading> {
        let mut out = Vec::new();
        for polled in &mut self.0 {
            let answer = polled.answer(host);
            let plug = &polled.plug;
            // Several plugs feed several things: none of them alone is this machine's wall.
            let scope = if host.config.plugs.len() == 1 { Scope::Wall } else { Scope::loose_rail(&plug.address) };
            let source = plug.url();
            let name = if plug.channel == 0 { plug.address.clone() } else { format!("{}/{}", plug.address, plug.channel) };
            let sensor = |q| Sensor::new(plug.interface(), &name, q, scope.clone(), &source);
            let grain = |resolution, ceiling_w| Grain { resolution, update_s: UPDATE_S, wraps_at_j: None, ceiling_w };
            let power_grain = answer.as_ref().map_or(0.0, |a| a.power_step_w);
            let energy_grain = answer.as_ref().map_or(0.0, |a| a.energy_step_j);
            let power = answer.clone().and_then(|a| a.power_w);
            let energy = answer.and_then(|a| a.energy_j);
            // 16 A at 230 V is what such plugs switch.
            let most = Some(3680.0);
            out.push(sensor(Quantity::Power).measured(power).with_grain(grain(power_grain, most)));
            out.push(sensor(Quantity::Energy).measured(energy).with_grain(grain(energy_grain, most)));
        }
        out
    }
}
