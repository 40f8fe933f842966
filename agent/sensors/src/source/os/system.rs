//! What the library `sysinfo` adds: load of the processors and this process's memory.
//!
//! It reads the machine that it runs on, whatever the roots: on other files it is left out.

use crate::interface::Interface;
use crate::missing::Missing;
use crate::reading::{Quantity, Reading, Sensor};
use crate::scope::Scope;
use crate::source::{Found, Host, Pace, Source};
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System as Library};

struct System {
    library: Library,
    /// Load is a difference: the first read has none.
    primed: bool,
}

impl std::fmt::Debug for System {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("System")
    }
}

pub(crate) fn find(host: &Host) -> Found {
    if !host.live {
        return Err(Missing::not_here("the files are not this machine's own"));
    }
    if !sysinfo::IS_SUPPORTED_SYSTEM {
        return Err(Missing::NotSupported { what: "sysinfo".into() });
    }
    Ok(Box::new(System { library: Library::new(), primed: false }))
}

impl Source for System {
    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn read(&mut self, _: &Host) -> Vec<Reading> {
        let sensor = |name: &str, quantity, scope| Sensor::new(Interface::System, name, quantity, scope, "sysinfo");
        self.library.refresh_cpu_usage();
        let load = f64::from(self.library.global_cpu_usage()) / 100.0;
        let load = if self.primed { Ok(load) } else { Err(Missing::not_here("load is known from the second read on")) };
        self.primed = true;
        let memory = sysinfo::get_current_pid().ok().and_then(|pid| {
            let kind = ProcessRefreshKind::nothing().with_memory();
            self.library.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, kind);
            self.library.process(pid).map(sysinfo::Process::memory)
        });
        // Below 2^53 bytes.
        #[expect(clippy::cast_precision_loss, reason = "a process's memory is below 2^53 bytes")]
        let memory = memory.map(|m| m as f64).ok_or_else(|| Missing::absent("this process"));
        vec![
            sensor("processors", Quantity::Load, Scope::Package("cpu".into())).measured(load),
            sensor("own memory", Quantity::Memory, Scope::Group).measured(memory),
        ]
    }
}
