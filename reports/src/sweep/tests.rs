use super::*;

fn point(power_w: f64) -> Option<SweepPoint> {
    Some(SweepPoint { power_w, energy_per_request_j: 2.0, mean_latency_s: 0.5, accuracy: None })
}

fn swept() -> Sweep {
    let line = |name: &str, points: Vec<_>| SweepLine { name: name.into(), points };
    Sweep {
        title: "home <1>".into(),
        path: "chat.rate".into(),
        values: ["1/h", "2/h", "3/h"].map(str::to_owned).to_vec(),
        lines: vec![
            line("ttft=1s", vec![point(2.0), None, point(4.0)]),
            line("ttft=2s", vec![point(1.0), point(2.0), point(3.0)]),
        ],
    }
}

#[test]
fn a_line_breaks_where_there_is_no_plan() {
    let text = sweep(&swept());
    // Three panels, since no plan has an accuracy; of two lines each, one in two pieces.
    assert_eq!(text.matches("<path d=").count(), 3 * 2);
    assert_eq!(text.matches('M').count(), 3 * (2 + 1));
    assert_eq!(text.matches('×').count(), 3 + 1, "a cross in each panel, and what it means");
    assert_eq!(text.matches("<circle").count(), 3 * 5);
    assert!(!text.contains("right answers") && text.contains("home &lt;1&gt;"));
}

#[test]
fn twice_the_power_is_twice_as_high() {
    let text = sweep(&Sweep { lines: swept().lines.split_off(1), ..swept() });
    let of_power = text.split("<circle").skip(1).take(3);
    let heights: Vec<f64> = of_power
        .map(|c| c.split("cy=\"").nth(1).and_then(|rest| rest.split('"').next()).and_then(|n| n.parse().ok()).unwrap())
        .collect();
    let bottom = TOP + PANEL - 48.0;
    assert!(((bottom - heights[1]) / (bottom - heights[0]) - 2.0).abs() < 0.01, "{heights:?}");
    assert!(((bottom - heights[2]) / (bottom - heights[0]) - 3.0).abs() < 0.01, "{heights:?}");
}

#[test]
fn nothing_is_no_panic() {
    assert!(sweep(&Sweep::default()).starts_with("<svg"));
    let one = Sweep {
        values: vec!["1".into()],
        lines: vec![SweepLine { name: String::new(), points: vec![None] }],
        ..Sweep::default()
    };
    assert!(sweep(&one).contains("</svg>"));
}
