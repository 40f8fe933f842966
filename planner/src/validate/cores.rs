//! Threads of a run on a CPU whose row names none: engines take the performance cores.

/// Performance cores by the makers' datasheets, of the catalogue's devices that have other than four.
const CORES: [(&str, f64); 25] = [
    ("agx-orin-32gb", 8.0),
    ("agx-orin-64gb", 12.0),
    ("agx-thor-t5000", 14.0),
    ("apple-a15", 2.0),
    ("apple-a16", 2.0),
    ("apple-a18-pro", 2.0),
    ("apple-m1-max", 8.0),
    ("apple-m1-pro", 8.0),
    ("apple-m1-ultra", 16.0),
    ("apple-m2-pro", 8.0),
    ("apple-m2-ultra", 16.0),
    ("apple-m3-max", 12.0),
    ("apple-m3-ultra", 24.0),
    ("gb10-spark", 10.0),
    ("jetson-tx2", 6.0),
    ("orin-nano-8gb", 6.0),
    ("orin-nano-8gb-super", 6.0),
    ("orin-nx-8gb", 6.0),
    ("orion-o6", 8.0),
    ("ryzen-ai-max-395", 16.0),
    ("sd-8elite", 8.0),
    ("sd-8elite-gen5", 8.0),
    ("sd-8gen2", 5.0),
    ("sd-x-elite", 12.0),
    ("thor-t4000", 12.0),
];

/// Threads that an engine takes on a device of the catalogue; four where nothing is known.
pub(super) fn taken(device: &str) -> f64 {
    CORES.iter().find(|(id, _)| *id == device).map_or(4.0, |(_, cores)| *cores)
}

#[cfg(test)]
mod tests {
    use super::*;
    use profiles::Catalogue;

    #[test]
    fn every_device_is_in_the_catalogue() {
        for (id, cores) in CORES {
            assert!(Catalogue::builtin().device(id).is_some(), "{id}");
            assert!((1.0..=64.0).contains(&cores), "{id}");
        }
        assert!((taken("rpi5-8gb") - 4.0).abs() < 1e-9);
    }
}
