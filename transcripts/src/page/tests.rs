use super::*;
use std::path::Path;

fn session() -> Session {
    Session::new(Path::new("/"), &[], Path::new("/bin")).expect("a folder")
}

fn told(page: &str) -> String {
    retold(page, &mut session()).expect("is told")
}

#[test]
fn blocks_that_are_right_stay_and_others_are_mended() {
    let right =
        "Text.\n\n```console\n$ echo one; echo two >&2\none\ntwo\n$ exit 3\n(exit 3)\n$ true\n```\n\n```sh\n$ no\n```\nend";
    assert_eq!(told(right), right);
    assert_eq!(told("```console\n$ echo one\ntwo\nthree\n$ true\n```\n"), "```console\n$ echo one\none\n$ true\n```\n");
    assert_eq!(counts(right), Ok((3, 0)));
}

#[test]
fn what_would_end_the_block_is_refused() {
    let page = "```console\n$ printf '```yaml\\n'\n```\n";
    assert!(retold(page, &mut session()).is_err_and(|why| why.contains("fence")));
}

#[test]
fn an_ellipsis_stands_for_anything() {
    for shown in ["…", "a…\n…", "a 1 b\nc 2 d", "…1 b\n…\nc…2…d\n…"] {
        let page = format!("```console\n$ printf 'a 1 b\\nc 2 d\\n'\n{shown}\n```\n");
        assert_eq!(told(&page), page);
    }
    for shown in ["a…", "…\na 1 b", "a 2…\n…", "a 1 b\nc…2…3 d"] {
        let page = format!("```console\n$ printf 'a 1 b\\nc 2 d\\n'\n{shown}\n```\n");
        assert!(told(&page).contains("\na 1 b\nc 2 d\n"), "{shown}");
    }
}

#[test]
fn files_of_the_page_are_there_and_folders_are_shared() {
    let page =
        "<!-- file: a.yaml -->\n```yaml\nkey: 1\n```\n\n```console\n$ cat a.yaml\nkey: 1\n$ touch b\n$ ls\na.yaml\nb\n```\n";
    assert_eq!(told(page), page);
}

#[test]
fn a_block_is_run_or_says_why_not() {
    let page = "<!-- not run: needs a Jetson -->\n```console\n$ exit 9\n```\n";
    assert_eq!(told(page), page);
    assert_eq!(counts(page), Ok((0, 1)));
    for page in ["<!-- not run: -->\n```console\n$ x\n```\n", "```console\nx\n```\n", "<!-- file: a\n```yaml\nx\n```\n"] {
        let marked = retold(page, &mut session());
        assert!(marked.is_err() || marked.is_ok_and(|now| now != page), "{page}");
    }
}

#[test]
fn ports_are_free_ones_and_read_as_written() {
    let page = "```console\n$ printf '127.0.0.1:8080 127.0.0.1:1 127.0.0.1:8080' | tee ports\n127.0.0.1:8080 127.0.0.1:1 127.0.0.1:8080\n$ grep -c 127.0.0.1:1 ports\n1\n```\n";
    assert_eq!(told(page), page);
}

#[test]
fn what_a_page_starts_ends_with_it() {
    let mut session = session();
    let page = "```console\n$ sh -c 'echo ready; echo $$ > id; exec sleep 600' &\n$ cat id\n…\n```\n";
    assert_eq!(retold(page, &mut session), Ok(page.to_owned()));
    let id = session.run("cat id").expect("reads");
    assert!(Path::new("/proc").join(id.trim()).exists());
    drop(session);
    assert!(!Path::new("/proc").join(id.trim()).exists());
}
