use super::*;
use crate::testing::host;

fn flags(readings: &[Reading]) -> Vec<(&str, f64)> {
    readings.iter().filter_map(|r| r.value().filter(|v| *v > 0.5).map(|v| (r.name.as_str(), v))).collect()
}

#[test]
fn what_was_seen_once_stays_seen_after_the_firmware_forgets() {
    let (board, host) = host(
        "[/proc/device-tree]\ncompatible = raspberrypi,5-model-b\\0brcm,bcm2712\n[$]\nvcgencmd get_throttled = throttled=0x50005\n",
    );
    let mut source = find(&host).unwrap();
    let now = [("under-voltage", 1.0), ("under-voltage seen", 1.0), ("throttled", 1.0), ("throttled seen", 1.0)];
    assert_eq!(flags(&source.read(&host)), now);
    // The voltage is back, and the kernel has cleared the sticky bits.
    board.set("$/vcgencmd get_throttled", "throttled=0x0");
    assert_eq!(flags(&source.read(&host)), [("under-voltage seen", 1.0), ("throttled seen", 1.0)]);
    // It happened between two polls: only the sticky bit tells.
    board.set("$/vcgencmd get_throttled", "throttled=0x20000");
    assert_eq!(flags(&source.read(&host)).len(), 3);
    // The command fails: the present is missing, the past is not.
    board.set("$/vcgencmd get_throttled", "!EACCES");
    let r = source.read(&host);
    assert!(matches!(r[0].missing(), Some(Missing::Denied { .. })));
    assert_eq!(r[1].value(), Some(1.0));
}

#[test]
fn masks() {
    assert_eq!(parse("50005\n").unwrap(), 0x50005);
    assert_eq!(parse("0xe0008").unwrap(), 0xe0008);
    assert!(parse("VCHI initialization failed").is_err());
}
