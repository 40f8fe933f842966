use super::*;

#[test]
fn jetson_says_not_supported_in_two_ways() {
    assert_eq!(positive(Err(NvmlError::NotSupported), "x"), Err(unsupported("x")));
    assert_eq!(positive(Ok(0.0), "x"), Err(unsupported("x")));
    assert_eq!(positive(Ok(17.5), "x"), Ok(17.5));
}

#[test]
fn errors_keep_their_meaning() {
    assert!(matches!(reason("x", &NvmlError::DriverNotLoaded), Missing::Absent { .. }));
    assert!(matches!(reason("x", &NvmlError::NoPermission), Missing::Denied { .. }));
    assert!(matches!(reason("x", &NvmlError::GpuLost), Missing::Failed { .. }));
}

#[test]
fn this_machine_answers_with_readings_or_a_reason() {
    let sensors = crate::Sensors::open(crate::Roots::default(), crate::Config::default());
    let mut sensors = sensors;
    let inventory = sensors.inventory();
    let entry = inventory.entries.iter().find(|e| e.interface == Interface::Nvml).unwrap();
    match &entry.finding {
        crate::Finding::Reads { .. } => {
            let power = sensors.read(Pace::Fast).into_iter().find(|r| r.interface == Interface::Nvml);
            assert!(power.is_some());
        }
        crate::Finding::Not { missing } => {
            assert!(matches!(missing, Missing::Absent { .. } | Missing::Denied { .. } | Missing::Failed { .. }))
        }
    }
}
