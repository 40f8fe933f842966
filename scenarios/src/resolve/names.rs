//! Names of the file and what they stand for. Declared before anything else is resolved, so that a
//! fault in one device does not make every mention of it a fault.

use std::collections::BTreeMap;

use crate::code::Code;
use crate::diagnostic::{Sink, Span};
use crate::file::{File, Marked, Name};
use crate::suggest;

/// Most equal devices of one entry.
const MAX_COUNT: u32 = 10_000;
/// Most devices of a fleet.
const MAX_DEVICES: usize = 20_000;

/// What names stand for.
#[derive(Debug, Default)]
pub(super) struct Names {
    sites: BTreeMap<String, usize>,
    services: BTreeMap<String, usize>,
    /// Index of each device; a group's name stands for all of its members.
    devices: BTreeMap<String, Vec<usize>>,
    /// Names as they were given, in the file's order, for hints.
    given: Vec<String>,
    /// Site of each device; `None` after a fault.
    pub(super) site_of: Vec<Option<usize>>,
    /// By entry of the file: name and number of its devices; `None` is an entry without a readable name.
    pub(super) entries: Vec<Option<Entry>>,
    pub(super) site_count: usize,
    /// Kinds of which some entry could not be read: a name not found may be that one.
    unsure: Vec<&'static str>,
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) names: Vec<String>,
    pub(super) at: Span,
}

impl Names {
    pub(super) fn of(file: &File, sink: &mut Sink) -> Self {
        let mut names = Names { unsure: file.unread.clone(), ..Names::default() };
        names.doubt("sites", list(file.sites.as_ref()).iter().all(|s| s.value.name.is_some()));
        names.doubt("devices", list(file.devices.as_ref()).iter().all(|d| d.value.name.is_some()));
        names.doubt("services", list(file.services.as_ref()).iter().all(|s| s.value.name.is_some()));
        let mut taken: BTreeMap<String, (Span, &str)> = BTreeMap::new();
        for (index, site) in list(file.sites.as_ref()).iter().enumerate() {
            names.site_count = index + 1;
            let Some(name) = &site.value.name else { continue };
            if take(name, &name.value.0, "site", &mut taken, sink) {
                names.sites.insert(name.value.0.clone(), index);
            }
        }
        for device in list(file.devices.as_ref()) {
            names.declare_devices(&device.value, &mut taken, sink);
        }
        let mut services = BTreeMap::new();
        for (index, service) in list(file.services.as_ref()).iter().enumerate() {
            let Some(name) = &service.value.name else { continue };
            if take(name, &name.value.0, "service", &mut services, sink) {
                names.services.insert(name.value.0.clone(), index);
            }
        }
        names
    }

    fn declare_devices<'f>(
        &mut self,
        device: &'f crate::file::Device,
        taken: &mut BTreeMap<String, (Span, &'f str)>,
        sink: &mut Sink,
    ) {
        let count = match &device.count {
            None => None,
            Some(count) if (1..=MAX_COUNT).contains(&count.value) => Some(count.value),
            Some(count) => {
                let message = format!("{} devices in one entry", count.value);
                sink.report(
                    Code::BadCount,
                    count.span,
                    message,
                    format!("write a count from 1 to {MAX_COUNT}, or delete the entry"),
                );
                None
            }
        };
        let Some(name) = &device.name else {
            self.entries.push(None);
            return;
        };
        let site = if device.unread.contains(&"site") { None } else { self.site_for(device.site.as_ref(), name, sink) };
        let group = &name.value.0;
        let members = match count {
            None => vec![group.clone()],
            Some(count) => (1..=count).map(|i| format!("{group}-{i}")).collect(),
        };
        let first = self.site_of.len();
        if first + members.len() > MAX_DEVICES {
            let message = format!("the fleet has more than {MAX_DEVICES} devices");
            sink.report(Code::BadCount, name.span, message, "split it: one scenario for each region");
            self.entries.push(None);
            return;
        }
        if count.is_some() && take(name, group, "device", taken, sink) {
            self.devices.insert(group.clone(), (first..first + members.len()).collect());
        }
        for (index, member) in (first..).zip(&members) {
            if take(name, member, "device", taken, sink) {
                self.devices.insert(member.clone(), vec![index]);
            }
            self.site_of.push(site);
        }
        if !self.given.contains(group) {
            self.given.push(group.clone());
        }
        self.entries.push(Some(Entry { names: members, at: name.span }));
    }

    /// The site said, or the only one.
    fn site_for(&self, said: Option<&Marked<Name>>, device: &Marked<Name>, sink: &mut Sink) -> Option<usize> {
        if let Some(said) = said {
            return self.site(said, sink);
        }
        if self.site_count == 1 {
            return Some(0);
        }
        // No readable site at all was reported where the sites are.
        if let Some(first) = self.sites.keys().next() {
            let sites: Vec<&str> = self.sites.keys().map(String::as_str).collect();
            let message = format!("device `{}` needs `site`: there are several", device.value.0);
            sink.report(Code::MissingKey, device.span, message, format!("add `site: {first}`; sites: {}", suggest::list(&sites)));
        }
        None
    }

