use super::*;

fn run(call: &Call<'_>) -> Shown {
    let done = call.shell().expect("only sh here").current_dir(call.tmp).output().expect("runs");
    call.shown(&done)
}

#[test]
fn what_a_command_prints_stands_beneath_it() {
    let script = "# kept\n$ sh echo {tmp}/x; echo no >&2\nold text\n";
    let told = transcript(script, run).expect("runs");
    assert_eq!(told, "# kept\n$ sh echo {tmp}/x; echo no >&2\nexit 0\n--- stdout\n{tmp}/x\n--- stderr\nno\n\n");
}

#[test]
fn commands_of_a_script_share_its_folder() {
    let told = transcript("$ sh echo kept > file\n$ sh cat file\n", run).expect("runs");
    assert!(told.ends_with("exit 0\n--- stdout\nkept\n\n"), "{told}");
}

#[test]
fn a_changed_line_is_named() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("a.txt");
    std::fs::write(&file, "$ sh echo 'one'\nexit 0\n--- stdout\ntwo\n").expect("writes");
    let told = compare(folder.path(), false, |_, script| transcript(script, run).map(Some)).expect_err("differs");
    assert!(told.contains("a.txt:4\n  written: two\n  now:     one"), "{told}");
    std::fs::write(&file, "$ sh echo 'one'\nexit 0\n--- stdout\none\nmore\n").expect("writes");
    let told = compare(folder.path(), false, |_, script| transcript(script, run).map(Some)).expect_err("differs");
    assert!(told.contains("a.txt:5\n  written: more\n  now:     (end)"), "{told}");
    assert!(compare(&folder.path().join("none"), false, |_, _| Ok(None)).is_err());
}

#[test]
fn quotes_hold_words_together() {
    assert_eq!(words("a  'b c' '' d'e f'"), ["a", "b c", "", "de f"]);
}

#[test]
fn a_preparation_that_fails_is_no_transcript() {
    let why = transcript("$ sh echo reason >&2; exit 3\n", run).expect_err("fails");
    assert!(why.to_string().contains("reason"), "{why}");
}

#[test]
fn updating_writes_what_is_printed_now() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("a.txt");
    std::fs::write(&file, "$ sh echo one\n").expect("writes");
    compare(folder.path(), true, |_, script| transcript(script, run).map(Some)).expect("updates");
    assert_eq!(std::fs::read_to_string(&file).expect("reads"), "$ sh echo one\nexit 0\n--- stdout\none\n");
    compare(folder.path(), false, |_, script| transcript(script, run).map(Some)).expect("is as written");
}
