use super::*;
use sensors::Missing;
use std::sync::Arc;
use std::thread;

/// Says what it was asked to run, and fails for a program called `false`.
#[derive(Debug, Default)]
struct Ran(Mutex<Vec<String>>);

impl Runner for Ran {
    fn run(&self, command: &[&str]) -> Result<String, Missing> {
        lock(&self.0).push(command.join(" "));
        let failed = || Missing::Failed { what: command.join(" "), error: "no such mode".into() };
        if command[0] == "false" { Err(failed()) } else { Ok(String::new()) }
    }
}

fn commands() -> Commands {
    let parts = |text: &str| text.split(' ').map(str::to_owned).collect();
    Commands::from([
        ("15w".into(), parts("nvpmodel -m 2")),
        ("slow".into(), parts("clock --by={clock}")),
        ("bad".into(), parts("false")),
    ])
}

fn wanted(id: &str, clock: f64) -> Wanted {
    Wanted { id: id.into(), clock }
}

#[test]
fn the_plans_mode_runs_its_command() {
    let ran = Ran::default();
    assert_eq!(set(&ran, &commands(), &wanted("15w", 1.0)), Ok(()));
    assert_eq!(set(&ran, &commands(), &wanted("slow", 0.75)), Ok(()));
    assert_eq!(*lock(&ran.0), ["nvpmodel -m 2", "clock --by=0.75"]);
}

#[test]
fn what_cannot_be_set_says_why() {
    let ran = Ran::default();
    let why = |id, clock| set(&ran, &commands(), &wanted(id, clock)).unwrap_err();
    assert!(why("30w", 1.0).contains("`30w`, for which power_modes has no command (it has 15w, bad, slow)"));
    assert!(why("15w", 0.5).contains("0.5 of the clock in power mode `15w`, whose command does not take {clock}"));
    assert_eq!(*lock(&ran.0), Vec::<String>::new(), "nothing is run that sets something else");
    assert!(why("bad", 1.0).contains("no such mode"));
}

/// Each change is asked for once; what failed is believed to be unset, and what is wanted no more is forgotten.
#[test]
fn a_mode_is_set_once_and_again_after_another() {
    let modes = Modes::default();
    assert_eq!(modes.now(), None);
    modes.want(Some(wanted("15w", 1.0)));
    assert_eq!(modes.next(), Some(wanted("15w", 1.0)));
    modes.done(wanted("15w", 1.0), Ok(()));
    assert_eq!((modes.now(), modes.complaint()), (Some((wanted("15w", 1.0), true)), None));
    modes.want(Some(wanted("bad", 1.0)));
    assert_eq!(modes.next(), Some(wanted("bad", 1.0)));
    modes.done(wanted("bad", 1.0), Err("why".into()));
    assert_eq!((modes.now(), modes.complaint()), (Some((wanted("bad", 1.0), false)), Some("why".into())));
    modes.want(Some(wanted("15w", 1.0)));
    assert_eq!(modes.complaint(), None);
    assert_eq!(modes.next(), Some(wanted("15w", 1.0)), "half of the failed one may be set");
    modes.want(None);
    modes.done(wanted("15w", 1.0), Err("late".into()));
    assert_eq!((modes.now(), modes.complaint()), (None, None), "nobody wants it any more");
}

#[test]
fn the_end_wakes_who_waits() {
    let modes = Arc::new(Modes::default());
    let waits = thread::spawn({
        let modes = Arc::clone(&modes);
        move || modes.next()
    });
    modes.end();
    assert_eq!(waits.join().unwrap(), None);
}