    /// Whether every entry of a kind could be read, so that what is not found is not there.
    pub(super) fn sure_of(&self, kind: &str) -> bool {
        !self.unsure.contains(&kind)
    }

    fn doubt(&mut self, kind: &'static str, sure: bool) {
        if !sure {
            self.unsure.push(kind);
        }
    }

    pub(super) fn device_count(&self) -> usize {
        self.site_of.len()
    }

    pub(super) fn site(&self, name: &Marked<Name>, sink: &mut Sink) -> Option<usize> {
        let found = self.sites.get(&name.value.0).copied();
        if found.is_none() && !self.unsure.contains(&"sites") {
            let message = format!("there is no site `{}`", name.value.0);
            sink.report(
                Code::UnknownSite,
                name.span,
                message,
                suggest::help(&name.value.0, "sites", self.sites.keys().map(String::as_str)),
            );
        }
        found
    }

    pub(super) fn has_service(&self, name: &str) -> bool {
        self.services.contains_key(name)
    }

    /// Whether it is one device: a group is several.
    pub(super) fn has_device(&self, name: &str) -> bool {
        self.devices.get(name).is_some_and(|members| members.len() == 1)
    }

    pub(super) fn service_names(&self) -> impl Iterator<Item = &str> {
        self.services.keys().map(String::as_str)
    }

    /// Names of single devices.
    pub(super) fn device_names(&self) -> impl Iterator<Item = &str> {
        self.devices.iter().filter(|(_, members)| members.len() == 1).map(|(name, _)| name.as_str())
    }

    pub(super) fn service(&self, name: &Marked<Name>, sink: &mut Sink) -> Option<usize> {
        let found = self.services.get(&name.value.0).copied();
        if found.is_none() && !self.unsure.contains(&"services") {
            let message = format!("there is no service `{}`", name.value.0);
            let help = suggest::help(&name.value.0, "services", self.services.keys().map(String::as_str));
            sink.report(Code::UnknownService, name.span, message, help);
        }
        found
    }

    /// All devices that a name stands for; empty after reporting.
    pub(super) fn devices(&self, name: &Marked<Name>, sink: &mut Sink) -> &[usize] {
        if let Some(found) = self.devices.get(&name.value.0) {
            return found;
        }
        if self.unsure.contains(&"devices") {
            return &[];
        }
        let message = match self.sites.contains_key(&name.value.0) {
            true => format!("`{}` is a site; a device belongs here", name.value.0),
            false => format!("there is no device `{}`", name.value.0),
        };
        sink.report(Code::UnknownDevice, name.span, message, self.device_help(&name.value.0));
        &[]
    }

    /// The one device that a name stands for; a group of several is refused.
    pub(super) fn device(&self, name: &Marked<Name>, sink: &mut Sink) -> Option<usize> {
        match self.devices(name, sink) {
            [] => None,
            [one] => Some(*one),
            several => {
                let message = format!("`{}` stands for {} devices; one belongs here", name.value.0, several.len());
                let help = format!("name one of them, for example `{}-1`", name.value.0);
                sink.report(Code::GroupName, name.span, message, help);
                None
            }
        }
    }

    /// A site or devices, whichever the name is.
    pub(super) fn ends(&self, name: &Marked<Name>, sink: &mut Sink) -> Vec<crate::scenario::End> {
        use crate::scenario::End;
        if let Some(&site) = self.sites.get(&name.value.0) {
            return vec![End::Site(site)];
        }
        if let Some(devices) = self.devices.get(&name.value.0) {
            return devices.iter().map(|&d| End::Device(d)).collect();
        }
        if self.unsure.iter().any(|kind| matches!(*kind, "sites" | "devices")) {
            return Vec::new();
        }
        let words = self.sites.keys().chain(&self.given).map(String::as_str);
        let message = format!("there is no site or device `{}`", name.value.0);
        sink.report(Code::UnknownDevice, name.span, message, suggest::help(&name.value.0, "names", words));
        Vec::new()
    }

    fn device_help(&self, wrong: &str) -> String {
        // Members of groups are candidates for "did you mean", but only given names are listed.
        match suggest::nearest(wrong, self.devices.keys().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => suggest::help(wrong, "devices", self.given.iter().map(String::as_str)),
        }
    }
}

/// Entries of an optional list.
pub(super) fn list<T>(marked: Option<&Marked<Vec<T>>>) -> &[T] {
    marked.map_or(&[], |m| &m.value)
}

/// Claims a name; reports if something already has it.
fn take<'k>(
    name: &Marked<Name>,
    full: &str,
    kind: &'k str,
    taken: &mut BTreeMap<String, (Span, &'k str)>,
    sink: &mut Sink,
) -> bool {
    if let Some((first, other)) = taken.get(full) {
        let message = format!("a second thing is called `{full}`: line {} has a {other} of that name", first.line);
        sink.report(Code::DuplicateName, name.span, message, "give it another name");
        return false;
    }
    taken.insert(full.to_owned(), (name.span, kind));
    true
}
