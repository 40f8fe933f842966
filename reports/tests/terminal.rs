//! The plan on a terminal.

use reports::testing::sample;

#[test]
fn plan_at_100() {
    insta::assert_snapshot!(reports::plan_table(&sample(), 100));
}

#[test]
fn plan_at_72() {
    insta::assert_snapshot!(reports::plan_table(&sample(), 72));
}
