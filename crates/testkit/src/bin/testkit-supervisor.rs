//! Owns the processes of pods for tests, and is nothing else. See `testkit::ClusterBuilder::processes`.

fn main() -> std::process::ExitCode {
    testkit::supervisor_main()
}
