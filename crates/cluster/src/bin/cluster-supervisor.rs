//! The supervisor process as a program of its own, for this crate's tests; the product re-executes `kubectl-job`.

fn main() -> std::process::ExitCode {
    cluster::supervisor_main()
}
