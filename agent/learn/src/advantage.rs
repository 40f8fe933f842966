//! How much better an action was than expected.
//!
//! Schulman and others, "High-dimensional continuous control using generalized advantage estimation" (2016):
//! `A_t = Σ (γλ)^i δ_{t+i}`, `δ_t = r_t + γ V(s_{t+1}) - V(s_t)`.

/// Advantages of an episode's steps. `values` are those of the states acted in, `after` that of the state after the
/// last step: 0 after a terminal one.
pub(crate) fn advantages(rewards: &[f32], values: &[f32], after: f32, gamma: f32, lambda: f32) -> Vec<f32> {
    let mut found = vec![0.0; rewards.len()];
    let (mut next, mut sum) = (after, 0.0);
    for t in (0..rewards.len()).rev() {
        sum = rewards[t] + gamma * next - values[t] + gamma * lambda * sum;
        found[t] = sum;
        next = values[t];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_one_it_is_the_return_less_the_value_and_at_zero_one_step() {
        let (rewards, values) = ([1.0, 2.0, 3.0], [0.5, 0.25, 0.0]);
        let full = advantages(&rewards, &values, 4.0, 0.5, 1.0);
        let wanted = [1.0 + 1.0 + 0.75 + 0.5 - 0.5, 2.0 + 1.5 + 1.0 - 0.25, 3.0 + 2.0];
        full.iter().zip(wanted).for_each(|(f, w)| assert!((f - w).abs() < 1e-6, "{full:?}"));
        let short = advantages(&rewards, &values, 4.0, 0.5, 0.0);
        let wanted = [1.0 + 0.125 - 0.5, 2.0 - 0.25, 5.0];
        short.iter().zip(wanted).for_each(|(f, w)| assert!((f - w).abs() < 1e-6, "{short:?}"));
    }
}
