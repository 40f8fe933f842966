//! Processor, memory, the cache of models, and the programs that fetching needs.

use super::Missing;
use kernels::Kernel;
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

#[derive(Clone, Debug, Serialize)]
pub(super) struct System {
    processor: String,
    cores: usize,
    /// Instruction sets that matter to the kernels.
    features: Vec<&'static str>,
    kernels: Vec<&'static str>,
    debug_build: bool,
    cache: PathBuf,
    cache_writable: bool,
    cache_free_bytes: Option<u64>,
    models: Vec<String>,
    pip: bool,
}

impl System {
    pub(super) fn look() -> Self {
        let cache = crate::cache::models();
        let registry = crate::registry::Registry::read(None).map(|r| r.models).unwrap_or_default();
        let pip = Command::new("python3").args(["-m", "pip", "--version"]).stdin(Stdio::null()).output();
        Self {
            processor: processor(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            features: features(),
            kernels: Kernel::available().iter().map(|k| k.name()).collect(),
            debug_build: cfg!(debug_assertions),
            cache_writable: writable(&cache),
            cache_free_bytes: crate::cache::free(&cache),
            models: registry.iter().filter(|m| m.path().is_file()).map(|m| m.id.clone()).collect(),
            cache,
            pip: pip.is_ok_and(|out| out.status.success()),
        }
    }

    pub(super) fn missing(&self) -> Vec<Missing> {
        let mut list = Vec::new();
        let mut lacks = |there: bool, what: &str, mend: &str| {
            if !there {
                list.push(Missing { what: what.into(), mend: mend.into() });
            }
        };
        lacks(self.cache_writable, "the cache of models cannot be written", "choose another folder with WATTLINE_CACHE");
        lacks(self.pip, "pip, through which models are fetched", "apt-get install python3-pip");
        lacks(!self.models.is_empty(), "a model", "agent pull smollm2-135m");
        lacks(!self.debug_build, "speed: this build checks every addition", "cargo build --release -p agent");
        list
    }
}

/// Whether a file could be made in a folder, or in the one in which it would be made. Nothing is left there.
fn writable(folder: &std::path::Path) -> bool {
    let Some(there) = folder.ancestors().find(|p| p.exists()) else { return false };
    there.is_dir() && rustix::fs::access(there, rustix::fs::Access::WRITE_OK).is_ok()
}

/// Name of the processor, as the system gives it.
fn processor() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let value = |key: &str| {
        let line = info.lines().find(|l| l.split(':').next().is_some_and(|k| k.trim() == key))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let part = || Some(format!("Arm implementer {}, part {}", value("CPU implementer")?, value("CPU part")?));
    value("model name").or_else(|| value("Model")).or_else(part).unwrap_or_else(|| std::env::consts::ARCH.into())
}

#[cfg(target_arch = "x86_64")]
fn features() -> Vec<&'static str> {
    macro_rules! found {
        ($($name:tt),+) => { [$(($name, is_x86_feature_detected!($name))),+] };
    }
    let all =
        found!("avx2", "fma", "f16c", "avxvnni", "avx512f", "avx512bw", "avx512vl", "avx512vnni", "avx512bf16", "avx512fp16");
    all.iter().filter(|(_, there)| *there).map(|(name, _)| *name).collect()
}

#[cfg(target_arch = "aarch64")]
fn features() -> Vec<&'static str> {
    macro_rules! found {
        ($($name:tt),+) => { [$(($name, std::arch::is_aarch64_feature_detected!($name))),+] };
    }
    let all = found!("neon", "dotprod", "i8mm", "fp16", "bf16", "sve");
    all.iter().filter(|(_, there)| *there).map(|(name, _)| *name).collect()
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn features() -> Vec<&'static str> {
    Vec::new()
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let none = |list: String| if list.is_empty() { "none".into() } else { list };
        writeln!(f, "processor  {}, {} cores", self.processor, self.cores)?;
        writeln!(f, "features   {}", none(self.features.join(" ")))?;
        writeln!(f, "kernels    {}", self.kernels.join(" "))?;
        let free = self.cache_free_bytes.map_or_else(String::new, |b| format!(", {:.1} GB free", b as f64 * 1e-9));
        let write = if self.cache_writable { "" } else { ", cannot be written" };
        writeln!(f, "cache      {}{free}{write}", self.cache.display())?;
        writeln!(f, "models     {}", none(self.models.join(" ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_has_a_command() {
        let well = System { cache_writable: true, pip: true, models: vec!["m".into()], debug_build: false, ..System::look() };
        assert_eq!(well.missing(), []);
        let ill = System { pip: false, models: Vec::new(), ..well };
        let mends: Vec<String> = ill.missing().into_iter().map(|m| m.mend).collect();
        assert_eq!(mends, ["apt-get install python3-pip", "agent pull smollm2-135m"]);
    }

    #[test]
    fn folders_that_cannot_be_are_not_writable() {
        let folder = tempfile::tempdir().expect("writable");
        assert!(writable(&folder.path().join("a/b")));
        std::fs::write(folder.path().join("file"), "").expect("writable");
        assert!(!writable(&folder.path().join("file/below")));
    }
}
