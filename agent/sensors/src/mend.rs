//! The command that mends a missing interface.

use crate::board::{Board, Family};
use crate::interface::Interface;
use crate::missing::Missing;

/// The command, or what else helps; `None` when the machine simply has no such thing.
pub(crate) fn mend(interface: Interface, missing: &Missing, board: &Board) -> Option<String> {
    use Missing::{Absent, Denied, Failed, NotSupported, TimedOut};
    let command = match (interface, missing) {
        (_, Missing::NotHere { .. }) => return None,
        (Interface::Rapl, Denied { .. }) => {
            // Root only since CVE-2020-8694, a side channel for untrusted users: so for one group, not for all.
            "sudo chgrp $(id -g) /sys/class/powercap/intel-rapl:*/energy_uj && sudo chmod g+r /sys/class/powercap/intel-rapl:*/energy_uj  # until the next boot"
        }
        (Interface::Rapl, Failed { .. }) => {
            "start the container with `-v /sys:/host/sys:ro` and the agent with `--sysfs-root /host/sys`"
        }
        (Interface::Rapl, Absent { .. }) if board.family == Family::Pc => "sudo modprobe intel_rapl_msr",
        (Interface::PiThrottled | Interface::PiPmic, Absent { .. }) => {
            "sudo apt-get install raspi-utils  # on Ubuntu: libraspberrypi-bin"
        }
        (Interface::PiThrottled | Interface::PiPmic, Denied { .. }) => {
            "sudo usermod -aG video $USER  # then log in again; in a container also --device /dev/vcio"
        }
        (Interface::PiVolt, Absent { .. }) => "sudo modprobe raspberrypi-hwmon",
        (Interface::Ina3221 | Interface::Ina3221x, Denied { .. }) => {
            "sudo usermod -aG i2c $USER  # or run the agent as root on JetPack 4"
        }
        (Interface::Ina3221, Absent { .. }) if matches!(board.family, Family::Jetson { tegra: 194.. }) => "sudo modprobe ina3221",
        (Interface::Nvpmodel, Denied { .. }) => "sudo nvpmodel -q",
        (Interface::Nvml, Absent { .. }) if board.family == Family::Pc => {
            "sudo apt-get install nvidia-driver  # for an NVIDIA GPU"
        }
        (Interface::Nvml, TimedOut { .. }) => "nvidia-smi -q  # the driver hangs; a reboot mends it",
        (Interface::Psi, Absent { .. } | NotSupported { .. }) => "add `psi=1` to the kernel command line and reboot",
        (Interface::Cgroup, Absent { .. }) if board.is_pi() => {
            "add `cgroup_enable=memory` to /boot/firmware/cmdline.txt and reboot"
        }
        (Interface::Shelly | Interface::Tasmota, Denied { .. }) => "name the plug with its login: KIND:USER:PASSWORD@HOST",
        (Interface::Shelly | Interface::Tasmota, _) => {
            "check the plug's address; `curl http://HOST/` must answer from this machine"
        }
        _ => return None,
    };
    Some(command.to_owned())
}
