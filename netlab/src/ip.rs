//! The command `ip`.

use crate::NetworkError;
use std::process::Command;

/// Runs it; its words are an error's.
pub(crate) fn run(arguments: &str) -> Result<String, NetworkError> {
    let command = format!("ip {arguments}");
    let done = Command::new("ip").args(arguments.split(' ')).output();
    let done = done.map_err(|e| NetworkError::Command { command: command.clone(), why: format!("{e}; install iproute2") })?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
    }
    let why = String::from_utf8_lossy(&done.stderr).trim_end().to_owned();
    Err(NetworkError::Command { command, why })
}
