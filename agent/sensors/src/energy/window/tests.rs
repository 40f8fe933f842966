use super::*;

fn channel(name: &str, scope: Scope, method: Method, joules: f64) -> ChannelEnergy {
    let energy = Energy::Known { joules, error_j: 0.0 };
    ChannelEnergy {
        interface: Interface::Rapl,
        name: name.into(),
        scope,
        quality: Quality::Measured,
        method,
        energy,
        samples: 9,
        max_gap_s: 0.1,
    }
}

fn doubted(mut channel: ChannelEnergy) -> ChannelEnergy {
    channel.energy = unknown(vec![Doubt::Reset], channel.energy.known());
    channel
}

fn package(n: u8, joules: f64) -> ChannelEnergy {
    channel(&format!("package-{n}"), Scope::Package(format!("package-{n}")), Method::Counter, joules)
}

#[test]
fn the_widest_known_scope_stands_for_the_machine_and_scopes_are_not_added() {
    let wall = channel("plug", Scope::Wall, Method::Trapezoid, 100.0);
    let board = channel("psys", Scope::Board, Method::Counter, 80.0);
    let all = vec![package(0, 50.0), board.clone(), wall.clone()];
    assert_eq!(Window::new(1.0, all).machine(), wall);
    // What is known comes before what is only estimated.
    let all = vec![package(0, 50.0), board.clone(), doubted(wall)];
    assert_eq!(Window::new(1.0, all).machine(), board);
}

#[test]
fn counters_come_before_samples_of_the_same_thing() {
    let sampled = channel("gpu", Scope::Board, Method::Trapezoid, 81.0);
    let counted = channel("gpu", Scope::Board, Method::Counter, 80.0);
    assert_eq!(Window::new(1.0, vec![sampled, counted.clone()]).machine(), counted);
}

#[test]
fn packages_memory_and_gpus_are_added_where_nothing_is_wider_and_cores_are_inside() {
    let gpu = channel("nvidia-0", Scope::Gpu("nvidia-0".into()), Method::Counter, 200.0);
    let core = channel("core", Scope::rail("core", Scope::Package("package-0".into())), Method::Counter, 30.0);
    let dram = channel("package-0 dram", Scope::rail("package-0 dram", Scope::Board), Method::Counter, 5.0);
    let sum = Window::new(1.0, vec![package(0, 50.0), package(1, 60.0), gpu, core, dram]).machine();
    assert_eq!(sum.energy, Energy::Known { joules: 315.0, error_j: 0.0 });
    assert!(matches!(sum.scope, Scope::Sum(ref parts) if parts.len() == 4));
    let half = Window::new(1.0, vec![package(0, 50.0), doubted(package(1, 60.0))]).machine();
    assert_eq!((half.energy.known(), half.energy.estimate()), (None, Some(110.0)));
}

#[test]
fn instruments_that_contradict_each_other_know_nothing() {
    let one = channel("counter", Scope::Board, Method::Counter, 80.0);
    let other = channel("samples", Scope::Board, Method::Trapezoid, 120.0);
    assert_eq!(Window::new(1.0, vec![one, other]).machine().energy.known(), None);
    // A package that says more than the plug at the wall, as counters that count double do.
    let wall = channel("plug", Scope::Wall, Method::Counter, 100.0);
    let window = Window::new(1.0, vec![wall, package(0, 160.0)]);
    assert!(window.channels.iter().all(|c| c.energy.known().is_none()));
}

#[test]
fn nothing_is_unknown_and_a_model_is_called_one() {
    let nothing = Window::new(1.0, Vec::new()).machine();
    assert!(nothing.to_string().contains("no power sensor: energy is modelled"));
    let model = ChannelEnergy::modelled(5.0, 4.0);
    assert_eq!((model.energy.known(), model.energy.estimate(), model.quality), (None, Some(20.0), Quality::Modelled));
    assert_eq!(model.to_string(), "unknown, about 20.0 J: no power sensor: energy is modelled [board, modelled, power]");
}
