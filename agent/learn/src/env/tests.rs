use super::*;
use crate::random::Purpose;

/// Mean return of a policy, and its standard error.
fn play<W: Environment>(world: &mut W, episodes: u64, mut choose: impl FnMut(&W) -> usize) -> (f64, f64) {
    let returns: Vec<f64> = (0..episodes)
        .map(|number| {
            let mut random = Random::stream(5, Purpose::Evaluation, number);
            world.reset(&mut random);
            let mut sum = 0.0;
            loop {
                let step = world.step(choose(world), &mut random);
                sum += step.reward;
                if step.end != End::Open {
                    return sum;
                }
            }
        })
        .collect();
    let n = episodes as f64;
    let mean = returns.iter().sum::<f64>() / n;
    (mean, (returns.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / n / n).sqrt())
}

/// The optimum is the mean return of the policy that it comes from, played.
#[test]
fn the_grids_optimum_is_what_its_best_policy_gets() {
    let advice = grid::advice();
    let mut world = Grid::new();
    let (mean, error) = play(&mut world, 20_000, |w| w.advised(&advice));
    let wanted = Grid::new().optimum();
    println!("grid: {wanted:.4}, played {mean:.4} ± {error:.4}");
    assert!((mean - wanted).abs() < 4.0 * error + 1e-9 && error < 0.01, "{mean} ± {error}, {wanted}");
    assert!(wanted > 0.3 && wanted < 1.0, "a map with something to lose");
}

/// A pole that is pushed where it leans and turns stands to the end; one that is not falls soon.
#[test]
fn cart_pole_can_be_held_and_falls_by_chance() {
    let mut world = CartPole::new();
    let held = |w: &CartPole| {
        let n = w.exact();
        usize::from(n[2] + 0.25 * n[3] + 0.02 * n[0] + 0.04 * n[1] > 0.0)
    };
    let (held, best) = (play(&mut world, 100, held).0, Task::CartPole.optimum());
    assert!((held - best).abs() < 1e-9, "{held}");
    let (left, _) = play(&mut world, 100, |_| 0);
    assert!(left < 12.0, "{left}");
}

/// Positions after one push from rest, against the equations worked by hand: 10 N on 1.1 kg.
#[test]
fn a_push_moves_cart_and_pole_as_the_paper_says() {
    let mut world = CartPole::default();
    let mut random = Random::stream(1, Purpose::Evaluation, 0);
    world.step(1, &mut random);
    let [x, v, angle, spin] = world.exact();
    let push = 10.0 / 1.1;
    let turn = -push / (0.5 * (4.0 / 3.0 - 0.1 / 1.1));
    assert!(x == 0.0 && angle == 0.0);
    assert!((v - 0.02 * (push - 0.05 * turn / 1.1)).abs() < 1e-12 && (spin - 0.02 * turn).abs() < 1e-12);
}

#[test]
fn the_governors_optimum_is_what_its_best_policy_gets() {
    let programs = Governor::programs();
    let mut world = Governor::new();
    let (mean, error) = play(&mut world, 600, |w| w.advised(&programs));
    let wanted = Task::Governor.optimum();
    println!("governor: {wanted:.3}, played {mean:.3} ± {error:.3}");
    assert!((mean - wanted).abs() < 4.0 * error + 0.005 * wanted, "{mean} ± {error}, {wanted}");
    for (i, samples) in SAMPLES.iter().enumerate() {
        let (fixed, _) = play(&mut world, 200, |_| i);
        println!("governor: always {samples}: {fixed:.3}");
        assert!(fixed < wanted - 0.5, "always {samples} samples is as good: nothing to learn");
    }
}

/// The limit bites: seven samples a question get too hot at every ambient, one never does.
#[test]
fn the_governor_heats_and_cools() {
    for (action, hot) in [(4, true), (1, false)] {
        let mut world = Governor::new();
        let mut random = Random::stream(1, Purpose::Evaluation, 3);
        world.reset(&mut random);
        let mut least = f64::INFINITY;
        for _ in 0..100 {
            least = least.min(world.step(action, &mut random).reward);
        }
        assert_eq!(least < 0.0, hot, "{action}: {least}");
    }
}

#[test]
fn texts_are_a_token_table_away_and_numbers_follow_them() {
    for task in Task::ALL {
        assert_eq!(Task::named(task.name()), Some(task));
        let mut world = task.world();
        let mut random = Random::stream(2, Purpose::Evaluation, 0);
        world.reset(&mut random);
        let mut seen = std::collections::BTreeMap::new();
        for _ in 0..3000 {
            let text = world.text();
            assert!(text.is_ascii() && text.len() < 64, "{text}");
            let numbers = world.numbers();
            assert_eq!(*seen.entry(text).or_insert_with(|| numbers.clone()), numbers);
            // An action beyond the last is the last.
            let action = random.below(world.actions() + 1);
            if world.step(action, &mut random).end != End::Open {
                world.reset(&mut random);
            }
        }
        assert!(seen.len() > 20, "{}: {} states", task.name(), seen.len());
    }
    assert_eq!(Task::named("maze"), None);
}
