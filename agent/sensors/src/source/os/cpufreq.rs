//! Processor clocks. Far below the maximum is normal while idle; a lowered maximum was somebody's choice.

use crate::files::scaled;
use crate::interface::Interface;
use crate::missing::Missing;
use crate::reading::{Quantity, Reading, Sensor};
use crate::scope::Scope;
use crate::source::{Found, Host, Pace, Source};

const CPUFREQ: &str = "/sys/devices/system/cpu/cpufreq";

#[derive(Debug)]
struct Policies(Vec<String>);

pub(crate) fn find(host: &Host) -> Found {
    let policies: Vec<String> = host.files.list(CPUFREQ)?.into_iter().filter(|p| p.starts_with("policy")).collect();
    if policies.is_empty() {
        return Err(Missing::absent(format!("{CPUFREQ}/policy0")));
    }
    Ok(Box::new(Policies(policies)))
}

impl Source for Policies {
    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn read(&mut self, host: &Host) -> Vec<Reading> {
        let mut out = Vec::new();
        for policy in &self.0 {
            // kHz.
            for (suffix, file) in [("", "scaling_cur_freq"), (" max", "scaling_max_freq"), (" hardware max", "cpuinfo_max_freq")]
            {
                let (name, path) = (format!("{policy}{suffix}"), format!("{CPUFREQ}/{policy}/{file}"));
                let sensor = Sensor::new(Interface::Cpufreq, &name, Quantity::Frequency, Scope::Package("cpu".into()), &path);
                out.push(sensor.measured(scaled(&*host.files, &path, 1e3)));
            }
        }
        out
    }
}
