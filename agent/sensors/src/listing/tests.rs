use super::*;

#[test]
fn a_board_reads_back_with_its_escapes_blocks_and_faults() {
    let text = "# a board\n[/sys/a]\nhwmon10 = x\nname = one\\0two\nempty =\nbad = !EACCES\n[/proc]\nmeminfo = |\n  MemTotal: 1 kB\n  MemFree: 2 kB\n[$]\nvcgencmd get_throttled = throttled=0x0\n";
    let board = Listing::parse(text).unwrap();
    assert_eq!(board.read("/sys/a/name").unwrap(), "one\0two");
    assert_eq!(board.read("/sys/a/empty").unwrap(), "");
    assert_eq!(board.read("/proc/meminfo").unwrap(), "MemTotal: 1 kB\nMemFree: 2 kB\n");
    assert_eq!(board.read("/sys/a/bad"), Err(Missing::Denied { what: "/sys/a/bad".into() }));
    assert_eq!(board.read("/sys/a/none"), Err(Missing::absent("/sys/a/none")));
    assert_eq!(board.run(&["vcgencmd", "get_throttled"]).unwrap(), "throttled=0x0");
    // A program that is there but says nothing to these arguments, and one that is not there.
    assert_eq!(board.run(&["vcgencmd", "x"]), Err(Missing::absent("vcgencmd x")));
    assert_eq!(board.run(&["nvpmodel", "-q"]), Err(Missing::absent("nvpmodel")));
}

#[test]
fn names_come_in_the_order_of_their_numbers() {
    let board = Listing::parse("[/s]\nhwmon10 = x\nhwmon2 = x\nhwmon1 = x\n").unwrap();
    assert_eq!(board.list("/s").unwrap(), ["hwmon1", "hwmon2", "hwmon10"]);
    assert!(board.list("/t").is_err());
}

#[test]
fn a_wrong_line_is_named() {
    let wrong = |text: &str| Listing::parse(text).unwrap_err().to_string();
    assert_eq!(wrong("a = b"), "line 1: `a = b`: expected a section `[/folder]` first");
    assert_eq!(wrong("[/a]\nb"), "line 2: `b`: expected `name = value`");
    assert_eq!(wrong("[/a]\nb = 1\nb = 2"), "line 3: `b = 2`: expected each name once");
    assert_eq!(wrong("[a]"), "line 1: `[a]`: expected a folder from the root, or `[$]`");
    assert_eq!(wrong("[/a]\nb = \\q"), "line 2: `b = \\q`: expected an escape");
}
