//! What stands for numbers that nothing here measures: those of a device of the catalogue of the same kind.

use profiles::{Catalogue, DeviceClass, DeviceProfile, Processor, ProcessorKind};
use sensors::{Board, Family};

const GIB: u64 = 1 << 30;

/// A catalogue device of the same kind, and the class of this one.
#[must_use]
pub fn like(board: &Board, memory_bytes: u64, battery: bool) -> (&'static str, DeviceClass) {
    let has = |word: &str| board.model.to_lowercase().contains(word);
    let by_size = |sizes: &[(u64, &'static str)], last: &'static str| {
        sizes.iter().find(|(gib, _)| memory_bytes <= gib * GIB).map_or(last, |(_, id)| *id)
    };
    match board.family {
        Family::Jetson { .. } => {
            let id = if has("orin nano") {
                match (has("super"), memory_bytes <= 5 * GIB) {
                    (true, true) => "orin-nano-4gb-super",
                    (true, false) => "orin-nano-8gb-super",
                    (false, _) => "orin-nano-8gb",
                }
            } else if has("orin nx") {
                by_size(&[(9, "orin-nx-8gb")], "orin-nx-16gb")
            } else if has("agx orin") {
                by_size(&[(33, "agx-orin-32gb")], "agx-orin-64gb")
            } else if has("thor") {
                "agx-thor-t5000"
            } else if has("xavier nx") {
                by_size(&[(9, "xavier-nx-8gb")], "xavier-nx-16gb")
            } else if has("xavier") || has("tx2") {
                // An AGX Xavier is not in the catalogue: the same chip generation.
                if has("tx2") { "jetson-tx2" } else { "xavier-nx-16gb" }
            } else {
                "jetson-nano"
            };
            (id, DeviceClass::Jetson)
        }
        Family::Pi { generation: 5.. } => (by_size(&[(5, "rpi5-4gb"), (9, "rpi5-8gb")], "rpi5-16gb"), DeviceClass::Sbc),
        Family::Pi { .. } => (by_size(&[(5, "rpi4-4gb")], "rpi4-8gb"), DeviceClass::Sbc),
        Family::Pc if battery => ("core-ultra-155h", DeviceClass::Laptop),
        Family::Pc => ("core-ultra-9-285hx", DeviceClass::Desktop),
        Family::Vm => ("core-ultra-9-285hx", DeviceClass::Server),
        Family::Other if cfg!(target_arch = "aarch64") => ("rpi5-8gb", DeviceClass::Sbc),
        Family::Other => ("core-ultra-155h", DeviceClass::Laptop),
    }
}

/// The device and its CPU, if it is in the catalogue and has one.
#[must_use]
pub fn device(id: &str) -> Option<(&'static DeviceProfile, &'static Processor)> {
    let device = Catalogue::builtin().device(id)?;
    let cpu = device.processors.iter().find(|p| p.kind == ProcessorKind::Cpu)?;
    Some((device, cpu))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(model: &str, family: Family) -> Board {
        Board { model: model.into(), family, l4t: None }
    }

    #[test]
    fn every_kind_of_board_has_a_device_with_a_cpu() {
        let boards = [
            ("NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super", Family::Jetson { tegra: 234 }, 8),
            ("NVIDIA Jetson Orin Nano 4GB Super", Family::Jetson { tegra: 234 }, 4),
            ("NVIDIA Jetson Orin Nano Developer Kit", Family::Jetson { tegra: 234 }, 8),
            ("NVIDIA Orin NX Developer Kit", Family::Jetson { tegra: 234 }, 16),
            ("NVIDIA Orin NX Developer Kit", Family::Jetson { tegra: 234 }, 8),
            ("Jetson AGX Orin Developer Kit", Family::Jetson { tegra: 234 }, 64),
            ("Jetson AGX Orin Developer Kit", Family::Jetson { tegra: 234 }, 32),
            ("NVIDIA Jetson AGX Thor Developer Kit", Family::Jetson { tegra: 264 }, 128),
            ("NVIDIA Jetson Xavier NX Developer Kit", Family::Jetson { tegra: 194 }, 8),
            ("Jetson-AGX Xavier", Family::Jetson { tegra: 194 }, 32),
            ("NVIDIA Jetson Nano Developer Kit", Family::Jetson { tegra: 210 }, 4),
            ("Raspberry Pi 5 Model B Rev 1.0", Family::Pi { generation: 5 }, 4),
            ("Raspberry Pi 5 Model B Rev 1.0", Family::Pi { generation: 5 }, 16),
            ("Raspberry Pi 4 Model B", Family::Pi { generation: 4 }, 8),
            ("Raspberry Pi 3 Model B", Family::Pi { generation: 3 }, 1),
            ("QEMU", Family::Vm, 24),
            ("unknown", Family::Other, 8),
        ];
        for (model, family, gib) in boards {
            let (id, _) = like(&board(model, family), gib * GIB - 300_000_000, false);
            assert!(device(id).is_some(), "{model}: {id}");
        }
        for battery in [true, false] {
            let (id, class) = like(&board("Framework", Family::Pc), 16 * GIB, battery);
            assert!(device(id).is_some());
            assert_eq!(class == DeviceClass::Laptop, battery);
        }
        let (id, _) = like(&board("Raspberry Pi 5", Family::Pi { generation: 5 }), 8 * GIB, false);
        assert_eq!(id, "rpi5-8gb");
    }
}
