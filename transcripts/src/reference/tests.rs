use super::*;
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn commands_of_commands_are_found() {
    let folder = tempfile::tempdir().expect("folder");
    let program = folder.path().join("tool");
    let script = "#!/bin/sh\ncase \"$*\" in\n--help) printf 'A tool.\\n\\nCommands:\\n  run   Runs\\n          on and on\\n  help  Prints\\n\\nOptions:\\n  -h\\n';;\n'run --help') echo Runs.;;\n*) exit 2;;\nesac\n";
    std::fs::write(&program, script).expect("writes");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("executable");
    let page = commands(&program).expect("helps");
    assert!(page.starts_with("## `tool`\n\n```text\nA tool.\n"), "{page}");
    assert!(page.ends_with("## `tool run`\n\n```text\nRuns.\n```\n\n"), "{page}");
}

#[test]
fn a_page_that_differs_is_named() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("page.md");
    std::fs::write(&file, "a\nb\n").expect("writes");
    assert_eq!(same(&file, "a\nb\n"), Ok(()));
    let why = same(&file, "a\nc\n").expect_err("differs");
    assert!(why.contains("page.md:2") && why.contains("cargo xtask docs"), "{why}");
}
