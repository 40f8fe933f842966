use super::*;

#[test]
fn the_marked_number_counts_else_the_last() {
    let f = |t: &str| final_number(t);
    assert_eq!(f("3 + 4 = 7\n#### 7").as_deref(), Some("7"));
    assert_eq!(f("#### $1,234.50. That is 5% more").as_deref(), Some("1234.5"));
    assert_eq!(f("So she pays $18.").as_deref(), Some("18"));
    assert_eq!(f("It is -3 degrees").as_deref(), Some("-3"));
    assert_eq!(f("8-3 is").as_deref(), Some("3"));
    assert_eq!(f("#### none, but 12 before").as_deref(), Some("12"));
    assert_eq!(f("no number"), None);
    assert_eq!(f(""), None);
}

#[test]
fn numbers_have_one_spelling() {
    for (text, wanted) in
        [("007", "7"), ("1,000", "1000"), ("5.00", "5"), ("$0.50", "0.5"), ("-0", "0"), ("+3", "3"), (".5", "0.5")]
    {
        assert_eq!(normal_number(text).as_deref(), Some(wanted), "{text}");
    }
    for text in ["", "-", ".", "1e5", "x"] {
        assert_eq!(normal_number(text), None, "{text}");
    }
}

/// Values of R's `binom::binom.wilson`.
#[test]
fn intervals_are_wilsons() {
    for (right, n, low, high) in [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)]
    {
        let i = wilson(right, n);
        assert!((i.low - low).abs() < 5e-5 && (i.high - high).abs() < 5e-5, "{right} of {n}: {i:?}");
    }
    assert_eq!(wilson(0, 0), Interval { share: 0.0, low: 0.0, high: 1.0 });
}

#[test]
fn spread_over_questions_becomes_a_beta() {
    // Half of the questions always, half never: as far apart as can be.
    let b = beta_of_successes(&[8, 8, 8, 0, 0, 0], 8).expect("two kinds");
    assert!(b.a < 0.1 && (b.a - b.b).abs() < 1e-12, "{b:?}");
    // As even as chance: nearly one chance for all.
    let b = beta_of_successes(&[4, 4, 4, 4], 8).expect("defined");
    assert!(b.a > 100.0, "{b:?}");
    let mean = |b: Beta| b.a / (b.a + b.b);
    let b = beta_of_successes(&[1, 3, 0, 6, 2], 8).expect("defined");
    assert!((mean(b) - 12.0 / 40.0).abs() < 1e-12);
    assert_eq!(beta_of_successes(&[0, 0], 8), None);
    assert_eq!(beta_of_successes(&[1, 0], 1), None);
}
