use super::*;

#[test]
fn names_and_numbers_of_the_command() {
    assert_eq!(parse("NV Power Mode: MAXN_SUPER\n2\n").unwrap(), ("MAXN_SUPER".into(), 2.0));
    assert_eq!(parse("NVPM WARN: fan mode is not set!\nNV Power Mode: MODE_10W_DESKTOP\n5").unwrap().0, "MODE_10W_DESKTOP");
    assert!(matches!(parse("command failed"), Err(Missing::Malformed { .. })));
    assert!(matches!(parse("NV Power Mode: 15W\n"), Err(Missing::Malformed { .. })));
}

#[test]
fn the_configuration_names_a_number() {
    let conf = "< POWER_MODEL ID=0 NAME=15W >\n< POWER_MODEL ID=1 NAME=25W >\n< PM_CONFIG DEFAULT=1 >\n";
    assert_eq!(mode_name(conf, 1).unwrap(), "25W");
    assert!(mode_name(conf, 7).is_err());
}
