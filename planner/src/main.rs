//! The `planner` binary: see [`planner::cli`].

fn main() -> std::process::ExitCode {
    planner::cli::main()
}
