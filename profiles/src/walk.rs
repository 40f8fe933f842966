//! Visits every sourced value of a profile, so that sources can be expanded and checked in one place.

use crate::device::{DeviceProfile, Kernel, Memory, PowerMode, Processor, Sleep, Storage, Thermal};
use crate::link::LinkProfile;
use crate::model::ModelProfile;
use crate::path::Path;
use crate::provenance::{Quality, Sourced};
use crate::quality::{PerplexityRow, QualityRow};

/// Called with the place, the quality and the source text of each sourced value.
pub type Visit<'v> = dyn FnMut(&Path<'_>, Quality, &mut String) + 'v;

/// A value that holds sourced values.
pub trait Walk {
    /// Calls `visit` once for each, in the order of the fields.
    fn walk(&mut self, at: &Path<'_>, visit: &mut Visit<'_>);
}

impl<T> Walk for Sourced<T> {
    fn walk(&mut self, at: &Path<'_>, visit: &mut Visit<'_>) {
        visit(at, self.quality, &mut self.source);
    }
}

impl<T: Walk> Walk for Option<T> {
    fn walk(&mut self, at: &Path<'_>, visit: &mut Visit<'_>) {
        if let Some(value) = self {
            value.walk(at, visit);
        }
    }
}

impl<T: Walk> Walk for Vec<T> {
    fn walk(&mut self, at: &Path<'_>, visit: &mut Visit<'_>) {
        for (i, value) in self.iter_mut().enumerate() {
            value.walk(&at.index(i), visit);
        }
    }
}

macro_rules! walk_fields {
    ($($type:ty { $($field:ident),+ $(,)? })+) => { $(
        impl Walk for $type {
            fn walk(&mut self, at: &Path<'_>, visit: &mut Visit<'_>) {
                $( self.$field.walk(&at.key(stringify!($field)), visit); )+
            }
        }
    )+ };
}

walk_fields! {
    Memory { size, usable }
    Kernel { peak, efficiency, joules_per_op }
    Storage { bandwidth, joules_per_byte }
    Thermal { resistance, capacitance, throttle, leakage, reference, leakage_slope }
    Sleep { power, wake_time, wake_energy }
    LinkProfile { latency, bandwidth, loss, joules_per_byte }
    ModelProfile { architecture, quality, perplexity }
}

impl Walk for DeviceProfile {
    fn walk(&mut self, at: &Path<'_>, visit: &mut Visit<'_>) {
        let memories = at.key("memories");
        for (name, memory) in &mut self.memories {
            memory.walk(&memories.key(name), visit);
        }
        self.processors.walk(&at.key("processors"), visit);
        self.storage.walk(&at.key("storage"), visit);
        self.modes.walk(&at.key("modes"), visit);
        self.thermal.walk(&at.key("thermal"), visit);
        self.sleep.walk(&at.key("sleep"), visit);
    }
}

impl Walk for Processor {
    fn walk(&mut self, at: &Path<'_>, visit: &mut Visit<'_>) {
        self.bandwidth.walk(&at.key("bandwidth"), visit);
        self.bandwidth_efficiency.walk(&at.key("bandwidth_efficiency"), visit);
        self.cache.walk(&at.key("cache"), visit);
        self.joules_per_byte.walk(&at.key("joules_per_byte"), visit);
        self.clocked_share.walk(&at.key("clocked_share"), visit);
        let kernels = at.key("kernels");
        for (format, kernel) in &mut self.kernels {
            kernel.walk(&kernels.key(format.name()), visit);
        }
        self.launch.walk(&at.key("launch"), visit);
        self.pass_overhead.walk(&at.key("pass_overhead"), visit);
        self.overlap.walk(&at.key("overlap"), visit);
    }
}

impl Walk for PowerMode {
    fn walk(&mut self, at: &Path<'_>, visit: &mut Visit<'_>) {
        self.idle.walk(&at.key("idle"), visit);
        self.cap.walk(&at.key("cap"), visit);
        let clocks = at.key("clocks");
        for (id, clock) in &mut self.clocks {
            let at = clocks.key(id);
            clock.compute.walk(&at.key("compute"), visit);
            clock.memory.walk(&at.key("memory"), visit);
            clock.byte_energy.walk(&at.key("byte_energy"), visit);
        }
    }
}

impl Walk for PerplexityRow {
    fn walk(&mut self, at: &Path<'_>, visit: &mut Visit<'_>) {
        self.perplexity.walk(&at.key("perplexity"), visit);
    }
}

impl Walk for QualityRow {
    fn walk(&mut self, at: &Path<'_>, visit: &mut Visit<'_>) {
        self.accuracy.walk(&at.key("accuracy"), visit);
        self.majority_ceiling.walk(&at.key("majority_ceiling"), visit);
        self.beta.walk(&at.key("beta"), visit);
        let budgets = at.key("budgets");
        for (i, (_, accuracy)) in self.budgets.iter_mut().enumerate() {
            accuracy.walk(&budgets.index(i).index(1), visit);
        }
        let votes = at.key("votes");
        for (i, vote) in self.votes.iter_mut().enumerate() {
            vote.accuracy.walk(&votes.index(i).key("accuracy"), visit);
        }
    }
}
