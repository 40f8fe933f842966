//! Times and limits by which agents act, in one place. All are the same for a whole fleet.

/// Two clocks: one that only ever runs (since the device started), and the time of day, which may step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds; for every interval.
    pub mono_ms: u64,
    /// Milliseconds since 1970; only for expiry, never for an interval.
    pub wall_ms: u64,
}

/// The rules. Values without a source are assumed.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// A status at least this often.
    pub heartbeat_ms: u64,
    /// A neighbour's status counts this long: five heartbeats, since one in three may be lost.
    pub lease_ms: u64,
    /// A neighbour that was silent this long is dead, and a switch no longer waits for it.
    pub dead_ms: u64,
    /// The desired plan is asked for at least this often; publications are hints only.
    pub ask_ms: u64,
    /// First and longest wait before another attempt (kubelet: doubling, to 300 s).
    pub retry_ms: (u64, u64),
    /// Failures of one plan that condemn it (boot attempts of RAUC: 3).
    pub strikes: u32,
    /// Least share of the planned rate that is healthy.
    pub rate_share: f64,
    /// Healthy samples in a row that prove a plan.
    pub proof_samples: u32,
    /// Requests of a replaced plan have this long to end.
    pub drain_ms: u64,
    /// Longest pause for a neighbour that must unload the old plan first.
    pub pause_ms: u64,
    /// Distance of the temperature ceiling from the plan's throttle temperature.
    pub ceiling_margin_k: f64,
    /// Distance below the ceiling at which a device counts as cool again.
    pub cool_margin_k: f64,
    /// Share of its load that a recovered device starts with (QEIL v2: one half).
    pub return_share: f64,
    /// What is added to it, and how often.
    pub return_step: (f64, u64),
    /// Bugs to plant; the simulator must find each.
    #[cfg(feature = "sim")]
    pub flaw: Option<Flaw>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            heartbeat_ms: 1_000,
            lease_ms: 5_000,
            dead_ms: 10_000,
            ask_ms: 30_000,
            retry_ms: (1_000, 300_000),
            strikes: 3,
            rate_share: 0.8,
            proof_samples: 6,
            drain_ms: 30_000,
            pause_ms: 120_000,
            ceiling_margin_k: 3.0,
            cool_margin_k: 5.0,
            return_share: 0.5,
            return_step: (0.1, 10_000),
            #[cfg(feature = "sim")]
            flaw: None,
        }
    }
}

/// A bug that is planted to see whether the simulator finds it.
#[cfg(feature = "sim")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The ledger is renamed into place without having been synced.
    NoFsync,
    /// A start believes what it reads without having synced it.
    NoSettle,
    /// The plan's file is written after the ledger that names it.
    LedgerFirst,
    /// An older generation is taken like a newer one.
    AnyGeneration,
    /// A plan of the same generation with other content is taken.
    Forks,
    /// The entry switches when it is ready itself.
    SwitchAlone,
    /// A stage computes with whatever it has in memory.
    AnyStage,
    /// Requests go to the new plan before the ledger knows.
    AdmitFirst,
    /// A failed plan is tried again.
    Forgiving,
    /// A plan is kept as good as soon as this device finds it so.
    CommitAlone,
    /// Signatures are not looked at.
    Unsigned,
}

impl Rules {
    #[cfg(feature = "sim")]
    pub(crate) fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }
}

/// Whether a planted bug is switched on; always false without the feature `sim`.
macro_rules! flawed {
    ($rules:expr, $flaw:ident) => {{
        #[cfg(feature = "sim")]
        {
            $rules.has($crate::rules::Flaw::$flaw)
        }
        #[cfg(not(feature = "sim"))]
        {
            let _ = &$rules;
            false
        }
    }};
}
pub(crate) use flawed;
