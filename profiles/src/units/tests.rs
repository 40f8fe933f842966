use super::*;
use proptest::prelude::*;

#[test]
fn units_scale_to_the_base() {
    assert_eq!("900 ms".parse(), Ok(Seconds(0.9)));
    assert_eq!("1.5h".parse(), Ok(Seconds(5400.0)));
    assert_eq!(" 8 GiB ".parse(), Ok(Bytes(8_589_934_592.0)));
    assert_eq!("204.8 GB/s".parse(), Ok(BytesPerSecond(204.8e9)));
    assert_eq!("100 Mbit/s".parse(), Ok(BytesPerSecond(12.5e6)));
    assert_eq!("1e3 W".parse(), Ok(Watts(1000.0)));
    assert_eq!("-5 °C".parse(), Ok(Celsius(-5.0)));
    assert_eq!("70 %".parse(), Ok(Ratio(0.7)));
    assert_eq!("80 pJ/B".parse(), Ok(JoulesPerByte(80e-12)));
    assert_eq!("2 fJ/OP".parse(), Ok(JoulesPerOp(2e-15)));
    assert_eq!("12 /min".parse(), Ok(PerSecond(0.2)));
    assert_eq!("5.3 TFLOPS".parse::<OpsPerSecond>(), "5.3 TOPS".parse());
}

/// Digits are moved, not multiplied: the nearest number to what is written.
#[test]
fn decimal_units_are_exact() {
    assert_eq!("0.3 ms".parse(), Ok(Seconds(0.0003)));
    assert_eq!("0.1 us".parse(), Ok(Seconds(1e-7)));
    assert_eq!("57.6 %".parse(), Ok(Ratio(0.576)));
}

#[test]
fn errors_say_what_to_write() {
    let told = |r: Result<Watts, UnitError>| r.expect_err("wrong").to_string();
    assert_eq!(told("15".parse()), "`15` has no unit; write for example `15 W`");
    assert_eq!(told("15 J".parse()), "`J` is not a unit of power; write for example `15 W`");
    assert_eq!(told("much".parse()), "`much` is not a number; write for example `15 W`");
    for text in ["", "W", "1.2.3 W", "nan W", "inf W", "1e999 W", "--1 W", "1e308 kW", "9e307 e9 W"] {
        assert!(text.parse::<Watts>().is_err(), "{text}");
    }
    // Milli and mega are told apart.
    assert_eq!("1 mJ".parse(), Ok(Joules(1e-3)));
    assert_eq!("1 MJ".parse(), Ok(Joules(1e6)));
    assert!("1 mj".parse::<Joules>().is_err());
    assert_eq!(Watts::unit_names().collect::<Vec<_>>(), ["W", "mW", "kW"]);
}

#[test]
fn people_read_three_digits_in_a_sensible_unit() {
    for (shown, text) in [
        (Seconds(0.64).to_string(), "640 ms"),
        (Seconds(0.9999).to_string(), "1.00 s"),
        (Seconds(7230.0).to_string(), "7230 s"),
        (Seconds(0.0).to_string(), "0 s"),
        (Seconds(2.5e-11).to_string(), "0.0250 ns"),
        (Bytes(5.1e9).to_string(), "5.10 GB"),
        (Bytes(512.0).to_string(), "512 B"),
        (BytesPerSecond(204.8e9).to_string(), "205 GB/s"),
        (BytesPerSecond(1.25e8).to_string(), "125 MB/s"),
        (Watts(0.35).to_string(), "350 mW"),
        (Watts(-12.345).to_string(), "-12.3 W"),
        (Joules(3.6e6).to_string(), "3.60 MJ"),
        (OpsPerSecond(67e12).to_string(), "67.0 TOPS"),
        (Ratio(0.7).to_string(), "70.0 %"),
        (Ratio(0.0005).to_string(), "0.0500 %"),
        (Celsius(85.0).to_string(), "85.0 °C"),
        (JoulesPerByte(8e-11).to_string(), "80.0 pJ/B"),
        (PerSecond(1.0 / 3600.0).to_string(), "0.000278 /s"),
        (Watts(f64::INFINITY).to_string(), "inf W"),
    ] {
        assert_eq!(shown, text);
    }
}

#[test]
fn significant_digits() {
    for (value, text) in [
        (0.0, "0"),
        (1234.0, "1230"),
        (0.99999, "1.00"),
        (12.0, "12.0"),
        (-0.001_234_5, "-0.00123"),
        (1e21, "1000000000000000000000"),
    ] {
        assert_eq!(significant(value), text);
    }
}

#[test]
fn products_and_quotients_keep_the_units() {
    assert_eq!(Watts(15.0) * Seconds(2.0), Joules(30.0));
    assert_eq!(Joules(30.0) / Seconds(2.0), Watts(15.0));
    assert_eq!(Joules(30.0) / Watts(15.0), Seconds(2.0));
    assert_eq!(Bytes(10.0) / BytesPerSecond(5.0), Seconds(2.0));
    assert_eq!(JoulesPerByte(2.0) * Bytes(3.0), Joules(6.0));
    assert_eq!(Celsius(25.0) + KelvinPerWatt(2.0) * Watts(10.0), Celsius(45.0));
    assert_eq!(Celsius(45.0).above(Celsius(25.0)), Kelvin(20.0));
    assert_eq!(Joules(2.0) * PerSecond(3.0), Watts(6.0));
    assert_eq!([Watts(1.0), Watts(2.5)].into_iter().sum::<Watts>(), Watts(3.5));
    assert!((Watts(6.0) / Watts(4.0) - 1.5).abs() < 1e-15);
}

#[test]
fn a_number_that_is_not_finite_is_not_written() {
    assert!(serde_yaml::to_string(&Watts(f64::NAN)).is_err());
    assert!(serde_yaml::to_string(&Watts(f64::INFINITY)).is_err());
}

macro_rules! round_trips {
    ($($test:ident $type:ident),+ $(,)?) => { $(
        proptest! {
            #![proptest_config(ProptestConfig::with_cases(200))]
            #[test]
            fn $test(value in proptest::num::f64::NORMAL | proptest::num::f64::ZERO | proptest::num::f64::SUBNORMAL, small in -1e6f64..1e6) {
                for value in [value, small] {
                    let text = exact(value, $type::UNITS).expect("finite");
                    prop_assert!(!text[..text.len() - 1].contains("e+") && !text.contains("e-"));
                    let back: $type = text.parse().map_err(|e| TestCaseError::fail(format!("{e}")))?;
                    prop_assert_eq!(back.0.to_bits(), value.to_bits(), "{}", text);
                    let shown: $type = $type(value).to_string().parse().map_err(|e| TestCaseError::fail(format!("{e}")))?;
                    prop_assert!((shown.0 - value).abs() <= 0.006 * value.abs());
                }
            }
        }
    )+ };
}

round_trips! {
    seconds_round_trip Seconds, joules_round_trip Joules, watts_round_trip Watts, bytes_round_trip Bytes,
    rates_round_trip BytesPerSecond, work_round_trips OpsPerSecond, temperatures_round_trip Celsius,
    bytes_energy_round_trips JoulesPerByte, op_energy_round_trips JoulesPerOp, request_rates_round_trip PerSecond,
    shares_round_trip Ratio,
}
