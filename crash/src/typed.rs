//! A command as it may be shown to a stranger.

/// The command's words after the program: names of options and commands, numbers with their units, endings of files.
/// Everything else that was typed is `…`; so is whatever follows an option in `secret`.
#[must_use]
pub fn typed(args: &[String], secret: &[&str]) -> String {
    let mut words = Vec::new();
    let mut after_secret = false;
    // Before the first option stand names of commands.
    let mut commands = true;
    for word in args.iter().skip(1) {
        let hide = std::mem::take(&mut after_secret);
        if let Some((option, value)) = word.split_once('=').filter(|(o, _)| is_option(o)) {
            let value = if hide || secret.contains(&option) { "…".to_owned() } else { shown(value) };
            words.push(format!("{option}={value}"));
            commands = false;
        } else if is_option(word) && !hide {
            after_secret = secret.contains(&word.as_str());
            words.push(word.clone());
            commands = false;
        } else if commands && words.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '-') {
            words.push(word.clone());
        } else {
            words.push(if hide { "…".into() } else { shown(word) });
        }
    }
    words.join(" ")
}

/// `--set`, `-n`; no path and no text looks so.
fn is_option(word: &str) -> bool {
    let name = word.trim_start_matches('-');
    word.starts_with('-') && !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '-')
}

/// A number with a unit, or how a file's name ends.
fn shown(word: &str) -> String {
    let number = word.trim_start_matches('-');
    let digits = number.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '%' || c == '°' || c == '/');
    let unit = number.len() - digits.len();
    if !digits.is_empty() && unit <= 6 && digits.len() <= 9 && digits.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return word.to_owned();
    }
    match word.rsplit_once('.') {
        Some((_, end @ ("yaml" | "yml" | "json" | "csv" | "gguf" | "html" | "txt"))) => format!("….{end}"),
        _ => "…".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::typed;

    fn shown(line: &str) -> String {
        let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
        typed(&args, &["--api-key"])
    }

    #[test]
    fn options_and_numbers_are_kept() {
        assert_eq!(
            shown("planner optimize a/home.yaml --seed 7 --time=10s --gap 1%"),
            "optimize ….yaml --seed 7 --time=10s --gap 1%"
        );
        assert_eq!(shown("agent bench -m some-model -t 2"), "bench -m … -t 2");
    }

    #[test]
    fn what_is_private_is_not() {
        for secret in ["s3cret", "12345", "-x", "--flag-like"] {
            assert_eq!(shown(&format!("planner status --api-key {secret}")), "status --api-key …");
        }
        assert_eq!(shown("planner status --api-key=12345 --agent 10.0.0.7:8080"), "status --api-key=… --agent …");
        assert_eq!(shown("agent generate -p hello -n 5"), "generate -p … -n 5");
        assert_eq!(shown("agent generate Hello"), "generate …");
        assert_eq!(shown("planner apply /home/ada/robot-arm/plan.json"), "apply ….json");
        assert_eq!(shown("planner explain why"), "explain …");
    }
}
