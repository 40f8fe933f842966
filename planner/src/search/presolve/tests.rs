use super::{dominates, options};
use crate::testing::{Size, random_table};

#[test]
fn a_copy_that_needs_more_goes_and_a_better_answer_stays() {
    let mut table = random_table(1, Size::TINY);
    let first = table.services[0].options[0].clone();
    let mut hungry = first.clone();
    hungry.at.iter_mut().flatten().for_each(|b| b.per_stage.bytes += 1.0);
    let mut wiser = hungry.clone();
    wiser.accuracy += 0.01;
    table.services[0].options = vec![hungry.clone(), first.clone(), first.clone(), wiser];
    assert!(dominates(&first, &hungry, true) && !dominates(&hungry, &first, true));
    assert_eq!(options(&table)[0], [1, 3]);
}

#[test]
fn less_booked_time_is_no_gain_where_underuse_counts() {
    let table = random_table(1, Size::TINY);
    let slow = &table.services[0].options[0];
    let mut quick = slow.clone();
    quick.at.iter_mut().flatten().for_each(|b| b.per_stage.busy_s *= 0.5);
    assert!(dominates(&quick, slow, false) && !dominates(&quick, slow, true));
}
